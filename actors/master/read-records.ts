import { reasonOf } from '../../runtime/errors.js'
import { requireHeap } from '../../runtime/heap.js'
import { limits } from '../../runtime/limits.js'
import type { Log } from '../../runtime/observe/log.js'
import type { Fence, PersistenceEngine, Put, Table } from '../../runtime/persistence/engine.js'
import { RecordCacheDraft } from '../../runtime/persistence/record-cache.js'
import type {
  ApplicationRecord,
  DeploymentRecord,
  DrainRecord,
  DriverRecord,
  EndedRecord,
  KeyRecord,
  StoredRecords,
  TokenRecord,
  WorkerRecord,
} from './records.js'
import { SortedPages } from './sorted-pages.js'

/** A record and the length of its JSON text. */
interface Sized<R> {
  readonly record: R
  readonly bytes: number
}

/** The table of each section. Later sections refer to earlier ones. */
const tableOf = {
  tokens: 'token',
  deployments: 'deployment',
  drains: 'drain',
  workers: 'worker',
  apps: 'app',
  drivers: 'driver',
  ended: 'ended',
} as const satisfies Readonly<Record<string, Table>>

type Section = keyof typeof tableOf
const sections = Object.keys(tableOf) as readonly Section[]

/** The tables that a new leader reads before it is ALIVE. */
export const tablesRead: readonly Table[] = Object.values(tableOf)

type RecordOf<S extends Section> = StoredRecords[S][number]

/** All records as they were read, except the keys of ended drivers. */
export class ReadRecords {
  /** The records in the form of the leader's record cache. */
  readonly draft = new RecordCacheDraft()
  readonly deployments = new SortedPages<Sized<DeploymentRecord>>((a, b) => a.record.number - b.record.number)
  readonly tokens = new SortedPages<Sized<TokenRecord>>((a, b) => a.record.createdAtMs - b.record.createdAtMs)
  readonly drains = new SortedPages<Sized<DrainRecord>>(() => 0)
  readonly workers = new SortedPages<Sized<WorkerRecord>>(() => 0)
  // Sorted by submission (FIFO), because the store keeps no order.
  readonly apps = new SortedPages<Sized<ApplicationRecord>>(bySubmission)
  readonly drivers = new SortedPages<Sized<DriverRecord>>(bySubmission)
  readonly ended = new SortedPages<Sized<EndedRecord>>((a, b) => a.record.endedAtMs - b.record.endedAtMs)
  #bytes = 0

  /** Throws HEAP_TOO_SMALL. */
  add<S extends Section>(section: S, page: RecordPage<RecordOf<S>>): void {
    const puts = [...putsOf(tableOf[section], page)]
    const sized = page.records.map(([, record], index) => {
      const put = puts[index]!
      this.draft.read(put)
      this.#bytes += put.json.length + limits.recordHeapBytes
      return { record, bytes: put.json.length }
    })
    requireHeap(this.#bytes, 'The store')
    const pages = this[section] as unknown as SortedPages<Sized<RecordOf<S>>>
    pages.add(sized)
  }

  /** The records for the cluster state, in pieces for one turn each. */
  *pieces(most: RecoveryLimits = limits): Generator<Partial<StoredRecords>, void, undefined> {
    let piece: Partial<Record<Section, object[]>> = {}
    let records = 0
    let bytes = 0
    for (const section of sections) {
      for (const { record, bytes: size } of this[section].take()) {
        if (records > 0 && (records >= most.recoveryRecords || bytes + size > most.recoveryRecordBytes)) {
          yield piece as Partial<StoredRecords>
          piece = {}
          records = 0
          bytes = 0
        }
        piece[section] ??= []
        piece[section].push(record)
        records++
        bytes += size
      }
    }
    if (records > 0) yield piece as Partial<StoredRecords>
  }
}

export interface RecoveryLimits {
  readonly recoveryRecords: number
  readonly recoveryRecordBytes: number
}

function bySubmission(
  { record: a }: Sized<ApplicationRecord | DriverRecord>,
  { record: b }: Sized<ApplicationRecord | DriverRecord>,
): number {
  return a.submittedAtMs - b.submittedAtMs || (a.id < b.id ? -1 : a.id > b.id ? 1 : 0)
}

/**
 * Reads all records except the keys of ended drivers, page by page. The former leader can no longer write, so
 * the pages are one consistent snapshot. Undefined: the store has moved, so this leadership is over before it
 * began (protocol 11.1). Throws HEAP_TOO_SMALL.
 */
export async function readRecords(
  engine: PersistenceEngine,
  fence: Fence,
  writeId: string,
): Promise<ReadRecords | undefined> {
  const read = new ReadRecords()
  const readTable = async <S extends Section>(section: S): Promise<boolean> => {
    let cursor: string | undefined
    do {
      const page = await readPage<RecordOf<S>>(engine, fence, writeId, tableOf[section], cursor)
      if (page === undefined) return false
      read.add(section, page)
      cursor = page.next
    } while (cursor !== undefined)
    return true
  }
  const done = await Promise.all(sections.map((section) => readTable(section)))
  return done.every((whole) => whole) ? read : undefined
}

export interface RecordPage<R> {
  readonly records: readonly (readonly [string, R])[]
  readonly texts?: readonly string[] | undefined
  readonly next: string | undefined
}

async function readPage<R>(
  engine: PersistenceEngine,
  fence: Fence,
  writeId: string | undefined,
  table: Table,
  cursor: string | undefined,
): Promise<RecordPage<R> | undefined> {
  const page = await engine.read(fence, writeId, table, cursor)
  if (page.kind === 'moved') return undefined
  // The engine has validated it with the schemas of records.ts.
  return { records: page.records as RecordPage<R>['records'], texts: page.texts, next: page.cursor }
}

/**
 * Reads a page of keys of ended drivers beside the leader's own commits. Undefined: this Master no longer
 * leads.
 */
export const readKeys = (engine: PersistenceEngine, fence: Fence, cursor: string | undefined) =>
  readPage<KeyRecord>(engine, fence, undefined, 'key', cursor)

/** The records of a page in the form of a leader's record cache. */
export function* putsOf(table: Table, { records, texts }: RecordPage<object>): Generator<Put> {
  for (const [index, [id, record]] of records.entries())
    yield { table, id, json: texts?.[index] ?? JSON.stringify(record) }
}

/**
 * Logs all quarantined entries, also those of earlier elections, because an operator may still repair them.
 */
export async function tellQuarantined(engine: PersistenceEngine, log: Log): Promise<void> {
  const quarantined = await engine.quarantined().catch((error: unknown) => {
    log.warn('the quarantined entries cannot be listed', { reason: reasonOf(error) })
    return []
  })
  for (const { place, reason } of quarantined)
    log.warn('STORE_UNREADABLE: an entry was quarantined', { place, reason })
}
