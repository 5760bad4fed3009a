import { limits } from '../../runtime/limits.js'
import * as z from '../../runtime/zod.js'
import { count, name, positive } from './common.js'

/*
 * What a driver tells its Master of its tasks, once a second while something changes: counts since the
 * application began, so that the next summary makes good one that was lost. Masters never see tasks.
 */

/** Why tasks ran again. */
export const retryCauses = ['failure', 'timeout', 'executorLost', 'threadLost'] as const
export type RetryCause = (typeof retryCauses)[number]

const [MS, SECOND, MINUTE, HOUR] = [1, 1000, 60_000, 3_600_000] as const

/** Tasks are counted by how long they took: below the first of these, below the next, and so on. */
export const durationBoundsMs: readonly number[] = [
  ...[1, 2, 5, 10, 20, 50, 100, 200, 500].map((bound) => bound * MS),
  ...[1, 2, 5, 10, 20].map((bound) => bound * SECOND),
  ...[1, 2, 5, 10, 20].map((bound) => bound * MINUTE),
  ...[1, 2, 5, 10, 20].map((bound) => bound * HOUR),
]

const shownTask = {
  /** Name of its function. */
  function: z.string().max(limits.summaryNameChars),
  task: count,
  attempts: count,
}

const slowTask = z.object({
  ...shownTask,
  executor: count,
  /** From when its last attempt was given to an executor to its result. */
  ms: count,
  ended: z.enum(['done', 'failed']),
})
export type SlowTask = z.infer<typeof slowTask>

const failedTask = z.object({
  ...shownTask,
  /** The one that ran it last, if any did. */
  executor: count.optional(),
  error: z.string().max(limits.summaryErrorChars),
})
export type FailedTask = z.infer<typeof failedTask>

export const tasksSummarized = z.object({
  type: z.literal('TasksSummarized'),
  appId: name,
  /** What has changed since the summary before has changed in so many milliseconds. */
  overMs: positive,
  done: count,
  failed: count,
  cancelled: count,
  running: count,
  atExecutors: count,
  waiting: count,
  retries: z.object({ failure: count, timeout: count, executorLost: count, threadLost: count }),
  /** One count for each of `durationBoundsMs`, and one for all above. Zeros at the end are left out. */
  durations: z.array(count).max(durationBoundsMs.length + 1),
  /** The slowest first. */
  slowest: z.array(slowTask).max(limits.summaryTasks),
  /** Those that failed for good, the newest first. */
  failures: z.array(failedTask).max(limits.summaryTasks),
})
export type TasksSummarized = z.infer<typeof tasksSummarized>
/** Without what only names it. */
export type TaskSummary = Omit<TasksSummarized, 'type' | 'appId'>
