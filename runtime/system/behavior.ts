import type { ActorSystem } from './actor-system.js'
import type { Envelope, ReplyAddress } from './envelope.js'
import type { AnyRef, Message, Ref } from './ref.js'
import type { Terminated } from './system-messages.js'

/** One incarnation of an actor; its state lives in the closure that made it. */
export interface Handler<M extends Message> {
  /** One message at a time; a returned promise holds the next one back until it settles. */
  receive(message: M, envelope: Envelope): void | Promise<void>
  /** After each batch, and before a wait for a promise of `receive`: shells flush here. */
  turnEnd?(): void
  /** The end of this incarnation: stop or restart, children already gone. Not to be waited for endlessly. */
  stopped?(): void | Promise<void>
}

/** Called at spawn, in the spawner's turn, and anew at each restart. */
export type Behavior<M extends Message> = (context: ActorContext<M>) => Handler<M>

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

/** What an actor can do. It belongs to one incarnation. */
export interface ActorContext<M extends Message> {
  readonly self: Ref<M>
  readonly system: ActorSystem
  readonly timers: Timers<M>
  /** A child: stopped before its parent, at each restart of its parent too. */
  spawn<C extends Message>(
    name: string,
    behavior: Behavior<C>,
    options?: Omit<SpawnOptions, 'parent'>,
  ): Ref<C>
  /** `cause`: the message this belongs to, where that is not the one in hand. False: it did not go. */
  tell<T extends Message>(ref: Ref<T>, message: NoInfer<T>, cause?: Envelope): boolean
  ask<R extends Message, T extends Message = never>(
    ref: Ref<T>,
    message: NoInfer<T>,
    options?: AskOptions,
  ): Promise<R>
  /** Answers an ask; only the first answer counts. False: nobody waits for it. */
  reply<R extends Message>(envelope: Envelope, message: R): boolean
  replyTo(envelope: Envelope): ReplyAddress | undefined
  /** Marks a message that this actor does not act on, so that a trace shows it as refused. */
  refuse(envelope: Envelope): void
  /** Ends this actor after the message in hand; unread messages become dead letters. */
  stop(): void
  /** One Terminated to self when that actor ends or its link does; at once if it has. M must include it. */
  watch(ref: Terminated extends M ? AnyRef : never): void
  unwatch(ref: AnyRef): void
}
