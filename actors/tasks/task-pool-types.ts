import type { Clock } from '../../runtime/clock.js'
import type { Logger } from '../../runtime/observe/log.js'
import type { TimerSource } from '../../runtime/timers.js'
import type { CallLimit } from './call-limits.js'
import type { TaskCounts } from './dispatch-counts.js'
import type { IdleExecutor } from './dispatch-idle.js'
import type {
  Backoff,
  Closed,
  DispatchStats,
  ExecutorDescription,
  ExecutorUpdate,
  TaskOutcome,
  TaskPoolEvent,
  TaskStep,
} from './dispatch-types.js'
import type { ChannelLink, TraceOf } from './executor-channel.js'
import type { LimitKey } from './key-limit.js'
import type { TakeOutput } from './task-outputs.js'
import type { Given, TaskSummaries } from './task-summaries.js'
import type { TaskTrace } from './task-trace.js'

/** Where a task function is. */
export interface FunctionRef {
  /** URL of its module. */
  readonly url: string
  readonly name: string
}

export interface SubmitSpec {
  readonly fn: FunctionRef
  /** node:v8 bytes of the list of arguments. */
  readonly input: Uint8Array
  readonly retries: number
  readonly backoff?: Backoff | undefined
  /** Decides whether a failure or timeout is repeated, from the error of the attempt. Undefined: all are. */
  readonly retryIf?: ((error: Error) => boolean) | undefined
  /** Milliseconds for one attempt; 0: no timeout. */
  readonly timeoutMs: number
  /** From `newGroup()`. */
  readonly group: number
  /** The limit of its call, which is the same for all tasks of the group, and the key for it. */
  readonly limit?: CallLimit | undefined
  readonly key?: LimitKey | undefined
  /** Called with what the task says of itself. It must not throw. */
  readonly onProgress?: ((step: TaskStep) => void) | undefined
  /** Called with each part that the task puts out. */
  readonly takeOutput?: TakeOutput | undefined
  /** Its spans; undefined: nobody traces. */
  readonly trace?: TaskTrace | undefined
  /** The pool puts it in, for its summaries. It stands here so that tasks need no further table. */
  given?: Given | undefined
  /** Called exactly once. */
  readonly onEnd: (outcome: TaskOutcome) => void
}

export interface TaskPoolLimits {
  readonly maxInputBytes: number
  readonly maxResultBytes: number
}

export interface TaskPoolOptions {
  readonly appId: string
  readonly clock?: Clock
  readonly timers?: TimerSource
  readonly log: Pick<Logger, 'info' | 'warn'>
  /** Asks the Master to kill an executor that this driver has given up. */
  readonly killExecutor: (execId: number, leaves: boolean) => void
  /** Called once, for an exception in the pool itself, after every task has ended. */
  readonly onDefect: (error: unknown) => void
  /** Tasks were submitted and placed, as far as there are executors. */
  readonly onSubmitted?: () => void
  readonly limits?: Partial<TaskPoolLimits>
  /** Gives numbers in [0, 1). */
  readonly random?: () => number
  /** Tasks at a time on each core of an executor; default 1. */
  readonly tasksPerCore?: number
  /** An executor that was given so many is replaced. */
  readonly maxTasks?: number | undefined
  /** Learns what the Master is told of its tasks. */
  readonly summaries?: TaskSummaries
  readonly traceOf?: TraceOf | undefined
}

export interface TaskPoolStats extends DispatchStats, TaskCounts {
  /** Tasks that have not ended. */
  live: number
}

/** The driver's side of tasks: the dispatch core, with links, timers and the inputs of tasks. */
export interface TaskPool {
  readonly limits: TaskPoolLimits
  executorAdded(executor: ExecutorDescription): void
  executorUpdated(update: ExecutorUpdate): void
  /** Takes a link whose peer has proved the application's key. */
  link(link: ChannelLink): void
  /** Returns the number of the task, for `cancel`. */
  submit(spec: SubmitSpec): number
  cancel(taskIds: readonly number[], reason: string): void
  /** Returns the number of a new map or each. Groups take turns. Single calls are group 0. */
  newGroup(): number
  /** Number of a group's tasks that wait for their next attempt after a failure. */
  delayed(group: number): number
  /** Number of a group's tasks that wait for the limit of their call. */
  held(group: number): number
  /** Where the tasks of a group are that have not ended. */
  counts(group: number): TaskCounts
  /** How many tasks all executors together would hold now. */
  window(): number
  /** Linked executors without a task. */
  idle(): IdleExecutor[]
  /** True: there are more tasks than all executors together run at a time. */
  readonly hasTooMuchWork: boolean
  /** These executors get no more tasks, because they are about to end. No task is to blame for that. */
  giveBack(execIds: readonly number[], reason: string): void
  /** Ends all tasks with APPLICATION_CLOSED, or the code, and tells the executors to exit. */
  close(closed: Closed): void
  /** The returned function removes the listener. */
  on(listener: (event: TaskPoolEvent) => void): () => void
  stats(): TaskPoolStats
  executors(): ExecutorDescription[]
  /** What this executor remembers, as JSON; undefined: it is not linked, or does not answer. */
  askTrace(execId: number, question: string): Promise<string | undefined>
}
