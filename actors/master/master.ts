import { isFiresteelError, reasonOf } from '../../runtime/errors.js'
import { innerLimits } from '../../runtime/inner-limits.js'
import type { CommitQueue } from '../../runtime/persistence/commit-queue.js'
import type { CommitQueueDriver } from '../../runtime/persistence/commit-queue-driver.js'
import type { Fence, StoreDegradation } from '../../runtime/persistence/engine.js'
import type { Found } from '../../runtime/persistence/forgotten.js'
import type { ActorContext } from '../../runtime/system/actor-system.js'
import type { Handler } from '../../runtime/system/behavior.js'
import type { Cause, Envelope, ReplyAddress } from '../../runtime/system/envelope.js'
import { QuestionQueue } from '../../runtime/system/question-queue.js'
import type { Message } from '../../runtime/system/ref.js'
import { sleep, systemTimers, type TimerSource } from '../../runtime/timers.js'
import { serveTrace } from '../../runtime/trace/answer-trace.js'
import { type LinkDown, peerOf } from '../../runtime/transport/gateway.js'
import { closedByKernel } from '../../runtime/transport/link-end.js'
import type { ClientMessage, MasterMessage } from '../messages/catalogue.js'
import type { Position } from '../messages/common.js'
import type { AgentMessage, ElectedLeader } from '../messages/election.js'
import { type CommitQueueView, storeView } from './commit-queue-view.js'
import { committed, STORE_PATH } from './committed.js'
import { HandOver, ReadAhead } from './hand-over.js'
import { readAllKeys } from './key-reader.js'
import { readLostWrites } from './lost-writes/lost-write.js'
import { OwnLostWrites } from './lost-writes/own.js'
import { LostWriteSender } from './lost-writes/sender.js'
import { MasterCore } from './master-core.js'
import type { MasterInput } from './master-input.js'
import type { MasterActorMessage } from './master-messages.js'
import type { MasterOptions } from './master-options.js'
import { MasterShown } from './master-shown.js'
import { hasCause, keyOfTimer, type MasterTimer } from './master-timer.js'
import { openCommitQueue, type Pending } from './open-commit-queue.js'
import { peerInfo } from './peer-info.js'
import { isPeerMaster } from './peer-masters.js'
import { putsOf, readRecords, tellQuarantined } from './read-records.js'
import { busy, failuresOf, notLeader } from './refusals.js'
import { RequestSpans } from './request-spans.js'
import { routeOf } from './routes.js'
import { secretAnswer } from './secret-answer.js'
import type { SecretQuestion } from './secret-question.js'
import type { FreeEffect, Now, Probe, ReplyToken, Step } from './step.js'
import { isProven, withProof } from './store-proof.js'
import { TaskStreams } from './task-streams.js'
import { signed } from './token-secrets.js'
import { TurnCauses } from './turn-causes.js'
import { withCredentials } from './work-secrets.js'

/** The shell of the Master. Only here does its core meet mailbox, commit queue, links and timers. */
export class MasterShell implements Handler<MasterActorMessage> {
  /** What probes, metrics and pages read. */
  readonly shown: MasterShown
  readonly #options: MasterOptions
  readonly #timers: TimerSource
  readonly #context: ActorContext<MasterActorMessage>
  readonly #core: MasterCore
  readonly #questions: QuestionQueue
  readonly #lostWriteSenders: LostWriteSender
  readonly #spans: RequestSpans | undefined
  readonly #causes: TurnCauses
  readonly #readAhead: ReadAhead
  readonly taskStreams = new TaskStreams()
  #ownLostWrites: OwnLostWrites | undefined
  #commitQueue: CommitQueue<Pending> | undefined
  #driver: CommitQueueDriver<Pending> | undefined
  #degradation: StoreDegradation | undefined
  #elected = false
  #aliveTold = false
  #handOver: HandOver | undefined
  #over = false

  constructor(options: MasterOptions, context: ActorContext<MasterActorMessage>) {
    this.#options = options
    this.#timers = options.timers ?? systemTimers
    this.#context = context
    this.#core = options.newCore?.(options.config) ?? new MasterCore(options.config)
    this.shown = new MasterShown(
      this.#core,
      () => this.#commitQueueView,
      () => this.#now(),
    )
    this.#spans = options.spans && new RequestSpans(options.spans, () => this.position.epoch)
    this.#causes = new TurnCauses(context.system.ring !== undefined)
    this.#readAhead = new ReadAhead(options, (to, answer) => this.#send(to, answer, undefined))
    this.#questions = new QuestionQueue({ clock: options.clock, timers: this.#timers })
    this.#lostWriteSenders = new LostWriteSender({
      most: options.config.slices,
      send: (to, message) => void options.gateway.send(to, message),
      later: (run) => void this.#timers.after(0, run),
    })
  }

  /**
   * The position that messages of this Master carry (protocol R1, R8). Until it leads, it speaks for no
   * leadership.
   */
  get position(): Position {
    return (this.#core.cluster && this.#commitQueue?.position) ?? { epoch: 0, seq: 0 }
  }

  receive(message: MasterActorMessage, envelope: Envelope): void {
    if (message.type === 'LinkDown') this.#lostWriteSenders.forget(message.peer.incarnation)
    // A Master tells its trace whatever its state is.
    if (message.type === 'RequestTrace') {
      const { system } = this.#context
      const parts = { system, clock: this.#options.clock, gateway: this.#options.gateway }
      this.#inTurn(envelope, () => serveTrace(parts, message, envelope))
      return
    }
    if (this.#over) {
      this.#afterwards(message, envelope)
      return
    }
    // A leader that was suspended checks its lease before it handles a message. Past its deadline it handles
    // nothing but its own end (protocol 6).
    if (this.#elected && message.type !== 'RevokedLeadership' && !this.#options.mayAct()) {
      this.#lost('the lease ran out')
      this.#refuse(envelope)
      return
    }
    switch (message.type) {
      case 'ElectedLeader':
        this.#elected = true
        void this.#begin(message, envelope)
        return
      case 'RevokedLeadership':
        this.#revoked(message.reason)
        return
      case 'LeaderRecordSeen':
        this.#step({ kind: 'recordSeen', record: message }, envelope)
        return
      case 'ElectionHindered':
        this.#step({ kind: 'hindered', problem: message.problem }, envelope)
        this.#options.listener({ event: 'hindered', problem: message.problem })
        return
      case 'MastersKnown':
        this.#step({ kind: 'masters', addresses: message.addresses }, envelope)
        return
      case 'RequestPageTicket':
      case 'RequestTokenSecret':
      case 'RequestWorkerCredential':
        this.#answerBeside(message, envelope)
        return
      case 'TasksSummarized':
        this.taskStreams.hear(this.#core.cluster, peerOf(envelope)?.incarnation, message, this.#now())
        return
      case 'BeginHandOver':
        void this.#beginHandOver({ reason: message.reason, isDemanded: true })
        return
      case 'LinkUp':
        this.#step({ kind: 'linkUp', peer: peerInfo(message.peer) }, envelope)
        return
      case 'LinkDown':
        this.#linkDown(message, envelope)
        return
      case 'Timer':
        this.#timer(message.timer, envelope)
        return
      case 'Probed':
        this.#step({ kind: 'probed', workerId: message.workerId, refused: message.refused }, envelope)
        return
      default:
        this.#fromPeer(message, envelope)
    }
  }

  #linkDown({ peer: { incarnation }, end }: LinkDown, envelope: Envelope): void {
    this.#questions.forget(incarnation)
    this.#handOver?.linkDown(incarnation)
    this.#options.metrics.linkEnded(incarnation, this.#options.clock)
    this.#step({ kind: 'linkDown', incarnation, closedByKernel: closedByKernel(end.kind) }, envelope)
  }

  #answerBeside(message: SecretQuestion, envelope: Envelope): void {
    const { cluster } = this.#core
    const peer = peerOf(envelope)
    const answer = cluster && secretAnswer(peer, message, cluster, this.#options, this.#now())
    if (answer) {
      this.#context.reply(envelope, answer)
      this.#options.onSecretAnswer?.(message, peer?.incarnation, answer, cluster)
    } else this.#refuse(envelope)
  }

  turnEnd(): void {
    if (this.#over || !this.#core.cluster?.dirty || this.#driver?.full || !this.#options.mayAct()) return
    this.#step({ kind: 'turnEnd' }, undefined)
    // One pass places a bounded number. The rest follows after other messages had their turn.
    if (this.#core.cluster?.dirty) this.#startTimer({ kind: 'again' }, 0, undefined)
  }

  #fromPeer(message: MasterMessage, envelope: Envelope): void {
    const from = peerOf(envelope)?.incarnation
    if (from === undefined) return
    this.#options.metrics.heard(message.type, from, this.#options.clock)
    const reply = this.#context.replyTo(envelope)
    this.#handOver?.heard(from, message)
    if (reply && this.#handOver?.isGivingUp) {
      this.#refuse(envelope)
      return
    }
    // The route is checked before the core runs, because a step that has run cannot be turned away (protocol
    // 4.5).
    const route = routeOf(message)
    if (this.#driver?.full && route?.access !== 'beats') {
      if (reply) this.#context.reply(envelope, busy)
      // Its next link begins with a full report, which repairs what was not taken (protocol R4).
      else this.#options.gateway.close(from, 'the commit queue is full')
      return
    }
    const position = { epoch: envelope.epoch, seq: envelope.seq ?? 0 }
    const trace = this.#spans?.begin(message, envelope) ?? envelope.context
    const more = {
      ...(reply && { reply }),
      ...(isProven(from, message, this.#options) && { isProven: true }),
    }
    const input = { kind: 'message', from, message, position, trace, ...more } as const
    if (route?.pace === 'in turn') this.#inTurn(envelope, () => this.#answerInTurn(input, envelope))
    else this.#step(input, envelope)
  }

  /** Answers that cost time are given a few at a time, and the links take turns. */
  #inTurn(envelope: Envelope, serve: () => void): void {
    const asker = peerOf(envelope)?.incarnation
    if (asker === undefined) return
    const refuse = (): void => void this.#context.reply(envelope, busy)
    this.#questions.ask(asker, { serve, refuse, bytes: envelope.bytes })
  }

  /** This may run some time after the question came, so it checks the state again. */
  #answerInTurn(input: MasterInput, envelope: Envelope): void {
    if (this.#over || !this.#options.mayAct()) this.#refuse(envelope)
    else if (this.#driver?.full) this.#context.reply(envelope, busy)
    else this.#step(input, envelope)
  }

  #startTimer(timer: MasterTimer, ms: number, cause: Cause | undefined): void {
    const why = hasCause(timer) ? { cause } : {}
    this.#context.timers.start(keyOfTimer(timer), ms, { type: 'Timer', timer }, why)
  }

  #timer(timer: MasterTimer, envelope: Envelope): void {
    if (this.#driver?.full) this.#startTimer(timer, innerLimits.commitQueueFullRetryMs, envelope)
    else this.#step({ kind: 'timer', timer }, envelope)
  }

  /**
   * The mailbox does not wait for this. Until all is read this Master answers as a STANDBY, and can be
   * revoked at once.
   */
  async #begin(elected: ElectedLeader, envelope: Envelope): Promise<void> {
    const { epoch, owner, base, earlier, writeId, observed, format } = elected
    const { engine, clock, recordCache, config, log } = this.#options
    const fence = { epoch, owner }
    this.#options.listener({ event: 'elected', epoch })
    const read = await readRecords(engine, fence, writeId).catch((error: unknown) => {
      this.#lost(`the store could not be read: ${reasonOf(error)}`)
      if (isFiresteelError(error, 'HEAP_TOO_SMALL')) this.#options.listener({ event: 'unrecoverable', error })
      return null
    })
    if (read === undefined && !this.#over) this.#lost('the store moved on during recovery')
    if (!read || this.#over) return
    void tellQuarantined(engine, log)
    // Check the lease again after the await.
    if (!this.#mayGoOn) return
    const from = { recordCache, found: { base, earlier }, bootMs: clock.bootMs(), most: config.slices }
    const lostWrites = await OwnLostWrites.find(from, read.draft, () => this.#nextTurn())
    if (!lostWrites || !this.#mayGoOn) return
    recordCache.begin({ epoch, owner, seq: base.seq }, earlier, read.draft)
    this.#open(elected)
    const found = { epoch, owner, base, earlier, observed, format }
    this.#step({ kind: 'elected', ...found, keysFollow: true }, envelope)
    let isFirst = true
    for (const records of read.pieces(config.slices)) {
      if (!isFirst && !(await this.#nextTurn())) return
      isFirst = false
      this.#step({ kind: 'records', records }, envelope)
    }
    this.#step({ kind: 'restored', ownLostWrites: !lostWrites.isEmpty }, envelope)
    this.#ownLostWrites = lostWrites
    this.#takeOwnLostWrites(envelope)
  }

  get #mayGoOn(): boolean {
    return !this.#over && this.#options.mayAct()
  }

  /** Resolves in a later turn in which the commit queue has capacity. False: this leadership is over. */
  async #nextTurn(): Promise<boolean> {
    do {
      const ms = this.#driver?.full ? innerLimits.commitQueueFullRetryMs : 0
      await sleep(ms, this.#timers)
    } while (this.#mayGoOn && this.#driver?.full)
    return this.#mayGoOn
  }

  async #readKeys(fence: Fence, cause: Cause | undefined): Promise<void> {
    const { engine, recordCache, log } = this.#options
    const end = await readAllKeys({
      engine,
      fence,
      log,
      timers: this.#timers,
      isOver: () => this.#over,
      onPage: (page, complete) => {
        recordCache.add(putsOf('key', page))
        this.#step({ kind: 'keys', records: page.records, complete }, cause)
      },
    })
    if (end === 'moved') this.#lost('the store moved on during recovery')
  }

  #open(elected: ElectedLeader): void {
    const { commitQueue, driver } = openCommitQueue(this.#options, elected, {
      timers: this.#timers,
      onReleased: ({ effect, cause }) => this.#run(effect, cause),
      onLost: (reason, observedEpoch) => this.#lost(reason, observedEpoch),
      onDegraded: (degradation) => {
        this.#degradation = degradation
      },
      onFormat: (format) => this.#tellAgent({ type: 'FormatRaised', format }),
      onConfirmed: (sentAtMs) => this.#tellAgent({ type: 'LeadershipConfirmed', sentAtMs }),
    })
    this.#commitQueue = commitQueue
    this.#driver = driver
  }

  #takeOwnLostWrites(cause: Cause | undefined): void {
    const piece = this.#ownLostWrites?.next()
    if (!piece) return
    const { log } = this.#options
    const records = readLostWrites(piece.puts, ({ table, id }, reason) =>
      log.warn('STORE_UNREADABLE: an unreadable lost write was left out', { table, id, reason }),
    )
    this.#step({ kind: 'lostWrites', records, last: piece.last }, cause)
  }

  async #nextOfOwnLostWrites(cause: Cause | undefined): Promise<void> {
    if (await this.#nextTurn()) this.#takeOwnLostWrites(cause)
  }

  #giveLostWrites(to: string, found: Found, more: boolean): void {
    const { recordCache, clock } = this.#options
    this.#lostWriteSenders.give(to, () => recordCache.lostWriteLooks(found, clock.bootMs()), more)
  }

  #step(input: MasterInput, cause: Cause | undefined): void {
    let step: Step
    try {
      step = this.#core.step(input, this.#now(), this.#commitQueueView)
    } catch (error) {
      // Its state may be half-changed, so the leadership ends; it never goes on (protocol 4.5). A STANDBY has
      // no leadership to end, so its actor fails, and the node with it.
      if (!this.#elected) throw error
      this.#options.log.error('the Master core failed', { error, input: input.kind })
      this.#lost(`the Master core failed: ${reasonOf(error)}`)
      return
    }
    this.#options.metrics.written(step.puts)
    this.#options.onDecided?.(input, step, this.#core.cluster)
    for (const effect of step.free) this.#runFree(effect, cause)
    const effects = this.#causes.effectsOf(input, step, cause, this.#core.cluster)
    if (cause) this.#spans?.decided(cause, this.#driver ? step.gated.length : 0, step.puts.length)
    const { puts, deletes, format } = step
    this.#driver?.submit({ puts, deletes, format, effects })
    if (!this.#aliveTold && this.#core.state === 'ALIVE') {
      this.#aliveTold = true
      this.#options.listener({ event: 'alive' })
      void this.#readKeys(this.#core.cluster!.leadership, cause)
    }
  }

  #run(effect: Pending['effect'], cause: Cause | undefined): void {
    if (this.#over) return
    if (cause) this.#spans?.released(effect, cause)
    switch (effect.kind) {
      case 'wrote':
        this.#context.note(STORE_PATH, committed(effect, this.position), cause)
        break
      case 'tell':
        this.#send(effect.to, effect.message, cause)
        break
      case 'reply':
        this.#answer(effect)
        break
      case 'probe':
        void this.#probe(effect, cause)
        break
      case 'nextTail':
        void this.#nextOfOwnLostWrites(cause)
        break
      case 'startTimer':
        this.#startTimer(effect.timer, effect.ms, cause)
        break
      case 'fence':
        break
    }
  }

  #answer({ reply, message }: { readonly reply: ReplyToken; readonly message: ClientMessage }): void {
    const { secrets } = this.#options
    this.#context.system.answer(reply as ReplyAddress, signed(message, secrets, this.#core.cluster))
  }

  #send(to: string, message: Message, cause: Cause | undefined): void {
    const { gateway, secrets } = this.#options
    const whole = withCredentials(to, message, this.#core.cluster, secrets)
    gateway.send(to, withProof(to, whole, this.#options), cause)
  }

  async #probe({ workerId, host, port }: Probe, cause: Cause | undefined): Promise<void> {
    const join = this.#core.cluster?.workers.get(workerId)?.record.join
    const refused = await this.#options.probe(host, port, join)
    if (!this.#over) this.#context.tell(this.#context.self, { type: 'Probed', workerId, refused }, cause)
  }

  #runFree(effect: FreeEffect, cause: Cause | undefined): void {
    const { gateway, log, listener, mayHandOver } = this.#options
    switch (effect.kind) {
      case 'tellNow':
        this.#send(effect.to, effect.message, cause)
        break
      case 'replyNow':
        this.#answer(effect)
        break
      case 'startTimer':
        this.#startTimer(effect.timer, effect.ms, cause)
        break
      case 'cancelTimer':
        this.#context.timers.cancel(keyOfTimer(effect.timer))
        break
      case 'log':
        log[effect.level](effect.text, effect.fields)
        break
      case 'lost':
        this.#lost(effect.reason, effect.observedEpoch)
        break
      case 'tellAgent':
        this.#tellAgent(effect.message)
        break
      case 'giveTail':
        this.#giveLostWrites(effect.to, effect.found, effect.more)
        break
      case 'nextTail':
        void this.#nextOfOwnLostWrites(cause)
        break
      case 'tailTaken':
        this.#options.recordCache.taken(effect.at)
        break
      case 'emit':
        listener(effect.event)
        break
      case 'refused':
        gateway.refused(effect.from, effect.reason)
        break
      case 'unlink':
        gateway.close(effect.from, effect.reason)
        break
      case 'readAhead':
        void this.#readAhead.run(effect)
        break
      case 'handOver':
        if (mayHandOver()) void this.#beginHandOver({ reason: effect.reason, isDemanded: false })
        break
    }
  }

  /** Protocol 13: first the successor reads ahead, and this Master leads on. */
  async #beginHandOver(why: { readonly reason: string; readonly isDemanded: boolean }): Promise<void> {
    if (this.#handOver && why.isDemanded) this.#handOver.demand(why.reason)
    if (this.#handOver || this.#over) return
    this.#handOver = new HandOver(why, this.#options, this.#core, this.#timers)
    const isGiven = await this.#handOver.prepare(() => this.#driver?.drained())
    if (isGiven) this.#tellAgent({ type: 'ResignLeadership' })
    else this.#handOver = undefined
  }

  /** Only the agent sends RevokedLeadership. Commit queue and core report to the agent (protocol 6). */
  #lost(reason: string, observedEpoch = 0): void {
    this.#tellAgent({ type: 'LeadershipLost', reason, observedEpoch })
  }

  #tellAgent(message: AgentMessage): void {
    const agent = this.#options.agent()
    if (agent) this.#context.tell(agent, message)
  }

  #revoked(reason: string): void {
    const { recordCache, clock, log, listener } = this.#options
    this.#over = true
    recordCache.end(clock.bootMs())
    const abandoned = this.#driver?.stop()
    for (const { effect, failure } of abandoned ? failuresOf(abandoned) : [])
      if (effect.kind === 'reply') this.#context.system.answer(effect.reply as ReplyAddress, failure)
    this.#spans?.abandoned(reason)
    log.info(`RevokedLeadership: ${reason}`)
    this.#handOver?.revoked()
    const handedOver = this.#handOver?.chosen !== undefined
    listener({ event: 'revoked', handedOver, reason: this.#handOver?.reason ?? reason })
  }

  /**
   * Nothing of this leadership acts any more. Requests are answered with the address of the next leader, if
   * known.
   */
  #afterwards(message: MasterActorMessage, envelope: Envelope): void {
    if (message.type === 'LeaderPulse' && envelope.epoch > this.position.epoch)
      this.#options.listener({ event: 'succeeded' })
    const from = peerOf(envelope)
    if (message.type === 'RequestLostTail' && from && isPeerMaster(from))
      this.#giveLostWrites(from.incarnation, message, message.more === true)
    this.#refuse(envelope)
  }

  #refuse(envelope: Envelope): void {
    if (!this.#context.replyTo(envelope)) return
    const { address } = this.#options.config
    this.#context.reply(envelope, notLeader(address, 'STANDBY', this.#handOver?.chosen?.address))
  }

  get #commitQueueView(): CommitQueueView {
    const queuedBytes = this.#commitQueue?.queuedBytes ?? 0
    const { position } = this
    return { position, degradation: this.#degradation, queuedBytes, ...storeView(this.#options, queuedBytes) }
  }

  #now(): Now {
    return { monotonicMs: this.#options.clock.monotonicMs(), wallMs: this.#options.clock.wallMs() }
  }
}
