import { FiresteelError } from '../errors.js'
import type { RedisConnection } from './connection.js'

/** One Redis that holds the lock. */
export interface LockServer {
  readonly label: string
  /** The ioredis client, for redlock only. */
  readonly client: unknown
  /** Milliseconds until the key expires; 0: there is no key. Rejects if the server does not answer. */
  remainingMs(key: string): Promise<number>
}

export function connectionLockServer(connection: RedisConnection): LockServer {
  return {
    label: connection.label,
    client: connection.client,
    async remainingMs(key) {
      const ms = Number(await connection.call('PTTL', key))
      // -2: no such key.
      if (ms !== -1) return Math.max(0, ms)
      throw new FiresteelError('STORE_UNREADABLE', 'The key of the lock has no end, so it is not ours.', {
        place: `${connection.label} ${key}`,
        help: 'Something else wrote this key; delete it.',
      })
    },
  }
}
