import { comparePositions } from '../../runtime/persistence/engine.js'
import { type Position, summaryOfDriver } from '../messages/common.js'
import type { RequestLostTail } from '../messages/masters.js'
import { isBelievedOfTail } from './belief.js'
import type { Books } from './books.js'
import type { DriverEntry } from './driver-entry.js'
import { endApplicationAs, endDriver, endDriverAs } from './ending.js'
import type {
  ApplicationRecord,
  DriverRecord,
  EndedDriver,
  EndedRecord,
  KeyRecord,
  RecordTable,
  WorkerRecord,
} from './records.js'
import { bindDriver, restoreApplication, restoreWorker } from './recovery.js'
import { isAdopted } from './reports.js'
import type { Step } from './step.js'
import { giveUp, outranks, supersede } from './superseding.js'

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

/**
 * The next piece, `from` a Master or of the own image. With much in the lane it waits until this one is durable, so that a
 * tail of any size holds up no other write for long and leaves the lane room.
 */
export function askForMore(
  books: Books,
  step: Step,
  from: string | undefined,
  { queuedBytes = 0 }: { readonly queuedBytes?: number },
): void {
  const { base, earlier } = books.leadership
  const isAhead = queuedBytes >= books.config.slices.tailAheadBytes
  if (from === undefined) {
    if (isAhead) step.gated.push({ kind: 'nextTail' })
    else step.free.push({ kind: 'nextTail' })
    return
  }
  const message: RequestLostTail = { type: 'RequestLostTail', base, earlier: [...earlier], more: true }
  if (isAhead) step.tell(from, message)
  else step.tellNow(from, message)
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
  // Its address tells which process came later: one that has answered, or was written later, has followed it.
  const other = books.workersByAddress.get(`${record.host}:${record.port}`)
  if (other && (other.answered || !isNewer(record, other.record))) return false
  restoreWorker(books, step, record)
  step.put('worker', record.id, record)
  return true
}

function application(books: Books, step: Step, record: ApplicationRecord): boolean {
  if (books.endedApps.has(record.id)) return false
  const held = books.apps.get(record.id)
  if (!isBelievedOfTail(record.execIds, held?.foundExecIds ?? 0)) return false
  if (!held) {
    restoreApplication(books, step, record, 0)
    step.put('app', record.id, record)
    return true
  }
  const execIds = Math.max(record.execIds, held.record.execIds)
  const isLater = isNewer(record, held.record)
  if (!isLater && execIds === held.record.execIds) return false
  held.record = { ...(isLater ? record : held.record), execIds }
  // Ids up to the ceiling may have been used.
  held.nextExecId = Math.max(held.nextExecId, execIds)
  step.put('app', held.id, held.record)
  return true
}

function driver(books: Books, step: Step, record: DriverRecord): boolean {
  const ended = books.endedDrivers.get(record.id)
  if (ended) return keyOfEnded(books, step, record, ended)
  const held = books.drivers.get(record.id)
  if (!isBelievedOfTail(record.generation, held?.foundGeneration ?? 0)) return false
  const later = books.driversByKey.get(record.key)
  if (!held && later) return submittedAgain(books, step, record, later)
  if (held && isAdopted(held)) {
    if (!outranks(record, held.record)) return giveBackName(books, step, held, record)
  } else if (held && !isNewer(record, held.record)) {
    return record.wanted === 'KILL' && held.record.wanted !== 'KILL' && wantKill(books, step, held)
  }
  const { workerId, generation } = record
  const same = held?.record.workerId === workerId && held.record.generation === generation
  if (held && same) {
    held.record = record
    if (record.wanted === 'KILL') return wantKill(books, step, held)
  } else {
    if (held) supersede(books, step, held, record)
    bindDriver(books, step, books.restoreDriver(record))
    askAgain(books, step, workerId)
  }
  step.put('driver', record.id, books.drivers.get(record.id)!.record)
  return true
}

/** A Worker brought it back, and it ended before its record came: its key was known to nobody. */
function keyOfEnded(books: Books, step: Step, record: DriverRecord, { endedAtMs }: EndedDriver): boolean {
  if (books.driversByKey.has(record.key)) return false
  return key(books, step, record.key, { driverId: record.id, digest: record.digest, endedAtMs })
}

/** Its submitter heard that it is lost, and submitted it again with its key, which is one driver: this one ends. */
function submittedAgain(books: Books, step: Step, record: DriverRecord, later: DriverEntry): boolean {
  const { id, submittedAtMs, description, generation, workerId } = record
  endDriverAs(books, step, {
    kind: 'driver',
    id,
    submittedAtMs,
    endedAtMs: step.now.wallMs,
    message: `the store had lost it; submitted again as ${later.id}`,
    description: summaryOfDriver(description),
    state: 'KILLED',
    generation,
    worker: workerId,
    exitCode: null,
    signal: null,
  })
  if (workerId) step.tell(workerId, { type: 'KillDriver', workerId, driverId: id, generation })
  return true
}

/** A Worker brought it back before this record came: it gets its key again, so that nobody submits it twice. */
function giveBackName(books: Books, step: Step, held: DriverEntry, record: DriverRecord): boolean {
  const { key, digest, submittedAtMs } = record
  // Unless it was submitted again meanwhile: then both run, and a retry is the later one.
  if (!books.driversByKey.has(key)) {
    books.driversByKey.delete(held.record.key)
    books.driversByKey.set(key, held)
    held.record = { ...held.record, key, digest, submittedAtMs }
  }
  if (record.wanted === 'KILL') return wantKill(books, step, held)
  step.put('driver', held.id, held.record)
  return true
}

/** A kill was acknowledged: whatever was written later, it stays. */
function wantKill(books: Books, step: Step, held: DriverEntry): boolean {
  held.record = { ...held.record, wanted: 'KILL' }
  const { workerId, generation } = held.record
  if (workerId === null) {
    endDriver(books, step, held, { state: 'KILLED', message: 'killed before it started' })
    return true
  }
  step.put('driver', held.id, held.record)
  step.tell(workerId, { type: 'KillDriver', workerId, driverId: held.id, generation })
  return true
}

/** This Worker has reported already: its answer, ends first, tells what has become of what the books hold only now. */
function askAgain(books: Books, step: Step, workerId: string | null): void {
  const worker = workerId === null ? undefined : books.workers.get(workerId)
  if (worker?.answered) step.tell(worker.id, { type: 'ReconnectWorker', workerId: worker.id })
}

/** An end outranks the older life of the same id. */
function ended(books: Books, step: Step, record: EndedRecord): boolean {
  if (record.kind === 'driver') {
    if (books.endedDrivers.has(record.id)) return false
    const held = books.drivers.get(record.id)
    // It may have been launched since, by one who did not know.
    if (held) giveUp(books, step, held)
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
