import { comparePositions, type Delete, type Position, type Put } from './engine.js'
import { RecordTables } from './record-tables.js'

/**
 * The records that were durable under a leadership of this process, each with its `at` (protocol 6): after a store that
 * forgot it may be the only complete copy. It outlives the leadership by `graceMs` of the boot clock.
 */
export class Image {
  readonly #graceMs: number
  #tables: RecordTables | undefined
  #position: Position = { epoch: 0, seq: 0 }
  #endedAtBootMs: number | undefined

  constructor(graceMs: number) {
    this.#graceMs = graceMs
  }

  /** A leadership begins with what it has read. `tail`: what the store forgot stays held, until it is durable again. */
  begin(position: Position, puts: Iterable<Put>, tail: Iterable<Put> = []): void {
    this.#tables = new RecordTables()
    this.#tables.apply(puts, [])
    this.#tables.apply(tail, [])
    this.#position = position
    this.#endedAtBootMs = undefined
  }

  durable(puts: Iterable<Put>, deletes: Iterable<Delete>, position: Position): void {
    this.#tables?.apply(puts, deletes)
    this.#position = position
  }

  /** The leadership is over. */
  end(bootMs: number): void {
    this.#endedAtBootMs ??= bootMs
  }

  /** Of its last durable write; undefined: nothing is held. */
  position(bootMs: number): Position | undefined {
    return this.#held(bootMs) && this.#position
  }

  /** The records written after `base`. */
  tail(base: Position, bootMs: number): Put[] {
    const tables = this.#held(bootMs)
    if (!tables || comparePositions(this.#position, base) <= 0) return []
    return [...tables.puts()].filter(({ json }) => comparePositions(atOf(json), base) > 0)
  }

  #held(bootMs: number): RecordTables | undefined {
    const endedAt = this.#endedAtBootMs
    if (endedAt !== undefined && bootMs - endedAt > this.#graceMs) this.#tables = undefined
    return this.#tables
  }
}

/** A record without `at` was never written by a lane: older than anything. */
function atOf(json: string): Position {
  const { at } = JSON.parse(json) as { at?: Position }
  return at ?? { epoch: 0, seq: 0 }
}
