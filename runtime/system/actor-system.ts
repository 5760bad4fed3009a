import type { TraceRing } from '../trace/ring.js'
import type { AskOptions, Handler, SpawnOptions, Timers } from './behavior.js'
import type { Envelope, ReplyAddress, Sink, WireEnvelope } from './envelope.js'
import type { AnyRef, Message, Ref } from './ref.js'
import type { Failure, Terminated } from './system-messages.js'
import type { Counters } from './system-options.js'

/** Called at spawn, in the spawner's turn, and anew at each restart. */
export type Behavior<M extends Message> = (context: ActorContext<M>) => Handler<M>

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

/** One actor, for metrics and pages. */
export interface ActorGauge {
  readonly path: string
  readonly mailbox: number
  readonly handled: number
  readonly restarts: number
  /** How long its handler's promise has been pending; 0 when none is. */
  readonly waitingMs: number
}

/** The actors of one process (or of one node in a test). The only way to nact. */
export interface ActorSystem {
  name: string
  readonly counters: Readonly<Counters>
  /** What it has recorded lately, where it records. */
  readonly ring: TraceRing | undefined
  /**
   * Starts an actor; its path is /user/NAME or PARENT/NAME, the name percent-encoded. Throws what the behavior
   * throws; INTERNAL when the name is taken; ACTOR_STOPPED when the parent or the system has stopped.
   */
  spawn<M extends Message>(name: string, behavior: Behavior<M>, options?: SpawnOptions): Ref<M>
  /** False: not delivered (counted, and told to `onDeadLetter`). `cause`: the message this belongs to. */
  tell<M extends Message>(ref: Ref<M>, message: NoInfer<M>, from?: AnyRef, cause?: Envelope): boolean
  /**
   * Sends a question and waits for its answer. Rejects with ASK_TIMEOUT, ACTOR_STOPPED, LINK_CLOSED,
   * MAILBOX_FULL, the error of a Failure that was answered, or the reason of the signal. R comes from where the
   * result goes, or write both: `ask<Answer, Protocol>(...)`.
   */
  ask<R extends Message, M extends Message = never>(
    ref: Ref<M>,
    message: NoInfer<M>,
    options?: AskOptions,
  ): Promise<R>
  /** Where the answer to this goes; undefined for what is no question. To be answered now or much later. */
  replyTo(envelope: Envelope): ReplyAddress | undefined
  /** Gives the answer; only the first counts. False: nobody waits for it (any more). */
  answer<R extends Message>(to: ReplyAddress, message: R): boolean
  /** An actor behind a link, by name (`/user/NAME` or a full path). M is taken on trust, as at every door. */
  remote<M extends Message>(sink: Sink, path: string): Ref<M>
  /** A live actor of this process by its path; M is taken on trust. */
  find<M extends Message>(path: string): Ref<M> | undefined
  /** Who sent this, to tell it something; undefined for what no actor sent, or one that has ended. */
  senderOf<M extends Message>(envelope: Envelope): Ref<M> | undefined
  /** A frame's envelope from a link. What is malformed or has no receiver is a dead letter, nothing throws. */
  receive(sink: Sink, envelope: WireEnvelope, bytes?: number): void
  /** Answers a question of a link that is not let in; nothing of it is kept. */
  refuse(sink: Sink, question: WireEnvelope, failure: Failure): void
  /** The link is gone: asks over it fail with LINK_CLOSED, watches over it fire, its own are forgotten. */
  disconnect(sink: Sink): void
  /** Stops children, then the actor after its message in hand. Not to be awaited by the actor itself. */
  stop(ref: AnyRef): Promise<void>
  /** Stops every actor, leaves first; then nothing can be spawned, told or asked. */
  shutdown(): Promise<void>
  /** Resolves when every mailbox is empty and no handler runs, except those that wait for a promise. */
  idle(): Promise<void>
  actors(): ActorGauge[]
  /** Questions that wait for an answer: asked by this process, and asked of its actors. */
  questions(): { readonly asked: number; readonly unanswered: number }
}
