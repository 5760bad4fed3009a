import { innerLimits } from '../inner-limits.js'
import type { Delete, Position, Put, Table } from './engine.js'

/** A record to be written. The commit queue adds its `at`, or replaces one that is there. */
export interface RecordPut {
  readonly table: Table
  readonly id: string
  readonly value: object
}

/** One step of a core: its writes, and the effects that leave the process once the writes are durable. */
export interface Step<Effect> {
  readonly puts: readonly RecordPut[]
  readonly deletes: readonly Delete[]
  /** The store has this format from here on; what this step and later ones write may need it. */
  readonly format?: number | undefined
  readonly effects: readonly Effect[]
}

/** A write as it waits in the commit queue: the record's text without `at`; undefined deletes. */
export interface Write {
  readonly table: Table
  readonly id: string
  readonly body: string | undefined
  readonly bytes: number
}

/** Bytes for `at`, quotes and separators around a record. */
const entryOverheadBytes = innerLimits.commitEntryRestBytes

/** The text is made now, because a core may change the object later. */
export function writesOf(puts: readonly RecordPut[], deletes: readonly Delete[]): Write[] {
  const writes: Write[] = []
  for (const { table, id, value } of puts) {
    const { at: _replaced, ...rest } = value as { at?: unknown }
    const body = JSON.stringify(rest)
    const bytes = Buffer.byteLength(id) + Buffer.byteLength(body) + entryOverheadBytes
    writes.push({ table, id, body, bytes })
  }
  for (const { table, id } of deletes) {
    writes.push({ table, id, body: undefined, bytes: Buffer.byteLength(id) + entryOverheadBytes })
  }
  return writes
}

/** Collects the writes of several steps into one commit: for each (table, id) the last one. */
export class CommitGroup {
  readonly #last = new Map<string, Write>()
  readonly #maxEntries: number
  readonly #maxBytes: number
  #bytes = 0

  constructor(maxEntries: number, maxBytes: number) {
    this.#maxEntries = maxEntries
    this.#maxBytes = maxBytes
  }

  get empty(): boolean {
    return this.#last.size === 0
  }

  /**
   * Takes a whole step or nothing of it. A single step always fits, so that a step is never split over two
   * commits.
   */
  add(writes: readonly Write[]): boolean {
    if (!this.empty && !this.#hasCapacityFor(writes)) return false
    for (const write of writes) {
      const key = `${write.table}/${write.id}`
      this.#bytes += write.bytes - (this.#last.get(key)?.bytes ?? 0)
      this.#last.set(key, write)
    }
    return true
  }

  /** Counts as if no write of the step replaced another, so never too few bytes. */
  #hasCapacityFor(writes: readonly Write[]): boolean {
    let entries = this.#last.size
    let bytes = this.#bytes
    for (const { table, id, bytes: size } of writes) {
      const replaced = this.#last.get(`${table}/${id}`)
      if (replaced === undefined) entries += 1
      bytes += size
    }
    return entries <= this.#maxEntries && bytes <= this.#maxBytes
  }

  /** The entries of the commit. Each put has the position of this commit in its `at`. */
  entries(at: Position): { puts: Put[]; deletes: Delete[] } {
    const stamp = `{"at":{"epoch":${at.epoch},"seq":${at.seq}}`
    const puts: Put[] = []
    const deletes: Delete[] = []
    for (const { table, id, body } of this.#last.values()) {
      if (body === undefined) deletes.push({ table, id })
      else puts.push({ table, id, json: body === '{}' ? `${stamp}}` : `${stamp},${body.slice(1)}` })
    }
    return { puts, deletes }
  }
}
