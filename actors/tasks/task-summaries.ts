import { limits } from '../../runtime/limits.js'
import {
  durationBoundsMs,
  type FailedTask,
  type SlowTask,
  type TaskSummary,
} from '../messages/task-summary.js'
import type { TaskCounts } from './dispatch-counts.js'
import type { DispatchStats, RepetitionCause, TaskOutcome } from './dispatch-types.js'
import { endText } from './outcome-error.js'

/* What a driver tells its Master of its tasks, pure: counts, and the few tasks that people look for. */

/** When a task went to an executor, and to which. All that went together share it. */
export interface Given {
  readonly execId: number
  readonly atMs: number
}

interface Failure {
  readonly outcome: TaskOutcome
  readonly function: string
  readonly executor: number | undefined
}

const MOST = limits.summaryTasks

/** Its size is the same however many tasks there are. */
export class TaskSummaries {
  readonly #durations: number[] = []
  readonly #retries = { failure: 0, timeout: 0, executorLost: 0, threadLost: 0 }
  /** The slowest first. */
  readonly #slowest: SlowTask[] = []
  /** The newest first. Their errors are read when somebody is told of them, and not at each failure. */
  #failures: (Failure | FailedTask)[] = []
  #told = ''
  #toldAtMs: number

  constructor(nowMs: number) {
    this.#toldAtMs = nowMs
  }

  repeated(cause: RepetitionCause): void {
    if (cause === 'failure' || cause === 'timeout') this.#retries[cause]++
    else if (cause.startsWith('thread')) this.#retries.threadLost++
    else this.#retries.executorLost++
  }

  /** `given`: undefined if no executor got it. */
  ended(outcome: TaskOutcome, functionName: string, given: Given | undefined, nowMs: number): void {
    const { end } = outcome
    if (end.kind === 'cancelled' || end.kind === 'closed') return
    if (end.kind !== 'value') this.#failed({ outcome, function: functionName, executor: given?.execId })
    if (given && (end.kind === 'value' || end.kind === 'failed'))
      this.#took(outcome, functionName, given.execId, Math.max(0, nowMs - given.atMs))
  }

  #failed(failure: Failure): void {
    this.#failures.unshift(failure)
    if (this.#failures.length > MOST) this.#failures.pop()
  }

  #took({ taskId, end, attempts }: TaskOutcome, functionName: string, executor: number, ms: number): void {
    const span = spanOf(ms)
    while (this.#durations.length <= span) this.#durations.push(0)
    this.#durations[span] = (this.#durations[span] as number) + 1
    if (this.#slowest.length === MOST && ms <= (this.#slowest[MOST - 1] as SlowTask).ms) return
    const at = this.#slowest.findIndex((slow) => slow.ms < ms)
    this.#slowest.splice(at < 0 ? this.#slowest.length : at, 0, {
      function: functionName.slice(0, limits.summaryNameChars),
      task: taskId,
      executor,
      attempts,
      ms: Math.round(ms),
      ended: end.kind === 'value' ? 'done' : 'failed',
    })
    if (this.#slowest.length > MOST) this.#slowest.pop()
  }

  /** Undefined: nothing has changed since the last one. */
  take(stats: DispatchStats & TaskCounts, nowMs: number): TaskSummary | undefined {
    const { accepted, failed, quarantined, unknown, cancelled, running, atExecutors, waiting } = stats
    const overMs = Math.max(1, Math.round(nowMs - this.#toldAtMs))
    this.#toldAtMs = nowMs
    this.#failures = this.#failures.map((failure) => ('error' in failure ? failure : readable(failure)))
    const summary = {
      done: accepted,
      failed: failed + quarantined + unknown,
      cancelled,
      running,
      atExecutors,
      waiting,
      retries: { ...this.#retries },
      durations: [...this.#durations],
      slowest: [...this.#slowest],
      failures: this.#failures as FailedTask[],
    }
    const text = JSON.stringify(summary)
    if (text === this.#told) return undefined
    this.#told = text
    return { overMs, ...summary }
  }

  /** Another Master leads, and knows nothing yet. */
  forget(): void {
    this.#told = ''
  }
}

/** The place among the counts of `durationBoundsMs`. */
function spanOf(ms: number): number {
  let span = 0
  while (span < durationBoundsMs.length && ms >= (durationBoundsMs[span] as number)) span++
  return span
}

function readable({ outcome, function: name, executor }: Failure): FailedTask {
  const { taskId: task, attempts } = outcome
  return {
    function: name.slice(0, limits.summaryNameChars),
    task,
    attempts,
    ...(executor !== undefined && { executor }),
    error: endText(outcome).slice(0, limits.summaryErrorChars),
  }
}
