import { comparePositions, type Position } from '../messages/common.js'
import type { Books } from './books.js'
import { endApplicationAs, endDriverAs } from './ending.js'
import type {
  ApplicationRecord,
  DriverRecord,
  EndedRecord,
  KeyRecord,
  RecordTable,
  WorkerRecord,
} from './records.js'
import { bindDriver, restoreApplication, restoreWorker } from './recovery.js'
import type { Step } from './step.js'
import { driverHolding } from './worker-entry.js'

/* What the store forgot and a Master still has (protocol 12): taken in, nothing is deleted but what has ended since. */

export interface TailRecord {
  readonly table: RecordTable
  readonly id: string
  /** Valid for its table. */
  readonly value: object
}

/** Commits the records whose id the books do not hold, or hold as an older write. */
export function takeBackTail(books: Books, step: Step, records: readonly TailRecord[]): void {
  let taken = 0
  for (const { table, id, value } of records) if (takeBack(books, step, table, id, value)) taken++
  if (taken === 0) return
  books.dirty = true
  step.log('warn', 'STORE_REWOUND: records that the store forgot are back', { taken, of: records.length })
}

function takeBack(books: Books, step: Step, table: RecordTable, id: string, value: object): boolean {
  switch (table) {
    case 'worker':
      return worker(books, step, value as WorkerRecord)
    case 'app':
      return application(books, step, value as ApplicationRecord)
    case 'driver':
      return driver(books, step, value as DriverRecord)
    case 'ended':
      return ended(books, step, value as EndedRecord)
    case 'key':
      return key(books, step, id, value as KeyRecord)
  }
}

const start: Position = { epoch: 0, seq: 0 }
const isNewer = (one: { at?: Position | undefined }, other: { at?: Position | undefined }): boolean =>
  comparePositions(one.at ?? start, other.at ?? start) > 0

function worker(books: Books, step: Step, record: WorkerRecord): boolean {
  if (books.workers.has(record.id)) return false
  // A later process has its address: this one is gone.
  if (books.workersByAddress.has(`${record.host}:${record.port}`)) return false
  restoreWorker(books, step, record)
  step.put('worker', record.id, record)
  return true
}

function application(books: Books, step: Step, record: ApplicationRecord): boolean {
  if (books.endedApps.has(record.id)) return false
  const held = books.apps.get(record.id)
  if (!held) {
    restoreApplication(books, step, record)
    step.put('app', record.id, record)
    return true
  }
  if (record.execIds <= held.record.execIds) return false
  held.record = { ...held.record, execIds: record.execIds }
  held.nextExecId = Math.max(held.nextExecId, record.execIds)
  step.put('app', held.id, held.record)
  return true
}

function driver(books: Books, step: Step, record: DriverRecord): boolean {
  if (books.endedDrivers.has(record.id)) return false
  const held = books.drivers.get(record.id)
  if (held && !isNewer(record, held.record)) {
    if (record.wanted !== 'KILL' || held.record.wanted === 'KILL') return false
    held.record = { ...held.record, wanted: 'KILL' }
    step.put('driver', held.id, held.record)
    if (held.record.workerId) {
      const { workerId, generation } = held.record
      step.tell(workerId, { type: 'KillDriver', workerId, driverId: held.id, generation })
    }
    return true
  }
  if (held) {
    const { workerId, generation } = held.record
    if (workerId) books.workers.get(workerId)?.release(driverHolding(held.id, generation))
    books.driversByKey.delete(held.record.key)
  }
  bindDriver(books, step, books.restoreDriver(record))
  step.put('driver', record.id, record)
  return true
}

/** An end outranks the older life of the same id. */
function ended(books: Books, step: Step, record: EndedRecord): boolean {
  if (record.kind === 'driver') {
    if (books.endedDrivers.has(record.id)) return false
    endDriverAs(books, step, record)
  } else {
    if (books.endedApps.has(record.id)) return false
    endApplicationAs(books, step, record)
  }
  return true
}

function key(books: Books, step: Step, id: string, record: KeyRecord): boolean {
  if (books.keys.has(id) || books.driversByKey.get(id)?.id === record.driverId) return false
  books.keys.set(id, record)
  step.put('key', id, record)
  return true
}
