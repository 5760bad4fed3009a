import type { ApplicationEntry, ExecutorEntry } from './application-entry.js'
import type { Books } from './books.js'
import { scheduleDrivers } from './driver-scheduling.js'
import { executorDemand, standingsToTry } from './failed-launches.js'
import { launchExecutor } from './launching.js'
import { byCoresFree, fits, placeExecutors } from './placement.js'
import type { Step } from './step.js'
import { coresLeft, executorsLeft } from './waiting.js'
import type { WorkerEntry } from './worker-entry.js'

/** Writes of one pass, so that a step stays one commit (protocol 4.1). More go with the next pass. */
const LAUNCHES_PER_PASS = 200

/** Executors that one application is given in one pass: some milliseconds, whatever Workers say that they offer. */
const EXECUTORS_PER_PASS = 2000

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
    if (executors.length >= EXECUTORS_PER_PASS) books.goOn()
    for (const executor of executors) coresFree -= executor.cores
  }
}

function placeFor(books: Books, step: Step, app: ApplicationEntry, workers: WorkerEntry[]): ExecutorEntry[] {
  const demand = executorDemand(app)
  if (coresLeft(books, app) < demand.cores || executorsLeft(app) <= 0) return []
  const usable = workers.filter((worker) => fits(worker, demand)).sort(byCoresFree)
  if (!books.launchFailures.has(app.id)) return placeOn(books, step, app, usable)
  const standingOf = ({ id }: WorkerEntry) => books.launchFailures.standing(app.id, id, step.now.monotonicMs)
  return standingsToTry(books, step.now, app.id, demand).flatMap((standing) =>
    placeOn(
      books,
      step,
      app,
      usable.filter((worker) => standingOf(worker) === standing),
    ),
  )
}

function placeOn(books: Books, step: Step, app: ApplicationEntry, usable: WorkerEntry[]): ExecutorEntry[] {
  const { executor } = app.record.description
  const demand = {
    coresLeft: coresLeft(books, app),
    coresPerExecutor: executor.cores,
    memoryMib: executor.memoryMib,
    resources: executor.resources,
    executorsLeft: Math.min(executorsLeft(app), EXECUTORS_PER_PASS),
  }
  const assigned = placeExecutors(usable, demand, books.config.spreadOut)
  return assigned.flatMap((cores, index) => {
    if (cores === 0) return []
    const each = executor.cores ?? cores
    return Array.from({ length: cores / each }, () => launchExecutor(books, step, app, usable[index]!, each))
  })
}
