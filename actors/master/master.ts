import type { Clock } from '../../runtime/clock.js'
import { reasonOf } from '../../runtime/errors.js'
import type { Log } from '../../runtime/observe/log.js'
import { type Abandoned, CommitLane } from '../../runtime/persistence/commit-lane.js'
import type { PersistenceEngine, StoreTrouble } from '../../runtime/persistence/engine.js'
import { LaneDriver } from '../../runtime/persistence/lane-driver.js'
import type { ActorContext, Behavior, Handler } from '../../runtime/system/behavior.js'
import type { Envelope, ReplyAddress } from '../../runtime/system/envelope.js'
import type { Ref } from '../../runtime/system/ref.js'
import { type Gateway, type LinkMessage, peerOf } from '../../runtime/transport/gateway.js'
import type { PeerIdentity } from '../../runtime/transport/identity.js'
import type { MasterMessage } from '../messages/catalogue.js'
import type { Position } from '../messages/common.js'
import type { AgentMessage, ElectedLeader, ElectionMessage, LeadershipLost } from '../messages/election.js'
import type { MasterStateResponse } from '../messages/status.js'
import type { MasterConfig, PeerInfo } from './books.js'
import { type LaneView, MasterCore, type MasterInput } from './master-core.js'
import { readRecords } from './read-records.js'
import type { FreeEffect, GatedEffect, Now, Step } from './step.js'

/** To itself. */
type SelfMessage =
  | { readonly type: 'Timer'; readonly key: string }
  | { readonly type: 'Probed'; readonly workerId: string; readonly refused: boolean }

export type MasterActorMessage = MasterMessage | ElectionMessage | LinkMessage | SelfMessage

export interface MasterOptions {
  readonly gateway: Gateway<MasterMessage>
  readonly engine: PersistenceEngine
  readonly config: MasterConfig
  readonly clock: Clock
  readonly log: Log
  readonly newMark: () => string
  /** The LeaderElectionAgent, once it exists. */
  readonly agent: () => Ref<AgentMessage> | undefined
  /** Is the port of this Worker refused by its kernel? */
  readonly probe: (host: string, port: number) => Promise<boolean>
  readonly onElected: (epoch: number) => void
  /** Recovery is over: this Master is ALIVE. */
  readonly onAlive: () => void
  /** This leadership is over and nothing of it will act again. */
  readonly onRevoked: (reason: string, heardEpoch: number) => void
}

/** An effect behind the lane, with the message that caused it, for traces. */
interface Pending {
  readonly effect: GatedEffect
  readonly cause: Envelope | undefined
}

/** The shell of the Master: the only place where its core meets mailbox, lane, links and timers. */
export class MasterShell implements Handler<MasterActorMessage> {
  readonly #options: MasterOptions
  readonly #context: ActorContext<MasterActorMessage>
  readonly #core: MasterCore
  #lane: CommitLane<Pending> | undefined
  #driver: LaneDriver<Pending> | undefined
  #trouble: StoreTrouble | undefined
  #heardEpoch = 0
  #aliveTold = false
  #over = false

  constructor(options: MasterOptions, context: ActorContext<MasterActorMessage>) {
    this.#options = options
    this.#context = context
    this.#core = new MasterCore(options.config)
  }

  /** Position that messages of this Master carry (R1, R8). */
  get position(): Position {
    return this.#lane?.position ?? { epoch: 0, seq: 0 }
  }

  snapshot(): MasterStateResponse {
    return this.#core.snapshot(this.#laneView, this.#now())
  }

  /** All that was accepted so far has left, or the leadership has ended. */
  async drained(): Promise<void> {
    await this.#driver?.drained()
  }

  receive(message: MasterActorMessage, envelope: Envelope): void | Promise<void> {
    if (this.#over) return
    switch (message.type) {
      case 'ElectedLeader':
        return this.#elected(message, envelope)
      case 'RevokedLeadership':
        this.#revoked(message.reason)
        return
      case 'LinkUp':
        this.#step({ kind: 'linkUp', peer: peerInfo(message.peer) }, envelope)
        return
      case 'LinkDown':
        this.#step({ kind: 'linkDown', incarnation: message.peer.incarnation }, envelope)
        return
      case 'Timer':
        this.#timer(message.key, envelope)
        return
      case 'Probed':
        this.#step({ kind: 'probed', workerId: message.workerId, refused: message.refused }, envelope)
        return
      default:
        this.#fromPeer(message, envelope)
    }
  }

  turnEnd(): void {
    if (this.#over || !this.#core.books?.dirty || this.#driver?.full) return
    this.#step({ kind: 'turnEnd' }, undefined)
    // One pass places so many; the rest follows after others had their turn.
    if (this.#core.books?.dirty) this.#context.timers.start('again', 0, { type: 'Timer', key: 'again' })
  }

  #fromPeer(message: MasterMessage, envelope: Envelope): void {
    const from = peerOf(envelope)?.incarnation
    if (from === undefined) return
    const reply = this.#context.replyTo(envelope)
    // Asked before the core runs: a step that has run cannot be turned away (protocol 4.5).
    if (this.#driver?.full && message.type !== 'Heartbeat') {
      if (reply) this.#context.reply(envelope, busy)
      // Its next link begins with a full report, which repairs what was not heard (R4).
      else this.#options.gateway.close(from, 'the commit lane is full')
      return
    }
    this.#step({ kind: 'message', from, message, ...(reply && { reply }) }, envelope)
  }

  #timer(key: string, envelope: Envelope): void {
    if (this.#driver?.full) this.#context.timers.start(key, LANE_FULL_RETRY_MS, { type: 'Timer', key })
    else this.#step({ kind: 'timer', key }, envelope)
  }

  async #elected(message: ElectedLeader, envelope: Envelope): Promise<void> {
    const { engine, log } = this.#options
    const { epoch, owner, base, mark } = message
    const fence = { epoch, owner }
    this.#options.onElected(epoch)
    const records = await readRecords(engine, fence, mark).catch((error: unknown) => {
      this.#lost(`the store could not be read: ${reasonOf(error)}`)
      return null
    })
    if (records === null) return
    if (records === undefined) {
      this.#lost('the store moved on during recovery')
      return
    }
    for (const { place, reason } of await engine.quarantined()) {
      log.warn('STORE_UNREADABLE: an entry was set aside', { place, reason })
    }
    this.#lane = new CommitLane<Pending>({ epoch, base, mark, newMark: this.#options.newMark })
    this.#driver = new LaneDriver<Pending>({
      lane: this.#lane,
      engine,
      fence,
      lock: () => '',
      monotonicMs: () => this.#options.clock.monotonicMs(),
      onReleased: (released) => {
        for (const { effect, cause } of released) this.#run(effect, cause)
      },
      onEnded: (end) => this.#lost(`the commit lane ended: ${end.kind}`, 'epoch' in end ? end.epoch : 0),
      onTrouble: (trouble, reason) => {
        this.#trouble = trouble
        if (trouble) log.warn(`${trouble}: new requests are refused`, { reason })
        else log.info('the store takes writes again')
      },
      onConfirmed: (sentAtMs) => this.#tellAgent({ type: 'LeadershipConfirmed', sentAtMs }),
    })
    this.#step({ kind: 'elected', epoch, owner, base, records }, envelope)
  }

  #step(input: MasterInput, cause: Envelope | undefined): void {
    let step: Step
    try {
      step = this.#core.step(input, this.#now(), this.#laneView)
    } catch (error) {
      // Its state may be half-changed: the leadership ends, never "resume" (protocol 4.5).
      this.#options.log.error('the Master core failed', { error, input: input.kind })
      this.#lost(`the Master core failed: ${reasonOf(error)}`)
      return
    }
    for (const effect of step.free) this.#runFree(effect, cause)
    const effects = step.gated.map((effect) => ({ effect, cause }))
    this.#driver?.submit({ puts: step.puts, deletes: step.deletes, effects })
    if (!this.#aliveTold && this.#core.state === 'ALIVE') {
      this.#aliveTold = true
      this.#options.onAlive()
    }
  }

  #run(effect: GatedEffect, cause: Envelope | undefined): void {
    if (this.#over) return
    switch (effect.kind) {
      case 'tell':
        this.#options.gateway.send(effect.to, effect.message, cause)
        break
      case 'reply':
        this.#context.system.answer(effect.reply as ReplyAddress, effect.message)
        break
      case 'probe':
        void this.#probe(effect.workerId, effect.host, effect.port)
        break
    }
  }

  async #probe(workerId: string, host: string, port: number): Promise<void> {
    const refused = await this.#options.probe(host, port)
    if (!this.#over) this.#context.tell(this.#context.self, { type: 'Probed', workerId, refused })
  }

  #runFree(effect: FreeEffect, cause: Envelope | undefined): void {
    switch (effect.kind) {
      case 'tellNow':
        this.#options.gateway.send(effect.to, effect.message, cause)
        break
      case 'replyNow':
        this.#context.system.answer(effect.reply as ReplyAddress, effect.message)
        break
      case 'startTimer':
        this.#context.timers.start(effect.key, effect.ms, { type: 'Timer', key: effect.key })
        break
      case 'cancelTimer':
        this.#context.timers.cancel(effect.key)
        break
      case 'log':
        this.#options.log[effect.level](effect.text, effect.fields)
        break
      case 'lost':
        this.#lost(effect.reason, effect.heardEpoch)
        break
    }
  }

  /** The agent alone says RevokedLeadership; lane and core report to it (protocol 6). */
  #lost(reason: string, heardEpoch = 0): void {
    this.#heardEpoch = Math.max(this.#heardEpoch, heardEpoch)
    this.#tellAgent({ type: 'LeadershipLost', reason, heardEpoch: this.#heardEpoch } satisfies LeadershipLost)
  }

  #tellAgent(message: AgentMessage): void {
    const agent = this.#options.agent()
    if (agent) this.#context.tell(agent, message)
  }

  #revoked(reason: string): void {
    this.#over = true
    const abandoned = this.#driver?.stop()
    if (abandoned) this.#answerAbandoned(abandoned)
    this.#options.log.info(`RevokedLeadership: ${reason}`)
    this.#options.onRevoked(reason, this.#heardEpoch)
  }

  #answerAbandoned({ neverSent, unknown }: Abandoned<Pending>): void {
    for (const { effect } of neverSent) {
      if (effect.kind === 'reply') this.#context.system.answer(effect.reply as ReplyAddress, notLeader)
    }
    for (const { effect } of unknown) {
      if (effect.kind === 'reply') this.#context.system.answer(effect.reply as ReplyAddress, outcomeUnknown)
    }
  }

  get #laneView(): LaneView {
    return { position: this.position, trouble: this.#trouble }
  }

  #now(): Now {
    const { clock } = this.#options
    return { monotonicMs: clock.monotonicMs(), wallMs: clock.wallMs() }
  }
}

const LANE_FULL_RETRY_MS = 50

const busy = {
  type: 'Failure',
  code: 'FIRESTEEL_BUSY',
  message: 'the Master has as much work queued as it may hold',
} as const

const notLeader = {
  type: 'Failure',
  code: 'FIRESTEEL_NOT_LEADER',
  message: 'the leadership of this Master has ended; the request was not done',
} as const

const outcomeUnknown = {
  type: 'Failure',
  code: 'FIRESTEEL_OUTCOME_UNKNOWN',
  message: 'the leadership of this Master ended while the request was being written',
} as const

function peerInfo({ incarnation, role, subject, address }: PeerIdentity): PeerInfo {
  const host = address.slice(0, address.lastIndexOf(':')).replace(/^\[|\]$/g, '')
  return { incarnation, role, host, ...(subject !== undefined && { subject }) }
}

/** Behavior of the Master actor; `created` hears of its shell. */
export function master(
  options: MasterOptions,
  created: (shell: MasterShell) => void,
): Behavior<MasterActorMessage> {
  return (context) => {
    const shell = new MasterShell(options, context)
    created(shell)
    return shell
  }
}
