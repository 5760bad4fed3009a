import type { Clock } from '../../clock.js'
import { FiresteelError } from '../../errors.js'
import { type Log, silentLog } from '../../observe/log.js'
import { RedisConnection } from '../../redis/connection.js'
import type { LockServer } from '../../redis/lock-server.js'
import { connectionLockServer } from '../../redis/lock-server.js'
import { type RedisTarget, type SentinelSettings, sentinelTarget, serverTarget } from '../../redis/target.js'
import type { PersistenceEngine, RecordSchemas } from '../engine.js'
import type { FormatRange } from '../store-format.js'
import { clusterKeys } from './keys.js'
import { RecordSeal } from './record-seal.js'
import { RedisEngine } from './redis-engine.js'
import { RedisPresence } from './redis-presence.js'

export interface RedisRecoveryOptions {
  readonly cluster: string
  /** URL of the data store; null or absent if `sentinel` finds it. */
  readonly redis?: string | null
  readonly sentinel?: SentinelSettings | null
  /** URLs of the lock servers. Empty: the data store holds the lock. */
  readonly election: readonly string[]
  readonly replicas: number
  readonly leaseMs: number
  readonly schemas: RecordSchemas
  /** Of the cluster. A key that is derived from it seals the records. */
  readonly secret: string
  readonly clock: Clock
  readonly log: Log
  /** Returns numbers in [0, 1), for the jitter of the dials. */
  readonly random?: () => number
  /** Of a store. Default: those of this build. */
  readonly formats?: FormatRange
}

export interface RedisRecovery {
  readonly engine: PersistenceEngine
  readonly presence: RedisPresence
  /** Reports each connection to a data or lock server that came back, but not the first connection. */
  readonly reconnections: { onReconnected(listener: () => void): () => void }
  readonly lockServers: readonly LockServer[]
  /** True if the data store answers and is suitable. */
  reachable(): boolean
  /** Redlock's key. */
  readonly lockKey: string
  /** Closes every connection, including those of the engine. */
  close(): Promise<void>
}

/**
 * Opens connections, engine and presence of one Master. Resolves when the first dial of each connection has
 * succeeded or failed. An absent Redis is dialled for ever, and `engine.leader()` says what is wrong with an
 * unsuitable one. Throws CONFIG_INVALID.
 */
export async function openRedis(options: RedisRecoveryOptions): Promise<RedisRecovery> {
  const { cluster, election, replicas, leaseMs, schemas, clock, log, random = Math.random } = options
  const target = dataTarget(options)
  const open = (at: RedisTarget, purpose: string, data: boolean) => {
    const name = `firesteel:${cluster}:${purpose}`
    return new RedisConnection({
      target: at,
      name,
      leaseMs,
      demands: { data },
      random,
      // One outage of a server is logged once. Its other connections log it at debug level only.
      log: (at === target && !data ? quieter : (one: Log) => one)(log.child({ connection: purpose })),
    })
  }
  const lockTargets = election.length === 0 ? [target] : election.map(serverTarget)
  const data = open(target, 'data', true)
  const subscription = open(target, 'presence', false)
  const locks = lockTargets.map((at) => open(at, 'lock', false))
  const all = [data, subscription, ...locks]

  const keys = clusterKeys(cluster)
  const presence = new RedisPresence({ subscription, data, keys, pingMs: leaseMs })
  const engine = new RedisEngine({
    connection: data,
    cluster,
    schemas,
    seal: new RecordSeal(options.secret, cluster),
    replicas,
    leaseMs,
    wallMs: () => clock.wallMs(),
    ...(options.formats && { formats: options.formats }),
    onWarning: (place, reason) => log.warn(`set aside or not done: ${reason}`, { place }),
  })
  const listeners = new Set<() => void>()
  for (const connection of [data, ...locks]) {
    connection.onReady((again) => {
      if (again) for (const listener of [...listeners]) listener()
    })
  }
  for (const connection of all) connection.start()
  await Promise.all(all.map((connection) => connection.settled))
  return {
    engine,
    presence,
    reconnections: {
      onReconnected(listener) {
        listeners.add(listener)
        return () => {
          listeners.delete(listener)
        }
      },
    },
    lockServers: locks.map((connection) => connectionLockServer(connection)),
    reachable: () => data.isAnswering,
    lockKey: keys.lock,
    async close() {
      presence.close()
      listeners.clear()
      await Promise.all(all.map((connection) => connection.close()))
    },
  }
}

function quieter(log: Log): Log {
  return {
    ...silentLog,
    debug: (...said) => log.debug(...said),
    warn: (...said) => log.debug(...said),
    info: (...said) => log.debug(...said),
  }
}

function dataTarget({ redis, sentinel }: RedisRecoveryOptions): RedisTarget {
  if (sentinel) return sentinelTarget(sentinel)
  if (redis) return serverTarget(redis)
  throw new FiresteelError('CONFIG_INVALID', 'Recovery mode REDIS needs `redis` or `sentinel`.')
}
