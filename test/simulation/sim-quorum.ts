import type { LeaderLock } from '../../actors/election/leader-lock.js'
import { attemptMs, slowServerMs } from '../../actors/election/lease.js'
import { FiresteelError } from '../../runtime/errors.js'
import type { LockServer } from './lock-server.js'
import type { LockServerModel } from './lock-server-model.js'
import type { Place } from './place.js'
import type { Random } from './random.js'

/** RedlockLock's course over simulated servers: a majority, or nothing. Each call ends within lease/4. */
export class SimLock implements LeaderLock {
  readonly #place: Place
  readonly #servers: readonly LockServer[]
  readonly #leaseMs: number
  readonly #random: Random

  constructor(place: Place, servers: readonly LockServer[], leaseMs: number, random: Random) {
    this.#place = place
    this.#servers = servers
    this.#leaseMs = leaseMs
    this.#random = random
  }

  remainingMs(): Promise<number> {
    return this.#within(this.#remaining())
  }

  acquire(): Promise<string | undefined> {
    const value = this.#random.hex(32)
    const set = this.#vote((model, nowMs) => model.set(value, this.#leaseMs, nowMs))
    const acquired = set.then(async (isOurs) => {
      if (isOurs) return value
      void this.release(value)
      return this.#refused(undefined)
    })
    return this.#within(acquired, (late) => {
      if (late !== undefined) void this.release(late)
    })
  }

  extend(value: string): Promise<boolean> {
    const extended = this.#vote((model, nowMs) => model.extend(value, this.#leaseMs, nowMs))
    return this.#within(extended.then((isOurs) => isOurs || this.#refused(false)))
  }

  async release(value: string): Promise<void> {
    await this.#within(this.#vote((model) => model.release(value))).catch(() => {})
  }

  get #majority(): number {
    return Math.floor(this.#servers.length / 2) + 1
  }

  /** Another's, or away: who answers now tells them apart. */
  async #refused<T>(refused: T): Promise<T> {
    await this.#remaining()
    return refused
  }

  /** As soon as a majority says yes, or cannot any more. */
  #vote(work: (model: LockServerModel, nowMs: number) => boolean): Promise<boolean> {
    return new Promise((resolve) => {
      let [yes, no] = [0, 0]
      for (const server of this.#servers) {
        server.ask(this.#place, work, (answer) => {
          if (answer === true) yes++
          else no++
          if (yes === this.#majority) resolve(true)
          else if (no > this.#servers.length - this.#majority) resolve(false)
        })
      }
    })
  }

  #remaining(): Promise<number> {
    return new Promise((resolve, reject) => {
      const answers: number[] = []
      let failures = 0
      const decide = (): void => resolve(answers.sort((a, b) => a - b)[this.#majority - 1] ?? 0)
      for (const server of this.#servers) {
        server.ask(
          this.#place,
          (model, nowMs) => model.remainingMs(nowMs),
          (answer) => {
            if (answer === undefined) failures++
            else answers.push(answer)
            if (failures >= this.#majority) reject(noMajority())
            else if (answers.length + failures === this.#servers.length) decide()
            else if (answers.length === this.#majority) this.#place.after(slowServerMs, decide)
          },
        )
      }
    })
  }

  /** Rejects after lease/4; `onLate` gets what comes after that. */
  #within<T>(work: Promise<T>, onLate?: (result: T) => void): Promise<T> {
    return new Promise((resolve, reject) => {
      let isOver = false
      const cancel = this.#place.after(attemptMs(this.#leaseMs), () => {
        isOver = true
        reject(noMajority())
      })
      work.then(
        (result) => {
          if (isOver) onLate?.(result)
          else resolve(result)
          cancel()
        },
        (error: unknown) => {
          cancel()
          reject(error)
        },
      )
    })
  }
}

const noMajority = (): FiresteelError =>
  new FiresteelError('STORE_UNAVAILABLE', 'no majority of lock servers answers')
