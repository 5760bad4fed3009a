import { randomBytes } from 'node:crypto'
import Redlock, { Lock } from 'redlock'
import { FiresteelError } from '../../runtime/errors.js'
import type { LockServer } from '../../runtime/redis/lock-server.js'
import { systemTimers, type TimerSource } from '../../runtime/timers.js'
import { type LockQuorum, QuorumLock } from './quorum-lock.js'

export interface RedlockLockOptions {
  /** An odd number, because with an even one redlock's promise may never settle. */
  readonly servers: readonly LockServer[]
  readonly key: string
  readonly leaseMs: number
  readonly timers?: TimerSource
}

/** LeaderLock over redlock. */
export class RedlockLock extends QuorumLock {
  /** Throws CONFIG_INVALID for an even number of servers. */
  constructor({ timers = systemTimers, ...options }: RedlockLockOptions) {
    const newValue = (): string => randomBytes(16).toString('hex')
    super({ quorum: new RedlockQuorum(options), leaseMs: options.leaseMs, timers, newValue })
  }
}

/** A Redis at maxmemory must not refuse to extend the lock of a working leader. */
const allowOom = (script: string): string => `#!lua flags=allow-oom\n${script}`

/**
 * Sets the lock also where the key is gone. So a server that came back without its data holds the lock again,
 * and counts when another one fails. No other Master can hold a majority then.
 */
const takeFreeOrOwn = `
  for i, key in ipairs(KEYS) do
    local held = redis.call("get", key)
    if held and held ~= ARGV[1] then return 0 end
  end
  for i, key in ipairs(KEYS) do redis.call("set", key, ARGV[1], "PX", ARGV[2]) end
  return #KEYS
`

/**
 * Succeeds also where the key has another value or none, because the lock is not held there. Otherwise two
 * Masters that release the same lock could each succeed on one server of three, and wait for the silent
 * third.
 */
const releaseOrLeave = `
  for i, key in ipairs(KEYS) do
    if redis.call("get", key) == ARGV[1] then redis.call("del", key) end
  end
  return #KEYS
`

/**
 * redlock's retries, its `using` and its own check of time are not used, because it reads the wall clock. Its
 * `acquire` is not used either: it tells the value only after a majority gave it, so a minority's locks could
 * not be released.
 */
class RedlockQuorum implements LockQuorum {
  readonly #servers: readonly LockServer[]
  readonly #key: string
  readonly #leaseMs: number
  readonly #redlock: Redlock

  constructor({ servers, key, leaseMs }: RedlockLockOptions) {
    if (servers.length % 2 === 0) {
      const message = `There are ${servers.length} lock servers; a majority needs an odd number.`
      throw new FiresteelError('CONFIG_INVALID', message, { place: 'recovery.election' })
    }
    this.#servers = servers
    this.#key = key
    this.#leaseMs = Math.round(leaseMs)
    // Any ioredis client fits; runtime/redis does not export its type.
    const clients = servers.map((server) => server.client) as ConstructorParameters<typeof Redlock>[0]
    this.#redlock = new Redlock(
      clients,
      { retryCount: 0 },
      { extendScript: () => allowOom(takeFreeOrOwn), releaseScript: () => allowOom(releaseOrLeave) },
    )
  }

  remainingMs(): Promise<number>[] {
    return this.#servers.map((server) => server.remainingMs(this.#key))
  }

  take(value: string): Promise<unknown> {
    return this.#redlock.extend(this.#lockOf(value), this.#leaseMs)
  }

  release(value: string): Promise<unknown> {
    return this.#redlock.release(this.#lockOf(value))
  }

  /**
   * A Lock of which only the value matters. It never expires, because redlock refuses to extend an expired
   * one.
   */
  #lockOf(value: string): Lock {
    return new Lock(this.#redlock, [this.#key], value, [], Number.POSITIVE_INFINITY)
  }
}
