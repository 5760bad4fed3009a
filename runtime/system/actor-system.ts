import type { SystemMetrics } from '../metrics/system-metrics.js'
import type { TraceRing } from '../trace/ring.js'
import type { AskOptions, Handler, SpawnOptions, Timers } from './behavior.js'
import type { Cause, Envelope, ReplyAddress, Sink, WireEnvelope } from './envelope.js'
import type { AnyRef, Message, Ref } from './ref.js'
import type { Failure, Terminated } from './system-messages.js'
import type { Counters, DeadLetterReason } from './system-options.js'

/** The system calls it at spawn, in the spawner's turn, and again at each restart. */
export type Behavior<M extends Message> = (context: ActorContext<M>) => Handler<M>

/** What an actor can do. Each incarnation has its own context. */
export interface ActorContext<M extends Message> {
  readonly self: Ref<M>
  readonly system: ActorSystem
  readonly timers: Timers<M>
  /** Starts a child. It stops before its parent does, and also at each restart of its parent. */
  spawn<C extends Message>(
    name: string,
    behavior: Behavior<C>,
    options?: Omit<SpawnOptions, 'parent'>,
  ): Ref<C>
  /**
   * `cause`: the message that led to this one, if it is not the one in hand. False: the message was not sent.
   */
  tell<T extends Message>(ref: Ref<T>, message: NoInfer<T>, cause?: Cause): boolean
  ask<R extends Message, T extends Message = never>(
    ref: Ref<T>,
    message: NoInfer<T>,
    options?: AskOptions,
  ): Promise<R>
  /** Answers an ask. Only the first answer counts. False: nobody waits for it. */
  reply<R extends Message>(envelope: Envelope, message: R): boolean
  replyTo(envelope: Envelope): ReplyAddress | undefined
  /** Records that this actor does not act on a message, so that a trace shows the message as refused. */
  refuse(envelope: Envelope): void
  /** Shows in the trace what this actor did with something that is no actor, such as a store. */
  note(to: string, message: Message, cause?: Cause): void
  /** Ends this actor after the message in hand. Unread messages become dead letters. */
  stop(): void
  /**
   * Sends one Terminated to this actor when that actor or its link ends, or at once if it has. M must include
   * it.
   */
  watch(ref: Terminated extends M ? AnyRef : never): void
  unwatch(ref: AnyRef): void
}

/** One actor, for metrics and pages. */
export interface ActorGauge {
  readonly path: string
  readonly mailbox: number
  readonly handled: number
  readonly restarts: number
  /** How long its handler's promise has been pending; 0 if none is. */
  readonly waitingMs: number
}

/** The actors of one process (or of one node in a test). nact is reached only through it. */
export interface ActorSystem {
  name: string
  readonly counters: Readonly<Counters>
  readonly metrics: SystemMetrics<DeadLetterReason>
  /** The message whose handler runs now. What a handler does after it has waited is no longer seen. */
  readonly handling: Envelope | undefined
  /** The messages that it recorded lately, if it records any. */
  readonly ring: TraceRing | undefined
  /**
   * Starts an actor. Its path is /user/NAME or PARENT/NAME, with the name percent-encoded. Throws whatever
   * the behavior throws, INTERNAL if the name is taken, and ACTOR_STOPPED if the parent or the system has
   * stopped.
   */
  spawn<M extends Message>(name: string, behavior: Behavior<M>, options?: SpawnOptions): Ref<M>
  /**
   * False: it was not delivered; it is counted and passed to `onDeadLetter`. `cause`: the message that led to
   * it.
   */
  tell<M extends Message>(ref: Ref<M>, message: NoInfer<M>, from?: AnyRef, cause?: Cause): boolean
  /**
   * Sends a question and waits for its answer. Rejects with ASK_TIMEOUT, ACTOR_STOPPED, LINK_CLOSED,
   * MAILBOX_FULL, the error of a Failure that was answered, or the reason of the signal. R comes from where
   * the result goes, or write both: `ask<Answer, Protocol>(...)`.
   */
  ask<R extends Message, M extends Message = never>(
    ref: Ref<M>,
    message: NoInfer<M>,
    options?: AskOptions,
  ): Promise<R>
  /**
   * Where the answer to this question goes; undefined if it is no question. The answer may come much later.
   */
  replyTo(envelope: Envelope): ReplyAddress | undefined
  /** Gives the answer. Only the first one counts. False: nobody waits for it (any more). */
  answer<R extends Message>(to: ReplyAddress, message: R): boolean
  /** An actor behind a link, by name (`/user/NAME` or a full path). M is not checked, as for every link. */
  remote<M extends Message>(sink: Sink, path: string): Ref<M>
  /** A live actor of this process by its path. M is not checked. */
  find<M extends Message>(path: string): Ref<M> | undefined
  /** The sender of this message. Undefined if no actor sent it, or if that actor has ended. */
  senderOf<M extends Message>(envelope: Envelope): Ref<M> | undefined
  /**
   * Takes an envelope from a link. If it is malformed or has no receiver it becomes a dead letter; nothing
   * throws.
   */
  receive(sink: Sink, envelope: WireEnvelope, bytes?: number): void
  /** Answers a question of a link that is not admitted. Nothing of the question is kept. */
  refuse(sink: Sink, question: WireEnvelope, failure: Failure): void
  /**
   * The link has closed. Asks over it fail with LINK_CLOSED, watches over it fire, and the peer's own are
   * forgotten.
   */
  disconnect(sink: Sink): void
  /**
   * Stops the children, then the actor after its message in hand. An actor must not await this for itself.
   */
  stop(ref: AnyRef): Promise<void>
  /** Stops every actor, children before parents. Then nothing can be spawned, told or asked. */
  shutdown(): Promise<void>
  /**
   * Resolves when every mailbox is empty and no handler runs. Handlers that wait for a promise do not count.
   */
  idle(): Promise<void>
  actors(): ActorGauge[]
  /**
   * Questions without an answer so far: those that this process asked, and those that its actors were asked.
   */
  questions(): { readonly asked: number; readonly unanswered: number }
}
