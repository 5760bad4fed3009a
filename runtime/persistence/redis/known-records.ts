import { createHash } from 'node:crypto'
import { limits } from '../../limits.js'
import type { Table } from '../engine.js'

export interface Size {
  readonly records: number
  readonly bytes: number
}

/** A record that was found good. */
export interface KnownRecord {
  readonly value: unknown
  readonly json: string
}

interface Known extends KnownRecord {
  readonly digest: string
}

/**
 * Records that were read ahead and found good. Whoever finds the same content under the same table and id
 * need neither fetch nor check it again, because neither seal nor schema depends on anything else.
 */
export class KnownRecords {
  readonly #tables = new Map<Table, Map<string, Known>>()
  /** What was read of each table, as it lies in the store. */
  readonly #sizes = new Map<Table, Size>()
  #bytes = 0

  /** False: there are as many as this may keep. */
  add(table: Table, id: string, content: Buffer, { value, json }: KnownRecord): boolean {
    this.#bytes += content.length + limits.recordHeapBytes
    if (this.#bytes > limits.readAheadBytes) return false
    const { records, bytes } = this.sizeOf(table)
    this.#sizes.set(table, { records: records + 1, bytes: bytes + content.length })
    const known = this.#tables.get(table) ?? new Map<string, Known>()
    this.#tables.set(table, known.set(id, { value, json, digest: digestOf(content) }))
    return true
  }

  sizeOf(table: Table): Size {
    return this.#sizes.get(table) ?? { records: 0, bytes: 0 }
  }

  /** True until all of the table has been read again. */
  has(table: Table): boolean {
    return this.#tables.has(table)
  }

  /** The record with this content. Undefined: it is not known. */
  find(table: Table, id: string, digest: string): KnownRecord | undefined {
    const known = this.#tables.get(table)?.get(id)
    return known?.digest === digest ? known : undefined
  }

  /** The table has been read. */
  forget(table: Table): void {
    this.#tables.delete(table)
  }
}

/**
 * As Redis computes it. Who makes two contents with one SHA-1 gains nothing: what is known has the seal of a
 * Master.
 */
const digestOf = (content: Buffer): string => createHash('sha1').update(content).digest('hex')
