import { AsyncLocalStorage } from 'node:async_hooks'
import { FiresteelError } from '../../runtime/errors.js'
import { limits } from '../../runtime/limits.js'
import type { TraceContext } from '../../runtime/telemetry/trace-context.js'
import type { Progress } from './progress-throttle.js'
import { type ExecutorInfo, type TaskContext, type TaskLogger, taskContexts } from './task.js'
import { taskLogger } from './task-console.js'
import type { PositionPart } from './thread-messages.js'

export interface TaskReports {
  progress(position: number, progress: Progress): void
  output(part: PositionPart): void
}

const HELP = 'Call context().progress(0.5, "half of the pages are read").'

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
  trace: TraceContext | undefined
  #controller: AbortController | undefined
  /** Calls something as where the task first asked for its signal. */
  #inTask: ReturnType<typeof AsyncLocalStorage.snapshot> | undefined
  #reason: Error | undefined
  /** Undefined: it has ended. */
  #reports: TaskReports | undefined
  #parts = 0
  #taken: (() => void) | undefined

  constructor(
    position: number,
    taskId: number,
    attempt: number,
    executor: ExecutorInfo,
    reports: TaskReports,
  ) {
    this.#reports = reports
    this.position = position
    this.taskId = taskId
    this.attempt = attempt
    this.executor = executor
  }

  progress(fraction: number, text?: string): void {
    if (typeof fraction !== 'number' || Number.isNaN(fraction)) {
      const message = `The fraction of progress() is ${String(fraction)}; it must be a number from 0 to 1.`
      throw new FiresteelError('USAGE', message, { place: 'fraction', help: HELP })
    }
    if (text !== undefined && typeof text !== 'string')
      throw new FiresteelError('USAGE', 'The text of progress() must be text.', { place: 'text', help: HELP })
    const cut = (text ?? '').slice(0, limits.taskProgressTextLength)
    // Sums of fractions end a little above 1, and nothing is wrong with the task.
    this.#reports?.progress(this.position, { fraction: Math.min(1, Math.max(0, fraction)), text: cut })
  }

  /**
   * Sends a part of an output, of at most OUTPUT_BYTES. Resolves when its reader has taken it, or never will.
   * Only then the next part may be sent.
   */
  send(output: number, bytes: Uint8Array): Promise<void> {
    if (this.#reports === undefined || this.#reason !== undefined) return Promise.resolve()
    // A copy, because cloning a view would clone all the memory behind it.
    this.#reports.output({
      position: this.position,
      sequence: ++this.#parts,
      output,
      bytes: new Uint8Array(bytes),
    })
    return new Promise((resolve) => {
      this.#taken = resolve
    })
  }

  outputTaken(): void {
    this.#taken?.()
  }

  /** What it says from now on is not heard: a promise that it has left behind may go on. */
  ended(): void {
    this.#reports = undefined
  }

  /** Why the attempt was told to end. */
  get reason(): Error | undefined {
    return this.#reason
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController()
      this.#inTask = AsyncLocalStorage.snapshot()
      if (this.#reason !== undefined) this.#controller.abort(this.#reason)
    }
    return this.#controller.signal
  }

  abort(why: 'cancelled' | 'timeout'): void {
    this.#reason =
      why === 'timeout'
        ? new FiresteelError('TASK_TIMEOUT', 'This task ran longer than its timeout.')
        : new FiresteelError('TASK_CANCELLED', 'This task was cancelled.')
    // Its listeners are code of the task, and a message of the main thread calls this.
    this.#inTask?.(() => taskContexts.run(this, () => this.#controller?.abort(this.#reason)))
    this.outputTaken()
  }
}
