import type { ApplicationEntry, ExecutorEntry } from './application-entry.js'
import type { Books } from './books.js'
import type { DriverEntry } from './driver-entry.js'
import { launchDriver, launchExecutor } from './launching.js'
import { byCoresFree, fits, placeDriver, placeExecutors } from './placement.js'
import type { Step } from './step.js'
import type { WorkerEntry } from './worker-entry.js'

/** Writes of one pass, so that a step stays one commit (protocol 4.1). More go with the next pass. */
const LAUNCHES_PER_PASS = 200

/** Drivers first, with strict precedence, then executors, FIFO over the applications (Spark 4.1). */
export function schedule(books: Books, step: Step): void {
  books.dirty = false
  if (!books.alive) return
  const workers = [...books.workers.values()].filter((worker) => worker.schedulable)
  const launched = scheduleDrivers(books, step, workers)
  scheduleExecutors(books, step, workers, LAUNCHES_PER_PASS - launched)
}

function scheduleDrivers(books: Books, step: Step, workers: WorkerEntry[]): number {
  let launched = 0
  for (const driver of books.drivers.values()) {
    if (!driver.queued) continue
    if (step.now.monotonicMs < driver.notBeforeMs) continue
    if (launched >= LAUNCHES_PER_PASS) {
      books.dirty = true
      return launched
    }
    const index = placeDriver(workers, driver.record.description, books.driverCursor)
    if (index === undefined) {
      driver.message = waitingReason(books, driver)
      continue
    }
    books.driverCursor = (index + 1) % workers.length
    launchDriver(books, step, driver, workers[index]!)
    launched++
  }
  return launched
}

function waitingReason(books: Books, driver: DriverEntry): string {
  const alive = [...books.workers.values()].filter((worker) => worker.state === 'ALIVE')
  if (alive.length === 0) return 'waits: no Worker is alive'
  const { cores, memoryMib, resources } = driver.record.description
  const custom = Object.entries(resources).map(([name, amount]) => `, ${amount} ${name}`)
  const wants = `${cores} cores, ${memoryMib} MiB${custom.join('')}`
  const possible = alive.some(({ record }) =>
    fits(
      {
        id: record.id,
        coresFree: record.cores,
        memoryFreeMib: record.memoryMib,
        resourcesFree: record.resources,
      },
      driver.record.description,
    ),
  )
  return possible ? `waits: no Worker has ${wants} free now` : `waits: no Worker is as large as ${wants}`
}

function scheduleExecutors(books: Books, step: Step, workers: WorkerEntry[], most: number): void {
  let launched = 0
  let coresFree = workers.reduce((sum, worker) => sum + worker.coresFree, 0)
  for (const app of books.apps.values()) {
    if (coresFree === 0) return
    if (!app.answered || !app.linked) continue
    if (launched >= most) {
      books.dirty = true
      return
    }
    const executors = placeFor(books, step, app, workers)
    launched += executors.length
    for (const executor of executors) coresFree -= executor.cores
  }
}

function placeFor(books: Books, step: Step, app: ApplicationEntry, workers: WorkerEntry[]): ExecutorEntry[] {
  const { maxCores, executor } = app.record.description
  const coresLeft = (maxCores ?? books.config.defaultCores ?? Number.MAX_SAFE_INTEGER) - app.coresGranted
  const executorsLeft = app.executorLimit - app.executors.size
  const smallest = { ...executor, cores: executor.cores ?? 1 }
  if (coresLeft < smallest.cores || executorsLeft <= 0) return []
  const usable = workers.filter((worker) => fits(worker, smallest)).sort(byCoresFree)
  const assigned = placeExecutors(
    usable,
    {
      coresLeft,
      coresPerExecutor: executor.cores,
      memoryMib: executor.memoryMib,
      resources: executor.resources,
      executorsLeft,
    },
    books.config.spreadOut,
  )
  return assigned.flatMap((cores, index) => {
    if (cores === 0) return []
    const each = executor.cores ?? cores
    return Array.from({ length: cores / each }, () => launchExecutor(books, step, app, usable[index]!, each))
  })
}
