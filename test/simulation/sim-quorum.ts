import type { LockQuorum } from '../../actors/election/quorum-lock.js'
import type { LockServer } from './lock-server.js'
import type { LockServerModel } from './lock-server-model.js'
import type { Place } from './place.js'

/** What redlock does, over simulated servers: a majority, or nothing. */
export class SimQuorum implements LockQuorum {
  readonly #place: Place
  readonly #servers: readonly LockServer[]
  readonly #leaseMs: number

  constructor(place: Place, servers: readonly LockServer[], leaseMs: number) {
    this.#place = place
    this.#servers = servers
    this.#leaseMs = leaseMs
  }

  remainingMs(): Promise<number>[] {
    return this.#servers.map(
      (server) =>
        new Promise((resolve, reject) => {
          server.ask(
            this.#place,
            (model, nowMs) => model.remainingMs(nowMs),
            (answer) =>
              answer === undefined ? reject(new Error(`${server.name} is down`)) : resolve(answer),
          )
        }),
    )
  }

  take(value: string): Promise<void> {
    return this.#vote((model, nowMs) => model.take(value, this.#leaseMs, nowMs))
  }

  release(value: string): Promise<void> {
    return this.#vote((model) => {
      model.release(value)
      return true
    })
  }

  /** Settles as soon as a majority agrees, or can no longer agree. */
  #vote(work: (model: LockServerModel, nowMs: number) => boolean): Promise<void> {
    const majority = Math.floor(this.#servers.length / 2) + 1
    return new Promise((resolve, reject) => {
      let [yes, no] = [0, 0]
      for (const server of this.#servers) {
        server.ask(this.#place, work, (answer) => {
          if (answer === true) yes++
          else no++
          if (yes === majority) resolve()
          else if (no > this.#servers.length - majority) reject(new Error('no majority'))
        })
      }
    })
  }
}
