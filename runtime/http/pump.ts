import { setImmediate as nextTurn } from 'node:timers/promises'
import { limits } from '../limits.js'
import { Pace } from '../pace.js'
import type { Connection, StepCost } from './connection.js'

interface Paces {
  readonly requests: Pace
  readonly bytes: Pace
}

export interface PumpOptions {
  readonly nowMs: () => number
  /** A step threw. Its connection was ended. */
  readonly onError: (error: unknown) => void
}

/**
 * Does the work of all connections: one small step of one connection after the other, address by address, for
 * at most `httpSliceMs` in a turn of the event loop. Requests are paced, so that one address takes a bounded
 * part of the loop.
 */
export class Pump {
  readonly #options: PumpOptions
  /** Connections with work, by address. The address that has waited longest comes first. */
  readonly #queues = new Map<string, Connection[]>()
  readonly #paces = new Map<string, Paces>()
  readonly #all: Paces
  readonly #waiting = new Set<NodeJS.Timeout>()
  #isRunning = false

  constructor(options: PumpOptions) {
    this.#options = options
    const now = options.nowMs()
    this.#all = {
      requests: new Pace(limits.httpRequestsPerSecond, now),
      bytes: new Pace(limits.httpBytesPerSecond, now),
    }
  }

  schedule(connection: Connection): void {
    if (connection.isScheduled) return
    connection.isScheduled = true
    const queue = this.#queues.get(connection.address)
    if (queue) queue.push(connection)
    else this.#queues.set(connection.address, [connection])
    if (!this.#isRunning) void this.#run()
  }

  /** Forgets addresses that have been quiet. Call it now and then. */
  sweep(): void {
    const now = this.#options.nowMs()
    for (const [address, { requests, bytes }] of this.#paces) {
      if (requests.isFull(now) && bytes.isFull(now)) this.#paces.delete(address)
    }
  }

  close(): void {
    for (const timer of this.#waiting) clearTimeout(timer)
    this.#queues.clear()
  }

  async #run(): Promise<void> {
    this.#isRunning = true
    while (this.#queues.size > 0) {
      await nextTurn()
      const untilMs = this.#options.nowMs() + limits.httpSliceMs
      do {
        const connection = this.#next()
        if (connection === undefined) break
        this.#step(connection)
        // What the step has begun runs before the time is checked.
        await undefined
      } while (this.#options.nowMs() < untilMs)
    }
    this.#isRunning = false
  }

  #next(): Connection | undefined {
    for (const [address, queue] of this.#queues) {
      const connection = queue.shift()
      this.#queues.delete(address)
      if (queue.length > 0) this.#queues.set(address, queue)
      if (connection !== undefined) return connection
    }
    return undefined
  }

  #step(connection: Connection): void {
    const waitMs = this.#waitMs(connection.address, connection.cost)
    if (waitMs > 0) {
      const timer = setTimeout(() => {
        this.#waiting.delete(timer)
        connection.isScheduled = false
        if (!connection.destroyed) this.schedule(connection)
      }, waitMs)
      this.#waiting.add(timer)
      return
    }
    connection.isScheduled = false
    try {
      connection.step()
    } catch (error) {
      connection.destroy()
      this.#options.onError(error)
    }
  }

  /** 0: the step may run now, and its cost is counted. */
  #waitMs(address: string, cost: StepCost): number {
    const now = this.#options.nowMs()
    for (const kind of ['requests', 'bytes'] as const) {
      const amount = cost[kind]
      if (amount === 0) continue
      const own = this.#pacesOf(address, now)[kind]
      const waitMs = Math.max(own.waitMs(now), this.#all[kind].waitMs(now))
      if (waitMs > 0) return waitMs
      own.take(amount, now)
      this.#all[kind].take(amount, now)
    }
    return 0
  }

  #pacesOf(address: string, now: number): Paces {
    const known = this.#paces.get(address)
    if (known) return known
    const paces = {
      requests: new Pace(limits.httpRequestsPerSecondPerAddress, now),
      bytes: new Pace(limits.httpBytesPerSecondPerAddress, now),
    }
    this.#paces.set(address, paces)
    return paces
  }
}
