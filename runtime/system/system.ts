import { FiresteelError } from '../errors.js'
import type { TraceRing } from '../trace/ring.js'
import { ActorCell } from './actor-cell.js'

export type { ActorSystem } from './actor-system.js'
export type { SystemOptions } from './system-options.js'

import type { ActorGauge, ActorSystem, Behavior } from './actor-system.js'
import type { AskOptions, SpawnOptions } from './behavior.js'
import type { Cause, Envelope, ReplyAddress, Sink, WireEnvelope } from './envelope.js'
import { destinationOf, refTo } from './handle.js'
import { Kernel } from './kernel.js'
import { localPart } from './names.js'
import type { AnyRef, Message, Ref } from './ref.js'
import { Remote } from './remote.js'
import type { Failure } from './system-messages.js'
import type { Counters, SystemOptions } from './system-options.js'

export function createSystem(options: SystemOptions): ActorSystem {
  return new NactActorSystem(options)
}

class NactActorSystem implements ActorSystem {
  readonly #kernel: Kernel

  constructor(options: SystemOptions) {
    this.#kernel = new Kernel(this, options)
  }

  get name(): string {
    return this.#kernel.name
  }

  set name(name: string) {
    this.#kernel.name = name
  }

  get counters(): Readonly<Counters> {
    return this.#kernel.relay.counters
  }

  get metrics() {
    return this.#kernel.relay.metrics
  }

  get handling(): Envelope | undefined {
    return this.#kernel.running?.current
  }

  get ring(): TraceRing | undefined {
    return this.#kernel.relay.ring
  }

  spawn<M extends Message>(name: string, behavior: Behavior<M>, options: SpawnOptions = {}): Ref<M> {
    const parent = options.parent === undefined ? undefined : cellOf(options.parent)
    return refTo(this.#kernel.lifecycle.spawn(name, behavior, options, parent))
  }

  tell<M extends Message>(ref: Ref<M>, message: NoInfer<M>, from?: AnyRef, cause?: Cause): boolean {
    const { relay, running, asks } = this.#kernel
    const to = destinationOf(ref)
    const sender = from === undefined ? (running ?? asks) : destinationOf(from)
    const reason = cause ?? (sender instanceof ActorCell ? sender.current : undefined)
    return relay.pass(relay.stamp(sender.path, to.path, message, reason), to)
  }

  ask<R extends Message, M extends Message = never>(
    ref: Ref<M>,
    message: NoInfer<M>,
    options?: AskOptions,
  ): Promise<R> {
    const { asks, running, closed } = this.#kernel
    if (closed) return Promise.reject(new FiresteelError('ACTOR_STOPPED', 'the actor system was shut down'))
    const to = destinationOf(ref)
    const sink = to instanceof Remote ? to.sink : undefined
    return asks.ask({ to, sink, message, asker: undefined, cause: running?.current }, options)
  }

  replyTo(envelope: Envelope): ReplyAddress | undefined {
    return this.#kernel.replies.addressOf(envelope)
  }

  answer<R extends Message>(to: ReplyAddress, message: R): boolean {
    return this.#kernel.replies.answer(to.token, message)
  }

  remote<M extends Message>(sink: Sink, path: string): Ref<M> {
    return refTo(new Remote(this.#kernel, sink, path))
  }

  find<M extends Message>(path: string): Ref<M> | undefined {
    const cell = this.#kernel.cells.get(localPart(path))
    return cell === undefined ? undefined : refTo(cell)
  }

  senderOf<M extends Message>({ sink, from }: Envelope): Ref<M> | undefined {
    const path = localPart(from)
    if (!path.startsWith('/user/')) return undefined
    return sink === undefined ? this.find(path) : this.remote(sink, path)
  }

  receive(sink: Sink, envelope: WireEnvelope, bytes?: number): void {
    this.#kernel.inbound.receive(sink, envelope, bytes)
  }

  refuse(sink: Sink, question: WireEnvelope, failure: Failure): void {
    this.#kernel.inbound.refuse(sink, question, failure)
  }

  disconnect(sink: Sink): void {
    const { asks, replies, watches } = this.#kernel
    replies.forgetSink(sink)
    asks.disconnect(sink)
    watches.disconnect(sink)
  }

  stop(ref: AnyRef): Promise<void> {
    return this.#kernel.lifecycle.stop(cellOf(ref), 'stopped')
  }

  async shutdown(): Promise<void> {
    const kernel = this.#kernel
    kernel.closed = true
    const top = [...kernel.cells.values()].filter((cell) => cell.parent === undefined)
    await Promise.all(top.map((cell) => kernel.lifecycle.stop(cell, 'stopped')))
    kernel.asks.close()
    kernel.watchdog.close()
    kernel.host.close()
  }

  async idle(): Promise<void> {
    const kernel = this.#kernel
    do await new Promise((resolve) => setImmediate(resolve))
    while (kernel.activeTurns > kernel.watchdog.waiting.size)
  }

  actors(): ActorGauge[] {
    const now = this.#kernel.clock.monotonicMs()
    return Array.from(this.#kernel.cells.values(), (cell) => ({
      path: cell.path,
      mailbox: cell.mailbox.size,
      handled: cell.handled,
      restarts: cell.restarts,
      waitingMs: cell.waitingSinceMs < 0 ? 0 : now - cell.waitingSinceMs,
    }))
  }

  questions(): { readonly asked: number; readonly unanswered: number } {
    return { asked: this.#kernel.asks.size, unanswered: this.#kernel.replies.size }
  }
}

function cellOf(ref: AnyRef): ActorCell {
  const destination = destinationOf(ref)
  if (destination instanceof ActorCell) return destination
  throw new FiresteelError('INTERNAL', `${ref.path} is not an actor of this process`)
}
