import { FiresteelError, reasonOf } from '../../runtime/errors.js'
import { limits } from '../../runtime/limits.js'
import type { TimerSource } from '../../runtime/system/timers.js'
import type { LeaderLock } from './leader-lock.js'
import { attemptMs } from './lease.js'

/** The lock servers as one, by majority. Its promises may settle late or never, and do not say why they reject. */
export interface LockQuorum {
  /** One promise for each server: milliseconds until the lock runs out there. Rejects where the server does not answer. */
  remainingMs(): readonly Promise<number>[]
  /**
   * On each server where the lock is free or has this value it has this value, for one lease from now. Rejects where that is
   * no majority: the others are another's, or away.
   */
  take(value: string): Promise<unknown>
  /** Resolves when no server of a majority has this value. */
  release(value: string): Promise<unknown>
}

export interface QuorumLockOptions {
  readonly quorum: LockQuorum
  readonly leaseMs: number
  readonly timers: TimerSource
  /** Nobody else's, ever. */
  readonly newValue: () => string
}

/** The course of a LeaderLock over a quorum. */
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
        // What a minority gave would stay for a lease, and so would what is given from now on.
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
    // Late or refused, it does no harm: the key runs out.
    await this.#within('release', this.#quorum.release(value)).catch(() => undefined)
  }

  /** "No majority" of a lock that is another's as of servers that are away: who answers now tells them apart. */
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
   * False as soon as a majority has answered, and the others have had a moment: two candidates may each have one of three
   * servers while the third is silent, and then neither would ever be told that it has no majority.
   */
  async #undecided(): Promise<boolean> {
    const turn = (ms: number): Promise<void> => new Promise((resolve) => this.#timers.after(ms, resolve))
    await turn(limits.slowLockServerMs)
    await this.#remaining()
    // Its answer to `take` may have come with the one to this: that counts.
    await turn(0)
    return false
  }

  /**
   * When a majority of all servers will be free: a server that does not answer is never free. Those that are slow are waited
   * for a moment, once a majority has answered.
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
    return new Promise((resolve, reject) => {
      const cancel = this.#timers.after(attemptMs(this.#leaseMs), () =>
        reject(noMajority(`${what} took longer than a quarter of the lease`)),
      )
      work.then(resolve, reject).finally(cancel)
    })
  }
}

function noMajority(why: string): FiresteelError {
  return new FiresteelError('STORE_UNAVAILABLE', `The lock servers have no majority: ${why}.`)
}
