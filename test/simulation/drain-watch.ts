import type { DrainRecord } from '../../actors/master/records.js'
import type { CoreMessage, WorkerEffect } from '../../actors/worker/worker-events.js'
import { type CommitRequest, comparePositions, type Position } from '../../runtime/persistence/engine.js'
import type { WatchedWorker } from './sim-world.js'
import type { StoreModel } from './store-model.js'
import type { Fail } from './violation.js'
import type { WatchedWorld } from './watched-world.js'

/** A person's request, by the reason that it gave. */
interface Asked {
  readonly worker: string
  /** How often its end had been asked for by then. */
  readonly undrains: number
  readonly atMs: number
  readonly deadlineMs: number
}

interface Since {
  readonly at: Position
  /** It differs if the drain was taken back and asked for again, both of which may be in one commit. */
  readonly askedAtMs: number
  /**
   * The store forgot that it was taken back. What was launched up to here, before it fell, may yet be on its
   * way.
   */
  readonly forgotten?: Position
}

/** Clocks of machines are up to 1 % wrong, and timers a little late or early. */
const EARLY_MS = 50

/**
 * Drains: nothing is launched on a Worker once its drain is durable, an acknowledged drain is never
 * forgotten, and no task runs again for it before its deadline.
 */
export class DrainWatch {
  readonly #world: WatchedWorld
  readonly #model: StoreModel
  readonly #fail: Fail
  /** Since which commit each Worker has been drained, by `NAME@HOST`. */
  readonly #since = new Map<string, Since>()
  /** The newest commit of all. */
  #newest: Position = { epoch: 0, seq: 0 }
  readonly #asked = new Map<string, Asked>()
  readonly #undrains = new Map<string, { asked: number; underWay: number }>()
  /** Workers whose drain was acknowledged and not taken back. */
  readonly #acknowledged = new Set<string>()

  constructor(world: WatchedWorld, model: StoreModel, fail: Fail) {
    this.#world = world
    this.#model = model
    this.#fail = fail
  }

  asking(worker: string, deadlineMs: number): string {
    const reason = `${worker}-${this.#asked.size}`
    const { nowMs } = this.#world.timeline
    this.#asked.set(reason, { worker, undrains: this.#ends(worker).asked, atMs: nowMs, deadlineMs })
    return reason
  }

  acknowledged(reason: string): void {
    const { worker, undrains } = this.#asked.get(reason)!
    const ends = this.#ends(worker)
    // Otherwise nobody knows which of the two came first.
    if (ends.underWay === 0 && ends.asked === undrains) this.#acknowledged.add(worker)
  }

  undraining(worker: string): void {
    this.#acknowledged.delete(worker)
    const ends = this.#ends(worker)
    ends.asked++
    ends.underWay++
  }

  undrained(worker: string): void {
    this.#ends(worker).underWay--
  }

  #ends(worker: string) {
    const ends = this.#undrains.get(worker) ?? { asked: 0, underWay: 0 }
    this.#undrains.set(worker, ends)
    return ends
  }

  committed(at: Position, { puts, deletes }: Pick<CommitRequest, 'puts' | 'deletes'>): void {
    if (comparePositions(at, this.#newest) > 0) this.#newest = at
    for (const { table, id, json } of puts) {
      if (table !== 'drain') continue
      const { askedAtMs } = JSON.parse(json) as DrainRecord
      if (this.#since.get(id)?.askedAtMs !== askedAtMs) this.#since.set(id, { at, askedAtMs })
    }
    for (const { table, id } of deletes) if (table === 'drain') this.#since.delete(id)
  }

  /** What the store holds now counts. */
  storeFell(): void {
    const before = new Map(this.#since)
    this.#since.clear()
    for (const [id, json] of this.#model.rows('drain')) {
      const { at = { epoch: 0, seq: 0 }, askedAtMs } = JSON.parse(json) as DrainRecord
      const known = before.get(id)
      const forgotten = known?.askedAtMs === askedAtMs ? known.forgotten : this.#newest
      this.#since.set(id, { at, askedAtMs, ...(forgotten && { forgotten }) })
    }
  }

  /** A Worker has handled a message of a leader that it obeys. */
  obeyed(
    { place, incarnation }: WatchedWorker,
    at: Position,
    message: CoreMessage,
    effects: readonly WorkerEffect[],
  ): void {
    const drain = this.#since.get(`${place.name}@${place.machine.host}`)
    if (drain === undefined || comparePositions(at, drain.forgotten ?? drain.at) <= 0) return
    const since = drain.at
    for (const { kind } of effects)
      if (kind === 'startDriver' || kind === 'startExecutor')
        if (message.type === 'LaunchDriver' || message.type === 'LaunchExecutor')
          this.#fail(
            'drain',
            `${incarnation} started what ${message.type} of ${at.epoch}:${at.seq} asks for, and is drained since ${since.epoch}:${since.seq}`,
          )
  }

  /** A task runs again. Only the deadline of a drain is a cause of that. */
  repeated(cause: string): void {
    const [, reason = ''] = /is drained: ([^;]*)/.exec(cause) ?? []
    const asked = this.#asked.get(reason)
    if (!asked) return
    const { rates, timeline } = this.#world
    // The wall clocks of Masters decide after a failover.
    if (rates.weights.clockJump > 0) return
    const lastedMs = timeline.nowMs - asked.atMs
    if (lastedMs < 0.97 * asked.deadlineMs - EARLY_MS)
      this.#fail(
        'drain',
        `a task runs again ${lastedMs.toFixed(0)} ms after a drain of ${asked.deadlineMs} ms: ${cause}`,
      )
  }

  look(): void {
    if (this.#world.checks.debts.falls > 0) return
    for (const name of this.#acknowledged)
      if (![...this.#since.keys()].some((id) => id.startsWith(`${name}@`)))
        this.#fail('drain', `the drain of ${name} was acknowledged, and the store does not hold it`)
    for (const { process, leads, name } of this.#world.masters) {
      if (!leads || !process) continue
      const state = process.masterHost.snapshot()
      // What it has not committed yet it may still take back.
      if (state.state !== 'ALIVE' || process.incarnation !== this.#model.leader()?.owner) continue
      for (const worker of state.workers)
        if (worker.state === 'ALIVE' && this.#acknowledged.has(worker.name))
          this.#fail('drain', `${name} does not know of the drain of ${worker.name}`)
    }
  }
}
