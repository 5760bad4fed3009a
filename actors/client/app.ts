import type { FiresteelError } from '../../runtime/errors.js'
import type { LaunchFailure, WaitingReason } from '../messages/launch-failures.js'
import type { EachResult } from '../tasks/each.js'
import type { Inputs } from '../tasks/task-call.js'
import type { CallOptions, TaskOptions } from '../tasks/task-options.js'
import type { TaskFunctions } from '../tasks/task-proxy.js'

/** An executor of this application. */
export interface ExecutorInfo {
  /** Number of this executor in its application. `firesteel logs APP/ID` shows its output. */
  readonly id: number
  readonly workerId: string
  readonly host: string
  readonly cores: number
}

/** An executor that failed before it was of use, and what its Master does about it. */
export interface ExecutorFailure extends Omit<ExecutorInfo, 'cores'> {
  /**
   * `kind` is `start` (no process: `code`, `place`) or `exit` (`exitStatus`, `output` for `firesteel logs`)
   * or `room`.
   */
  readonly reason: LaunchFailure
  /** Failures in a row on this Worker. Failures at the same moment count as one. */
  readonly failures: number
  readonly excluded: boolean
  readonly retryAt: Date
}

/** Why an application has no executor. */
export interface WaitingApplication {
  /**
   * `NO_ROOM` now, `TOO_LARGE` for every Worker, `DRAINING`, `NO_LABEL`, `NO_WORKER`, `LAUNCHES_FAILED`,
   * `ALL_EXCLUDED` or `NOT_LINKED`; `ASKS_NONE` if tasks wait and the program wants no executor.
   */
  readonly reason: WaitingReason | 'ASKS_NONE'
  /** The reason in words, as `firesteel status` shows it. */
  readonly message: string
  /** Workers on which executors failed lately. */
  readonly workers: readonly Omit<ExecutorFailure, 'id'>[]
}

/** The events of `app.on`. */
export interface AppEvents {
  /** The Master has placed an executor; it takes tasks once `executorReady`. */
  readonly executorAdded: ExecutorInfo
  readonly executorReady: ExecutorInfo
  /** Its Worker is drained: it gets no new tasks, finishes those that it runs, and ends. */
  readonly executorDecommissioned: ExecutorInfo & { readonly reason: string }
  /** `tasks` is the number of its tasks that run elsewhere now. */
  readonly executorLost: ExecutorInfo & { readonly reason: string; readonly tasks: number }
  /**
   * An executor could not be started, or ended or had to leave before it had given a result. For a while
   * (from 1 s to 60 s, `retryAt`) the Master tries other Workers first for this application. After three
   * failures in a row the Worker is `excluded` for five minutes, while another Worker is large enough. The
   * application ends (`removed`) only if every Worker is excluded and `maxExecutorRetries` executors have
   * failed.
   */
  readonly executorFailed: ExecutorFailure
  /** It has had no executor for 5 s; told again each minute, and logged as a warning. */
  readonly waiting: WaitingApplication
  /** A task runs again. `executor` is the one that failed it or was lost (protocol S7). */
  readonly taskRepeated: { readonly task: number; readonly executor: number; readonly cause: string }
  readonly taskQuarantined: { readonly task: number; readonly executors: readonly number[] }
  /** A new leader is in contact; `address` is its own. You need not do anything. */
  readonly masterChanged: { readonly address: string; readonly epoch: number }
  /** There is no contact with a leader for now. Tasks go on. */
  readonly masterLost: { readonly reason: string }
  readonly workerRemoved: { readonly id: string; readonly host: string; readonly reason: string }
  /** The Master ended this application (APPLICATION_KILLED, APPLICATION_FAILED). It takes no more tasks. */
  readonly removed: FiresteelError
  /** The application was closed, on request or after `removed`. */
  readonly closed: { readonly error?: FiresteelError }
}

/** Counts since the application began. */
export interface AppStats {
  /** Results delivered; at most one per task. */
  readonly done: number
  readonly failed: number
  readonly cancelled: number
  /** Attempts after a failure or a timeout. */
  readonly retried: number
  /** Tasks that run again because their executor or their thread was lost. */
  readonly lost: number
  /** Results that were dropped because their attempt was no longer current (protocol S7). */
  readonly dropped: number
  /** Tasks that have not ended: those that run, wait at executors, and wait in this process. */
  readonly live: number
  /**
   * Tasks that run. An executor reports each task that has run for 10 ms; of shorter ones at least one for
   * each core counts.
   */
  readonly running: number
  /** Tasks that wait at executors for their turn. */
  readonly atExecutors: number
  /** Tasks that wait in this process. */
  readonly waiting: number
  readonly executors: number
}

/**
 * An application of the cluster. It keeps this process alive until `close()`. If the process ends without
 * `close()`, the Master notices it and frees the executors after applicationGrace (10 s).
 */
export interface App extends AsyncDisposable {
  /** `app-...`, as `firesteel status` shows it. */
  readonly id: string
  readonly executors: readonly ExecutorInfo[]
  /**
   * Typed functions of a task module: `app.tasks<typeof import('./tasks.js')>(new URL('./tasks.js',
   * import.meta.url))`.
   */
  tasks<M>(url: URL | string, options?: TaskOptions): TaskFunctions<M>
  /** Yields values in the order of the inputs. The first failure cancels the rest and is thrown. */
  map<I, O>(
    task: (input: I) => Promise<O>,
    inputs: Inputs<I>,
    options?: CallOptions<I>,
  ): AsyncIterableIterator<O>
  /** Yields results as tasks end. A failed task never throws. */
  each<I, O>(
    task: (input: I) => Promise<O>,
    inputs: Inputs<I>,
    options?: CallOptions<I>,
  ): AsyncIterableIterator<EachResult<I, O>>
  on<K extends keyof AppEvents>(event: K, listener: (event: AppEvents[K]) => void): App
  off<K extends keyof AppEvents>(event: K, listener: (event: AppEvents[K]) => void): App
  stats(): AppStats
  /**
   * These counts as text for Prometheus (docs/metrics.md), of the type `text/plain; version=0.0.4`. Serve it
   * where your program serves HTTP. However often it is called, it is made at most once per interval.
   */
  metrics(): Promise<string>
  /**
   * Sets how many executors the application may have from now on. If it has more, idle ones are given back at
   * once and others when they have no task left; no task is disturbed. Waits for a Master. Rejects with
   * APPLICATION_CLOSED, or the reason of the application's end.
   */
  requestExecutors(total: number): Promise<boolean>
  /**
   * Ends these executors now. Their tasks run elsewhere, and no others take their place: `requestExecutors`
   * is lowered to those that stay. Otherwise as `requestExecutors`.
   */
  killExecutors(ids: readonly number[]): Promise<boolean>
  /**
   * Ends running tasks (APPLICATION_CLOSED), frees the executors, lets the process end. It closes in any
   * case.
   */
  close(): Promise<void>
}
