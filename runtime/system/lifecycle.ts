import { FiresteelError } from '../errors.js'
import { limits } from '../limits.js'
import { before } from '../timers.js'
import { ActorCell, type CellParts } from './actor-cell.js'
import type { Behavior } from './actor-system.js'
import { ActorTimers, type TimerParts } from './actor-timers.js'
import type { Handler, SpawnOptions } from './behavior.js'
import { type ActorKeeper, Context, type ContextParts } from './context.js'
import type { LocalEnvelope } from './local-envelope.js'
import { encodeName } from './names.js'
import type { Message } from './ref.js'
import { decide } from './supervision.js'
import { type EndReason, type Failure, failureOf } from './system-messages.js'
import type { ActorFailure } from './system-options.js'
import { guarded } from './uncaught.js'

/** What the life cycle of actors needs from their system, beside what the single actor needs. */
export interface LifecycleParts extends CellParts, ContextParts, TimerParts {
  /** True once nothing may start any more. */
  readonly closed: boolean
  /** Live actors by local path. */
  readonly cells: Map<string, ActorCell>
}

/**
 * Starts, fails and ends actors. It uses nact's life cycle for none of this, because that has known defects.
 */
export class Lifecycle implements ActorKeeper {
  readonly #parts: LifecycleParts
  readonly #onFailure: (failure: ActorFailure) => void
  readonly #behaviors = new WeakMap<ActorCell, Behavior<Message>>()

  constructor(parts: LifecycleParts, onFailure: (failure: ActorFailure) => void) {
    this.#parts = parts
    this.#onFailure = guarded(onFailure)
  }

  spawn<M extends Message>(
    name: string,
    behavior: Behavior<M>,
    options: SpawnOptions,
    parent: ActorCell | undefined,
  ): ActorCell {
    const parts = this.#parts
    const path = `${parent?.localPath ?? '/user'}/${encodeName(name)}`
    if (parts.closed || (parent !== undefined && parent.phase !== 'running')) {
      throw new FiresteelError('ACTOR_STOPPED', `${path} cannot start: its parent has stopped`)
    }
    if (parts.cells.has(path)) throw new FiresteelError('INTERNAL', `there is an actor ${path} already`)
    const cell = new ActorCell(parts, path, parent, options)
    // The types of its references admit only messages that it understands.
    this.#behaviors.set(cell, behavior as unknown as Behavior<Message>)
    parts.cells.set(path, cell)
    parent?.children.add(cell)
    parts.relay.counters.spawned++
    try {
      this.#begin(cell)
    } catch (error) {
      void this.stop(cell, 'failed')
      throw error
    }
    return cell
  }

  /** Stops children before their parent. It ends at once if there is nothing to wait for. */
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

  /** The supervisor. It returns a promise if the actor's turn must wait; never rejects. */
  fail(cell: ActorCell, error: unknown, envelope: LocalEnvelope | undefined): Promise<void> | undefined {
    const parts = this.#parts
    parts.relay.counters.failures++
    if (envelope?.ask !== undefined) parts.replies.answer(envelope.token, failureOf(error))
    if (cell.phase !== 'running') return this.#report(cell, error, envelope, 'stopped')
    const { handler, parent } = cell
    // The state that threw is not flushed.
    cell.handler = undefined
    const decision = decide(cell.supervision, cell.restartsMs, parts.clock.monotonicMs())
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
    cell.timers = new ActorTimers(this.#parts, cell)
    const behavior = this.#behaviors.get(cell) as Behavior<Message>
    cell.handler = behavior(new Context(this.#parts, cell, cell.timers))
  }

  async #restart(cell: ActorCell, handler: Handler<Message> | undefined): Promise<void> {
    cell.restarts++
    this.#parts.relay.counters.restarts++
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

  /** What this incarnation began must not reach the next one. */
  #disarm(cell: ActorCell, why: string): void {
    const { watches, asks, replies } = this.#parts
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

  /**
   * Tells an incarnation that it ends. Returns a promise only if the incarnation returned one; never rejects.
   */
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
    const parts = this.#parts
    cell.phase = 'stopped'
    cell.handler = undefined
    cell.leave()
    this.#disarm(cell, `${cell.path} has stopped`)
    parts.cells.delete(cell.localPath)
    cell.parent?.children.delete(cell)
    for (let envelope = cell.take(); envelope !== undefined; envelope = cell.take()) {
      if (envelope.recall === undefined) parts.undeliverable(envelope, 'stopped', cell)
    }
    parts.watches.ended(cell, reason)
  }

  /** A handler that never settles must not block a stop. It is left behind after a while and reported. */
  #bounded(cell: ActorCell, pending: Promise<void>): Promise<void> {
    const text = `${cell.path} did not settle within ${limits.actorStopMs} ms of its stop and was left behind`
    const late = (): Error => new FiresteelError('INTERNAL', text)
    return before(pending, limits.actorStopMs, this.#parts.timers, late).catch((error: unknown) =>
      this.#report(cell, error, cell.current, 'stopped'),
    )
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
