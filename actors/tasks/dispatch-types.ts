import type { ExecutorState } from '../messages/common.js'
import type { AttemptKey, AttemptProgress, OutputPart, ResultStatus } from '../messages/task-entries.js'
import type { CallLimit } from './call-limits.js'
import type { DispatchTimer } from './dispatch-timer.js'
import type { LimitKey } from './key-limit.js'

/* Inputs and effects of the dispatch core. */

/** What the core knows of a task. The input bytes stay with the shell. */
export interface TaskSpec {
  readonly taskId: number
  /** A group is one map, one each, or all single calls of an application. Groups take turns. */
  readonly group: number
  /** Failures and timeouts that are repeated; one more ends the task. 0: at most once (protocol S7). */
  readonly retries: number
  readonly inputBytes: number
  /** How long a task waits after a failure or timeout; undefined: not at all. */
  readonly backoff?: Backoff | undefined
  /** The limit of its call, and the key for it. */
  readonly limit?: CallLimit | undefined
  readonly key?: LimitKey | undefined
  /** True: the caller decides whether a failure or timeout is repeated. */
  readonly asks?: boolean
}

/** The waits before further attempts: exponential, with jitter. */
export interface Backoff {
  readonly firstMs: number
  readonly factor: number
  readonly mostMs: number
  /** Share of each wait that is random, from 0 to 1. */
  readonly jitter: number
}

export interface ExecutorDescription {
  readonly execId: number
  readonly workerId: string
  readonly host: string
  readonly cores: number
  /** Tasks at a time on each core; default 1. */
  readonly tasksPerCore?: number
  /** It is replaced when it was given so many tasks. */
  readonly maxTasks?: number
}

export interface ExecutorUpdate {
  readonly execId: number
  readonly state: ExecutorState
  readonly message?: string | undefined
  readonly exitStatus?: number | undefined
  /** Set if the whole Worker was lost. */
  readonly workerHost?: string | undefined
}

export interface AttemptResult extends AttemptKey {
  readonly status: ResultStatus
  /** Bytes of the value or of the error record; the core does not read them. */
  readonly body: Uint8Array
}

export type RepetitionCause = 'failure' | 'timeout' | `executor lost: ${string}` | `thread lost: ${string}`

/** Why a task ran, or may have run, again (protocol S7: each repetition names its cause). */
export interface Repetition {
  readonly execId: number
  readonly cause: RepetitionCause
}

/** How far a task is, as it says. */
export interface TaskStep {
  /** From 0 to 1. */
  readonly fraction: number
  readonly text?: string
}

/** What a function of the caller threw. It may be undefined, so it has an object around it. */
export interface Thrown {
  readonly error: unknown
}

/** Why an application takes no more tasks. */
export interface Closed {
  readonly reason: string
  /** Its Master ended it; absent: it was closed, or had to end itself. */
  readonly code?: 'APPLICATION_FAILED' | 'APPLICATION_KILLED' | undefined
}

export type TaskEnd =
  | { readonly kind: 'value'; readonly body: Uint8Array }
  | {
      readonly kind: 'failed'
      readonly cause: 'failure' | 'timeout' | 'permanent'
      readonly body: Uint8Array
      /** Set if the caller's `retryIf` threw this when it was asked about the failure. */
      readonly thrown?: Thrown | undefined
    }
  | { readonly kind: 'cancelled'; readonly reason: string }
  | ({ readonly kind: 'closed' } & Closed)
  | { readonly kind: 'quarantined'; readonly executors: readonly number[] }
  | { readonly kind: 'unknown'; readonly lost: 'executor' | 'thread'; readonly why: string }

/** The outcome of a task. Each task has exactly one. */
export interface TaskOutcome {
  readonly taskId: number
  readonly end: TaskEnd
  /** How often it was given to an executor, without those times when it came back unstarted. */
  readonly attempts: number
  readonly repetitions: readonly Repetition[]
}

export type DispatchInput =
  | { readonly kind: 'submit'; readonly tasks: readonly TaskSpec[] }
  | { readonly kind: 'cancel'; readonly taskIds: readonly number[]; readonly reason: string }
  | { readonly kind: 'executorAdded'; readonly executor: ExecutorDescription }
  | { readonly kind: 'executorUpdated'; readonly update: ExecutorUpdate }
  /** A new link of this executor, which has proved its application's key. */
  | { readonly kind: 'hello'; readonly executor: ExecutorDescription }
  /** All that the executor holds, as its answer to `welcome`. */
  | { readonly kind: 'held'; readonly execId: number; readonly attempts: readonly AttemptKey[] }
  | { readonly kind: 'linkDown'; readonly execId: number; readonly reason: string }
  | { readonly kind: 'started'; readonly execId: number; readonly attempts: readonly AttemptKey[] }
  | { readonly kind: 'returned'; readonly execId: number; readonly attempts: readonly AttemptKey[] }
  | { readonly kind: 'results'; readonly execId: number; readonly results: readonly AttemptResult[] }
  | { readonly kind: 'progress'; readonly execId: number; readonly progress: readonly AttemptProgress[] }
  | { readonly kind: 'output'; readonly execId: number; readonly part: OutputPart }
  /** The executor ends itself. What it reports from now on counts only when it is gone. */
  | {
      readonly kind: 'ending'
      readonly execId: number
      readonly reason: string
      readonly hasWorked: boolean
    }
  /** The link is full, or no longer full. */
  | { readonly kind: 'pressure'; readonly execId: number; readonly blocked: boolean }
  /** The answer to `ask`. */
  | {
      readonly kind: 'answer'
      readonly taskId: number
      readonly retry: boolean
      readonly thrown?: Thrown | undefined
    }
  | { readonly kind: 'timer'; readonly timer: DispatchTimer }
  /** These executors end because the program wants it. They get no more tasks. */
  | { readonly kind: 'giveBack'; readonly execIds: readonly number[]; readonly reason: string }
  | ({ readonly kind: 'close' } & Closed)

export type TaskPoolEvent =
  | { readonly name: 'executorAdded'; readonly executor: ExecutorDescription }
  | { readonly name: 'executorLinked'; readonly executor: ExecutorDescription }
  /** Its Worker is drained: it gets no more tasks, and ends when it has none. */
  | { readonly name: 'executorLeaving'; readonly executor: ExecutorDescription; readonly reason: string }
  /** The executor has run its first task. */
  | { readonly name: 'executorWorked'; readonly execId: number }
  /** `tasks` is how many of its tasks run elsewhere now or have an unknown outcome. */
  | {
      readonly name: 'executorLost'
      readonly executor: ExecutorDescription
      readonly reason: string
      readonly tasks: number
    }
  | {
      readonly name: 'taskRepeated'
      readonly taskId: number
      readonly group: number
      readonly execId: number
      readonly cause: RepetitionCause
    }
  /** Tasks of this call wait for their limit, so that others may be pulled. */
  | { readonly name: 'tasksHeld'; readonly group: number }
  | { readonly name: 'taskQuarantined'; readonly taskId: number; readonly executors: readonly number[] }

export type DispatchEffect =
  | { readonly kind: 'welcome'; readonly execId: number }
  /** Tell it to exit, and ignore its messages from now on. */
  | { readonly kind: 'refuse'; readonly execId: number; readonly reason: string }
  | { readonly kind: 'run'; readonly execId: number; readonly attempts: readonly AttemptKey[] }
  | { readonly kind: 'cancel'; readonly execId: number; readonly attempts: readonly AttemptKey[] }
  | { readonly kind: 'ack'; readonly execId: number; readonly attempts: readonly AttemptKey[] }
  | { readonly kind: 'recall'; readonly execId: number; readonly count: number }
  /** Tell it that it may end itself now. */
  | { readonly kind: 'letGo'; readonly execId: number; readonly reason: string }
  /** `leaves`: it has nothing left, and was to end. */
  | { readonly kind: 'killExecutor'; readonly execId: number; readonly leaves?: boolean }
  /** Its current attempt says how far it is. */
  | { readonly kind: 'progress'; readonly taskId: number; readonly progress: TaskStep }
  /** Its current attempt has put this out. */
  | { readonly kind: 'output'; readonly execId: number; readonly part: OutputPart }
  /** Ask the caller whether this failure is repeated. The task waits for the answer. */
  | { readonly kind: 'ask'; readonly taskId: number; readonly body: Uint8Array }
  | { readonly kind: 'settle'; readonly outcome: TaskOutcome }
  | { readonly kind: 'event'; readonly event: TaskPoolEvent }
  | { readonly kind: 'startTimer'; readonly timer: DispatchTimer; readonly ms: number }
  | { readonly kind: 'cancelTimer'; readonly timer: DispatchTimer }
  | {
      readonly kind: 'log'
      readonly level: 'info' | 'warn'
      readonly text: string
      readonly fields: Readonly<Record<string, unknown>>
    }

export interface DispatchStats {
  /** Attempts given to executors. */
  dispatched: number
  /** Attempts that executors report as run to an end. */
  executed: number
  /** Results delivered; at most one per task. */
  accepted: number
  failed: number
  cancelled: number
  quarantined: number
  unknown: number
  /** Attempts after a failure or timeout. */
  retried: number
  /** Tasks that run again because their executor or their thread was lost. */
  lost: number
  /** Results of attempts that were no longer current. */
  dropped: number
  /** Tasks given back unstarted, to run elsewhere. They are no repetitions. */
  recalled: number
}
