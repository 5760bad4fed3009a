import { FiresteelError } from '../errors.js'
import { limits } from '../limits.js'
import { ActorCell } from './actor-cell.js'
import type { ActorFailure } from './actor-system.js'
import { ActorTimers } from './actor-timers.js'
import type { Behavior, Handler, SpawnOptions } from './behavior.js'
import { Context } from './context.js'
import type { Kernel } from './kernel.js'
import type { LocalEnvelope } from './local-envelope.js'
import { encodeName } from './names.js'
import type { Message } from './ref.js'
import { decide } from './supervision.js'
import { type EndReason, type Failure, failureOf } from './system-messages.js'
import { guarded } from './uncaught.js'

/** Beginning, failing and ending of actors. What nact would do of this is known to go wrong: it does none. */
export class Lifecycle {
  readonly #kernel: Kernel
  readonly #onFailure: (failure: ActorFailure) => void
  readonly #behaviors = new WeakMap<ActorCell, Behavior<Message>>()

  constructor(kernel: Kernel, onFailure: (failure: ActorFailure) => void) {
    this.#kernel = kernel
    this.#onFailure = guarded(onFailure)
  }

  spawn<M extends Message>(
    name: string,
    behavior: Behavior<M>,
    options: SpawnOptions,
    parent: ActorCell | undefined,
  ): ActorCell {
    const kernel = this.#kernel
    const path = `${parent?.localPath ?? '/user'}/${encodeName(name)}`
    if (kernel.closed || (parent !== undefined && parent.phase !== 'running')) {
      throw new FiresteelError('ACTOR_STOPPED', `${path} cannot start: its parent has stopped`)
    }
    if (kernel.cells.has(path)) throw new FiresteelError('INTERNAL', `there is an actor ${path} already`)
    const cell = new ActorCell(kernel, path, parent, options)
    // Only messages that its references admit reach it.
    this.#behaviors.set(cell, behavior as unknown as Behavior<Message>)
    kernel.cells.set(path, cell)
    parent?.children.add(cell)
    kernel.relay.counters.spawned++
    try {
      this.#begin(cell)
    } catch (error) {
      void this.stop(cell, 'failed')
      throw error
    }
    return cell
  }

  /** Leaves first. At once where nothing has to be waited for. */
  stop(cell: ActorCell, reason: EndReason, handler = cell.handler): Promise<void> {
    if (cell.phase !== 'running') return cell.ended ?? Promise.resolve()
    cell.phase = 'stopping'
    const waits = [...cell.children].map((child) => this.stop(child, 'stopped'))
    const rest = cell.rest()
    if (rest !== undefined) waits.push(this.#bounded(cell, rest))
    cell.ended =
      waits.length === 0
        ? this.#end(cell, reason, handler)
        : Promise.all(waits).then(() => this.#end(cell, reason, handler))
    return cell.ended
  }

  /** The supervisor. A promise when the actor's turn must wait for it; never rejects. */
  fail(cell: ActorCell, error: unknown, envelope: LocalEnvelope | undefined): Promise<void> | undefined {
    const kernel = this.#kernel
    kernel.relay.counters.failures++
    if (envelope?.ask !== undefined) kernel.replies.answer(envelope.token, failureOf(error))
    if (cell.phase !== 'running') return this.#report(cell, error, envelope, 'stopped')
    const { handler, parent } = cell
    // A state that threw is not flushed.
    cell.handler = undefined
    const decision = decide(cell.supervision, cell.restartsMs, kernel.clock.monotonicMs())
    if (decision.strategy === 'restart') {
      cell.restartsMs = decision.restartsMs
      this.#report(cell, error, envelope, 'restarted')
      return this.#restart(cell, handler)
    }
    void this.stop(cell, 'failed', handler)
    if (decision.strategy === 'stop') return this.#report(cell, error, envelope, 'stopped')
    if (parent === undefined) return this.#report(cell, error, envelope, 'unhandled')
    parent.fault ??= { error }
    parent.wake()
    return this.#report(cell, error, envelope, 'escalated')
  }

  #begin(cell: ActorCell): void {
    cell.timers = new ActorTimers(this.#kernel, cell)
    const behavior = this.#behaviors.get(cell) as Behavior<Message>
    cell.handler = behavior(new Context(this.#kernel, cell, cell.timers))
  }

  async #restart(cell: ActorCell, handler: Handler<Message> | undefined): Promise<void> {
    cell.restarts++
    this.#kernel.relay.counters.restarts++
    this.#disarm(cell, `${cell.path} failed and was restarted`)
    await Promise.all([...cell.children].map((child) => this.stop(child, 'stopped')))
    await this.#retire(cell, handler)
    if (cell.phase !== 'running') return
    try {
      this.#begin(cell)
    } catch (error) {
      await this.fail(cell, error, undefined)
    }
  }

  /** Nothing that this incarnation began reaches the next one. */
  #disarm(cell: ActorCell, why: string): void {
    const { watches, asks, replies } = this.#kernel
    cell.timers?.close()
    watches.unwatchAll(cell)
    asks.stopped(cell)
    replies.failAll(cell, stoppedFailure(why))
  }

  #end(cell: ActorCell, reason: EndReason, handler: Handler<Message> | undefined): Promise<void> {
    const retired = this.#retire(cell, handler)
    if (retired !== undefined) return retired.then(() => this.#bury(cell, reason))
    this.#bury(cell, reason)
    return Promise.resolve()
  }

  /** Tells an incarnation of its end. A promise only when it gave one; never rejects. */
  #retire(cell: ActorCell, handler: Handler<Message> | undefined): Promise<void> | undefined {
    const failed = (error: unknown) => this.#report(cell, error, undefined, 'stopped')
    try {
      const pending = handler?.stopped?.()
      if (pending === undefined || typeof pending.then !== 'function') return undefined
      return this.#bounded(cell, pending.then(undefined, failed))
    } catch (error) {
      return failed(error)
    }
  }

  #bury(cell: ActorCell, reason: EndReason): void {
    const kernel = this.#kernel
    cell.phase = 'stopped'
    cell.handler = undefined
    cell.leave()
    this.#disarm(cell, `${cell.path} has stopped`)
    kernel.cells.delete(cell.localPath)
    cell.parent?.children.delete(cell)
    for (let envelope = cell.take(); envelope !== undefined; envelope = cell.take()) {
      if (envelope.recall === undefined) kernel.undeliverable(envelope, 'stopped', cell)
    }
    kernel.watches.ended(cell, reason)
  }

  /** A handler that never settles must not hold a stop for ever: it is left behind, and told of. */
  #bounded(cell: ActorCell, pending: Promise<void>): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.#kernel.timers.after(limits.actorStopMs, () => {
        const text = `${cell.path} did not settle within ${limits.actorStopMs} ms of its stop and was left behind`
        this.#report(cell, new FiresteelError('INTERNAL', text), cell.current, 'stopped')
        resolve()
      })
      void pending.then(() => {
        cancel()
        resolve()
      })
    })
  }

  #report(
    { path }: ActorCell,
    error: unknown,
    envelope: LocalEnvelope | undefined,
    outcome: ActorFailure['outcome'],
  ): undefined {
    this.#onFailure({
      path,
      error,
      ...(envelope !== undefined && { message: envelope.message.type }),
      outcome,
    })
    return undefined
  }
}

function stoppedFailure(message: string): Failure {
  return { type: 'Failure', code: 'ACTOR_STOPPED', message }
}
