import { FiresteelError } from '../../runtime/errors.js'
import type {
  CommitOutcome,
  CommitRequest,
  ElectOutcome,
  ElectRequest,
  Fence,
  LeaderRecord,
  Page,
  Quarantined,
  RecordSchemas,
  Table,
} from '../../runtime/persistence/engine.js'
import { clusterKeys } from '../../runtime/persistence/redis/keys.js'
import { deposed, elected, isSame, nobody, noMemory, noRows, notWritable, rewound } from './store-outcomes.js'
import type { Hold, StoreRows } from './store-rows.js'

export interface StoreModelOptions {
  /** For the places of quarantined records. Default `c`. */
  readonly cluster?: string
  /** Least entries of a page. Default 512. */
  readonly pageRecords?: number
  /** Default: every JSON object is a record. */
  readonly schemas?: RecordSchemas
}

/** A state of a store. It never changes, and any StoreModel can be set to it. */
export interface StoreState {
  readonly leader: LeaderRecord
  readonly rows: Readonly<Record<Table, StoreRows>>
  readonly aside: ReadonlyMap<string, Aside>
}

interface Aside {
  readonly reason: string
  readonly json: string
}

/** Write ids that a write names. `n` is not compared. */
interface Link {
  readonly n?: number
  readonly prev: string
  readonly writeId?: string
}

interface Unreadable {
  readonly id: string
  readonly json: string
  readonly reason: string
}

/**
 * The data store as RedisEngine and its scripts show it (protocol 3), in memory.
 * `test/io/simulation-store.test.ts` compares it with real ones. Times come from outside. Each check or write
 * is one line, because the checker's own tests replace such lines.
 */
export class StoreModel {
  /** At maxmemory: puts are refused, everything else passes. */
  full = false
  /** A replica, as long as the connection has not noticed. */
  readOnly = false
  readonly #pageRecords: number
  readonly #schemas: RecordSchemas | undefined
  readonly #quarantine: string
  /** Unreadable records that the readers keep until the end of their scan. They are not part of the store. */
  readonly #unreadable = new Map<string, Unreadable[]>()
  #hold: Hold = {}
  #leader: LeaderRecord = nobody
  #rows: Record<Table, StoreRows> = { ...noRows }
  #aside: ReadonlyMap<string, Aside> = new Map()

  constructor({ cluster = 'c', pageRecords = 512, schemas }: StoreModelOptions = {}) {
    this.#pageRecords = pageRecords
    this.#schemas = schemas
    this.#quarantine = clusterKeys(cluster).quarantine
  }

  leader(): LeaderRecord | undefined {
    return this.#leader === nobody ? undefined : this.#leader
  }

  elect(
    { seen, me, address, lock, observedEpoch, earlier = [], writeId, protocols, format }: ElectRequest,
    nowMs: number,
  ): ElectOutcome {
    if (this.readOnly) return notWritable
    const at = this.#leader
    if (at.owner === me) return elected(at)
    if (!isSame(at, seen ?? nobody)) return { kind: 'changed', epoch: at.epoch, owner: at.owner }
    if ((at.format ?? format) !== format) return { kind: 'changed', epoch: at.epoch, owner: at.owner }
    const epoch = Math.max(at.epoch, observedEpoch) + 1
    const position = { epoch, seq: at.position.seq }
    const base = at.position
    const life = { touchedMs: nowMs, left: false, ownerGone: false }
    this.#leader = {
      epoch,
      owner: me,
      address,
      lock,
      position,
      writeId,
      base,
      earlier,
      ...(protocols && { protocols }),
      format,
      ...life,
    }
    return elected(this.#leader)
  }

  touch(fence: Fence, lock: string, prev: string | undefined, nowMs: number): CommitOutcome {
    if (this.readOnly) return notWritable
    const refused = this.#compareFence(fence, prev === undefined ? undefined : { prev })
    if (refused !== undefined) return refused
    this.#leader = { ...this.#leader, lock, touchedMs: nowMs }
    return { kind: 'ok', position: this.#leader.position }
  }

  /** Like a touch, but the time is not stored. */
  commit(fence: Fence, request: CommitRequest, _nowMs: number): CommitOutcome {
    const { n, writeId, puts, deletes, format = this.#leader.format } = request
    // Without puts the script declares that it writes, so a replica does not begin it.
    if (this.readOnly && puts.length === 0) return notWritable
    const refused = this.#compareFence(fence, request)
    if (refused !== undefined) return refused
    if (this.readOnly) return notWritable
    if (this.full && puts.length > 0) return noMemory
    for (const { table, id, json } of puts) this.#put(table, id, json)
    for (const { table, id } of deletes) this.#delete(table, id)
    const position = { epoch: fence.epoch, seq: n }
    this.#leader = { ...this.#leader, position, writeId, ...(format !== undefined && { format }) }
    return { kind: 'ok', position: this.#leader.position }
  }

  leave(fence: Fence): void {
    if (this.readOnly) return
    if (!isSame(this.#leader, fence)) return
    this.#leader = { ...this.#leader, left: true }
  }

  /** Throws STORE_UNAVAILABLE if a record must be set aside and cannot be. */
  read(fence: Fence, writeId: string | undefined, table: Table, cursor: string | undefined): Page {
    const reader = `${fence.owner} ${table}`
    if (cursor === undefined) this.#unreadable.delete(reader)
    if (this.#hasMoved(fence, writeId)) return { kind: 'moved' }
    const { entries, next } = this.#rows[table].page(Number(cursor ?? 0), this.#pageRecords)
    const records = this.#readable(reader, table, entries)
    if (next !== undefined) return { kind: 'page', records, cursor: String(next) }
    this.#setAside(reader, fence, table)
    return { kind: 'page', records, cursor: undefined }
  }

  /**
   * Some records as they are stored, for the scripts that read; undefined: another owner leads now, or the
   * store has moved on.
   */
  scan(fence: Fence, writeId: string | undefined, table: Table, cursor: number, count: number) {
    return this.#hasMoved(fence, writeId) ? undefined : this.#rows[table].page(cursor, count)
  }

  /** These records, as `scan` gives them. */
  fields(
    fence: Fence,
    writeId: string | undefined,
    table: Table,
    ids: readonly string[],
  ): readonly (string | undefined)[] | undefined {
    return this.#hasMoved(fence, writeId) ? undefined : ids.map((id) => this.get(table, id))
  }

  quarantined(): Quarantined[] {
    const sorted = [...this.#aside].sort(([a], [b]) => (a < b ? -1 : 1))
    return sorted.map(([field, { reason }]) => ({ place: `${this.#quarantine} ${field}`, reason }))
  }

  save(): StoreState {
    this.#hold = {}
    return { leader: this.#leader, rows: { ...this.#rows }, aside: this.#aside }
  }

  /** Sets the store to a saved state, of this or another model. */
  restore({ leader, rows, aside }: StoreState): void {
    this.#hold = {}
    this.#leader = leader
    this.#rows = { ...rows }
    this.#aside = aside
  }

  /** For checks: what is stored, without the fence. */
  get(table: Table, id: string): string | undefined {
    return this.#rows[table].get(id)
  }

  /** For checks. */
  rows(table: Table): Iterable<[id: string, json: string]> {
    return this.#rows[table]
  }

  /**
   * Why a write is refused; undefined: it is accepted. Without `link` (a touch) write ids are not compared.
   */
  #compareFence(fence: Fence, link: Link | undefined): CommitOutcome | undefined {
    const at = this.#leader
    if (at.epoch > fence.epoch) return deposed(at)
    if (at.epoch === fence.epoch && at.owner !== fence.owner) return deposed(at)
    if (at.epoch < fence.epoch) return rewound(at)
    if (link?.writeId === at.writeId) return { kind: 'duplicate', position: at.position }
    if (link !== undefined && link.prev !== at.writeId) return rewound(at)
    return undefined
  }

  #hasMoved(fence: Fence, writeId: string | undefined): boolean {
    const at = this.#leader
    if (!isSame(at, fence)) return true
    return writeId !== undefined && writeId !== at.writeId
  }

  #put(table: Table, id: string, json: string): void {
    this.#rows[table] = this.#rows[table].put(this.#hold, id, json)
  }

  #delete(table: Table, id: string): void {
    this.#rows[table] = this.#rows[table].delete(this.#hold, id)
  }

  #readable(reader: string, table: Table, entries: readonly [string, string][]): [string, unknown][] {
    const records: [string, unknown][] = []
    for (const [id, json] of entries) {
      const value = parseObject(json)
      const reason = value === undefined ? 'not a JSON object' : this.#schemas?.[table](value)
      if (reason === undefined) records.push([id, value])
      else this.#unreadable.set(reader, [...(this.#unreadable.get(reader) ?? []), { id, json, reason }])
    }
    return records
  }

  #setAside(reader: string, { epoch }: Fence, table: Table): void {
    const found = this.#unreadable.get(reader)
    if (found === undefined) return
    this.#unreadable.delete(reader)
    if (this.readOnly) throw new FiresteelError('STORE_UNAVAILABLE', notWritable.reason)
    const aside = new Map(this.#aside)
    for (const { id, json, reason } of found) {
      // It was written again since it was read.
      if (this.get(table, id) !== json) continue
      // As in UTF-8: half a surrogate pair is lost.
      aside.set(Buffer.from(`${table} ${id} (epoch ${epoch})`).toString(), { reason, json })
      this.#delete(table, id)
    }
    this.#aside = aside
  }
}

function parseObject(json: string): object | undefined {
  try {
    const value: unknown = JSON.parse(json)
    return typeof value === 'object' && value !== null ? value : undefined
  } catch {
    return undefined
  }
}
