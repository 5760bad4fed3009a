import { innerLimits } from '../../inner-limits.js'
import { limits } from '../../limits.js'
import type { RedisConnection } from '../../redis/connection.js'
import type { RedisArgument, RedisScript } from '../../redis/reply.js'
import type { Fence, Page, Quarantined, RecordSchemas, Table } from '../engine.js'
import { type ClusterKeys, decodeId } from './keys.js'
import { type KnownRecord, KnownRecords, type Size } from './known-records.js'
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

/** A record of a table as it lies in the store, or its digest in place of its content. */
interface Entry {
  readonly field: Buffer
  readonly content: Buffer
}

/** Without a record it is unreadable, for this reason. */
interface ReadEntry extends Entry {
  /** Undefined: it is no text. */
  readonly id: string | undefined
  readonly record?: KnownRecord
  readonly reason?: string
}

/** What the pages of one election and table have in common. */
interface Scan {
  readonly fence: Fence
  readonly writeId: string
  readonly table: Table
}

interface Scanned {
  readonly entries: readonly Entry[]
  /** Undefined after the last page. */
  readonly next: string | undefined
}

interface Found {
  readonly records: [id: string, value: unknown][]
  readonly texts: string[]
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
    if (cursor === undefined) {
      this.#unreadable.delete(table)
      this.#counts.delete(table)
    }
    const scan = { fence, writeId, table }
    const isKnown = this.#known.has(table)
    const scanned = await this.#scan(scan, isKnown ? 'digest' : 'content', cursor)
    if (!scanned) return { kind: 'moved' }
    const found = noRecords()
    const entries = isKnown
      ? await this.#entries(scan, this.#takeKnown(table, scanned.entries, found))
      : scanned.entries
    if (!entries) return { kind: 'moved' }
    if (!isKnown) this.#counts.set(table, countOf(sizeOf(entries), this.#options.pageRecords))
    this.#take(table, entries, found)
    if (scanned.next !== undefined) return { kind: 'page', ...found, cursor: scanned.next }
    this.#known.forget(table)
    if (!(await this.#setAside(scan))) return { kind: 'moved' }
    return { kind: 'page', ...found, cursor: undefined }
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
    const scans = among.map((table) => ({ fence, writeId: '', table }))
    await Promise.all(scans.map((scan) => this.#readTableAhead(scan, known)))
    await Promise.all(scans.map((scan) => this.#readOnceMore(scan)))
  }

  async #readTableAhead(scan: Scan, known: KnownRecords): Promise<void> {
    const { table } = scan
    for await (const entries of this.#pages(scan, 'content')) {
      for (const { id, content, record } of this.#read(table, entries)) {
        if (id !== undefined && record && !known.add(table, id, content, record)) return
      }
    }
  }

  /**
   * Reads once as the leader will, and drops what it finds. V8 and Redis then know the code: the first time
   * takes five times the processor time of the second. It ends once the former leader has.
   */
  async #readOnceMore(scan: Scan): Promise<void> {
    for await (const entries of this.#pages(scan, 'digest')) this.#takeKnown(scan.table, entries, noRecords())
  }

  /** All pages of a table that another Master leads; those of its contents are small. */
  async *#pages(scan: Scan, what: 'content' | 'digest'): AsyncGenerator<readonly Entry[], void, undefined> {
    const count = what === 'content' ? FIRST_PAGE : undefined
    let cursor: string | undefined
    do {
      const scanned = await this.#scan(scan, what, cursor, count)
      if (!scanned) return
      yield scanned.entries
      cursor = scanned.next
    } while (cursor !== undefined)
  }

  /** Records of the next page: who has read ahead knows how large those of this table are. */
  #countOf(table: Table): number {
    const { pageRecords } = this.#options
    const ahead = this.#known.sizeOf(table)
    if (ahead.records > 0) return countOf(ahead, this.#known.has(table) ? limits.readDigests : pageRecords)
    return this.#counts.get(table) ?? Math.min(pageRecords, FIRST_PAGE)
  }

  #forget(known: KnownRecords): void {
    if (this.#known === known) this.#known = new KnownRecords()
  }

  /** Undefined: another owner leads now. */
  async #scan(
    scan: Scan,
    what: 'content' | 'digest',
    cursor: string | undefined,
    count = this.#countOf(scan.table),
  ): Promise<Scanned | undefined> {
    const reply = await this.#ask(scripts.read, scan, [cursor ?? '0', count, what])
    if (!reply) return undefined
    const [, next, flat] = reply as [Buffer, Buffer, Buffer[]]
    const cursorAfter = next.toString()
    return { entries: entriesOf(flat), next: cursorAfter === '0' ? undefined : cursorAfter }
  }

  /** Undefined: another owner leads now. A field that is no longer there is left out. */
  async #entries(scan: Scan, fields: readonly Buffer[]): Promise<readonly Entry[] | undefined> {
    const entries: Entry[] = []
    const { pageRecords } = this.#options
    for (let from = 0; from < fields.length; from += pageRecords) {
      const asked = fields.slice(from, from + pageRecords)
      const reply = await this.#ask(scripts.readFields, scan, asked)
      if (!reply) return undefined
      const [, contents] = reply as [Buffer, (Buffer | null)[]]
      for (const [index, content] of contents.entries())
        if (content) entries.push({ field: asked[index]!, content })
    }
    return entries
  }

  /** Undefined: another owner leads now. */
  async #ask(
    script: RedisScript,
    { fence, writeId, table }: Scan,
    args: readonly RedisArgument[],
    moreKeys: readonly string[] = [],
  ): Promise<unknown[] | undefined> {
    const { connection, keys } = this.#options
    const all = [keys.leader, keys.table[table], ...moreKeys]
    const scripted = [fence.epoch, fence.owner, writeId, ...args]
    const reply = (await connection.evaluate(script, all, scripted, 'bytes')) as Buffer[]
    return expectOurs(reply, keys) === 'MOVED' ? undefined : reply
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

  /**
   * Takes the records that were read ahead with these digests. Returns the fields of the others. To fetch and
   * check all would be most of a hand-over.
   */
  #takeKnown(table: Table, digests: readonly Entry[], found: Found): Buffer[] {
    const others: Buffer[] = []
    for (const { field, content: digest } of digests) {
      const id = decodeId(field)
      const known = id === undefined ? undefined : this.#known.find(table, id, digest.toString('latin1'))
      if (id !== undefined && known) add(found, id, known)
      else others.push(field)
    }
    return others
  }

  /** What cannot be read is noted, to be set aside. */
  #take(table: Table, entries: readonly Entry[], found: Found): void {
    for (const { field, content, id, record, reason = '' } of this.#read(table, entries)) {
      if (id !== undefined && record) add(found, id, record)
      else this.#note(table, { field, content, id: id ?? field.toString('hex'), reason })
    }
  }

  *#read(table: Table, entries: readonly Entry[]): Generator<ReadEntry> {
    for (const { field, content } of entries) {
      const id = decodeId(field)
      if (id === undefined) yield { field, content, id, reason: 'its id is not text' }
      else yield { field, content, id, ...this.#recordOf(table, id, content) }
    }
  }

  #recordOf(table: Table, id: string, content: Buffer): { record: KnownRecord } | { reason: string } {
    const { seal, schemas } = this.#options
    const opened = seal.open(table, id, content)
    const json = opened ?? content.toString('utf8')
    const value = parseObject(json)
    if (value === undefined) return { reason: 'not a JSON object' }
    const reason = schemas[table](value) ?? (opened === undefined ? NOT_SEALED : undefined)
    return reason === undefined ? { record: { value, json } } : { reason }
  }

  #note(table: Table, entry: Unreadable): void {
    const entries = this.#unreadable.get(table) ?? []
    entries.push(entry)
    this.#unreadable.set(table, entries)
  }

  /** False if another owner leads now. */
  async #setAside(scan: Scan): Promise<boolean> {
    const { fence, table } = scan
    const entries = this.#unreadable.get(table) ?? []
    this.#unreadable.delete(table)
    if (entries.length === 0) return true
    const { keys, wallMs, onWarning } = this.#options
    const at = new Date(wallMs()).toISOString()
    const quadruples = entries.flatMap(({ field, content, id, reason }) => [
      field,
      content,
      `${table} ${id} (epoch ${fence.epoch})`,
      JSON.stringify({ reason, at }),
    ])
    if (!(await this.#ask(scripts.setAside, scan, quadruples, [keys.quarantine]))) return false
    for (const { id, reason } of entries) onWarning(`${keys.table[table]} ${id}`, reason)
    return true
  }
}

const noRecords = (): Found => ({ records: [], texts: [] })

function add({ records, texts }: Found, id: string, { value, json }: KnownRecord): void {
  records.push([id, value])
  texts.push(json)
}

const NOT_SEALED = 'no Master of this cluster wrote it: its seal is missing or wrong'

/** The first page of a table whose records may have any size. */
const FIRST_PAGE = innerLimits.readPageFirst

/** As many as these fit into readPageBytes. */
function countOf({ records, bytes }: Size, most: number): number {
  const each = bytes / Math.max(1, records)
  return Math.max(1, Math.min(most, Math.floor(limits.readPageBytes / Math.max(1, each))))
}

const sizeOf = (entries: readonly Entry[]): Size => ({
  records: entries.length,
  bytes: entries.reduce((sum, { field, content }) => sum + field.length + content.length, 0),
})

function entriesOf(flat: readonly Buffer[]): Entry[] {
  const entries: Entry[] = []
  for (let i = 0; i < flat.length; i += 2) entries.push({ field: flat[i]!, content: flat[i + 1]! })
  return entries
}

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
