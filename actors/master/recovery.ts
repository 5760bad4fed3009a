import { ApplicationEntry } from './application-entry.js'
import type { Books } from './books.js'
import type { DriverEntry } from './driver-entry.js'
import type { ApplicationRecord, EndedRecord, StoredRecords, WorkerRecord } from './records.js'
import type { Step } from './step.js'
import { driverHolding, WorkerEntry } from './worker-entry.js'

/* Spark's recovery (Spark 3.4), improved: nobody waits for the silent (protocol 11, L3). */

/** Fills books that nobody sees yet, a piece at a time: Workers first, then what refers to them. */
export function restore(
  books: Books,
  step: Step,
  { workers = [], apps = [], drivers = [], ended = [], keys = [] }: Partial<StoredRecords>,
): void {
  for (const record of workers) restoreWorker(books, step, record)
  for (const record of apps) restoreApplication(books, step, record, record.execIds)
  for (const record of drivers) bindDriver(books, step, books.restoreDriver(record, record.generation))
  for (const record of ended) restoreEnded(books, record)
  for (const [key, record] of keys) books.keys.set(key, record)
}

/** The books hold all that the store does; nobody has answered yet. */
export function beginRecovery(books: Books, step: Step): void {
  books.lastAnswerMs = step.now.monotonicMs
  if (allAnswered(books)) {
    completeRecovery(books, step)
    return
  }
  books.state = 'RECOVERING'
  step.startTimer('recovery-quiet', books.config.recoveryQuietMs)
  step.startTimer('recovery-max', books.config.recoveryMaxMs)
}

/** Nobody knows yet whether it lives; its heartbeat counts from now. */
export function restoreWorker(books: Books, step: Step, record: WorkerRecord): void {
  const worker = new WorkerEntry(record, 'UNKNOWN', step.now.monotonicMs, step.now.wallMs)
  books.workers.set(worker.id, worker)
  books.workersByAddress.set(worker.address, worker)
}

/** `foundExecIds`: the ceiling in the store at this election. */
export function restoreApplication(
  books: Books,
  step: Step,
  record: ApplicationRecord,
  foundExecIds: number,
): void {
  const app = new ApplicationEntry(record, 'UNKNOWN', false, foundExecIds)
  books.apps.set(app.id, app)
  books.appsByRegistration.set(record.registration, app)
  step.startTimer(`application:${app.id}`, books.config.applicationTimeoutMs)
}

/** To the Worker that its record names; without one it waits in the queue. */
export function bindDriver(books: Books, step: Step, driver: DriverEntry): void {
  const { orphanGraceMs, guardMarginMs } = books.config
  const { workerId, generation, description, resources, state } = driver.record
  if (workerId === null) {
    // Its former Worker's guard may still be at work: the wait was in the deposed leader's memory only.
    if (state === 'RELAUNCHING') waitForItsEnd(step, driver, orphanGraceMs + guardMarginMs)
    return
  }
  const { cores, memoryMib } = description
  const worker = books.workers.get(workerId)
  if (worker) worker.hold(driverHolding(driver.id, generation), { cores, memoryMib, resources })
  else {
    driver.requeue(step, 'its worker is not in the store')
    driver.expectedOn = workerId
    // It may run there all the same, silently (protocol 9).
    waitForItsEnd(step, driver, books.config.workerTimeoutMs)
  }
}

function waitForItsEnd(step: Step, driver: DriverEntry, ms: number): void {
  driver.notBeforeMs = step.now.monotonicMs + ms
  step.startTimer(`relaunch:${driver.id}`, ms)
}

function restoreEnded(books: Books, record: EndedRecord): void {
  if (record.kind === 'driver') books.endedDrivers.set(record.id, record)
  else books.endedApps.set(record.id, record)
}

/** Have all answered, or are they known dead? */
function allAnswered(books: Books): boolean {
  if (books.awaitedTails.size > 0) return false
  for (const worker of books.workers.values()) if (worker.state === 'UNKNOWN') return false
  for (const app of books.apps.values()) if (app.state === 'UNKNOWN') return false
  return true
}

/** After each answer, and when quiet or the limit says so. The silent stay UNKNOWN on their own clocks. */
export function advanceRecovery(books: Books, step: Step, overdue = false): void {
  if (books.state !== 'RECOVERING') return
  if (overdue || allAnswered(books) || isQuiet(books, step)) completeRecovery(books, step)
}

const quietLeftMs = (books: Books, step: Step): number =>
  books.config.recoveryQuietMs - (step.now.monotonicMs - books.lastAnswerMs)

/** Where the store is known to have lost something, a Master that may have it is worth more than a quarter of a second. */
function isQuiet(books: Books, step: Step): boolean {
  return quietLeftMs(books, step) <= 0 && !(books.hasLost && books.awaitedTails.size > 0)
}

/** Re-arms the watch for quiet: answers came since it was set. What is awaited longer ends with an answer, or the limit. */
export function recoveryQuietElapsed(books: Books, step: Step): void {
  advanceRecovery(books, step)
  const leftMs = quietLeftMs(books, step)
  if (books.state === 'RECOVERING' && leftMs > 0) step.startTimer('recovery-quiet', leftMs)
}

function completeRecovery(books: Books, step: Step): void {
  step.cancelTimer('recovery-quiet')
  step.cancelTimer('recovery-max')
  books.state = 'COMPLETING_RECOVERY'
  const silent = [...books.workers.values()].filter((worker) => worker.state === 'UNKNOWN').length
  books.state = 'ALIVE'
  books.dirty = true
  step.log('info', 'I have been elected leader! New state: ALIVE', {
    epoch: books.leadership.epoch,
    recoveredMs: Math.round(step.now.monotonicMs - books.leadership.electedAtMs),
    workers: books.workers.size,
    silentWorkers: silent,
    applications: books.apps.size,
    drivers: books.drivers.size,
  })
}
