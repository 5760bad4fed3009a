import type { Books } from './books.js'
import { scheduleDrivers } from './driver-scheduling.js'
import { scheduleExecutors } from './executor-scheduling.js'
import type { Step } from './step.js'

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
