import { innerLimits } from '../../inner-limits.js'
import { limits } from '../../limits.js'
import type { RedisConnection } from '../../redis/connection.js'
import type { Fence, Page, Quarantined, RecordSchemas, Table } from '../engine.js'
import { type ClusterKeys, decodeId } from './keys.js'
import { KnownRecords, type Size } from './known-records.js'
import type { RecordSeal } from './record-seal.js'
import { expectOurs } from './replies.js'
import * as scripts from './scripts.js'

interface Unreadable {
  readonly field: Buffer
  /** The content as it was read. A value that was written over it since then is not set aside. */
  readonly content: Buffer
  readonly id: string
  readonly reason: string
}

/** An entry of a table. Without a value it is unreadable, for this reason. */
interface ReadEntry {
  readonly field: Buffer
  readonly content: Buffer
  /** Undefined: it is no text. */
  readonly id: string | undefined
  readonly value?: unknown
  readonly reason?: string
}

export interface RecordPagesOptions {
  readonly connection: RedisConnection
  readonly keys: ClusterKeys
  readonly schemas: RecordSchemas
  readonly seal: RecordSeal
  readonly pageRecords: number
  readonly wallMs: () => number
  readonly onWarning: (place: string, reason: string) => void
}

/**
 * Reads records in pages by a fenced HSCAN. Unreadable ones are set aside after the last page of their table,
 * because a hash that shrinks between two pages may give a record twice.
 */
export class RecordPages {
  readonly #options: RecordPagesOptions
  readonly #unreadable = new Map<Table, Unreadable[]>()
  /**
   * Records that the next page asks for: as many as fit into readPageBytes, by the size of those in the page
   * before.
   */
  readonly #counts = new Map<Table, number>()
  #known = new KnownRecords()
  #forgetting: NodeJS.Timeout | undefined

  constructor(options: RecordPagesOptions) {
    this.#options = options
  }

  async page(fence: Fence, writeId: string, table: Table, cursor: string | undefined): Promise<Page> {
    const { pageRecords } = this.#options
    if (cursor === undefined) {
      this.#unreadable.delete(table)
      this.#counts.delete(table)
    }
    const count = this.#counts.get(table) ?? this.#firstCount(table)
    const scanned = await this.#scan(fence, writeId, table, cursor, count)
    if (!scanned) return { kind: 'moved' }
    this.#counts.set(table, countOf(sizeOf(scanned.flat), pageRecords))
    const records = this.#readable(table, scanned.flat)
    if (scanned.next !== undefined) return { kind: 'page', records, cursor: scanned.next }
    this.#known.forget(table)
    if (!(await this.#setAside(fence, writeId, table))) return { kind: 'moved' }
    return { kind: 'page', records, cursor: undefined }
  }

  /**
   * Reads tables while another Master leads, in small pages, because this one has other work. What is
   * unreadable stays where it is: only a leader may set it aside.
   */
  async readAhead(fence: Fence, among: readonly Table[]): Promise<void> {
    const known = new KnownRecords()
    this.#known = known
    clearTimeout(this.#forgetting)
    this.#forgetting = setTimeout(() => this.#forget(known), limits.readAheadKeepMs).unref()
    await Promise.all(among.map((table) => this.#readTableAhead(fence, table, known)))
  }

  async #readTableAhead(fence: Fence, table: Table, known: KnownRecords): Promise<void> {
    let cursor: string | undefined
    do {
      const scanned = await this.#scan(fence, '', table, cursor, FIRST_PAGE)
      if (!scanned) return
      for (const { id, content, value } of this.#read(table, scanned.flat)) {
        if (id !== undefined && value !== undefined && !known.add(table, id, content, value)) return
      }
      cursor = scanned.next
    } while (cursor !== undefined)
  }

  /** Who has read ahead knows how large the records of this table are. */
  #firstCount(table: Table): number {
    const { pageRecords } = this.#options
    const ahead = this.#known.sizeOf(table)
    return ahead.records > 0 ? countOf(ahead, pageRecords) : Math.min(pageRecords, FIRST_PAGE)
  }

  #forget(known: KnownRecords): void {
    if (this.#known === known) this.#known = new KnownRecords()
  }

  /** Undefined: another owner leads now. */
  async #scan(
    fence: Fence,
    writeId: string,
    table: Table,
    cursor: string | undefined,
    count: number,
  ): Promise<{ readonly flat: readonly Buffer[]; readonly next: string | undefined } | undefined> {
    const { connection, keys } = this.#options
    const reply = (await connection.evaluate(
      scripts.read,
      [keys.leader, keys.table[table]],
      [fence.epoch, fence.owner, writeId, cursor ?? '0', count],
      'bytes',
    )) as [Buffer, Buffer, Buffer[]]
    if (expectOurs(reply, keys) === 'MOVED') return undefined
    const next = reply[1].toString()
    return { flat: reply[2], next: next === '0' ? undefined : next }
  }

  /** The header of each entry, by HSCAN. */
  async quarantined(): Promise<Quarantined[]> {
    const { connection, keys } = this.#options
    const found = new Map<string, string>()
    let cursor = '0'
    do {
      const reply = await connection.call('HSCAN', keys.quarantine, cursor, 'COUNT', 64)
      const [next, flat] = reply as [string, string[]]
      for (let i = 0; i < flat.length; i += 2) found.set(flat[i]!, flat[i + 1]!)
      cursor = next
    } while (cursor !== '0')
    return [...found]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([field, value]) => ({ place: `${keys.quarantine} ${field}`, reason: reasonIn(value) }))
  }

  #readable(table: Table, flat: readonly Buffer[]): (readonly [string, unknown])[] {
    const records: (readonly [string, unknown])[] = []
    for (const { field, content, id, value, reason = '' } of this.#read(table, flat)) {
      if (id !== undefined && value !== undefined) records.push([id, value])
      else this.#note(table, { field, content, id: id ?? field.toString('hex'), reason })
    }
    return records
  }

  *#read(table: Table, flat: readonly Buffer[]): Generator<ReadEntry> {
    for (let i = 0; i < flat.length; i += 2) {
      const [field, content] = [flat[i]!, flat[i + 1]!]
      const id = decodeId(field)
      if (id === undefined) yield { field, content, id, reason: 'its id is not text' }
      else yield { field, content, id, ...this.#valueOf(table, id, content) }
    }
  }

  #valueOf(table: Table, id: string, content: Buffer): { value: unknown } | { reason: string } {
    const known = this.#known.take(table, id, content)
    if (known !== undefined) return { value: known }
    const { seal, schemas } = this.#options
    const json = seal.open(table, id, content)
    const value = parseObject(json ?? content.toString('utf8'))
    if (value === undefined) return { reason: 'not a JSON object' }
    const reason = schemas[table](value) ?? (json === undefined ? NOT_SEALED : undefined)
    return reason === undefined ? { value } : { reason }
  }

  #note(table: Table, entry: Unreadable): void {
    const entries = this.#unreadable.get(table) ?? []
    entries.push(entry)
    this.#unreadable.set(table, entries)
  }

  /** False if another owner leads now. */
  async #setAside(fence: Fence, writeId: string, table: Table): Promise<boolean> {
    const entries = this.#unreadable.get(table) ?? []
    this.#unreadable.delete(table)
    if (entries.length === 0) return true
    const { connection, keys, wallMs, onWarning } = this.#options
    const at = new Date(wallMs()).toISOString()
    const quadruples = entries.flatMap(({ field, content, id, reason }) => [
      field,
      content,
      `${table} ${id} (epoch ${fence.epoch})`,
      JSON.stringify({ reason, at }),
    ])
    const reply = (await connection.evaluate(
      scripts.setAside,
      [keys.leader, keys.table[table], keys.quarantine],
      [fence.epoch, fence.owner, writeId, ...quadruples],
    )) as string[]
    if (expectOurs(reply, keys) === 'MOVED') return false
    for (const { id, reason } of entries) onWarning(`${keys.table[table]} ${id}`, reason)
    return true
  }
}

const NOT_SEALED = 'no Master of this cluster wrote it: its seal is missing or wrong'

/** The first page of a table whose records may have any size. */
const FIRST_PAGE = innerLimits.readPageFirst

/** As many as these fit into readPageBytes. */
function countOf({ records, bytes }: Size, most: number): number {
  const each = bytes / Math.max(1, records)
  return Math.max(1, Math.min(most, Math.floor(limits.readPageBytes / Math.max(1, each))))
}

const sizeOf = (flat: readonly Buffer[]): Size => ({
  records: flat.length / 2,
  bytes: flat.reduce((sum, part) => sum + part.length, 0),
})

function parseObject(text: string): unknown {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? value : undefined
  } catch {
    return undefined
  }
}

function reasonIn(value: string): string {
  try {
    const header = JSON.parse(value.slice(0, value.indexOf('\n'))) as { reason?: unknown }
    return String(header.reason)
  } catch {
    return 'set aside by another program'
  }
}
