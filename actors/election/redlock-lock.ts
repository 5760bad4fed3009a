import { randomBytes } from 'node:crypto'
import Redlock, { Lock } from 'redlock'
import { FiresteelError } from '../../runtime/errors.js'
import type { LockServer } from '../../runtime/redis/lock-server.js'
import { systemTimers, type TimerSource } from '../../runtime/system/timers.js'
import { type LockQuorum, QuorumLock } from './quorum-lock.js'

export interface RedlockLockOptions {
  /** An odd number: with an even one redlock's promise need not settle. */
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

/** A Redis at maxmemory must not refuse to extend the lock of a leader that works. */
const allowOom = (script: string): string => `#!lua flags=allow-oom\n${script}`

/**
 * Also where the key is gone: a server that came back without its data is given the lock again, so that it counts when
 * another one fails. On a majority nobody else can have it then.
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
 * Also where it has another value or none, as it shall not have this one: two who release the same lock must not each be told
 * of one server of three, and wait for the silent third.
 */
const releaseOrLeave = `
  for i, key in ipairs(KEYS) do
    if redis.call("get", key) == ARGV[1] then redis.call("del", key) end
  end
  return #KEYS
`

/**
 * redlock's own retries, its `using` and its judgement of time stay off: it reads the wall clock. Its `acquire` too: it tells
 * the value after a majority gave it, so that what a minority gave cannot be given back.
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
    // Any client of ioredis will do; runtime/redis keeps its type to itself.
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

  /** A Lock of which only the value counts: redlock refuses to extend one that the wall clock calls expired. */
  #lockOf(value: string): Lock {
    return new Lock(this.#redlock, [this.#key], value, [], Number.POSITIVE_INFINITY)
  }
}
