import type { Clock } from '../../runtime/clock.js'
import type { Log } from '../../runtime/observe/log.js'
import type { ActorContext } from '../../runtime/system/actor-system.js'
import type { Handler } from '../../runtime/system/behavior.js'
import type { Envelope } from '../../runtime/system/envelope.js'
import { QuestionQueue } from '../../runtime/system/question-queue.js'
import type { TraceContext } from '../../runtime/telemetry/trace-context.js'
import { systemTimers } from '../../runtime/timers.js'
import { serveTrace } from '../../runtime/trace/answer-trace.js'
import type { Dialer } from '../../runtime/transport/dialer.js'
import { type Gateway, type LinkMessage, peerOf } from '../../runtime/transport/gateway.js'
import type { PeerIdentity } from '../../runtime/transport/identity.js'
import type { WorkerMessage } from '../messages/catalogue.js'
import type { KeepCode } from '../messages/code.js'
import type { RequestTrace } from '../messages/trace.js'
import type { ChildPlan, LaunchOrigin } from './child-plans.js'
import type { Children } from './children.js'
import type { LogStreams } from './log-streams.js'
import type { ProcessCauses } from './process-causes.js'
import type { ProcessSpans } from './process-spans.js'
import type { SavedWorker } from './restart/saved-worker.js'
import type { WorkerStatus } from './status.js'
import type { WorkFolders } from './work-folders.js'
import type { WorkerCore } from './worker-core.js'
import type {
  CoreMessage,
  Now,
  ProcessEnd,
  ProcessName,
  StartFailure,
  WorkerEffect,
  WorkerInput,
} from './worker-events.js'
import { keyOfTimer, type WorkerTimer } from './worker-timer.js'

type ProcessEffect = Extract<WorkerEffect, { readonly process: ProcessName }>

/** Messages of the actor to itself. */
export type WorkerSelfMessage =
  | { readonly type: 'Timer'; readonly timer: WorkerTimer }
  | { readonly type: 'Start' }
  | { readonly type: 'Drain'; readonly deadlineMs: number; readonly reason?: string | undefined }
  | { readonly type: 'Stop' }
  | { readonly type: 'AnnounceRestart'; readonly forMs: number }
  /** It does not, and goes on as before. */
  | { readonly type: 'RestartRefused'; readonly reason: string }
  /** The last message: what the core knows goes to the next process. */
  | { readonly type: 'SaveCore' }
  | { readonly type: 'ProcessStarted'; readonly process: string; readonly pid: number }
  | { readonly type: 'ProcessStartFailed'; readonly process: string; readonly failure: StartFailure }
  | { readonly type: 'CodesChanged'; readonly codes: readonly string[] }
  | { readonly type: 'ProcessFetching'; readonly process: string; readonly fetching: boolean }
  | { readonly type: 'ProcessReady'; readonly process: string }
  | { readonly type: 'ProcessUnhealthy'; readonly process: string; readonly reason: string }
  | { readonly type: 'ProcessWorn'; readonly process: string; readonly reason: string }
  | { readonly type: 'ProcessEnded'; readonly process: string; readonly end: ProcessEnd }

export type WorkerActorMessage = WorkerMessage | RequestTrace | LinkMessage | WorkerSelfMessage

export interface WorkerShellParts {
  readonly core: WorkerCore
  readonly gateway: Pick<Gateway<WorkerMessage>, 'send'>
  readonly children: Children
  readonly causes: ProcessCauses
  readonly folders: WorkFolders
  readonly logs: LogStreams
  readonly dialer: Pick<Dialer, 'open' | 'refusals'>
  /** The address at which this Worker dialled the peer; undefined: the peer dialled. */
  readonly addressOf: (peer: PeerIdentity) => string | undefined
  readonly driverPlan: (
    effect: Extract<WorkerEffect, { kind: 'startDriver' }>,
    trace: TraceContext | undefined,
    signal: AbortSignal,
  ) => Promise<ChildPlan>
  readonly executorPlan: (
    effect: Extract<WorkerEffect, { kind: 'startExecutor' }>,
    origin: LaunchOrigin,
    signal: AbortSignal,
  ) => Promise<ChildPlan>
  readonly tokensInForce: (ids: readonly string[]) => void
  readonly keepCode: (message: KeepCode) => void
  readonly spans: ProcessSpans
  readonly clock: Clock
  readonly log: Log
  /** Called after `Drain`, when nothing is left or its time is over. */
  readonly onDrained: () => void
  /** Called after `Stop`, when no process is left. */
  readonly onStopped: () => void
  /** Called after `AnnounceRestart`, when the leader has it in the store, or there is none to be told. */
  readonly onRestartNoted: () => void
  /** A Master tells it to restart as announced. */
  readonly onRestartAsked: () => void
  /** Called after `SaveCore`. */
  readonly onSaved: (saved: SavedWorker) => void
}

const BUSY = {
  type: 'Failure',
  code: 'FIRESTEEL_BUSY',
  message: 'too many requests wait at this Worker already',
} as const

/** Connects the core to the mailbox, links, timers and processes. */
export class WorkerShell implements Handler<WorkerActorMessage> {
  readonly #parts: WorkerShellParts
  readonly #context: ActorContext<WorkerActorMessage>
  readonly #questions: QuestionQueue
  /** Starts whose plan is being made. */
  readonly #starts = new Map<ProcessName, AbortController>()
  /** True: the next process goes on. Whatever comes now must change nothing here. */
  #isSaved = false

  constructor(parts: WorkerShellParts, context: ActorContext<WorkerActorMessage>) {
    this.#parts = parts
    this.#questions = new QuestionQueue({ clock: parts.clock, timers: systemTimers })
    this.#context = context
  }

  status(): WorkerStatus {
    return this.#parts.core.status()
  }

  receive(message: WorkerActorMessage, envelope: Envelope): void {
    if (this.#isSaved) return
    switch (message.type) {
      case 'Start':
        this.#step({ kind: 'start' }, envelope)
        return
      case 'Drain':
        this.#step({ kind: 'drain', deadlineMs: message.deadlineMs, reason: message.reason }, envelope)
        return
      case 'Stop':
        this.#step({ kind: 'stop' }, envelope)
        return
      case 'AnnounceRestart':
        this.#step({ kind: 'announceRestart', forMs: message.forMs }, envelope)
        return
      case 'RestartRefused':
        this.#step({ kind: 'restartRefused', reason: message.reason }, envelope)
        return
      case 'SaveCore':
        this.#isSaved = true
        this.#parts.onSaved(this.#parts.core.save(this.#now()))
        return
      case 'LinkUp':
        this.#linkUp(message.peer, envelope)
        return
      case 'LinkDown':
        this.#questions.forget(message.peer.incarnation)
        this.#parts.logs.stopAllOf(message.peer.incarnation)
        this.#step({ kind: 'linkDown', peer: message.peer.incarnation }, envelope)
        return
      case 'Timer':
        this.#step({ kind: 'timer', timer: message.timer }, envelope)
        return
      case 'ProcessStarted':
        this.#parts.spans.started(message.process, message.pid)
        this.#step({ kind: 'started', process: message.process, pid: message.pid }, envelope)
        return
      case 'CodesChanged':
        this.#step({ kind: 'codes', codes: message.codes }, envelope)
        return
      case 'ProcessFetching':
        this.#step({ kind: 'fetching', process: message.process, fetching: message.fetching }, envelope)
        return
      case 'ProcessStartFailed':
        this.#parts.spans.startFailed(message.process, message.failure)
        this.#step({ kind: 'startFailed', process: message.process, failure: message.failure }, envelope)
        this.#parts.logs.workEnded()
        return
      case 'ProcessReady':
        this.#step({ kind: 'ready', process: message.process }, envelope)
        return
      case 'ProcessUnhealthy':
        this.#step({ kind: 'unhealthy', process: message.process, reason: message.reason }, envelope)
        return
      case 'ProcessWorn':
        this.#step({ kind: 'worn', process: message.process, reason: message.reason }, envelope)
        return
      case 'ProcessEnded':
        this.#parts.spans.ended(message.process, message.end)
        this.#step({ kind: 'ended', process: message.process, end: message.end }, envelope)
        this.#parts.logs.workEnded()
        return
      case 'RequestTrace':
        this.#trace(message, envelope)
        return
      default:
        this.#fromPeer(message, envelope)
    }
  }

  /** Answers a little at a time, and each link in its turn. */
  #trace(message: RequestTrace, envelope: Envelope): void {
    const { system } = this.#context
    const asker = peerOf(envelope)?.incarnation ?? ''
    this.#questions.ask(asker, {
      serve: () => serveTrace({ system, clock: this.#parts.clock }, message, envelope),
      refuse: () => void this.#context.reply(envelope, BUSY),
      bytes: envelope.bytes,
    })
  }

  #linkUp(peer: PeerIdentity, cause: Envelope): void {
    this.#step({ kind: 'linkUp', peer: peer.incarnation, address: this.#parts.addressOf(peer) }, cause)
  }

  #fromPeer(message: WorkerMessage, envelope: Envelope): void {
    const peer = peerOf(envelope)
    if (!peer) return
    if (message.type === 'RequestLog') this.#parts.logs.request(peer, message)
    else if (message.type === 'StopLog') this.#parts.logs.stop(peer.incarnation, message.stream)
    else {
      const core: CoreMessage = message
      const position = { epoch: envelope.epoch, seq: envelope.seq ?? 0 }
      const { incarnation: from, role } = peer
      this.#step({ kind: 'message', from, role, position, message: core }, envelope)
      // A kill of a driver that is between two attempts ends it, and no process reports that.
      if (core.type === 'KillDriver') this.#parts.logs.workEnded()
    }
  }

  #step(input: WorkerInput, cause: Envelope): void {
    for (const effect of this.#parts.core.step(input, this.#now())) this.#run(effect, cause)
  }

  #run(effect: WorkerEffect, cause: Envelope): void {
    const { gateway, folders, log, clock } = this.#parts
    switch (effect.kind) {
      case 'tell':
        // A message that cannot be sent is not lost: the next link to a leader begins with all of it
        // (protocol R4).
        gateway.send(effect.to, effect.message, cause)
        break
      case 'startTimer':
        this.#context.timers.start(keyOfTimer(effect.timer), effect.ms, {
          type: 'Timer',
          timer: effect.timer,
        })
        break
      case 'cancelTimer':
        this.#context.timers.cancel(keyOfTimer(effect.timer))
        break
      case 'log':
        log[effect.level](effect.text, effect.fields as Readonly<Record<string, unknown>> | undefined)
        break
      case 'refuse':
        this.#context.refuse(cause)
        log.warn(effect.text, effect.fields as Readonly<Record<string, unknown>>)
        break
      case 'dial':
        this.#dial(effect.address)
        break
      case 'tellRefusals':
        this.#tellRefusals(cause)
        break
      case 'tokensInForce':
        this.#parts.tokensInForce(effect.ids)
        break
      case 'keepCode':
        this.#parts.keepCode(effect.message)
        break
      case 'cleanWork':
        void folders.clean((id) => this.#parts.core.lives(id), clock.wallMs() - effect.olderThanMs)
        break
      case 'folderEnded':
        void folders.stampEnd(effect.folder)
        break
      case 'drained':
      case 'restartNoted':
      case 'restart':
      case 'stopped':
        this.#lifeChanged(effect.kind)
        break
      default:
        this.#runProcess(effect, cause)
    }
  }

  /** What is done with one process. */
  #runProcess(effect: ProcessEffect, cause: Envelope): void {
    const { children, causes } = this.#parts
    switch (effect.kind) {
      case 'startExecutor':
      case 'startDriver':
        this.#start(effect, cause)
        break
      case 'extendDriver':
        children.extend(effect.process, effect.validUntilBootMs)
        break
      case 'abandonStart':
        this.#starts.get(effect.process)?.abort()
        break
      case 'stopProcess':
        causes.remember(effect.process, cause)
        children.stop(effect.process, effect.graceMs, effect.signal)
        break
      case 'watchReady':
        children.watchReady(effect.process, effect.readiness)
        break
      case 'watchHealth':
        children.watchHealth(effect.process, effect.healthcheck)
        break
    }
  }

  #start(effect: Extract<WorkerEffect, { kind: 'startExecutor' | 'startDriver' }>, cause: Envelope): void {
    const { causes, children, spans, executorPlan, driverPlan } = this.#parts
    const { process } = effect
    causes.remember(process, cause)
    const trace = spans.starting(effect)
    if (effect.kind === 'startExecutor') {
      children.start(
        process,
        this.#starting(process, (signal) => executorPlan(effect, { trace, cause }, signal)),
      )
    } else {
      children.start(
        process,
        this.#starting(process, (signal) => driverPlan(effect, trace, signal)),
        effect.validUntilBootMs,
      )
    }
  }

  #lifeChanged(kind: 'drained' | 'restartNoted' | 'restart' | 'stopped'): void {
    const { onDrained, onRestartNoted, onRestartAsked, onStopped } = this.#parts
    if (kind === 'drained') onDrained()
    else if (kind === 'restart') onRestartAsked()
    else if (kind === 'restartNoted') onRestartNoted()
    else onStopped()
  }

  /** The plan of a start, and until it is made the way to abandon it. */
  async #starting(
    process: ProcessName,
    plan: (signal: AbortSignal) => Promise<ChildPlan>,
  ): Promise<ChildPlan> {
    const controller = new AbortController()
    this.#starts.set(process, controller)
    try {
      return await plan(controller.signal)
    } finally {
      this.#starts.delete(process)
    }
  }

  #dial(address: string): void {
    try {
      this.#parts.dialer.open(address)
    } catch (error) {
      // The address came in a message, and another Master's mistake must not end this Worker.
      this.#parts.log.warn('a Master named an address that cannot be dialled', { address, error })
    }
  }

  #tellRefusals(cause: Envelope): void {
    for (const { address, dialledAtBootMs: dialledAtMs } of this.#parts.dialer.refusals()) {
      this.#step({ kind: 'masterRefused', address, dialledAtMs }, cause)
    }
  }

  #now(): Now {
    const { clock } = this.#parts
    return { monotonicMs: clock.monotonicMs(), bootMs: clock.bootMs(), wallMs: clock.wallMs() }
  }
}
