import type { Clock } from '../clock.js'
import type { TraceContext } from '../telemetry/trace-context.js'
import type { TimerSource } from '../timers.js'
import type { TraceRing } from '../trace/ring.js'
import type { Envelope } from './envelope.js'

/**
 * Why a message was not delivered: there is no such actor; it has stopped; its mailbox was full; its link was
 * closed or over its bound; it is larger than its link carries (or no JSON); nobody waits for this answer any
 * more; it was not a message; or its asker has too many open questions.
 */
export const deadLetterReasons = [
  'unknown',
  'stopped',
  'full',
  'link',
  'large',
  'late',
  'malformed',
  'busy',
] as const
export type DeadLetterReason = (typeof deadLetterReasons)[number]

/** An exception in a handler, or a handler that did not settle in time during a stop. */
export interface ActorFailure {
  readonly path: string
  readonly error: unknown
  /** Type of the message in hand, if there was one. */
  readonly message?: string
  /**
   * `unhandled`: it escalated past the top. The host of the system must end the process or handle the
   * failure.
   */
  readonly outcome: 'restarted' | 'stopped' | 'escalated' | 'unhandled'
}

/**
 * A handler whose promise has been pending for longer than the watchdog allows. Reported once per message.
 */
export interface StuckHandler {
  readonly path: string
  readonly message: string
  readonly forMs: number
}

export interface SystemOptions {
  /**
   * firesteel://CLUSTER@host:port. It may be set later by `system.name = ...`, before anything is sent over a
   * link.
   */
  readonly name: string
  /**
   * Who asks what no actor asks, as a local path: `/client` for a command or a program. Default: `/system`.
   */
  readonly askerPath?: string
  readonly clock: Clock
  /** The leadership under which messages of this process are sent. */
  readonly epoch: () => number
  /** The commit that they follow, if there is one (protocol R8). */
  readonly seq?: () => number | undefined
  /** The span that messages belong to whose cause belongs to none. */
  readonly context?: () => TraceContext | undefined
  readonly timers?: TimerSource
  readonly ring?: TraceRing
  readonly onDeadLetter?: (envelope: Envelope, reason: DeadLetterReason) => void
  /** Without it, an `unhandled` failure is thrown as an uncaught exception, which ends the process. */
  readonly onFailure?: (failure: ActorFailure) => void
  readonly watchdog?: { readonly warnMs?: number; readonly onStuck: (handler: StuckHandler) => void }
  readonly batchMessages?: number
  /** First message id. It is random by default, so that the ids of several processes do not collide. */
  readonly firstId?: number
}

/** All counters only grow. */
export interface Counters {
  /** Messages that passed the relay, whether local, incoming or outgoing. */
  messages: number
  /** How many of these came over links. */
  received: number
  sent: number
  deadLetters: number
  /** Dead letters that found a full mailbox. */
  overflowed: number
  failures: number
  restarts: number
  spawned: number
}
