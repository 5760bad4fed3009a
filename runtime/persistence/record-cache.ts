import { limits } from '../limits.js'
import type { Delete, OwnedPosition, PastElection, Position, Put } from './engine.js'
import { type Found, isForgotten } from './forgotten.js'
import { RecordTables } from './record-tables.js'

/**
 * The record cache of a new leadership. It is filled a little at a time, while the record cache of the one
 * before still exists.
 */
export class RecordCacheDraft {
  readonly tables = new RecordTables()
  readonly owed = new Set<string>()

  /** Adds a record that was read from the store. */
  read(put: Put): void {
    this.tables.apply([put], [])
  }

  /** Adds a record that the store forgot. It stays here until it is durable again. */
  owe(put: Put): void {
    this.tables.apply([put], [])
    this.owed.add(keyOf(put))
  }
}

/**
 * The records that were durable under a leadership of this process, each with its `at` (protocol 6). After a
 * store forgot them, this may be the only complete copy. It outlives the leadership by `graceMs` of the boot
 * clock.
 */
export class RecordCache {
  readonly #graceMs: number
  #tables: RecordTables | undefined
  #position: Position = { epoch: 0, seq: 0 }
  /** The owner of each epoch, as its leaderships were told. */
  #owners: ReadonlyMap<number, string> = new Map()
  #endedAtBootMs: number | undefined
  /** Records that the store forgot and that are not durable again yet. */
  #owed = new Set<string>()
  /** From this position on a store holds what this record cache gave. */
  #taken: OwnedPosition | undefined

  constructor(graceMs: number) {
    this.#graceMs = graceMs
  }

  /** Begins a leadership. The draft now belongs to the record cache. */
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

  /** Adds records that were read after the beginning. What became durable since then is newer and stays. */
  add(puts: Iterable<Put>): void {
    for (const put of puts) {
      if (this.#tables?.get(put.table, put.id) === undefined) this.#tables?.apply([put], [])
    }
  }

  /** Heap bytes of its records, as far as a Master may use for them (limits.recordHeapShare). */
  get heldBytes(): number {
    return this.#tables ? this.#tables.bytes + this.#tables.size * limits.recordHeapBytes : 0
  }

  /** A leader has made durable, at this position, what it was given. */
  taken(at: OwnedPosition): void {
    this.#taken = at
  }

  /** Ends the leadership. */
  end(bootMs: number): void {
    this.#endedAtBootMs ??= bootMs
  }

  /** Position of its last durable write; undefined if it holds nothing. */
  position(bootMs: number): Position | undefined {
    return this.#held(bootMs) && this.#position
  }

  /** The records that a leader's store may not hold. */
  lostWrites(asked: Found, bootMs: number): Put[] {
    return [...this.lostWriteLooks(asked, bootMs)].filter((put) => put !== undefined)
  }

  /**
   * The same, record by record; undefined for a record that the store holds. The caller may stop where its
   * turn is over.
   */
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

/** A commit queue never wrote a record without `at`, so it is older than any other. */
function atOf(json: string): Position {
  const { at } = JSON.parse(json) as { at?: Position }
  return at ?? { epoch: 0, seq: 0 }
}
