import { silentLog } from '../../runtime/observe/log.js'
import { type RecordSchemas, type Table, tables } from '../../runtime/persistence/engine.js'
import { clusterKeys, decodeId } from '../../runtime/persistence/redis/keys.js'
import { RecordSeal } from '../../runtime/persistence/redis/record-seal.js'
import { RedisEngine } from '../../runtime/persistence/redis/redis-engine.js'
import { RedisConnection } from '../../runtime/redis/connection.js'
import { serverTarget } from '../../runtime/redis/target.js'

/** A command may take a quarter of it. A closed connection also keeps the process for that long. */
const leaseMs = 16_000

const SECRET = 'a secret of the simulation only'

/** A connection to a Redis that is up. */
export async function connect(url: string, name = 'simulation'): Promise<RedisConnection> {
  const connection = new RedisConnection({
    target: serverTarget(url),
    name,
    leaseMs,
    demands: { data: true },
    random: Math.random,
    log: silentLog,
  })
  connection.start()
  await connection.settled
  if (connection.degradation !== undefined) throw connection.degradation
  return connection
}

export interface RealStoreOptions {
  /** One for each candidate. */
  readonly connections: readonly RedisConnection[]
  readonly cluster: string
  readonly schemas: RecordSchemas
  readonly pageRecords: number
}

/** One cluster on a real Redis: an engine for each candidate, and what only the test does to the store. */
export class RealStore {
  readonly engines: readonly RedisEngine[]
  readonly warnings: string[] = []
  readonly #connection: RedisConnection
  readonly #cluster: string
  readonly #keys: readonly string[]
  readonly #tables: readonly (readonly [table: Table, key: string])[]
  readonly #leader: string
  readonly #seal: RecordSeal

  constructor({ connections, cluster, schemas, pageRecords }: RealStoreOptions) {
    this.#connection = connections[0]!
    this.#cluster = cluster
    const keys = clusterKeys(cluster)
    this.#seal = new RecordSeal(SECRET, cluster)
    this.#leader = keys.leader
    this.#tables = tables.map((table) => [table, keys.table[table]])
    this.#keys = [keys.leader, ...Object.values(keys.table), keys.quarantine]
    this.engines = connections.map(
      (connection) =>
        new RedisEngine({
          connection,
          cluster,
          schemas,
          seal: this.#seal,
          replicas: 0,
          leaseMs,
          wallMs: () => 0,
          onWarning: (place, reason) => this.warnings.push(`${place}: ${reason}`),
          readPage: pageRecords,
          formats: { min: 1, max: 1000 },
        }),
    )
  }

  /** At maxmemory, or with free memory again. */
  async setFull(full: boolean): Promise<void> {
    await this.#connection.call('CONFIG', 'SET', 'maxmemory', full ? 1 : 0)
  }

  /** Not while it is full. */
  async save(slot: number): Promise<void> {
    for (const key of this.#keys) await this.#copy(key, this.#savedKey(slot, key))
  }

  /** Back to what `save` kept. Not while it is full. */
  async fall(slot: number): Promise<void> {
    for (const key of this.#keys) await this.#copy(this.#savedKey(slot, key), key)
  }

  /** The content of each table as text, without the engine. Text that no engine sealed stays as it is. */
  async rows(): Promise<Record<string, Map<string, string>>> {
    const found: Record<string, Map<string, string>> = {}
    for (const [name, key] of this.#tables) {
      const flat = (await this.#connection.call('HGETALL', key)) as string[]
      const rows = new Map<string, string>()
      for (let i = 0; i < flat.length; i += 2) {
        const id = decodeId(Buffer.from(flat[i]!))!
        const text = flat[i + 1]!
        rows.set(id, this.#seal.open(name, id, Buffer.from(text)) ?? text)
      }
      found[name] = rows
    }
    return found
  }

  /** Names of the fields of the leader record, sorted, and further keys that the engine does not know. */
  async strangers(): Promise<{ fields: string[]; keys: string[] }> {
    const fields = (await this.#connection.call('HKEYS', this.#leader)) as string[]
    const keys = (await this.#connection.call('KEYS', `{firesteel:${this.#cluster}}:*`)) as string[]
    return { fields: fields.sort(), keys: keys.filter((key) => !this.#keys.includes(key)) }
  }

  /** Deletes all of it. */
  async clear(): Promise<void> {
    const saved = [0, 1].flatMap((slot) => this.#keys.map((key) => this.#savedKey(slot, key)))
    await this.#connection.call('DEL', ...this.#keys, ...saved)
  }

  async #copy(from: string, to: string): Promise<void> {
    await this.#connection.call('DEL', to)
    await this.#connection.call('COPY', from, to)
  }

  #savedKey(slot: number, key: string): string {
    return `saved:${slot}:${key}`
  }
}
