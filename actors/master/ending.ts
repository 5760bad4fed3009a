import {
  type ApplicationState,
  type DriverState,
  summaryOfApplication,
  summaryOfDriver,
} from '../messages/common.js'
import type { ApplicationEntry } from './application-entry.js'
import type { Books } from './books.js'
import type { DriverEntry } from './driver-entry.js'
import { forgetFailuresOf } from './launch-timers.js'
import type { EndedApplication, EndedDriver, RecordTable } from './records.js'
import type { Step } from './step.js'
import { executorHolding } from './worker-entry.js'

/* How applications and drivers leave the books: one commit each, and what is retained of them. */

/** Spark 4.9. A kill frees nothing: the Worker's report does (protocol 8). */
export function endApplication(
  books: Books,
  step: Step,
  app: ApplicationEntry,
  state: ApplicationState,
  message: string,
): void {
  const { description, submittedAtMs, driver } = app.record
  endApplicationAs(books, step, {
    kind: 'app',
    id: app.id,
    submittedAtMs,
    endedAtMs: step.now.wallMs,
    message,
    description: summaryOfApplication(description),
    state,
    driver: driver?.id ?? null,
  })
}

/** Ends it with this record, whether it is still live or not. */
export function endApplicationAs(books: Books, step: Step, ended: EndedApplication): void {
  const app = books.apps.get(ended.id)
  if (app) removeApplication(books, step, app, ended)
  retain(books.endedApps, ended, step, books.config.retainedEnded)
}

function removeApplication(books: Books, step: Step, app: ApplicationEntry, ended: EndedApplication): void {
  const { state, message } = ended
  books.apps.delete(app.id)
  books.appsByRegistration.delete(app.record.registration)
  step.cancelTimer(`application:${app.id}`)
  forgetFailuresOf(books, step, app.id)
  for (const executor of app.executors.values()) {
    const worker = books.workers.get(executor.workerId)
    if (!worker?.holds(executorHolding(app.id, executor.execId))) continue
    step.tell(worker.id, {
      type: 'KillExecutor',
      workerId: worker.id,
      appId: app.id,
      execId: executor.execId,
    })
  }
  app.state = state
  step.delete('app', app.id)
  step.tell(app.record.endpoint, { type: 'ApplicationRemoved', appId: app.id, state, message })
  for (const worker of books.linkedWorkers()) {
    step.tell(worker.id, { type: 'ApplicationFinished', appId: app.id })
  }
  step.log('info', `application ended ${state}`, { appId: app.id, reason: message })
  books.dirty = true
}

export function endApplicationsOfDriver(books: Books, step: Step, driverId: string, reason: string): void {
  for (const app of [...books.apps.values()]) {
    if (app.record.driver?.id === driverId) endApplication(books, step, app, 'FINISHED', reason)
  }
}

export interface DriverEnd {
  readonly state: DriverState
  readonly message: string
  readonly exitCode?: number | undefined
  readonly signal?: string | undefined
}

export function endDriver(books: Books, step: Step, driver: DriverEntry, end: DriverEnd): void {
  const { record } = driver
  endDriverAs(books, step, {
    kind: 'driver',
    id: driver.id,
    submittedAtMs: record.submittedAtMs,
    endedAtMs: step.now.wallMs,
    message: end.message,
    description: summaryOfDriver(record.description),
    state: end.state,
    generation: record.generation,
    worker: record.workerId,
    exitCode: end.exitCode ?? null,
    signal: end.signal ?? null,
  })
}

/** Ends it with this record, whether it is still live or not. */
export function endDriverAs(books: Books, step: Step, ended: EndedDriver): void {
  const driver = books.drivers.get(ended.id)
  if (driver) removeDriver(books, step, driver, ended)
  retain(books.endedDrivers, ended, step, books.config.retainedEnded)
}

function removeDriver(books: Books, step: Step, driver: DriverEntry, ended: EndedDriver): void {
  const { record } = driver
  books.removeDriver(driver)
  step.cancelTimer(`relaunch:${driver.id}`)
  forgetFailuresOf(books, step, driver.id)
  endApplicationsOfDriver(books, step, driver.id, `driver ended ${ended.state}`)
  step.delete('driver', driver.id)
  const key = { driverId: driver.id, digest: record.digest, endedAtMs: ended.endedAtMs }
  books.keys.set(record.key, key)
  step.put('key', record.key, key)
  forgetOldKeys(books, step)
  step.log('info', `driver ended ${ended.state}`, { driverId: driver.id, reason: ended.message })
  books.dirty = true
}

function retain<E extends { id: string }>(ended: Map<string, E>, entry: E, step: Step, most: number): void {
  ended.set(entry.id, entry)
  step.put('ended', entry.id, entry)
  dropOldest(ended, step, 'ended', (_, index) => ended.size - index > most)
}

/** Kept 24 h or until 100,000 younger ended (protocol 15). A few at a time, so that a step stays small. */
function forgetOldKeys(books: Books, step: Step): void {
  const { retainedKeys, keyRetentionMs } = books.config
  const oldest = step.now.wallMs - keyRetentionMs
  dropOldest(
    books.keys,
    step,
    'key',
    (key, index) => books.keys.size - index > retainedKeys || key.endedAtMs < oldest,
  )
}

const DROPPED_PER_STEP = 16

function dropOldest<E>(
  map: Map<string, E>,
  step: Step,
  table: RecordTable,
  old: (entry: E, index: number) => boolean,
): void {
  const dropped: string[] = []
  for (const [id, entry] of map) {
    if (dropped.length >= DROPPED_PER_STEP || !old(entry, dropped.length)) break
    dropped.push(id)
  }
  for (const id of dropped) {
    map.delete(id)
    step.delete(table, id)
  }
}
