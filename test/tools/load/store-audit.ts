import { tables } from '../../../runtime/persistence/engine.js'
import { clusterKeys } from '../../../runtime/persistence/redis/keys.js'
import { parseLeaderRecord } from '../../../runtime/persistence/redis/leader-record.js'
import { ownFormats } from '../../../runtime/persistence/store-format.js'
import type { RedisServer } from '../../harness/redis-server.js'

export interface StoredPosition {
  readonly epoch: number
  readonly seq: number
}

/**
 * Writes that the store accepted from a leader after its successor's election: positions of an earlier epoch
 * above what the present leader found when it was elected (its base).
 */
export const writesAfterSuccession = (
  at: readonly StoredPosition[],
  epoch: number,
  base: StoredPosition,
): number =>
  at.filter(
    (position) =>
      position.epoch < epoch &&
      (position.epoch > base.epoch || (position.epoch === base.epoch && position.seq > base.seq)),
  ).length

/** Of a Master with any secret. */
function leaderOf(flat: readonly string[], cluster: string, place: string) {
  const keyId = flat[flat.indexOf('key') + 1] ?? ''
  return parseLeaderRecord(flat, { cluster, formats: ownFormats, keyId, place })
}

/** Reads the store as it is now. 0 if the leader changed meanwhile: the next round checks again. */
export async function auditStore(redis: RedisServer, cluster: string): Promise<number> {
  const keys = clusterKeys(cluster)
  const leader = async () =>
    leaderOf((await redis.cli('HGETALL', keys.leader)).split('\n'), cluster, keys.leader)
  const before = await leader()
  const at: StoredPosition[] = []
  for (const table of tables) {
    for (const line of (await redis.cli('HVALS', keys.table[table])).split('\n')) {
      if (line === '') continue
      const record = JSON.parse(line) as { at?: StoredPosition }
      if (record.at === undefined) throw new Error(`a record of ${table} has no position: ${line}`)
      at.push(record.at)
    }
  }
  const after = await leader()
  if (!before || !after) throw new Error('the store has no leader record')
  return before.epoch === after.epoch ? writesAfterSuccession(at, after.epoch, after.base) : 0
}
