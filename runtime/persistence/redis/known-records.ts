import { createHash } from 'node:crypto'
import { limits } from '../../limits.js'
import type { Table } from '../engine.js'
import { SEALED_END_BYTES } from './record-seal.js'

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
  readonly seal: string
  /** What it adds to the sum of its group. */
  readonly summand: number
  /** As it lies in the store. */
  readonly bytes: number
}

/** The records whose fields differ in the last byte only. Numbered ids make groups of ten. */
interface Group {
  sum: number
  readonly records: Map<string, Known>
}

export interface Compared {
  /** Records of groups that are as they were read ahead. */
  readonly same: readonly (readonly [id: string, record: KnownRecord])[]
  /** Groups in which a record was written, added or deleted; empty: none; 'all': more than can be named. */
  readonly changed: readonly string[] | 'all'
}

/**
 * Records that were read ahead and found good. Whoever finds the same seal under the same table and id need
 * neither fetch nor check the content again: a seal is that of one content.
 */
export class KnownRecords {
  readonly #tables = new Map<Table, Map<string, Group>>()
  readonly #sizes = new Map<Table, Size>()
  #bytes = 0

  /** False: there are as many as this may keep. */
  add(table: Table, id: string, { field, content }: Entry, { value, json }: KnownRecord): boolean {
    const groups = this.#tables.get(table) ?? new Map<string, Group>()
    const name = groupOf(field)
    const group = groups.get(name) ?? { sum: 0, records: new Map<string, Known>() }
    const former = group.records.get(id)
    const size = this.sizeOf(table)
    const bytes = content.length
    const more = former ? bytes - former.bytes : bytes + limits.recordHeapBytes
    if (this.#bytes + more > limits.readAheadBytes) return false
    this.#bytes += more
    this.#sizes.set(table, {
      records: size.records + (former ? 0 : 1),
      bytes: size.bytes + bytes - (former?.bytes ?? 0),
    })
    const seal = sealOf(content)
    const summand = summandOf(field, seal)
    group.records.set(id, { value, json, seal, summand, bytes })
    group.sum = addSums(group.sum - (former?.summand ?? 0), summand)
    this.#tables.set(table, groups.set(name, group))
    return true
  }

  /** Of what was read of the table, as it lies in the store. */
  sizeOf(table: Table): Size {
    return this.#sizes.get(table) ?? { records: 0, bytes: 0 }
  }

  /** True until all of the table has been read again. */
  has(table: Table): boolean {
    return this.#tables.has(table)
  }

  /** By the sums of all groups of the table as it is now. */
  compare(table: Table, sums: ReadonlyMap<string, number>): Compared {
    const same: [string, KnownRecord][] = []
    const changed: string[] = []
    for (const [name, sum] of sums) {
      const group = this.#tables.get(table)?.get(name)
      if (group?.sum !== sum) changed.push(name)
      else same.push(...group.records)
    }
    if (changed.length > limits.readSeals) return { same: [], changed: 'all' }
    return { same, changed }
  }

  /** The record with this seal. Undefined: it is not known. */
  find(table: Table, id: string, { field, content: seal }: Entry): KnownRecord | undefined {
    const known = this.#tables.get(table)?.get(groupOf(field))?.records.get(id)
    return known?.seal === seal.toString('latin1') ? known : undefined
  }

  /** The table has been read. */
  forget(table: Table): void {
    this.#tables.delete(table)
  }
}

/** A record of a table as it lies in the store, or its seal in place of its content. */
export interface Entry {
  readonly field: Buffer
  readonly content: Buffer
}

/*
 * Redis computes all of these as well (`read` in scripts.ts). By chance a changed group has its former sum
 * once in 2^52. Who writes other content under a seal, or makes two groups with one sum, gains nothing: what
 * is known is what a Master sealed.
 */

const groupOf = (field: Buffer): string => field.toString('latin1', 0, Math.max(0, field.length - 1))

const sealOf = (content: Buffer): string => content.toString('latin1', content.length - SEALED_END_BYTES)

const summandOf = (field: Buffer, seal: string): number =>
  Number.parseInt(createHash('sha1').update(field).update(seal).digest('hex').slice(0, 13), 16)

/** Modulo 2^52. Each lies between -2^52 and 2^52, so that a double holds what comes of them. */
export function addSums(a: number, b: number): number {
  const modulus = 2 ** 52
  return (((a + b) % modulus) + modulus) % modulus
}
