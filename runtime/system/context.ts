import { FiresteelError } from '../errors.js'
import type { ActorCell } from './actor-cell.js'
import type { ActorContext, ActorSystem, Behavior } from './actor-system.js'
import type { ActorTimers } from './actor-timers.js'
import type { Asks } from './asks.js'
import type { AskOptions, SpawnOptions } from './behavior.js'
import type { Cause, Envelope, ReplyAddress } from './envelope.js'
import { destinationOf, refTo } from './handle.js'
import type { LocalEnvelope } from './local-envelope.js'
import type { AnyRef, Message, Ref } from './ref.js'
import type { Relay } from './relay.js'
import { Remote } from './remote.js'
import type { Replies } from './replies.js'
import type { EndReason } from './system-messages.js'
import type { Watches } from './watches.js'

/** Starts and ends actors. */
export interface ActorKeeper {
  spawn<M extends Message>(
    name: string,
    behavior: Behavior<M>,
    options: SpawnOptions,
    parent: ActorCell | undefined,
  ): ActorCell
  stop(cell: ActorCell, reason: EndReason): Promise<void>
}

/** What an actor can reach of its system. */
export interface ContextParts {
  readonly system: ActorSystem
  readonly lifecycle: ActorKeeper
  readonly relay: Relay
  readonly asks: Asks
  readonly replies: Replies
  readonly watches: Watches
}

/**
 * What one incarnation of an actor can do. A late continuation may still send after the end. It can start
 * nothing then, because nothing would end what it starts.
 */
export class Context implements ActorContext<Message> {
  readonly self: Ref<Message>
  readonly timers: ActorTimers
  readonly #parts: ContextParts
  readonly #cell: ActorCell

  constructor(parts: ContextParts, cell: ActorCell, timers: ActorTimers) {
    this.#parts = parts
    this.#cell = cell
    this.timers = timers
    this.self = refTo(cell)
  }

  get system(): ActorSystem {
    return this.#parts.system
  }

  spawn<C extends Message>(name: string, behavior: Behavior<C>, options: SpawnOptions = {}): Ref<C> {
    if (this.timers.closed) throw this.#gone()
    return refTo(this.#parts.lifecycle.spawn(name, behavior, options, this.#cell))
  }

  tell<T extends Message>(ref: Ref<T>, message: NoInfer<T>, cause?: Cause): boolean {
    const { relay } = this.#parts
    const to = destinationOf(ref)
    return relay.pass(relay.stamp(this.#cell.path, to.path, message, cause ?? this.#cell.current), to)
  }

  ask<R extends Message, T extends Message = never>(
    ref: Ref<T>,
    message: NoInfer<T>,
    options?: AskOptions,
  ): Promise<R> {
    if (this.timers.closed) return Promise.reject(this.#gone())
    const to = destinationOf(ref)
    const sink = to instanceof Remote ? to.sink : undefined
    const cause = this.#cell.current
    return this.#parts.asks.ask({ to, sink, message, asker: this.#cell, cause }, options)
  }

  reply<R extends Message>(envelope: Envelope, message: R): boolean {
    return this.#parts.replies.answer((envelope as LocalEnvelope).token, message)
  }

  replyTo(envelope: Envelope): ReplyAddress | undefined {
    return this.#parts.replies.addressOf(envelope)
  }

  refuse(envelope: Envelope): void {
    ;(envelope as LocalEnvelope).refused = true
  }

  note(to: string, message: Message, cause?: Cause): void {
    this.#parts.relay.note(this.#cell.path, to, message, cause ?? this.#cell.current)
  }

  stop(): void {
    if (!this.timers.closed) void this.#parts.lifecycle.stop(this.#cell, 'stopped')
  }

  watch(ref: AnyRef): void {
    if (!this.timers.closed) this.#parts.watches.watch(this.#cell, destinationOf(ref) as ActorCell | Remote)
  }

  unwatch(ref: AnyRef): void {
    this.#parts.watches.unwatch(this.#cell, destinationOf(ref) as ActorCell | Remote)
  }

  #gone(): FiresteelError {
    return new FiresteelError('ACTOR_STOPPED', `${this.#cell.path} has stopped`)
  }
}
