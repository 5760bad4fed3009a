import type { Cause, Envelope } from './envelope.js'
import type { AnyRef, Message } from './ref.js'

/** One incarnation of an actor. Its state lives in the closure that made it. */
export interface Handler<M extends Message> {
  /** Handles one message. If it returns a promise, the next message waits until that settles. */
  receive(message: M, envelope: Envelope): void | Promise<void>
  /** Called after each batch, and before waiting for a promise of `receive`. Shells flush here. */
  turnEnd?(): void
  /** The end of this incarnation by stop or restart, after its children ended. The wait for it is bounded. */
  stopped?(): void | Promise<void>
}

/** What happens if a message finds its mailbox full. A lost question is always answered MAILBOX_FULL. */
export type Overflow = 'reject' | 'drop-newest' | 'drop-oldest'

/**
 * What an exception in a handler leads to. Restart: children are stopped, timers and watches are removed, the
 * behavior is called again, and the mailbox is kept; after more than `intensity` restarts in `periodMs` it
 * escalates. Escalate: this actor stops and its parent has failed; at the top, `onFailure` is called with
 * `unhandled`.
 */
export interface Supervision {
  readonly strategy: 'restart' | 'stop' | 'escalate'
  readonly intensity?: number
  readonly periodMs?: number
}

export interface SpawnOptions {
  /** Default: limits.mailboxMessages and reject. */
  readonly mailbox?: { readonly messages?: number; readonly overflow?: Overflow }
  /** Default: escalate, so that no failure goes unnoticed. */
  readonly supervision?: Supervision
  /** A local actor. Default: the top. */
  readonly parent?: AnyRef
}

export interface AskOptions {
  /** Default: limits.askMs. */
  readonly timeoutMs?: number
  /** The ask rejects with the reason of this signal. */
  readonly signal?: AbortSignal
}

export interface TimerOptions {
  readonly repeat?: boolean
  readonly cause?: Cause | undefined
}

/**
 * Timers by key. Stop and restart cancel all of them. A timer that was cancelled or replaced is not
 * delivered.
 */
export interface Timers<M extends Message> {
  /**
   * Sends `message` to this actor in `ms`; with `repeat` every `ms`, but never twice in the mailbox at once.
   * `cause`: the message that set this timer, for traces. Without it each tick begins a trace of its own.
   */
  start(key: string, ms: number, message: M, options?: TimerOptions): void
  cancel(key: string): void
  /** False also while a timer without `repeat` is being handled. */
  has(key: string): boolean
}
