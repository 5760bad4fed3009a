import type { ApplicationEntry, ExecutorEntry } from './application-entry.js'
import type { Books } from './books.js'
import { scheduleDrivers } from './driver-scheduling.js'
import { launchExecutor } from './launching.js'
import { byCoresFree, fits, placeExecutors } from './placement.js'
import type { Step } from './step.js'
import type { WorkerEntry } from './worker-entry.js'

/** Writes of one pass, so that a step stays one commit (protocol 4.1). More go with the next pass. */
const LAUNCHES_PER_PASS = 200

/** Drivers first, with strict precedence, then executors, FIFO over the applications (Spark 4.1). */
export function schedule(books: Books, step: Step): void {
  books.clean()
  if (!books.alive) return
  const workers = [...books.workers.values()].filter((worker) => worker.schedulable)
  const launched = scheduleDrivers(books, step, workers, LAUNCHES_PER_PASS)
  scheduleExecutors(books, step, workers, LAUNCHES_PER_PASS - launched)
}

function scheduleExecutors(books: Books, step: Step, workers: WorkerEntry[], most: number): void {
  let launched = 0
  let coresFree = workers.reduce((sum, worker) => sum + worker.coresFree, 0)
  for (const app of books.apps.values()) {
    if (coresFree === 0) return
    if (!app.answered || !app.linked) continue
    if (launched >= most) {
      books.goOn()
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
