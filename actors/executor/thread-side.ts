import { FiresteelError, isFiresteelError } from '../../runtime/errors.js'
import { innerLimits } from '../../runtime/inner-limits.js'
import { listFromBytes, toBytes } from '../messages/cloneable.js'
import { forbidsRetry } from '../messages/no-retry.js'
import { encodeError } from '../messages/task-error.js'
import type { FunctionEntry, ResultStatus } from '../messages/tasks.js'
import { RunningTask } from './running-task.js'
import type { SharedRing } from './shared-ring.js'
import { taskContexts } from './task.js'
import type { TaskFunction } from './task-module.js'
import {
  type FromThread,
  type LargeBody,
  type PackedTask,
  type ThreadData,
  type ToThread,
  unpackTasks,
} from './thread-messages.js'

/** While one batch runs, the main thread is woken for results at least this often. */
const NOTICE_MS = innerLimits.threadNoticeMs
/** After this long a batch lets the thread's own timers and sockets run. */
const TURN_MS = innerLimits.threadTurnMs

/**
 * Why the work of a thread pauses. Undefined: for no reason, the driving code goes on at once. `turn`: the
 * thread's event loop gets a turn. `capacity`: the ring has no space. A promise: its value or rejection is
 * passed back in.
 */
export type Pause = undefined | 'turn' | 'capacity' | PromiseLike<unknown>
export type Work = Generator<Pause, void, unknown>

/** What a task thread needs from Node. Tests replace each part. */
export interface ThreadDependencies {
  /** One clock for all threads of the process. */
  nowMs(): number
  post(message: FromThread): void
  /** The body is in its reader's queue when this returns. */
  postBody(large: LargeBody, transfer: readonly ArrayBuffer[]): void
  /** Calls `run` once, after this turn of the event loop. The returned function cancels it. */
  soon(run: () => void): () => void
  load(entry: FunctionEntry): PromiseLike<TaskFunction>
  drive(work: Work): void
}

interface Ending {
  readonly status: ResultStatus
  readonly body: Uint8Array
}

/** A task that has not ended when its function returns. */
interface Waiting {
  readonly status: undefined
  readonly value: PromiseLike<unknown>
}

/**
 * A task thread. It runs one task at a time, in the order posted, and pauses wherever the main thread may
 * look.
 */
export class ThreadSide {
  readonly #ring: SharedRing
  readonly #dependencies: ThreadDependencies
  readonly #executor: ThreadData['executor']
  readonly #entries: Map<number, FunctionEntry>
  readonly #loaded = new Map<number, TaskFunction>()
  readonly #batches: Uint8Array[] = []
  #maxResultBytes: number
  #running: RunningTask | undefined
  #busy = false
  /** An import has failed. Node would fail it again as long as this thread lives. */
  #importFailed = false
  #cancelNotice: (() => void) | undefined
  #noticedAtMs = 0

  constructor(
    { executor, functions, maxResultBytes }: Omit<ThreadData, 'memory'>,
    ring: SharedRing,
    dependencies: ThreadDependencies,
  ) {
    this.#ring = ring
    this.#dependencies = dependencies
    this.#executor = executor
    this.#entries = new Map(functions.map((entry) => [entry.functionId, entry]))
    this.#maxResultBytes = maxResultBytes
  }

  receive(message: ToThread): void {
    switch (message.kind) {
      case 'functions':
        for (const entry of message.functions) this.#entries.set(entry.functionId, entry)
        return
      case 'run':
        this.#batches.push(message.tasks)
        if (this.#busy) return
        this.#busy = true
        this.#dependencies.drive(this.#work())
        return
      case 'abort':
        if (this.#running?.position === message.position) this.#running.abort(message.reason)
        return
      case 'limits':
        this.#maxResultBytes = message.maxResultBytes
    }
  }

  *#work(): Work {
    let nowMs = this.#dependencies.nowMs()
    let turnAtMs = nowMs
    for (let batch = this.#batches.shift(); batch !== undefined; batch = this.#batches.shift()) {
      for (const task of unpackTasks(batch)) {
        if (!this.#ring.claim(task.position, nowMs)) {
          nowMs = this.#dependencies.nowMs()
          continue
        }
        const running = new RunningTask(task.position, task.taskId, task.n, this.#executor)
        this.#running = running
        yield
        const call = this.#loaded.get(task.functionId)
        const begun = call ? this.#run(task, running, call) : yield* this.#runFirst(task, running)
        const { status, body } = begun.status === undefined ? yield* this.#settle(task, begun.value) : begun
        this.#running = undefined
        const large = body.byteLength > this.#ring.inlineBytes
        if (large) this.#postBody(task.position, body)
        yield
        while (!this.#ring.write(task.position, status, large ? undefined : body)) {
          this.#notice()
          yield 'capacity'
        }
        yield
        if (this.#importFailed) {
          // The thread takes no more tasks, and stays busy until its main thread ends it.
          this.#notice()
          return
        }
        nowMs = this.#dependencies.nowMs()
        if (nowMs - this.#noticedAtMs > NOTICE_MS) nowMs = this.#notice()
        if (nowMs - turnAtMs > TURN_MS) {
          yield 'turn'
          turnAtMs = nowMs = this.#dependencies.nowMs()
        }
      }
    }
    this.#busy = false
    this.#notice()
  }

  /**
   * Avoids a promise if the task has ended when its function returns: a promise costs more than many tasks.
   */
  #run(task: PackedTask, running: RunningTask, call: TaskFunction): Ending | Waiting {
    try {
      const value = taskContexts.run(running, apply, call, listFromBytes(task.input))
      return isThenable(value) ? { status: undefined, value } : this.#ending(task, value)
    } catch (error) {
      return failure(error)
    }
  }

  *#runFirst(task: PackedTask, running: RunningTask): Generator<Pause, Ending | Waiting, unknown> {
    const entry = this.#entries.get(task.functionId)
    let call: TaskFunction
    try {
      if (entry === undefined) throw new FiresteelError('INTERNAL', 'A task came before its function.')
      this.#noticeSoon()
      call = (yield this.#dependencies.load(entry)) as TaskFunction
      this.#loaded.set(task.functionId, call)
    } catch (error) {
      this.#importFailed = isFiresteelError(error, 'TASK_MODULE_FAILED')
      const isUnloaded = unloaded.some((code) => isFiresteelError(error, code))
      return { status: isUnloaded ? 'unloaded' : 'permanent', body: encodeError(error) }
    }
    // The task was told to end while its module was loading.
    if (running.reason !== undefined) return failure(running.reason)
    return this.#run(task, running, call)
  }

  *#settle(task: PackedTask, pending: PromiseLike<unknown>): Generator<Pause, Ending, unknown> {
    this.#noticeSoon()
    try {
      return this.#ending(task, yield pending)
    } catch (error) {
      return failure(error)
    }
  }

  #ending(task: PackedTask, value: unknown): Ending {
    try {
      const body = toBytes(value, {
        root: 'result',
        notCloneable: 'RESULT_NOT_CLONEABLE',
        tooLarge: 'RESULT_TOO_LARGE',
        maxBytes: this.#maxResultBytes,
        task: this.#entries.get(task.functionId)?.name ?? 'a task',
      })
      return { status: 'value', body }
    } catch (error) {
      return { status: 'permanent', body: encodeError(error) }
    }
  }

  #postBody(position: number, body: Uint8Array): void {
    // A body that V8 made owns its memory and is transferred. A small error record may be in Node's pool and
    // is copied.
    const whole = body.byteLength === body.buffer.byteLength && body.buffer instanceof ArrayBuffer
    this.#dependencies.postBody({ position, body }, whole ? [body.buffer as ArrayBuffer] : [])
  }

  /** Results of earlier tasks must not wait for a task that waits itself. */
  #noticeSoon(): void {
    this.#cancelNotice ??= this.#dependencies.soon(() => this.#notice())
  }

  /** Returns the time after the notice. */
  #notice(): number {
    this.#cancelNotice?.()
    this.#cancelNotice = undefined
    if (this.#ring.needsNotice()) this.#dependencies.post({ kind: 'notice' })
    this.#noticedAtMs = this.#dependencies.nowMs()
    return this.#noticedAtMs
  }
}

const apply = (call: TaskFunction, args: unknown[]): unknown => call(...args)

/** The module is missing or broken on this host. It may be right on another. */
const unloaded = ['TASK_MODULE_NOT_FOUND', 'TASK_MODULE_TYPESCRIPT', 'TASK_MODULE_FAILED'] as const

/** Errors that would be the same on another host or at the next try. */
const permanent = ['FOLDER_MISSING', 'RESULT_TOO_LARGE', 'NOT_IN_TASK'] as const

function failure(error: unknown): Ending {
  const lasting = permanent.some((code) => isFiresteelError(error, code))
  return { status: lasting || forbidsRetry(error) ? 'permanent' : 'failure', body: encodeError(error) }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return (
    typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function'
  )
}
