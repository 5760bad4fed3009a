import { FiresteelError, isFiresteelError, reasonOf } from '../../runtime/errors.js'
import { innerLimits } from '../../runtime/inner-limits.js'
import { listFromBytes, toBytes } from '../messages/cloneable.js'
import { forbidsRetry } from '../messages/no-retry.js'
import type { FunctionEntry, ResultStatus } from '../messages/task-entries.js'
import { encodeError } from '../messages/task-error.js'
import type { ProgressThrottle } from './progress-throttle.js'
import { RunningTask, type TaskReports } from './running-task.js'
import type { SharedRing } from './shared-ring.js'
import { taskContexts } from './task.js'
import type { TaskFunction } from './task-module.js'
import type { RunSpan, TracedRun } from './task-run-span.js'
import {
  type FromThread,
  type LargeBody,
  type PackedTask,
  packedCount,
  type ThreadData,
  type ToThread,
  unpackTasks,
} from './thread-messages.js'
import { ThrownErrors } from './thrown-errors.js'

/** After this long a batch lets the thread's own timers and sockets run. */
const TURN_MS = innerLimits.threadTurnMs

/**
 * Why the work of a thread pauses. Undefined: for no reason, the driving code goes on at once. `turn`: the
 * thread's event loop gets a turn. `capacity`: the ring has no space. `idle`: it is driven on when there is
 * more to do.
 */
export type Pause = undefined | 'turn' | 'capacity' | 'idle'
export type Work = Generator<Pause, void, undefined>

/** What a task thread needs from Node. Tests replace each part. */
export interface ThreadDependencies {
  /** One clock for all threads of the process. */
  nowMs(): number
  post(message: FromThread): void
  /** The body is in its reader's queue when this returns. */
  postBody(large: LargeBody, transfer: readonly ArrayBuffer[]): void
  /** Calls `run` once, after this turn of the event loop or after `ms`. The returned function cancels it. */
  soon(run: () => void, ms: number): () => void
  load(entry: FunctionEntry): PromiseLike<TaskFunction>
  /** Calls one of both when the promise is settled, in a turn of its own. */
  watch<T>(pending: PromiseLike<T>, settled: (value: T) => void, failed: (error: unknown) => void): void
  /** A promise of what a thenable gives. It is called inside the context of the task. */
  adopt(thenable: PromiseLike<unknown>): PromiseLike<unknown>
  drive(work: Work): void
  /** The span of a task that came with a context; undefined: nobody traces in this thread. */
  traced(run: TracedRun): RunSpan | undefined
  /** Hears of the progress of tasks, and of their ends. */
  readonly progress: Pick<ProgressThrottle, 'report' | 'forget'>
}

interface Ending {
  readonly status: ResultStatus
  readonly body: Uint8Array
  /** What a failed task threw. */
  readonly error?: unknown
}

/** A claimed task, and what the work goes on with: its loaded function, or its end. */
interface Claimed {
  readonly task: PackedTask
  readonly running: RunningTask
  call: TaskFunction | undefined
  ending: Ending | undefined
  span: RunSpan | undefined
  /** How many tasks of the thread had ended when it was claimed. */
  readonly began: number
}

/**
 * A task thread. It begins tasks in the order posted. While some of them wait for their promises it begins
 * others, at most `tasksAtOnce`. It pauses wherever the main thread may look.
 */
export class ThreadSide {
  readonly #ring: SharedRing
  readonly #dependencies: ThreadDependencies
  readonly #executor: ThreadData['executor']
  readonly #entries: Map<number, FunctionEntry>
  readonly #loaded = new Map<number, TaskFunction>()
  readonly #loading = new Map<number, PromiseLike<TaskFunction>>()
  readonly #batches: Uint8Array[] = []
  readonly #tasksAtOnce: number
  /** While it works, the main thread is woken for results about this often. */
  readonly #noticeMs: number
  /** The same while tasks wait behind those that wait for their promises. */
  readonly #behindMs: number
  #unpacking: Iterator<PackedTask> | undefined
  /** Tasks that have come and that it has not looked at. */
  #behind = 0
  #maxResultBytes: number
  /** Tasks that wait for their promise or their module, by position. */
  readonly #waiting = new Map<number, RunningTask>()
  /** Tasks among them whose module is loading, by position. */
  readonly #unloaded = new Map<number, FunctionEntry>()
  /** Claimed tasks that need not wait any more. */
  readonly #due: Claimed[] = []
  readonly #works = this.#work()
  #isIdle = true
  /** An import has failed. Node would fail it again as long as this thread lives. */
  #importFailed = false
  /** Of functions whose last task here failed. */
  readonly #thrown = new Map<number, ThrownErrors>()
  /** How many tasks have ended here. */
  #ends = 0
  #toldErrorMs = Number.NEGATIVE_INFINITY
  #cancelNotice: (() => void) | undefined
  #noticedAtMs = 0
  /**
   * When the event loop last had a turn. Promises of tasks may be settled many times before its next turn.
   */
  #turnAtMs = 0

  constructor(
    { executor, functions, maxResultBytes, tasksAtOnce }: Omit<ThreadData, 'memory'>,
    ring: SharedRing,
    dependencies: ThreadDependencies,
  ) {
    this.#ring = ring
    this.#dependencies = dependencies
    this.#executor = executor
    this.#entries = new Map(functions.map((entry) => [entry.functionId, entry]))
    this.#maxResultBytes = maxResultBytes
    this.#tasksAtOnce = tasksAtOnce
    const isOne = tasksAtOnce === 1
    this.#noticeMs = isOne ? innerLimits.threadNoticeMs : innerLimits.threadNoticeManyMs
    this.#behindMs = isOne ? innerLimits.threadNoticeBehindMs : innerLimits.threadNoticeManyMs
  }

  readonly #reports: TaskReports = {
    progress: (position, progress) => this.#dependencies.progress.report(position, progress),
    output: (part) => this.#dependencies.post({ kind: 'output', part }),
  }

  /** The tasks whose module is loading, by position. */
  get loading(): ReadonlyMap<number, FunctionEntry> {
    return this.#unloaded
  }

  /** True: no task runs here, besides those. */
  get isOnlyLoading(): boolean {
    for (const position of this.#waiting.keys()) if (!this.#unloaded.has(position)) return false
    return true
  }

  receive(message: ToThread): void {
    switch (message.kind) {
      case 'functions':
        for (const entry of message.functions) this.#entries.set(entry.functionId, entry)
        return
      case 'run':
        this.#batches.push(message.tasks)
        this.#behind += packedCount(message.tasks)
        this.#turnAtMs = this.#dependencies.nowMs()
        this.#wake()
        return
      case 'abort':
        this.#waiting.get(message.position)?.abort(message.reason)
        return
      case 'taken':
        this.#waiting.get(message.position)?.outputTaken()
        return
      case 'limits':
        this.#maxResultBytes = message.maxResultBytes
        return
      case 'flush':
        // No task has a part in it.
        return
    }
  }

  #wake(): void {
    if (!this.#isIdle) return
    this.#isIdle = false
    this.#dependencies.drive(this.#works)
  }

  *#work(): Work {
    for (let nowMs = this.#dependencies.nowMs(); ; ) {
      const claimed = this.#next(nowMs)
      if (claimed === undefined) {
        this.#rest(nowMs)
        yield 'idle'
        nowMs = this.#dependencies.nowMs()
        continue
      }
      yield
      let { ending } = claimed
      if (ending === undefined) {
        ending = this.#begin(claimed)
        yield
      }
      if (ending !== undefined) {
        const { position } = claimed.task
        const { status, body } = ending
        claimed.running.ended()
        claimed.span?.ended(status, ending.error)
        this.#noteEnd(claimed, ending)
        this.#dependencies.progress.forget(position)
        const large = body.byteLength > this.#ring.inlineBytes
        if (large) this.#postBody(position, body)
        yield
        while (!this.#ring.write(position, status, large ? undefined : body)) {
          this.#notice()
          yield 'capacity'
        }
        yield
      }
      nowMs = this.#dependencies.nowMs()
      if (nowMs - this.#noticedAtMs > this.#noticeMsAfter(claimed)) nowMs = this.#notice()
      if (nowMs - this.#turnAtMs > TURN_MS) {
        yield 'turn'
        this.#turnAtMs = nowMs = this.#dependencies.nowMs()
      }
    }
  }

  /** The main thread may replace this one, if each task of a function fails here of what happened before. */
  #noteEnd({ task: { functionId }, began }: Claimed, { status, error, body }: Ending): void {
    const ended = ++this.#ends
    if (status === 'value' && this.#thrown.size > 0) this.#thrown.delete(functionId)
    if (status !== 'failure') return
    const thrown = this.#thrown.get(functionId) ?? new ThrownErrors()
    this.#thrown.set(functionId, thrown)
    if (!thrown.isRepeated(error, { began, ended })) return
    const nowMs = this.#dependencies.nowMs()
    if (nowMs - this.#toldErrorMs < innerLimits.threadErrorTellMs) return
    this.#toldErrorMs = nowMs
    this.#dependencies.post({ kind: 'remembers', error: body })
  }

  /** Only tasks that wait leave the event loop its turns, and with them the timer of `#noticeSoon`. */
  #noticeMsAfter({ ending }: Claimed): number {
    const waits = ending !== undefined || this.#waiting.size > 0
    return waits && this.#behind > 0 ? this.#behindMs : this.#noticeMs
  }

  /** There is nothing to do until a task comes, or one that waits goes on. */
  #rest(nowMs: number): void {
    this.#isIdle = true
    // Results of earlier tasks must not wait for tasks that wait themselves.
    if (this.#waiting.size > 0 && !this.#importFailed) this.#noticeSoon(nowMs)
    else this.#notice()
  }

  /** What need not wait goes first, so that results leave soon. */
  #next(nowMs: number): Claimed | undefined {
    const due = this.#due.shift()
    if (due !== undefined) {
      if (due.ending === undefined) this.#waiting.delete(due.task.position)
      return due
    }
    for (let task = this.#nextTask(); task !== undefined; task = this.#nextTask()) {
      if (!this.#ring.claim(task.position, nowMs)) {
        nowMs = this.#dependencies.nowMs()
        continue
      }
      const { position, taskId, n, functionId } = task
      const running = new RunningTask(position, taskId, n, this.#executor, this.#reports)
      const call = this.#loaded.get(functionId)
      return { task, running, call, ending: undefined, span: undefined, began: this.#ends }
    }
    return undefined
  }

  /** After a failed import it begins nothing more, until its main thread ends it. */
  #nextTask(): PackedTask | undefined {
    if (this.#importFailed || this.#waiting.size >= this.#tasksAtOnce) return undefined
    for (;;) {
      const next = this.#unpacking?.next()
      if (next !== undefined && !next.done) {
        this.#behind--
        return next.value
      }
      const batch = this.#batches.shift()
      this.#unpacking = batch && unpackTasks(batch)
      if (batch === undefined) return undefined
    }
  }

  /** Undefined: it waits for its module or its promise. */
  #begin(claimed: Claimed): Ending | undefined {
    const { running, call } = claimed
    if (call === undefined) return this.#load(claimed)
    // It was told to end while its module was loading.
    if (running.reason !== undefined) return failure(running.reason)
    let args: unknown[]
    try {
      args = listFromBytes(claimed.task.input)
    } catch (error) {
      return this.#unreadable(claimed.task, error)
    }
    try {
      return this.#run(claimed, call, args)
    } catch (error) {
      return failure(error)
    }
  }

  /**
   * Avoids a promise if the task has ended when its function returns: a promise costs more than many tasks.
   */
  #run(claimed: Claimed, call: TaskFunction, args: unknown[]): Ending | undefined {
    const { task, running } = claimed
    const within = this.#spanOf(claimed)
    const value = within(() => taskContexts.run(running, apply, call, args))
    if (!isThenable(value)) return this.#ending(task, value)
    // Some thenables begin their work only when they are asked for its result.
    const pending =
      value instanceof Promise
        ? value
        : within(() => taskContexts.run(running, this.#dependencies.adopt, value))
    const settled = (result: unknown): void => this.#ended(claimed, this.#ending(task, result))
    const failed = (error: unknown): void => this.#ended(claimed, failure(error))
    this.#waiting.set(task.position, running)
    this.#dependencies.watch(pending, settled, failed)
    return undefined
  }

  /** Begins the span of a task that came with a context. Returns what calls the user's code within it. */
  #spanOf(claimed: Claimed): <T>(run: () => T) => T {
    const { task, running } = claimed
    const { trace: context, taskId, n: attempt } = task
    const entry = this.#entries.get(task.functionId)
    if (context === undefined || entry === undefined) return atOnce
    const span = this.#dependencies.traced({ context, entry, taskId, attempt, executorId: this.#executor.id })
    running.trace = span?.context ?? context
    if (span === undefined) return atOnce
    claimed.span = span
    return (run) => span.within(run)
  }

  #load(claimed: Claimed): Ending | undefined {
    const { functionId, position } = claimed.task
    const entry = this.#entries.get(functionId)
    if (entry === undefined) {
      const error = new FiresteelError('INTERNAL', 'A task came before its function.')
      return { status: 'permanent', body: encodeError(error) }
    }
    // A module may end the thread before its loading has come back.
    this.#unloaded.set(position, entry)
    const loading = this.#loading.get(functionId) ?? this.#dependencies.load(entry)
    this.#loading.set(functionId, loading)
    const loaded = (call: TaskFunction): void => {
      this.#unloaded.delete(position)
      this.#loading.delete(functionId)
      this.#loaded.set(functionId, call)
      claimed.call = call
      this.#goOn(claimed)
    }
    const failed = (error: unknown): void => {
      this.#unloaded.delete(position)
      this.#loading.delete(functionId)
      this.#importFailed ||= isFiresteelError(error, 'TASK_MODULE_FAILED')
      const isUnloaded = unloaded.some((code) => isFiresteelError(error, code))
      this.#ended(claimed, { status: isUnloaded ? 'unloaded' : 'permanent', body: encodeError(error) })
    }
    this.#waiting.set(position, claimed.running)
    this.#dependencies.watch(loading, loaded, failed)
    return undefined
  }

  #ended(claimed: Claimed, ending: Ending): void {
    claimed.ending = ending
    this.#waiting.delete(claimed.task.position)
    this.#goOn(claimed)
  }

  #goOn(claimed: Claimed): void {
    this.#due.push(claimed)
    this.#wake()
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

  /** The input has not been written by these rules. It would be the same at the next try. */
  #unreadable(task: PackedTask, cause: unknown): Ending {
    const name = this.#entries.get(task.functionId)?.name ?? 'a task'
    const text = `The input of ${name} cannot be read: ${reasonOf(cause)}`
    return { status: 'permanent', body: encodeError(new FiresteelError('INTERNAL', text, { cause })) }
  }

  #postBody(position: number, body: Uint8Array): void {
    // A body that V8 made owns its memory and is transferred. A small error record may be in Node's pool and
    // is copied.
    const whole = body.byteLength === body.buffer.byteLength && body.buffer instanceof ArrayBuffer
    this.#dependencies.postBody({ position, body }, whole ? [body.buffer as ArrayBuffer] : [])
  }

  /**
   * Results of a short while leave together, of tasks that run side by side or of those that have more tasks
   * behind them. Who has nothing more to do here waits for them.
   */
  #noticeSoon(nowMs: number): void {
    const inMs = this.#noticeInMs(nowMs)
    if (this.#cancelNotice !== undefined && inMs > 0) return
    this.#cancelNotice?.()
    const run = (): void => {
      this.#turnAtMs = this.#notice()
    }
    this.#cancelNotice = this.#dependencies.soon(run, inMs)
  }

  #noticeInMs(nowMs: number): number {
    const isNeeded = this.#behind === 0 && this.#tasksAtOnce === 1
    return isNeeded ? 0 : this.#noticedAtMs + this.#behindMs - nowMs
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

const atOnce = <T>(run: () => T): T => run()
const apply = (call: TaskFunction, args: unknown[]): unknown => call(...args)

/** The module is missing, broken or not allowed on this host. It may be right on another. */
const unloaded = [
  'TASK_MODULE_NOT_FOUND',
  'TASK_MODULE_TYPESCRIPT',
  'TASK_MODULE_FAILED',
  'CODE_NOT_ALLOWED',
] as const

/** Errors that would be the same on another host or at the next try. */
const permanent = ['FOLDER_MISSING', 'RESULT_TOO_LARGE', 'NOT_IN_TASK'] as const

function failure(error: unknown): Ending {
  const lasting = permanent.some((code) => isFiresteelError(error, code))
  return { status: lasting || forbidsRetry(error) ? 'permanent' : 'failure', body: encodeError(error), error }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return (
    typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function'
  )
}
