import type { FiresteelError } from '../../runtime/errors.js'
import type { LaunchFailure } from '../messages/launch-failures.js'
import type { EachResult } from '../tasks/each.js'
import type { Inputs } from '../tasks/task-call.js'
import type { CallOptions, TaskOptions } from '../tasks/task-options.js'
import type { TaskFunctions } from '../tasks/task-proxy.js'

/** An executor of this application. */
export interface ExecutorInfo {
  /** Number of this executor in its application: `firesteel logs APP/ID` shows its output. */
  readonly id: number
  readonly workerId: string
  readonly host: string
  readonly cores: number
}

/** An executor that came to nothing, and what its Master makes of it. */
export interface ExecutorFailure extends Omit<ExecutorInfo, 'cores'> {
  /** By `kind`: `start` (no process: `code`, `place`), `exit` (`exitStatus`, `output` for `firesteel logs`). */
  readonly reason: LaunchFailure
  /** In a row on this Worker; those of one moment count as one. */
  readonly failures: number
  readonly excluded: boolean
  readonly retryAt: Date
}

/** What `app.on` tells of. */
export interface AppEvents {
  /** The Master has placed an executor; it takes tasks once `executorReady`. */
  readonly executorAdded: ExecutorInfo
  readonly executorReady: ExecutorInfo
  /** `tasks`: how many it had that run elsewhere now. */
  readonly executorLost: ExecutorInfo & { readonly reason: string; readonly tasks: number }
  /**
   * An executor could not be started, or ended before it had given a result. Its Worker is left alone by this
   * application for a while (from 1 s to 60 s, `retryAt`), and other Workers come first. After three failures in a row
   * it is `excluded`: not tried for five minutes, while another Worker is large enough. The application ends
   * (`removed`) only where every Worker is excluded and `maxExecutorRetries` executors have failed.
   */
  readonly executorFailed: ExecutorFailure
  /** A task runs once more; `executor` is the one that failed it or was lost (protocol S7). */
  readonly taskRepeated: { readonly task: number; readonly executor: number; readonly cause: string }
  readonly taskQuarantined: { readonly task: number; readonly executors: readonly number[] }
  /** A Master leads; `address` is its own. Nothing needs to be done. */
  readonly masterChanged: { readonly address: string; readonly epoch: number }
  /** No Master is heard for now. Tasks run on. */
  readonly masterLost: { readonly reason: string }
  readonly workerRemoved: { readonly id: string; readonly host: string; readonly reason: string }
  /** The Master ended this application (APPLICATION_KILLED, APPLICATION_FAILED): it takes no more tasks. */
  readonly removed: FiresteelError
  /** Closed, on request or after `removed`. */
  readonly closed: { readonly error?: FiresteelError }
}

/** Counts since the application began. */
export interface AppStats {
  /** Results delivered: of each task at most one. */
  readonly done: number
  readonly failed: number
  readonly cancelled: number
  /** Attempts after a failure or a timeout. */
  readonly retried: number
  /** Tasks that went elsewhere because their executor was lost. */
  readonly lost: number
  /** Results of attempts that were no longer current: dropped (protocol S7). */
  readonly dropped: number
  /** Tasks that have not ended. */
  readonly live: number
  readonly executors: number
}

/**
 * An application of the cluster. It keeps this process alive until `close()`. A process that ends without it is
 * noticed by the Master, which gives its executors back after applicationGrace (10 s).
 */
export interface App extends AsyncDisposable {
  /** `app-...`, as `firesteel status` shows it. */
  readonly id: string
  readonly executors: readonly ExecutorInfo[]
  /** Typed functions of a task module: `app.tasks<typeof import('./tasks.js')>(new URL('./tasks.js', import.meta.url))`. */
  tasks<M>(url: URL | string, options?: TaskOptions): TaskFunctions<M>
  /** Values in the order of the inputs; the first failure cancels the rest and is thrown. */
  map<I, O>(
    task: (input: I) => Promise<O>,
    inputs: Inputs<I>,
    options?: CallOptions,
  ): AsyncIterableIterator<O>
  /** Results as they end; never throws for a task. */
  each<I, O>(
    task: (input: I) => Promise<O>,
    inputs: Inputs<I>,
    options?: CallOptions,
  ): AsyncIterableIterator<EachResult<I, O>>
  on<K extends keyof AppEvents>(event: K, listener: (event: AppEvents[K]) => void): App
  off<K extends keyof AppEvents>(event: K, listener: (event: AppEvents[K]) => void): App
  stats(): AppStats
  /**
   * The total of executors wanted from now on; lowering it kills none. Waits for a Master; rejects with
   * APPLICATION_CLOSED, or the reason of the application's end.
   */
  requestExecutors(total: number): Promise<boolean>
  /** Ends what still runs (APPLICATION_CLOSED), gives the executors back, lets the process end. Never fails to close. */
  close(): Promise<void>
}
