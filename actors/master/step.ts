import type { Fence } from '../../runtime/persistence/engine.js'
import type { Found } from '../../runtime/persistence/forgotten.js'
import type { ClientMessage, FromMaster, WorkerMessage } from '../messages/catalogue.js'
import type { OwnedPosition } from '../messages/common.js'
import type { AgentMessage } from '../messages/election.js'
import type { StaleEpoch } from '../messages/leadership.js'
import type { StandbyPulse } from '../messages/masters.js'
import type { HeardEvent } from './master-event.js'
import type { MasterTimer } from './master-timer.js'
import type { RecordTable } from './records.js'

/** The times of one step, read once by the shell. */
export interface Now {
  readonly monotonicMs: number
  readonly wallMs: number
}

/** Where an answer goes: made by the shell, opaque here. */
export type ReplyToken = unknown

/** What a Master says to those it is linked with. */
export type Outgoing = WorkerMessage | ClientMessage | FromMaster | StaleEpoch

/**
 * Effects that leave the process: released when the writes of their step and all before are durable (protocol
 * 4).
 */
export type GatedEffect =
  | { readonly kind: 'tell'; readonly to: string; readonly message: Outgoing }
  | { readonly kind: 'reply'; readonly reply: ReplyToken; readonly message: ClientMessage }
  | Probe
  /** Nothing but the check itself: that the store still holds what this leader wrote. */
  | { readonly kind: 'fence' }
  | StartTimer
  | NextLostWrites

export interface Probe {
  readonly kind: 'probe'
  readonly workerId: string
  readonly host: string
  readonly port: number
}

interface StartTimer {
  readonly kind: 'startTimer'
  readonly timer: MasterTimer
  readonly ms: number
}

/** The next piece of the lost writes that the own record cache holds may come. */
interface NextLostWrites {
  readonly kind: 'nextTail'
}

/** Effects that need no fence: timers, logs, and the exempt answers of protocol 4.2. */
export type FreeEffect =
  | { readonly kind: 'tellNow'; readonly to: string; readonly message: Outgoing }
  | { readonly kind: 'replyNow'; readonly reply: ReplyToken; readonly message: ClientMessage }
  | StartTimer
  | { readonly kind: 'cancelTimer'; readonly timer: MasterTimer }
  | { readonly kind: 'log'; readonly level: LogLevel; readonly text: string; readonly fields?: LogFields }
  | { readonly kind: 'lost'; readonly reason: string; readonly observedEpoch: number }
  /** For the LeaderElectionAgent. */
  | { readonly kind: 'tellAgent'; readonly message: AgentMessage }
  /** A new leader wants what our record cache holds beyond its base (protocol 12). */
  | { readonly kind: 'giveTail'; readonly to: string; readonly found: Found; readonly more: boolean }
  | NextLostWrites
  /** What our record cache held has been durable again since this position. */
  | { readonly kind: 'tailTaken'; readonly at: OwnedPosition }
  /** For the process of this Master: it has heard of others. */
  | { readonly kind: 'emit'; readonly event: HeardEvent }
  /** The peer asked for what it may not have: it is counted, and logged now and then. */
  | { readonly kind: 'refused'; readonly from: string; readonly reason: string }
  /** The link of a peer whose credential is not in force any more. */
  | { readonly kind: 'unlink'; readonly from: string; readonly reason: string }
  /** The leader is about to hand over to this Master, and waits for that answer. */
  | { readonly kind: 'readAhead'; readonly leader: Fence; readonly answer: StandbyPulse }
  /** This leader hears too few of its Workers: that STANDBY hears more (protocol 6). */
  | { readonly kind: 'handOver'; readonly reason: string }

export type LogFields = Readonly<Record<string, unknown>>
export type LogLevel = 'debug' | 'info' | 'warn' | 'error'

export interface PutEntry {
  readonly table: RecordTable
  readonly id: string
  readonly value: object
}

export interface DeleteEntry {
  readonly table: RecordTable
  readonly id: string
}

/** Collects what one step of the Master core does. */
export class Step {
  readonly puts: PutEntry[] = []
  readonly deletes: DeleteEntry[] = []
  readonly gated: GatedEffect[] = []
  readonly free: FreeEffect[] = []
  readonly now: Now
  /** The store has this format from this step on. */
  format: number | undefined
  /** Answers do not wait for the commit queue. */
  readsFromMemory = false

  constructor(now: Now) {
    this.now = now
  }

  put(table: RecordTable, id: string, value: object): void {
    this.puts.push({ table, id, value })
  }

  delete(table: RecordTable, id: string): void {
    this.deletes.push({ table, id })
  }

  tell(to: string, message: Outgoing): void {
    this.gated.push({ kind: 'tell', to, message })
  }

  reply(reply: ReplyToken, message: ClientMessage): void {
    if (this.readsFromMemory) this.replyNow(reply, message)
    else if (reply !== undefined) this.gated.push({ kind: 'reply', reply, message })
  }

  tellNow(to: string, message: Outgoing): void {
    this.free.push({ kind: 'tellNow', to, message })
  }

  replyNow(reply: ReplyToken, message: ClientMessage): void {
    if (reply !== undefined) this.free.push({ kind: 'replyNow', reply, message })
  }

  emit(event: HeardEvent): void {
    this.free.push({ kind: 'emit', event })
  }

  tellAgent(message: AgentMessage): void {
    this.free.push({ kind: 'tellAgent', message })
  }

  probe(workerId: string, host: string, port: number): void {
    this.gated.push({ kind: 'probe', workerId, host, port })
  }

  fence(): void {
    this.gated.push({ kind: 'fence' })
  }

  refused(from: string, reason: string): void {
    this.free.push({ kind: 'refused', from, reason })
  }

  unlink(from: string, reason: string): void {
    this.free.push({ kind: 'unlink', from, reason })
  }

  startTimer(timer: MasterTimer, ms: number): void {
    this.free.push({ kind: 'startTimer', timer, ms: Math.max(0, ms) })
  }

  /** As `startTimer`, but it runs from when all that this step and those before it told has left. */
  startTimerWhenTold(timer: MasterTimer, ms: number): void {
    this.gated.push({ kind: 'startTimer', timer, ms: Math.max(0, ms) })
  }

  cancelTimer(timer: MasterTimer): void {
    this.free.push({ kind: 'cancelTimer', timer })
  }

  log(level: LogLevel, text: string, fields?: LogFields): void {
    this.free.push({ kind: 'log', level, text, ...(fields && { fields }) })
  }
}
