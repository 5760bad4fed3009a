import { requireHeap } from '../../runtime/heap.js'
import { limits } from '../../runtime/limits.js'
import type { Fence, PersistenceEngine, Put, Table } from '../../runtime/persistence/engine.js'
import type {
  ApplicationRecord,
  DriverRecord,
  EndedRecord,
  KeyRecord,
  StoredRecords,
  WorkerRecord,
} from './records.js'

/**
 * All records but the keys of ended drivers, page by page, and as a leader's image holds them. The old leader can no longer write, so the pages are one
 * consistent snapshot. Undefined: the store has moved, this leadership is over before it began (protocol 11.1). Throws
 * HEAP_TOO_SMALL.
 */
export async function readRecords(
  engine: PersistenceEngine,
  fence: Fence,
  mark: string,
): Promise<{ readonly records: StoredRecords; readonly image: readonly Put[] } | undefined> {
  const image: Put[] = []
  let bytes = 0
  const take = (put: Put): void => {
    image.push(put)
    bytes += put.json.length + limits.recordHeapBytes
    requireHeap(bytes, 'The store')
  }
  const [workers, apps, drivers, ended] = await Promise.all([
    readTable<WorkerRecord>(engine, fence, mark, 'worker', take),
    readTable<ApplicationRecord>(engine, fence, mark, 'app', take),
    readTable<DriverRecord>(engine, fence, mark, 'driver', take),
    readTable<EndedRecord>(engine, fence, mark, 'ended', take),
  ])
  if (!workers || !apps || !drivers || !ended) return undefined
  const records = {
    workers,
    // FIFO order of submission: the store keeps none.
    apps: apps.sort(bySubmission),
    drivers: drivers.sort(bySubmission),
    ended: ended.sort((a, b) => a.endedAtMs - b.endedAtMs),
    keys: [],
  }
  return { records, image }
}

const bySubmission = (a: { submittedAtMs: number; id: string }, b: { submittedAtMs: number; id: string }) =>
  a.submittedAtMs - b.submittedAtMs || (a.id < b.id ? -1 : 1)

/** `take` hears of each as the image holds it: page by page, so that no turn does all of it. */
async function readTable<R extends object>(
  engine: PersistenceEngine,
  fence: Fence,
  mark: string,
  table: Table,
  take: (put: Put) => void,
): Promise<R[] | undefined> {
  const records: R[] = []
  let cursor: string | undefined
  do {
    const page = await readPage<R>(engine, fence, mark, table, cursor)
    if (page === undefined) return undefined
    for (const [id, record] of page.records) {
      take(putOf(table, id, record))
      records.push(record)
    }
    cursor = page.next
  } while (cursor !== undefined)
  return records
}

interface RecordPage<R> {
  readonly records: readonly (readonly [string, R])[]
  readonly next: string | undefined
}

async function readPage<R>(
  engine: PersistenceEngine,
  fence: Fence,
  mark: string | undefined,
  table: Table,
  cursor: string | undefined,
): Promise<RecordPage<R> | undefined> {
  const page = await engine.read(fence, mark, table, cursor)
  if (page.kind === 'moved') return undefined
  // Validated by the engine with the schemas of records.ts.
  return { records: page.records as RecordPage<R>['records'], next: page.cursor }
}

/** A page of keys of ended drivers, beside the leader's own commits; undefined: it does not lead any more. */
export const readKeys = (engine: PersistenceEngine, fence: Fence, cursor: string | undefined) =>
  readPage<KeyRecord>(engine, fence, undefined, 'key', cursor)

/** What was read, as a leader's image holds it. */
export function* imageOf({ workers, apps, drivers, ended, keys }: Partial<StoredRecords>): Generator<Put> {
  for (const record of workers ?? []) yield putOf('worker', record.id, record)
  for (const record of apps ?? []) yield putOf('app', record.id, record)
  for (const record of drivers ?? []) yield putOf('driver', record.id, record)
  for (const record of ended ?? []) yield putOf('ended', record.id, record)
  for (const [id, record] of keys ?? []) yield putOf('key', id, record)
}

const putOf = (table: Table, id: string, record: object): Put => ({ table, id, json: JSON.stringify(record) })
