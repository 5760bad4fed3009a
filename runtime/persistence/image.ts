import { limits } from '../limits.js'
import type { Delete, OwnedPosition, PastElection, Position, Put } from './engine.js'
import { type Found, isForgotten } from './forgotten.js'
import { RecordTables } from './record-tables.js'

/**
 * The records that were durable under a leadership of this process, each with its `at` (protocol 6): after a store that
 * forgot it may be the only complete copy. It outlives the leadership by `graceMs` of the boot clock.
 */
export class Image {
  readonly #graceMs: number
  #tables: RecordTables | undefined
  #position: Position = { epoch: 0, seq: 0 }
  /** Who led in which epoch, as its leaderships were told. */
  #owners: ReadonlyMap<number, string> = new Map()
  #endedAtBootMs: number | undefined
  /** Records that the store forgot, not yet durable again. */
  readonly #owed = new Set<string>()
  /** From this position on a store holds what was given of this image. */
  #taken: OwnedPosition | undefined

  constructor(graceMs: number) {
    this.#graceMs = graceMs
  }

  /** A leadership begins with what it has read. `tail`: what the store forgot stays held, until it is durable again. */
  begin(
    { epoch, seq, owner }: OwnedPosition,
    earlier: readonly PastElection[],
    puts: Iterable<Put>,
    tail: Iterable<Put> = [],
  ): void {
    this.#tables = new RecordTables()
    this.#tables.apply(puts, [])
    this.#owed.clear()
    this.#taken = undefined
    for (const put of tail) {
      this.#tables.apply([put], [])
      this.#owed.add(keyOf(put))
    }
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
  tail(asked: Found, bootMs: number): Put[] {
    const tables = this.#held(bootMs)
    if (!tables) return []
    const hasAll = this.#taken !== undefined && !isForgotten(this.#taken, asked)
    const found = hasAll ? { base: asked.base, earlier: [] } : asked
    if (!isForgotten(this.#owned(this.#position), found) && (hasAll || this.#owed.size === 0)) return []
    return [...tables.puts()].filter(
      (put) => isForgotten(this.#owned(atOf(put.json)), found) || (!hasAll && this.#owed.has(keyOf(put))),
    )
  }

  #owned(position: Position): Position & Partial<OwnedPosition> {
    const owner = this.#owners.get(position.epoch)
    return owner === undefined ? position : { ...position, owner }
  }

  #held(bootMs: number): RecordTables | undefined {
    const endedAt = this.#endedAtBootMs
    if (endedAt !== undefined && bootMs - endedAt > this.#graceMs) this.#tables = undefined
    return this.#tables
  }
}

const keyOf = ({ table, id }: Delete): string => `${table}/${id}`

/** A record without `at` was never written by a lane: older than anything. */
function atOf(json: string): Position {
  const { at } = JSON.parse(json) as { at?: Position }
  return at ?? { epoch: 0, seq: 0 }
}
