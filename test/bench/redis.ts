import { spawnSync } from 'node:child_process'
import { type RedisServer, startRedis as start } from '../harness/redis-server.js'

export const hasRedis = (): boolean => spawnSync('redis-server', ['--version']).status === 0

/** A Redis of our own, append-only with Redis' own default, as a queue would have it. */
export function startRedis(): Promise<RedisServer> {
  return start({ appendfsync: 'everysec' })
}
