import { limits } from '../limits.js'
import type { Delete, OwnedPosition, PastElection, Position, Put } from './engine.js'
import { type Found, isForgotten } from './forgotten.js'
import { RecordTables } from './record-tables.js'

/** What a new leadership begins with. It is put together a little at a time, while the record cache of the one before still stands. */
export class RecordCacheDraft {
  readonly tables = new RecordTables()
  readonly owed = new Set<string>()

  /** Read from the store. */
  read(put: Put): void {
    this.tables.apply([put], [])
  }

  /** The store forgot it: it stays held until it is durable again. */
  owe(put: Put): void {
    this.tables.apply([put], [])
    this.owed.add(keyOf(put))
  }
}

/**
 * The records that were durable under a leadership of this process, each with its `at` (protocol 6): after a store that
 * forgot it may be the only complete copy. It outlives the leadership by `graceMs` of the boot clock.
 */
export class RecordCache {
  readonly #graceMs: number
  #tables: RecordTables | undefined
  #position: Position = { epoch: 0, seq: 0 }
  /** Who led in which epoch, as its leaderships were told. */
  #owners: ReadonlyMap<number, string> = new Map()
  #endedAtBootMs: number | undefined
  /** Records that the store forgot, not yet durable again. */
  #owed = new Set<string>()
  /** From this position on a store holds what was given of this record cache. */
  #taken: OwnedPosition | undefined

  constructor(graceMs: number) {
    this.#graceMs = graceMs
  }

  /** A leadership begins. The draft is the record cache's from now on. */
  begin(
    { epoch, seq, owner }: OwnedPosition,
    earlier: readonly PastElection[],
    { tables, owed }: RecordCacheDraft,
  ): void {
    this.#tables = tables
    this.#owed = owed
    this.#taken = undefined
    this.#position = { epoch, seq }
    this.#owners = new Map([...earlier, { epoch, owner }].map((led) => [led.epoch, led.owner]))
    this.#endedAtBootMs = undefined
  }

  durable(puts: Iterable<Put>, deletes: Iterable<Delete>, position: Position): void {
    this.#tables?.apply(puts, deletes)
    this.#position = position
    if (this.#owed.size === 0) return
    for (const put of puts) this.#owed.delete(keyOf(put))
  }

  /** Read after the beginning, beside what became durable since: that is newer. */
  add(puts: Iterable<Put>): void {
    for (const put of puts) {
      if (this.#tables?.get(put.table, put.id) === undefined) this.#tables?.apply([put], [])
    }
  }

  /** What its records take of the heap that a Master may give to them (limits.recordHeapShare). */
  get heldBytes(): number {
    return this.#tables ? this.#tables.bytes + this.#tables.size * limits.recordHeapBytes : 0
  }

  /** A leader has made durable, by this position, what it was given. */
  taken(at: OwnedPosition): void {
    this.#taken = at
  }

  /** The leadership is over. */
  end(bootMs: number): void {
    this.#endedAtBootMs ??= bootMs
  }

  /** Of its last durable write; undefined: nothing is held. */
  position(bootMs: number): Position | undefined {
    return this.#held(bootMs) && this.#position
  }

  /** The records that a leader's store may not hold. */
  lostWrites(asked: Found, bootMs: number): Put[] {
    return [...this.lostWriteLooks(asked, bootMs)].filter((put) => put !== undefined)
  }

  /** The same, record by record; nothing for one that the store holds. Who reads it stops where its turn is over. */
  *lostWriteLooks(asked: Found, bootMs: number): Generator<Put | undefined, void, undefined> {
    const tables = this.#held(bootMs)
    if (!tables) return
    const owed = this.#owed
    const owners = this.#owners
    const hasAll = this.#taken !== undefined && !isForgotten(this.#taken, asked)
    const found = hasAll ? { base: asked.base, earlier: [] } : asked
    if (!isForgotten(owned(this.#position, owners), found) && (hasAll || owed.size === 0)) return
    for (const put of tables.puts()) {
      const isLost = isForgotten(owned(atOf(put.json), owners), found) || (!hasAll && owed.has(keyOf(put)))
      yield isLost ? put : undefined
    }
  }

  #held(bootMs: number): RecordTables | undefined {
    const endedAt = this.#endedAtBootMs
    if (endedAt !== undefined && bootMs - endedAt > this.#graceMs) this.#tables = undefined
    return this.#tables
  }
}

function owned(position: Position, owners: ReadonlyMap<number, string>): Position & Partial<OwnedPosition> {
  const owner = owners.get(position.epoch)
  return owner === undefined ? position : { ...position, owner }
}

const keyOf = ({ table, id }: Delete): string => `${table}/${id}`

/** A record without `at` was never written by a commit queue: older than anything. */
function atOf(json: string): Position {
  const { at } = JSON.parse(json) as { at?: Position }
  return at ?? { epoch: 0, seq: 0 }
}
