import { FiresteelError } from '../../runtime/errors.js'
import { innerLimits } from '../../runtime/inner-limits.js'
import { limits } from '../../runtime/limits.js'
import type { AttemptProgress, FunctionEntry, OutputPart, ResultStatus } from '../messages/task-entries.js'
import { decodeError, encodeError } from '../messages/task-error.js'
import type { Attempt } from './attempt.js'
import { PositionList } from './position-list.js'
import type { PositionProgress } from './progress-throttle.js'
import { createSharedMemory, type RingSize, ringSizeFor, SharedRing, slotState } from './shared-ring.js'
import type { SpawnedThread, SpawnThread } from './spawn-thread.js'
import type { FromThread, ThreadData, ToThread, UnloadedTask } from './thread-messages.js'
import { packTasks } from './thread-messages.js'
import { ThreadSilence } from './thread-silence.js'

export interface ThreadEvents {
  result(thread: TaskThread, attempt: Attempt, status: ResultStatus, body: Uint8Array): void
  progress(thread: TaskThread, progress: readonly AttemptProgress[]): void
  output(thread: TaskThread, part: OutputPart): void
  /** Its tasks fail with one error object: it remembers a failure. */
  remembers(thread: TaskThread, reason: string): void
  /** The thread is being ended. It has not begun these attempts and never will. */
  unbegun(thread: TaskThread, attempts: readonly Attempt[]): void
  /** The thread has ended and nothing runs in it any more. */
  ended(thread: TaskThread, end: ThreadEnd): void
}

export interface ThreadEnd {
  readonly reason: string
  /** The attempts that it was in. */
  readonly running: readonly Attempt[]
  /** The one of them whose code ended it. */
  readonly culprit: Attempt | undefined
  /** False: nobody knows what ended it, such as too little memory. */
  readonly isExplained: boolean
}

export interface RunningAttempt {
  readonly attempt: Attempt
  readonly position: number
  /** In ms of the thread's clock. */
  readonly sinceMs: number
}

export interface ThreadSettings extends Omit<ThreadData, 'memory'> {
  readonly heapMib: number
  readonly ring: RingSize | undefined
}

/** The main thread's side of one task thread. */
export class TaskThread {
  readonly #thread: SpawnedThread
  readonly #ring: SharedRing
  readonly #events: ThreadEvents
  readonly #positions: PositionList
  readonly #tasksAtOnce: number
  /** In the order in which the thread begins them. */
  readonly #posted = new Map<number, Attempt>()
  /** How many tasks were posted to it, as 32 bits. */
  #postedCount = 0
  readonly #silence = new ThreadSilence()
  /** The task that ended there last. */
  #last: Attempt | undefined
  /** The newest position that was posted. */
  #newest: number | undefined
  /** The first position that it had not begun at the last call of `stalled`. */
  #oldestUnbegun: number | undefined
  #fault:
    | {
        readonly reason: string | undefined
        readonly position: number | undefined
        readonly loading: readonly UnloadedTask[]
      }
    | undefined
  #told: string | undefined
  /** It takes no more tasks. */
  #closed = false
  /** True: it has left a result, or ended in a task. */
  #hasRun = false
  /** True: it may hold spans that have not left. */
  #isTraced = false
  #flushed: () => void = () => {}
  /** Nothing runs in it any more. */
  hasExited = false
  #before: TaskThread | undefined

  /**
   * `before`: the thread whose place it takes, and whose tasks go on to their end. Both together run no more
   * tasks than one thread may.
   */
  constructor(
    { heapMib, ring, before, ...data }: ThreadSettings & { readonly before?: TaskThread | undefined },
    spawn: SpawnThread,
    events: ThreadEvents,
  ) {
    this.#before = before
    this.#tasksAtOnce = data.tasksAtOnce
    const memory = createSharedMemory(ring ?? ringSizeFor(this.#most))
    this.#ring = new SharedRing(memory)
    this.#positions = new PositionList(this.#ring)
    this.#events = events
    this.#thread = spawn({ ...data, memory }, heapMib, {
      message: (message) => this.#receive(message),
      exited: (reason) => this.#exited(reason),
    })
  }

  /** Number of posted tasks that have not ended. */
  get load(): number {
    return this.#posted.size
  }

  /** The most that it holds: those under way, and those that wait behind them. */
  get #most(): number {
    return limits.threadQueue - 1 + this.#tasksAtOnce
  }

  get capacity(): number {
    if (this.#closed || this.#silence.isQuiet) return 0
    const before = this.#runningBefore
    // Nothing waits behind its tasks then: it would be begun before a place is free.
    const most = before > 0 ? this.#tasksAtOnce - before : this.#most
    return Math.max(0, Math.min(most - this.#posted.size, this.#positions.free))
  }

  /** Tasks that it would begin at once. */
  get idle(): number {
    return this.#closed ? 0 : Math.max(0, Math.min(this.#tasksAtOnce - this.#posted.size, this.capacity))
  }

  /** The thread whose place it took, if that has not ended. */
  get before(): TaskThread | undefined {
    while (this.#before?.hasExited) this.#before = this.#before.before
    return this.#before
  }

  get #runningBefore(): number {
    const { before } = this
    return before === undefined ? 0 : before.load + before.#runningBefore
  }

  /** True: it does not answer, and gets nothing until it does. */
  get isQuiet(): boolean {
    return !this.#closed && this.#silence.isQuiet
  }

  /** True: the thread whose place it took still fills that place. */
  get isHeldBack(): boolean {
    return !this.#closed && this.load === 0 && this.#runningBefore >= this.#tasksAtOnce
  }

  /** True: it has begun a task. */
  get hasBegun(): boolean {
    return this.#hasRun || this.#ring.hasBegun
  }

  /** True: it holds a task that it has not begun. Tasks are begun in the order posted. */
  get hasUnbegun(): boolean {
    return this.#newest !== undefined && this.#ring.state(this.#newest) === slotState.posted
  }

  /**
   * How many tasks wait behind others that run, if it has begun none since the last call: one that runs keeps
   * the thread to itself, or all places are taken.
   */
  stalled(): number {
    let oldest: number | undefined
    let unbegun = 0
    for (const position of this.#posted.keys()) {
      if (this.#ring.state(position) !== slotState.posted) continue
      oldest ??= position
      unbegun++
    }
    const isSame = oldest === this.#oldestUnbegun
    this.#oldestUnbegun = oldest
    // A thread in which nothing runs is about to begin them, unless it does not answer.
    return isSame && (unbegun < this.#posted.size || this.#silence.isQuiet) ? unbegun : 0
  }

  /**
   * Call it at each look, after `drain`. True: it has not answered for so long that it never will. Before its
   * first task it may be starting.
   */
  isSilent(nowMs: number): boolean {
    const { reached } = this.#ring
    const isDue = this.hasBegun && reached !== this.#postedCount && this.running().next().done === true
    this.#silence.look({ reached, isDue }, nowMs)
    return this.#silence.isOver && !this.#closed
  }

  /** Why it was told to end. */
  get told(): string | undefined {
    return this.#told
  }

  /** The task that ended there last. */
  get last(): Attempt | undefined {
    return this.#last
  }

  tell(message: ToThread): void {
    this.#thread.post(message)
  }

  addFunctions(functions: readonly FunctionEntry[]): void {
    this.tell({ kind: 'functions', functions })
  }

  /** One of its tasks may send its next part. */
  outputTaken(attempt: Attempt): void {
    for (const [position, posted] of this.#posted) {
      if (posted === attempt) this.tell({ kind: 'taken', position })
    }
  }

  post(attempts: readonly Attempt[]): void {
    const packed = attempts.map((attempt) => {
      const position = this.#positions.take()
      this.#newest = position
      this.#postedCount = (this.#postedCount + 1) | 0
      attempt.state = 'posted'
      this.#posted.set(position, attempt)
      this.#ring.post(position)
      const { taskId, n, functionId, trace, input } = attempt
      return { position, taskId, n, functionId, trace, input }
    })
    const tasks = packTasks(packed)
    this.#thread.post({ kind: 'run', tasks }, [tasks.buffer])
  }

  /**
   * Takes back up to `count` unbegun tasks, the last ones first. Returns them in the order they were posted.
   */
  revoke(count: number, wanted: (attempt: Attempt) => boolean = () => true): Attempt[] {
    const revoked: Attempt[] = []
    for (const [position, attempt] of [...this.#posted].reverse()) {
      if (revoked.length >= count) break
      if (!wanted(attempt) || !this.#ring.revoke(position)) continue
      this.#posted.delete(position)
      this.#positions.revoked(position)
      revoked.push(attempt)
    }
    if (revoked.length > 0) this.#newest = [...this.#posted.keys()].at(-1)
    return revoked.reverse()
  }

  /** The attempts that have begun and whose results are not read. */
  *running(): Generator<RunningAttempt> {
    for (const [position, attempt] of this.#posted) {
      if (this.#ring.state(position) !== slotState.claimed) return
      yield { attempt, position, sinceMs: this.#ring.claimedAtMs(position) }
    }
  }

  /** Reads all present results. */
  drain(): void {
    for (const { position, status, body } of this.#ring.drain()) {
      this.#hasRun = true
      // The thread posted the body before it wrote the record, and a posted message is in its reader's queue
      // at once.
      const whole = body ?? this.#bodyOf(position)
      const attempt = this.#posted.get(position)
      if (attempt === undefined) continue
      this.#posted.delete(position)
      this.#positions.ended(position)
      this.#last = attempt
      if (whole !== undefined) this.#events.result(this, attempt, status, whole)
      else this.#events.result(this, attempt, 'failure', encodeError(bodyLost()))
    }
  }

  #bodyOf(position: number): Uint8Array | undefined {
    const large = this.#thread.takeBody()
    return large?.position === position ? large.body : undefined
  }

  /** It takes nothing new. Unbegun attempts are given back now. */
  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#giveBack()
  }

  /** Ends it at once, whatever it does. */
  terminate(reason: string): void {
    if (this.#told !== undefined || this.hasExited) return
    this.#told = reason
    this.#thread.terminate()
    this.close()
  }

  /** Ends it when its spans have left, or after a while. It takes nothing new. */
  flushAndTerminate(reason: string, after: (ms: number, run: () => void) => () => void): void {
    if (!this.#isTraced) {
      this.terminate(reason)
      return
    }
    const cancel = after(innerLimits.spanFlushMs, () => this.terminate(reason))
    this.#flushed = () => {
      cancel()
      this.terminate(reason)
    }
    this.close()
    this.tell({ kind: 'flush' })
  }

  #receive(message: FromThread): void {
    switch (message.kind) {
      case 'traced':
        this.#isTraced = true
        return
      case 'flushed':
        this.#flushed()
        return
      case 'notice':
        this.drain()
        return
      case 'progress':
        this.#events.progress(this, [...this.#progressOf(message.progress)])
        return
      case 'output': {
        const { position, ...part } = message.part
        const attempt = this.#heard(position)
        if (attempt) this.#events.output(this, { taskId: attempt.taskId, n: attempt.n, ...part })
        return
      }
      case 'remembers':
        this.#events.remembers(this, decodeError(message.error).message)
        return
      case 'fault': {
        const { error, position, loading } = message
        const text = error === undefined ? undefined : decodeError(error).message
        this.#fault = {
          reason: text && `an exception outside the task ended its thread: ${text}`,
          position,
          loading,
        }
      }
    }
  }

  *#progressOf(progress: readonly PositionProgress[]): Generator<AttemptProgress> {
    for (const { position, fraction, text } of progress) {
      const attempt = this.#heard(position)
      if (attempt === undefined) continue
      yield { taskId: attempt.taskId, n: attempt.n, fraction, text }
    }
  }

  /** What a task said before it was told to end is of no use any more. */
  #heard(position: number): Attempt | undefined {
    const attempt = this.#posted.get(position)
    return attempt?.abort === undefined && attempt?.state !== 'ended' ? attempt : undefined
  }

  /** Only now it is certain which attempts it had begun, and which results it has left. */
  #exited(reason: string): void {
    this.hasExited = true
    this.#closed = true
    this.drain()
    this.#giveBack()
    const hasLoading = this.#endLoading()
    const running = [...this.#posted.values()]
    const told = this.#told
    const { position, reason: fault } = this.#fault ?? {}
    const culprit = position === undefined ? undefined : this.#posted.get(position)
    const isExplained = told !== undefined || position !== undefined || hasLoading
    this.#hasRun ||= running.length > 0
    this.#posted.clear()
    this.#events.ended(this, { reason: told ?? fault ?? reason, running, culprit, isExplained })
  }

  /**
   * The tasks whose module was loading have not begun. One whose module has ended the thread is tried once
   * more elsewhere; that of another runs in another thread. True: a module may have ended it.
   */
  #endLoading(): boolean {
    const loading = this.#fault?.loading ?? []
    const unbegun: Attempt[] = []
    for (const { position, error } of loading) {
      const attempt = this.#posted.get(position)
      // What was told to end has ended.
      if (attempt === undefined || attempt.abort !== undefined) continue
      this.#hasRun = true
      this.#posted.delete(position)
      if (error === undefined) unbegun.push(attempt)
      else this.#events.result(this, attempt, 'unloaded', error)
    }
    if (unbegun.length > 0) this.#events.unbegun(this, unbegun)
    return loading.some(({ error }) => error !== undefined)
  }

  #giveBack(): void {
    const unbegun = this.revoke(this.#posted.size)
    if (unbegun.length > 0) this.#events.unbegun(this, unbegun)
  }
}

/** The failure of a task whose thread ended under it. */
export function threadEnded(reason: string): FiresteelError {
  return new FiresteelError('TASK_FAILED', `The thread of this task ended: ${reason}.`, {
    help: 'Look for process.exit, high memory use and uncaught exceptions in the task.',
  })
}

/** Occurs only if user code used the thread's ports. The attempt ends all the same. */
function bodyLost(): FiresteelError {
  return new FiresteelError('INTERNAL', 'The result of this task did not come with its record.')
}
