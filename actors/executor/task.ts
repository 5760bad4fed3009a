import { AsyncLocalStorage } from 'node:async_hooks'
import { FiresteelError } from '../../runtime/errors.js'

export { NoRetry } from '../messages/no-retry.js'

/* The package's entry `firesteel/task`: what a task can know about where it runs. */

export interface TaskLogger {
  debug(message: string, fields?: Readonly<Record<string, unknown>>): void
  info(message: string, fields?: Readonly<Record<string, unknown>>): void
  warn(message: string, fields?: Readonly<Record<string, unknown>>): void
  error(message: string, fields?: Readonly<Record<string, unknown>>): void
}

export interface ExecutorInfo {
  /** `APP_ID/N`. */
  readonly id: string
  readonly host: string
  readonly cores: number
  /** Custom resources of this executor: name -> addresses. */
  readonly resources: Readonly<Record<string, readonly string[]>>
}

export interface TaskContext {
  /** Aborted when the task is cancelled or exceeds its timeout. Soon after that its thread is ended. */
  readonly signal: AbortSignal
  /** 1 for the first attempt. */
  readonly attempt: number
  readonly taskId: number
  readonly executor: ExecutorInfo
  /**
   * Tells the `onProgress` of map and each how far the task is, from 0 to 1, and what it does. Call it as
   * often as you like: the newest is told, ten times a second at most. It never waits, and costs no result
   * its time.
   */
  progress(fraction: number, text?: string): void
  /**
   * The span of the task, as W3C Trace Context writes it, for programs that it starts (`TRACEPARENT`);
   * undefined: its driver does not trace.
   */
  readonly trace: { readonly traceparent: string; readonly tracestate?: string } | undefined
  /** Writes lines with task and attempt to the executor's stderr. */
  readonly logger: TaskLogger
}

/** It is in the global registry, because a task may import another copy of this package than its executor. */
const key = Symbol.for('firesteel.task.context')
const registry = globalThis as { [key]?: AsyncLocalStorage<TaskContext> }
registry[key] ??= new AsyncLocalStorage<TaskContext>()

/** Used by the thread that runs tasks. */
export const taskContexts: AsyncLocalStorage<TaskContext> = registry[key]

/** The running task's context. Throws NOT_IN_TASK anywhere else. */
export function context(): TaskContext {
  const current = taskContexts.getStore()
  if (current !== undefined) return current
  throw new FiresteelError('NOT_IN_TASK', 'context() was called outside a task.')
}
