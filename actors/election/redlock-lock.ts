import Redlock, { Lock } from 'redlock'
import { FiresteelError, reasonOf } from '../../runtime/errors.js'
import type { LockServer } from '../../runtime/redis/lock-server.js'
import { systemTimers, type TimerSource } from '../../runtime/system/timers.js'
import type { LeaderLock } from './leader-lock.js'
import { attemptMs, slowServerMs } from './lease.js'

export interface RedlockLockOptions {
  /** An odd number: with an even one redlock's promise need not settle. */
  readonly servers: readonly LockServer[]
  readonly key: string
  readonly leaseMs: number
  readonly timers?: TimerSource
}

/** A Redis at maxmemory must not refuse to extend the lock of a leader that works. */
const allowOom = (script: string): string => `#!lua flags=allow-oom\n${script}`

/**
 * Also where the key is gone: a server that came back without its data is given the lock again, so that it counts when
 * another one fails. On a majority nobody else can have it then.
 */
const extendOrTakeFree = `
  for i, key in ipairs(KEYS) do
    local held = redis.call("get", key)
    if held and held ~= ARGV[1] then return 0 end
  end
  for i, key in ipairs(KEYS) do redis.call("set", key, ARGV[1], "PX", ARGV[2]) end
  return #KEYS
`

/**
 * LeaderLock over redlock. Its own retries, its `using` and its judgement of time stay off: it reads the wall clock, and its
 * promises may settle late or never.
 */
export class RedlockLock implements LeaderLock {
  readonly #servers: readonly LockServer[]
  readonly #key: string
  readonly #leaseMs: number
  readonly #timers: TimerSource
  readonly #redlock: Redlock

  /** Throws CONFIG_INVALID for an even number of servers. */
  constructor({ servers, key, leaseMs, timers = systemTimers }: RedlockLockOptions) {
    if (servers.length % 2 === 0) {
      const message = `There are ${servers.length} lock servers; a majority needs an odd number.`
      throw new FiresteelError('CONFIG_INVALID', message, { place: 'recovery.election' })
    }
    this.#servers = servers
    this.#key = key
    this.#leaseMs = Math.round(leaseMs)
    this.#timers = timers
    // Any client of ioredis will do; runtime/redis keeps its type to itself.
    const clients = servers.map((server) => server.client) as ConstructorParameters<typeof Redlock>[0]
    this.#redlock = new Redlock(
      clients,
      { retryCount: 0 },
      { acquireScript: allowOom, extendScript: () => allowOom(extendOrTakeFree), releaseScript: allowOom },
    )
  }

  remainingMs(): Promise<number> {
    return this.#within('remaining time', this.#remaining())
  }

  acquire(): Promise<string | undefined> {
    const acquired = this.#redlock.acquire([this.#key], this.#leaseMs).then(({ value }) => value)
    return this.#within('acquire', this.#unlessRefused(acquired, undefined), (value) => {
      if (value !== undefined) void this.release(value)
    })
  }

  extend(value: string): Promise<boolean> {
    const extended = this.#redlock.extend(this.#lockOf(value), this.#leaseMs).then(() => true)
    return this.#within('extend', this.#unlessRefused(extended, false))
  }

  async release(value: string): Promise<void> {
    // Late or refused, it does no harm: the key runs out.
    await this.#within('release', this.#redlock.release(this.#lockOf(value))).catch(() => undefined)
  }

  /** A Lock of which only the value counts: redlock refuses to extend one that the wall clock calls expired. */
  #lockOf(value: string): Lock {
    return new Lock(this.#redlock, [this.#key], value, [], Number.POSITIVE_INFINITY)
  }

  /** redlock says "no quorum" of a lock that is another's as of servers that are away: who answers now tells them apart. */
  async #unlessRefused<T>(work: Promise<T>, refused: T): Promise<T> {
    try {
      return await work
    } catch {
      await this.#remaining()
      return refused
    }
  }

  /**
   * When a majority of all servers will be free: a server that does not answer is never free. Those that are slow are waited
   * for a moment, once a majority has answered.
   */
  #remaining(): Promise<number> {
    const needed = Math.floor(this.#servers.length / 2) + 1
    return new Promise((resolve, reject) => {
      const answers: number[] = []
      const failures: unknown[] = []
      const decide = (): void => resolve(answers.sort((a, b) => a - b)[needed - 1] ?? 0)
      const count = (): void => {
        const isComplete = answers.length + failures.length === this.#servers.length
        if (failures.length >= needed) reject(noMajority(reasonOf(failures[0])))
        else if (isComplete) decide()
        else if (answers.length === needed) this.#timers.after(slowServerMs, decide)
      }
      for (const server of this.#servers) {
        void server
          .remainingMs(this.#key)
          .then(
            (ms) => answers.push(ms),
            (error: unknown) => failures.push(error),
          )
          .then(count)
      }
    })
  }

  /** Rejects after lease/4. `onLate` gets a success that comes after that. */
  #within<T>(what: string, work: Promise<T>, onLate?: (result: T) => void): Promise<T> {
    return new Promise((resolve, reject) => {
      let isOver = false
      const cancel = this.#timers.after(attemptMs(this.#leaseMs), () => {
        isOver = true
        reject(noMajority(`${what} took longer than a quarter of the lease`))
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

function noMajority(why: string): FiresteelError {
  return new FiresteelError('STORE_UNAVAILABLE', `The lock servers have no majority: ${why}.`)
}
