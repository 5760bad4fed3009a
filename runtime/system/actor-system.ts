import type { Clock } from '../clock.js'
import type { TraceRing } from '../trace/ring.js'
import type { AskOptions, Behavior, SpawnOptions } from './behavior.js'
import type { Envelope, ReplyAddress, Sink, WireEnvelope } from './envelope.js'
import type { AnyRef, Message, Ref } from './ref.js'
import type { Failure } from './system-messages.js'
import type { TimerSource } from './timers.js'

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
