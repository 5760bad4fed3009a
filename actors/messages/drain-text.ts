import { counted, durationText } from '../../runtime/pages/words.js'
import type { WorkerStatus } from './status.js'

/** How far the drain of a Worker is, for people. `nowMs`: wall clock of the reader. */
export function drainText(drain: NonNullable<WorkerStatus['drain']>, nowMs: number): string {
  const { sinceMs, deadlineAtMs, reason, by, isStopping, executors, drivers } = drain
  const why = reason === undefined || reason === '' ? '' : ` (${reason})`
  const who = by === undefined ? '' : ` by ${by}`
  const since = `${isStopping ? 'drained before its stop' : 'drained'}${who}${why} since ${durationText(Math.max(0, nowMs - sinceMs))}`
  if (executors + drivers === 0) return `${since}; nothing is left on it`
  const left = `${counted(executors, 'executor')} and ${counted(drivers, 'driver')} left`
  const leftMs = deadlineAtMs - nowMs
  const until = leftMs > 0 ? `the rest moves or ends in ${durationText(leftMs)}` : 'its deadline has passed'
  return `${since}; ${left}; ${until}`
}
