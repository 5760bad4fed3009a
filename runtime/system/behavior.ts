import type { Envelope } from './envelope.js'
import type { AnyRef, Message } from './ref.js'

/** One incarnation of an actor; its state lives in the closure that made it. */
export interface Handler<M extends Message> {
  /** One message at a time; a returned promise holds the next one back until it settles. */
  receive(message: M, envelope: Envelope): void | Promise<void>
  /** After each batch, and before a wait for a promise of `receive`: shells flush here. */
  turnEnd?(): void
  /** The end of this incarnation: stop or restart, children already gone. Not to be waited for endlessly. */
  stopped?(): void | Promise<void>
}

/** What happens to a message that finds its mailbox full. Asks are answered MAILBOX_FULL wherever it is lost. */
export type Overflow = 'reject' | 'drop-newest' | 'drop-oldest'

/**
 * What an exception in a handler does. Restart: children stopped, timers and watches gone, behavior called
 * anew, mailbox kept; over `intensity` restarts in `periodMs` it escalates. Escalate: this actor stops and its
 * parent has failed; at the top `onFailure` hears `unhandled`.
 */
export interface Supervision {
  readonly strategy: 'restart' | 'stop' | 'escalate'
  readonly intensity?: number
  readonly periodMs?: number
}

export interface SpawnOptions {
  /** Default: limits.mailboxMessages, reject. */
  readonly mailbox?: { readonly messages?: number; readonly overflow?: Overflow }
  /** Default: escalate, so that nothing fails unnoticed. */
  readonly supervision?: Supervision
  /** A local actor; default: the top. */
  readonly parent?: AnyRef
}

export interface AskOptions {
  /** Default: limits.askMs. */
  readonly timeoutMs?: number
  /** Rejects with its reason. */
  readonly signal?: AbortSignal
}

/** Timers by key, all cancelled at restart and stop. A cancelled or replaced one is not delivered any more. */
export interface Timers<M extends Message> {
  /** Sends `message` to self in `ms`; again every `ms` with `repeat`, never two at once in the mailbox. */
  start(key: string, ms: number, message: M, options?: { readonly repeat?: boolean }): void
  cancel(key: string): void
  /** False also while a single one is being handled. */
  has(key: string): boolean
}
