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

/** So often it is read in vain at most. */
const READS = 10

/**
 * Reads the store as it is now; once more if the leader changed meanwhile, because what the next leader found
 * is no measure for what the one before it had found.
 */
export async function auditStore(redis: Pick<RedisServer, 'cli'>, cluster: string): Promise<number> {
  const keys = clusterKeys(cluster)
  const leader = async () => {
    const record = leaderOf((await redis.cli('HGETALL', keys.leader)).split('\n'), cluster, keys.leader)
    if (record === undefined) throw new Error('the store has no leader record')
    return record
  }
  let before = await leader()
  for (let reads = 0; reads < READS; reads++) {
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
    if (before.epoch === after.epoch) return writesAfterSuccession(at, after.epoch, after.base)
    before = after
  }
  throw new Error(`the leader was another one after each of ${READS} reads of the store`)
}
