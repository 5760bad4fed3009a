import { FiresteelError, reasonOf } from '../../runtime/errors.js'
import { limits } from '../../runtime/limits.js'
import { before, sleep, type TimerSource } from '../../runtime/timers.js'
import type { LeaderLock } from './leader-lock.js'
import { attemptMs } from './lease.js'

/**
 * The lock servers as one, by majority. Its promises may settle late or never, and their errors do not name
 * the cause.
 */
export interface LockQuorum {
  /**
   * One promise per server: milliseconds until the lock runs out there. It rejects if the server does not
   * answer.
   */
  remainingMs(): readonly Promise<number>[]
  /**
   * Sets this value for one lease on each server where the lock is free or has this value. Rejects if that is
   * no majority: on the other servers the lock has another value, or they are away.
   */
  take(value: string): Promise<unknown>
  /** Resolves when no server of a majority has this value. */
  release(value: string): Promise<unknown>
}

export interface QuorumLockOptions {
  readonly quorum: LockQuorum
  readonly leaseMs: number
  readonly timers: TimerSource
  /** Makes a value that is never used anywhere else. */
  readonly newValue: () => string
}

/** A LeaderLock over a quorum. */
export class QuorumLock implements LeaderLock {
  readonly #quorum: LockQuorum
  readonly #leaseMs: number
  readonly #timers: TimerSource
  readonly #newValue: () => string

  constructor({ quorum, leaseMs, timers, newValue }: QuorumLockOptions) {
    this.#quorum = quorum
    this.#leaseMs = leaseMs
    this.#timers = timers
    this.#newValue = newValue
  }

  remainingMs(): Promise<number> {
    return this.#within('remaining time', this.#remaining())
  }

  async acquire(): Promise<string | undefined> {
    const value = this.#newValue()
    const taken = this.#quorum.take(value)
    let isOurs = false
    try {
      const decided = Promise.race([this.#unlessRefused(taken), this.#undecided()])
      isOurs = await this.#within('acquire', decided)
    } finally {
      if (!isOurs) {
        // Locks that a minority gave, or gives from now on, would otherwise stay for a lease.
        void this.release(value)
        void taken.then(
          () => this.release(value),
          () => undefined,
        )
      }
    }
    return isOurs ? value : undefined
  }

  extend(value: string): Promise<boolean> {
    return this.#within('extend', this.#unlessRefused(this.#quorum.take(value)))
  }

  async release(value: string): Promise<void> {
    // A late or refused release does no harm, because the key expires.
    await this.#within('release', this.#quorum.release(value)).catch(() => undefined)
  }

  /**
   * redlock reports a lock of another Master and absent servers alike. The servers that answer now show which
   * it was.
   */
  async #unlessRefused(taken: Promise<unknown>): Promise<boolean> {
    try {
      await taken
      return true
    } catch {
      await this.#remaining()
      return false
    }
  }

  /**
   * False once a majority has answered and the other servers had a moment. Two candidates may each hold one
   * of three servers while the third is silent; without this neither would ever learn that it has no
   * majority.
   */
  async #undecided(): Promise<boolean> {
    await sleep(limits.slowLockServerMs, this.#timers)
    await this.#remaining()
    // The answer to `take` may have arrived together with the answer to this, and it counts.
    await sleep(0, this.#timers)
    return false
  }

  /**
   * Milliseconds until a majority of all servers is free. A server that does not answer is never free. Once a
   * majority has answered, slow servers get a moment more.
   */
  #remaining(): Promise<number> {
    return new Promise((resolve, reject) => {
      const asked = this.#quorum.remainingMs()
      const needed = Math.floor(asked.length / 2) + 1
      const answers: number[] = []
      const failures: unknown[] = []
      const decide = (): void => resolve(answers.sort((a, b) => a - b)[needed - 1] ?? 0)
      const count = (): void => {
        if (failures.length >= needed) reject(noMajority(reasonOf(failures[0])))
        else if (answers.length + failures.length === asked.length) decide()
        else if (answers.length === needed) this.#timers.after(limits.slowLockServerMs, decide)
      }
      for (const answer of asked) {
        void answer
          .then(
            (ms) => answers.push(ms),
            (error: unknown) => failures.push(error),
          )
          .then(count)
      }
    })
  }

  /** Rejects after lease/4. */
  #within<T>(what: string, work: Promise<T>): Promise<T> {
    const late = (): Error => noMajority(`${what} took longer than a quarter of the lease`)
    return before(work, attemptMs(this.#leaseMs), this.#timers, late)
  }
}

function noMajority(why: string): FiresteelError {
  return new FiresteelError('STORE_UNAVAILABLE', `The lock servers have no majority: ${why}.`)
}
