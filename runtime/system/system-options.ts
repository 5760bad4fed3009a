import type { Clock } from '../clock.js'
import type { TimerSource } from '../timers.js'
import type { TraceRing } from '../trace/ring.js'
import type { Envelope } from './envelope.js'

/**
 * Why a message was not delivered: no such actor, it has stopped, its mailbox was full, its link was closed or
 * over its bound, it is larger than its link carries (or no JSON), nobody waited for that answer any more, it was not a
 * message, or its asker has too many questions open.
 */
export type DeadLetterReason =
  | 'unknown'
  | 'stopped'
  | 'full'
  | 'link'
  | 'large'
  | 'late'
  | 'malformed'
  | 'busy'

/** An exception in a handler, or a handler that a stop had to leave behind. */
export interface ActorFailure {
  readonly path: string
  readonly error: unknown
  /** Type of the message in hand, if one was. */
  readonly message?: string
  /** `unhandled`: escalated past the top. Whoever runs the process must end it or know better. */
  readonly outcome: 'restarted' | 'stopped' | 'escalated' | 'unhandled'
}

/** A handler whose promise has not settled for longer than the watchdog allows. Told once per message. */
export interface StuckHandler {
  readonly path: string
  readonly message: string
  readonly forMs: number
}

export interface SystemOptions {
  /** firesteel://CLUSTER@host:port; may be set later by `system.name = ...`, before anything leaves. */
  readonly name: string
  readonly clock: Clock
  /** The leadership that messages of this process go out under. */
  readonly epoch: () => number
  /** The commit that they follow, where there is one (protocol R8). */
  readonly seq?: () => number | undefined
  readonly timers?: TimerSource
  readonly ring?: TraceRing
  readonly onDeadLetter?: (envelope: Envelope, reason: DeadLetterReason) => void
  /** Without it an `unhandled` failure is thrown as an uncaught exception, which ends the process. */
  readonly onFailure?: (failure: ActorFailure) => void
  readonly watchdog?: { readonly warnMs?: number; readonly onStuck: (handler: StuckHandler) => void }
  readonly batchMessages?: number
  /** First message id; random by default, so that ids of several processes do not meet. */
  readonly firstId?: number
}

/** All of them only grow. */
export interface Counters {
  /** Messages that passed the relay: local, in and out. */
  messages: number
  /** Of these, over links. */
  received: number
  sent: number
  deadLetters: number
  /** Dead letters because of a full mailbox. */
  overflowed: number
  failures: number
  restarts: number
  spawned: number
}
