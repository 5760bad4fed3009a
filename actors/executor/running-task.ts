import { FiresteelError } from '../../runtime/errors.js'
import type { ExecutorInfo, TaskContext, TaskLogger } from './task.js'
import { taskLogger } from './task-console.js'

/**
 * The context of one attempt. An AbortController costs more than a short task, so it is made at its first
 * use.
 */
export class RunningTask implements TaskContext {
  readonly position: number
  readonly taskId: number
  readonly attempt: number
  readonly executor: ExecutorInfo
  readonly logger: TaskLogger = taskLogger
  #controller: AbortController | undefined
  #reason: Error | undefined

  constructor(position: number, taskId: number, attempt: number, executor: ExecutorInfo) {
    this.position = position
    this.taskId = taskId
    this.attempt = attempt
    this.executor = executor
  }

  /** Why the attempt was told to end. */
  get reason(): Error | undefined {
    return this.#reason
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController()
      if (this.#reason !== undefined) this.#controller.abort(this.#reason)
    }
    return this.#controller.signal
  }

  abort(why: 'cancelled' | 'timeout'): void {
    this.#reason =
      why === 'timeout'
        ? new FiresteelError('TASK_TIMEOUT', 'This task ran longer than its timeout.')
        : new FiresteelError('TASK_CANCELLED', 'This task was cancelled.')
    this.#controller?.abort(this.#reason)
  }
}
