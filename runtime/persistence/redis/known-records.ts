import { limits } from '../../limits.js'
import type { Table } from '../engine.js'

export interface Size {
  readonly records: number
  readonly bytes: number
}

interface Known {
  readonly content: Buffer
  readonly value: unknown
}

/**
 * Records that were read ahead and found good. Whoever reads the same bytes under the same table and id need
 * not check them again, because neither seal nor schema depends on anything else.
 */
export class KnownRecords {
  readonly #tables = new Map<Table, Map<string, Known>>()
  /** What was read of each table, as it lies in the store. */
  readonly #sizes = new Map<Table, Size>()
  #bytes = 0

  /** False: there are as many as this may keep. */
  add(table: Table, id: string, content: Buffer, value: unknown): boolean {
    this.#bytes += content.length + limits.recordHeapBytes
    if (this.#bytes > limits.readAheadBytes) return false
    const { records, bytes } = this.sizeOf(table)
    this.#sizes.set(table, { records: records + 1, bytes: bytes + content.length })
    const known = this.#tables.get(table) ?? new Map<string, Known>()
    this.#tables.set(table, known.set(id, { content, value }))
    return true
  }

  sizeOf(table: Table): Size {
    return this.#sizes.get(table) ?? { records: 0, bytes: 0 }
  }

  /** The value of these bytes, once: it belongs to whoever takes it. Undefined: they are not known. */
  take(table: Table, id: string, content: Buffer): unknown {
    const tables = this.#tables.get(table)
    const known = tables?.get(id)
    if (!known?.content.equals(content)) return undefined
    tables?.delete(id)
    return known.value
  }

  /** The table has been read. */
  forget(table: Table): void {
    this.#tables.delete(table)
  }
}
