import { innerLimits } from '../../inner-limits.js'
import { limits } from '../../limits.js'
import { type Cancel, type TimerSource, unheldTimers } from '../../timers.js'
import type { Fence, Page, Quarantined, RecordSchemas, Table } from '../engine.js'
import { type ClusterKeys, decodeId } from './keys.js'
import { type Compared, type Entry, type KnownRecord, KnownRecords, type Size } from './known-records.js'
import { RecordScans, type Scan, type ScannedConnection } from './record-scans.js'
import type { RecordSeal } from './record-seal.js'

interface Unreadable {
  readonly field: Buffer
  /** The content as it was read. A value that was written over it since then is not set aside. */
  readonly content: Buffer
  readonly id: string
  readonly reason: string
}

/** Without a record it is unreadable, for this reason. */
interface ReadEntry extends Entry {
  /** Undefined: it is no text. */
  readonly id: string | undefined
  readonly record?: KnownRecord
  readonly reason?: string
}

interface Found {
  readonly records: [id: string, value: unknown][]
  readonly texts: string[]
}

export interface RecordPagesOptions {
  readonly connection: ScannedConnection
  readonly keys: ClusterKeys
  readonly schemas: RecordSchemas
  readonly seal: Pick<RecordSeal, 'open'>
  readonly pageRecords: number
  readonly wallMs: () => number
  /** Default: timers that keep no process alive. */
  readonly timers?: TimerSource
  readonly onWarning: (place: string, reason: string) => void
}

interface FoundPage {
  readonly found: Found
  /** Undefined after the last page. */
  readonly next: string | undefined
}

/** What of a page was known, and what had to be fetched. */
interface Changes {
  readonly known: Found
  readonly entries: readonly Entry[]
}

/**
 * Reads records in pages by a fenced HSCAN. Unreadable ones are set aside after the last page of their table,
 * because a hash that shrinks between two pages may give a record twice.
 */
export class RecordPages {
  readonly #options: RecordPagesOptions
  readonly #scans: RecordScans
  readonly #unreadable = new Map<Table, Unreadable[]>()
  /**
   * Records that the next page asks for: as many as fit into readPageBytes, by the size of those in the page
   * before.
   */
  readonly #counts = new Map<Table, number>()
  #known = new KnownRecords()
  /** Tables that were read ahead and are being read. */
  readonly #knownPages = new Map<Table, AsyncGenerator<Found, 'moved' | undefined, undefined>>()
  #forgetting: Cancel = () => {}

  constructor(options: RecordPagesOptions) {
    this.#options = options
    this.#scans = new RecordScans(options.connection, options.keys)
  }

  async page(fence: Fence, writeId: string, table: Table, cursor: string | undefined): Promise<Page> {
    const scan = { fence, writeId, table }
    if (cursor === undefined) this.#begin(scan)
    const pages = this.#knownPages.get(table)
    // A generator that has failed says that it is at its end.
    this.#knownPages.delete(table)
    const page = pages ? await nextOf(pages) : await this.#page(scan, cursor)
    if (!page) return { kind: 'moved' }
    const { found, next } = page
    if (next !== undefined) {
      if (pages) this.#knownPages.set(table, pages)
      return { kind: 'page', ...found, cursor: next }
    }
    this.#known.forget(table)
    if (!(await this.#setAside(scan))) return { kind: 'moved' }
    return { kind: 'page', ...found, cursor: undefined }
  }

  #begin(scan: Scan): void {
    const { table } = scan
    this.#unreadable.delete(table)
    this.#counts.delete(table)
    this.#knownPages.delete(table)
    if (this.#known.has(table)) this.#knownPages.set(table, this.#pagesOfKnown(scan))
  }

  async #page(scan: Scan, cursor: string | undefined): Promise<FoundPage | undefined> {
    const { table } = scan
    const page = await this.#scans.contents(scan, cursor, this.#countOf(table))
    if (!page) return undefined
    this.#counts.set(table, countOf(sizeOf(page.entries), this.#options.pageRecords, limits.readPageBytes))
    return { found: this.#take(table, page.entries, noRecords()), next: page.next }
  }

  /** First what is as it was read ahead, from memory. Then what is not, from the store. */
  async *#pagesOfKnown(scan: Scan): AsyncGenerator<Found, 'moved' | undefined, undefined> {
    const { table } = scan
    const compared = await this.#compare(scan)
    if (!compared) return 'moved'
    const { same, changed } = compared
    const most = limits.readSeals
    for (let from = 0; from < same.length; from += most) yield foundOf(same.slice(from, from + most))
    const changes = this.#changes(scan, changed)
    for (;;) {
      const { done, value } = await changes.next()
      if (done) return value
      yield this.#take(table, value.entries, value.known)
    }
  }

  async #compare(scan: Scan): Promise<Compared | undefined> {
    const sums = await this.#scans.sums(scan, this.#sealsOf(scan.table))
    return sums && this.#known.compare(scan.table, sums)
  }

  /** Of these groups: what is known all the same, and, from the store, what is not. */
  async *#changes(
    scan: Scan,
    changed: Compared['changed'],
  ): AsyncGenerator<Changes, 'moved' | undefined, undefined> {
    if (changed.length === 0) return undefined
    const groups = changed === 'all' ? [] : changed.map((name) => Buffer.from(name, 'latin1'))
    const { pageRecords } = this.#options
    let cursor: string | undefined
    do {
      const page = await this.#scans.seals(scan, cursor, this.#sealsOf(scan.table), groups)
      if (!page) return 'moved'
      const known = noRecords()
      const others = this.#takeKnown(scan.table, page.entries, known)
      yield { known, entries: [] }
      for (let from = 0; from < others.length; from += pageRecords) {
        const entries = await this.#scans.fields(scan, others.slice(from, from + pageRecords))
        if (!entries) return 'moved'
        yield { known: noRecords(), entries }
      }
      cursor = page.next
    } while (cursor !== undefined)
    return undefined
  }

  /**
   * Reads tables while another Master leads, in small pages, because this one has other work. What is
   * unreadable stays where it is: only a leader may set it aside.
   */
  async readAhead(fence: Fence, among: readonly Table[]): Promise<void> {
    const known = new KnownRecords()
    this.#known = known
    const { timers = unheldTimers } = this.#options
    this.#forgetting()
    this.#forgetting = timers.after(limits.readAheadKeepMs, () => this.#forget(known))
    const scans = among.map((table) => ({ fence, writeId: '', table }))
    await Promise.all(scans.map((scan) => this.#readTableAhead(scan, known)))
    await Promise.all(scans.map((scan) => this.#readOnceMore(scan, known)))
  }

  async #readTableAhead(scan: Scan, known: KnownRecords): Promise<void> {
    let cursor: string | undefined
    do {
      const page = await this.#scans.contents(scan, cursor, FIRST_PAGE)
      if (!page || !this.#keep(known, scan.table, page.entries)) return
      cursor = page.next
    } while (cursor !== undefined)
  }

  /**
   * Reads once as the leader will, and keeps what has changed meanwhile. V8 and Redis then know the code: the
   * first time takes five times the processor time of the second. It ends once the former leader has.
   */
  async #readOnceMore(scan: Scan, known: KnownRecords): Promise<void> {
    const { table } = scan
    const compared = this.#known.has(table) ? await this.#compare(scan) : undefined
    if (!compared) return
    for await (const { entries } of this.#changes(scan, compared.changed))
      if (!this.#keep(known, table, entries)) return
  }

  /** False: there are as many as this may keep. */
  #keep(known: KnownRecords, table: Table, entries: readonly Entry[]): boolean {
    for (const entry of this.#read(table, entries))
      if (entry.id !== undefined && entry.record && !known.add(table, entry.id, entry, entry.record))
        return false
    return true
  }

  /** Records of the next page. */
  #countOf(table: Table): number {
    return this.#counts.get(table) ?? Math.min(this.#options.pageRecords, FIRST_PAGE)
  }

  /** Records of the next page of seals. Redis handles their contents, too. */
  #sealsOf(table: Table): number {
    return countOf(this.#known.sizeOf(table), limits.readSeals, limits.readSealsBytes)
  }

  #forget(known: KnownRecords): void {
    if (this.#known === known) this.#known = new KnownRecords()
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
   * Takes the records that were read ahead with these seals. Returns the fields of the others. To fetch and
   * check all would be most of a hand-over.
   */
  #takeKnown(table: Table, seals: readonly Entry[], found: Found): Buffer[] {
    const others: Buffer[] = []
    for (const seal of seals) {
      const id = decodeId(seal.field)
      const known = id === undefined ? undefined : this.#known.find(table, id, seal)
      if (id !== undefined && known) add(found, id, known)
      else others.push(seal.field)
    }
    return others
  }

  /** Adds what can be read to what was found. What cannot is noted, to be set aside. */
  #take(table: Table, entries: readonly Entry[], found: Found): Found {
    for (const { field, content, id, record, reason = '' } of this.#read(table, entries)) {
      if (id !== undefined && record) add(found, id, record)
      else this.#note(table, { field, content, id: id ?? field.toString('hex'), reason })
    }
    return found
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
    if (!(await this.#scans.setAside(scan, quadruples))) return false
    for (const { id, reason } of entries) onWarning(`${keys.table[table]} ${id}`, reason)
    return true
  }
}

const noRecords = (): Found => ({ records: [], texts: [] })

function foundOf(known: Compared['same']): Found {
  const found = noRecords()
  for (const [id, record] of known) add(found, id, record)
  return found
}

/** Undefined: another owner leads now. The last page is empty. */
async function nextOf(
  pages: AsyncGenerator<Found, 'moved' | undefined, undefined>,
): Promise<FoundPage | undefined> {
  const { done, value } = await pages.next()
  if (!done) return { found: value, next: 'known' }
  return value === 'moved' ? undefined : { found: noRecords(), next: undefined }
}

function add({ records, texts }: Found, id: string, { value, json }: KnownRecord): void {
  records.push([id, value])
  texts.push(json)
}

const NOT_SEALED = 'no Master of this cluster wrote it: its seal is missing or wrong'

/** The first page of a table whose records may have any size. */
const FIRST_PAGE = innerLimits.readPageFirst

/** As many of this size as fit. */
function countOf({ records, bytes }: Size, most: number, mostBytes: number): number {
  const each = bytes / Math.max(1, records)
  return Math.max(1, Math.min(most, Math.floor(mostBytes / Math.max(1, each))))
}

const sizeOf = (entries: readonly Entry[]): Size => ({
  records: entries.length,
  bytes: entries.reduce((sum, { field, content }) => sum + field.length + content.length, 0),
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
