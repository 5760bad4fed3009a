import { FiresteelError, isFiresteelError } from '../../runtime/errors.js'
import { innerLimits } from '../../runtime/inner-limits.js'
import { limits } from '../../runtime/limits.js'
import type {
  AttemptKey,
  AttemptProgress,
  FunctionEntry,
  OutputPart,
  ResultStatus,
} from '../messages/task-entries.js'
import { decodeError, encodeError } from '../messages/task-error.js'
import { Deque } from '../tasks/deque.js'
import type { Attempt } from './attempt.js'
import { ModuleFailures } from './module-failures.js'
import { nodeDependencies, type PoolDependencies } from './pool-dependencies.js'
import { RepeatedErrors } from './repeated-errors.js'
import type { RingSize } from './shared-ring.js'
import { type SpawnThread, spawnThread } from './spawn-thread.js'
import type { ExecutorInfo } from './task.js'
import {
  type RunningAttempt,
  TaskThread,
  type ThreadEnd,
  type ThreadEvents,
  threadEnded,
} from './task-thread.js'
import { ThreadStarts } from './thread-starts.js'

export interface ThreadPoolOptions {
  readonly threads: number
  /** Tasks at a time in each thread; default 1. */
  readonly tasksPerThread?: number
  /** Heap of each thread. */
  readonly heapMib: number
  readonly executor: ExecutorInfo
  readonly maxResultBytes: number
  /** Called once for each attempt that is not returned. */
  readonly onResult: (attempt: Attempt, status: ResultStatus, body: Uint8Array) => void
  readonly onStarted: (attempts: readonly AttemptKey[]) => void
  readonly onProgress: (progress: readonly AttemptProgress[]) => void
  readonly onOutput: (part: OutputPart) => void
  /** These attempts have not begun and never will. */
  readonly onReturned: (attempts: readonly AttemptKey[]) => void
  readonly onLog: (text: string) => void
  /**
   * This executor is of no more use. Unbegun attempts, and all that come later, are returned after this call.
   */
  readonly onUseless: (why: Useless, reason: string) => void
  /** Default: starts worker threads of this process. */
  readonly spawn?: SpawnThread
  readonly dependencies?: PoolDependencies
  readonly ring?: RingSize
}

/**
 * - stuck: a thread is in a call that nothing interrupts; only the end of the process ends it
 * - startless: its threads end before they have begun a task
 */
export type Useless = 'stuck' | 'startless'

const NOTHING = new Uint8Array(0)

/**
 * One thread per core, started when first needed. A cancelled, timed-out or runaway task costs only its
 * thread, and so does an exception outside a task. An attempt ends only when nothing of it runs any more: one
 * that is ended by force is reported when its thread is gone, so that the next attempt never runs beside it.
 * Other tasks of such a thread have a while to end; those that are lost with it were not the reason, and are
 * reported as `lost`.
 *
 * Nothing is wrong with the tasks of a thread that is only to be replaced. It takes nothing new, they go on
 * to their end, however late, and a fresh thread takes its place meanwhile. At most one such thread per core
 * is beside the others, for the sake of memory.
 */
export class ThreadPool {
  readonly #options: ThreadPoolOptions
  readonly #threads = new Set<TaskThread>()
  readonly #queue = new Deque<Attempt>()
  readonly #functions = new Map<number, FunctionEntry>()
  readonly #starts = new ThreadStarts()
  readonly #startRecords = new WeakMap<TaskThread, { readonly ms: number; readonly deathsBefore: number }>()
  readonly #failures = new ModuleFailures()
  readonly #repeated = new RepeatedErrors()
  readonly #tasksPerThread: number
  #maxResultBytes: number
  readonly #spawn: SpawnThread
  readonly #dependencies: PoolDependencies
  #cancelLook: (() => void) | undefined
  /** Threads that were told to end, and since when. */
  readonly #endingMs = new Map<TaskThread, number>()
  /** Threads that take nothing new. They are told to end at `untilMs`, or when nothing else runs there. */
  readonly #retiring = new Map<TaskThread, { readonly reason: string; readonly untilMs: number }>()
  /** Threads that gave up their place, until they have ended. */
  readonly #replaced = new Set<TaskThread>()
  #paused = false
  #closed = false
  #whenEmpty: (() => void) | undefined

  constructor(options: ThreadPoolOptions) {
    this.#options = options
    this.#tasksPerThread = options.tasksPerThread ?? 1
    this.#maxResultBytes = options.maxResultBytes
    this.#spawn = options.spawn ?? spawnThread
    this.#dependencies = options.dependencies ?? nodeDependencies
  }

  /** Starts a first thread early, so that the first task does not wait for it. */
  warm(): void {
    if (this.#threads.size === 0) this.#start()
  }

  setMaxResultBytes(maxResultBytes: number): void {
    this.#maxResultBytes = maxResultBytes
    for (const thread of this.#threads) thread.tell({ kind: 'limits', maxResultBytes })
  }

  addFunctions(functions: readonly FunctionEntry[]): void {
    for (const entry of functions) this.#functions.set(entry.functionId, entry)
    for (const thread of this.#threads) thread.addFunctions(functions)
  }

  run(attempts: readonly Attempt[]): void {
    if (this.#closed) {
      this.#return(attempts)
      return
    }
    for (const attempt of attempts) this.#queue.push(attempt)
    this.#distribute()
  }

  /** While results wait for the driver, no new task is begun. */
  pause(paused: boolean): void {
    if (this.#paused === paused) return
    this.#paused = paused
    if (!paused) this.#distribute()
  }

  outputTaken(attempt: Attempt): void {
    for (const thread of this.#threads) thread.outputTaken(attempt)
  }

  cancel(attempt: Attempt): void {
    if (attempt.state === 'ended') return
    if (attempt.state === 'posted' && !this.#revokeOne(attempt)) {
      this.#abort(attempt, 'cancelled')
      return
    }
    // An attempt that is still in the queue is skipped at its turn.
    attempt.state = 'ended'
    this.#options.onReturned([attempt])
  }

  /** Returns up to `count` unbegun attempts, the last ones first. */
  recall(count: number): void {
    const returned: Attempt[] = []
    while (returned.length < count) {
      const attempt = this.#queue.pop()
      if (attempt === undefined) break
      if (attempt.state !== 'ended') returned.unshift(attempt)
    }
    for (const thread of this.#threads) returned.push(...thread.revoke(count - returned.length))
    this.#return(returned)
  }

  #return(attempts: readonly Attempt[]): void {
    for (const attempt of attempts) attempt.state = 'ended'
    this.#options.onReturned(attempts)
  }

  /** True: all threads have ended in time. False: some are in calls that nothing interrupts. */
  async close(withinMs: number): Promise<boolean> {
    this.#closed = true
    this.#cancelLook?.()
    const { after } = this.#dependencies
    for (const thread of [...this.#threads]) thread.flushAndTerminate('the executor ends', after)
    if (this.#threads.size === 0) return true
    return new Promise((resolve) => {
      const cancel = this.#dependencies.after(withinMs, () => resolve(false))
      this.#whenEmpty = () => {
        cancel()
        resolve(true)
      }
    })
  }

  #distribute(): void {
    if (this.#paused || this.#closed) return
    const wanted = Math.min(this.#places, this.#load() + this.#queue.size + this.#heldBack)
    if (this.#starts.failures > 0) this.#startAgain(wanted)
    else while (this.#inPlace < wanted) this.#start()
    const share = Math.max(1, Math.ceil(this.#queue.size / this.#options.threads))
    for (const thread of this.#byLoad()) {
      const attempts = this.#nextFor(Math.min(share, thread.capacity))
      if (attempts.length > 0) thread.post(attempts)
    }
    for (const thread of this.#threads) if (thread.idle > 0) this.#steal(thread)
    this.#look()
  }

  /** Starts threads also without tasks, because a useless executor must show itself before it has tasks. */
  #startAgain(wanted: number): void {
    let unproven = 0
    for (const thread of this.#threads) {
      if (thread.hasBegun) this.#starts.began(this.#startRecordOf(thread).deathsBefore)
      // One whose place is still full of the last tasks of another thread can prove nothing.
      else if (!thread.isHeldBack) unproven++
    }
    while (this.#inPlace < Math.min(this.#places, Math.max(1, wanted))) {
      if (!this.#starts.mayStart(unproven, this.#dependencies.nowMs())) return
      this.#start()
      unproven++
    }
  }

  #startRecordOf(thread: TaskThread): { readonly ms: number; readonly deathsBefore: number } {
    return this.#startRecords.get(thread) as { readonly ms: number; readonly deathsBefore: number }
  }

  /** Where tasks may run. Each thread above one per core that still runs its last tasks costs a place. */
  get #places(): number {
    const { threads } = this.#options
    return threads - Math.max(0, this.#replaced.size - threads)
  }

  /** Threads in place that can take no task yet. Others are started for what waits, as far as places go. */
  get #heldBack(): number {
    let heldBack = 0
    for (const thread of this.#threads) {
      if (!this.#replaced.has(thread) && (thread.isHeldBack || thread.isQuiet)) heldBack++
    }
    return heldBack
  }

  get #inPlace(): number {
    return this.#threads.size - this.#replaced.size
  }

  #load(): number {
    let load = 0
    for (const thread of this.#threads) if (!this.#replaced.has(thread)) load += thread.load
    return load
  }

  #byLoad(): TaskThread[] {
    return [...this.#threads]
      .filter((thread) => !this.#replaced.has(thread))
      .sort((one, other) => one.load - other.load)
  }

  #nextFor(capacity: number): Attempt[] {
    const attempts: Attempt[] = []
    while (attempts.length < capacity) {
      const attempt = this.#queue.shift()
      if (attempt === undefined) break
      if (attempt.state === 'queued' && !this.#isRefused(attempt)) attempts.push(attempt)
    }
    return attempts
  }

  #start(): void {
    const { heapMib, executor, ring } = this.#options
    const settings = {
      heapMib,
      ring,
      executor,
      functions: [...this.#functions.values()],
      maxResultBytes: this.#maxResultBytes,
      tasksAtOnce: this.#tasksPerThread,
      before: this.#withoutSuccessor(),
    }
    const thread = new TaskThread(settings, this.#spawn, this.#events)
    this.#startRecords.set(thread, {
      ms: this.#dependencies.nowMs(),
      deathsBefore: this.#starts.deathsBefore,
    })
    this.#threads.add(thread)
  }

  #withoutSuccessor(): TaskThread | undefined {
    const succeeded = new Set([...this.#threads].map(({ before }) => before))
    return [...this.#replaced].find((thread) => !succeeded.has(thread))
  }

  readonly #events: ThreadEvents = {
    result: (thread, attempt, status, body) => {
      if (status === 'unloaded') this.#unloaded(thread, attempt, body)
      else this.#loaded(attempt, status, body)
      if (thread.idle > 0 || this.#queue.size > 0) this.#refillSoon()
    },
    unbegun: (_thread, attempts) => this.#requeue(attempts),
    progress: (_thread, progress) => this.#options.onProgress(progress),
    output: (_thread, part) => this.#options.onOutput(part),
    remembers: (thread, reason) => this.#remembers(thread, reason),
    ended: (thread, end) => this.#threadEnded(thread, end),
  }

  #loaded(attempt: Attempt, status: ResultStatus, body: Uint8Array): void {
    const url = this.#urlOf(attempt)
    if (url !== undefined) this.#failures.loaded(url)
    this.#end(attempt, status, body)
  }

  /**
   * An import that failed once fails fast in its thread for ever, so the thread would take most of the tasks.
   */
  #unloaded(thread: TaskThread, attempt: Attempt, body: Uint8Array): void {
    const error = decodeError(body)
    const url = this.#urlOf(attempt)
    if (url === undefined || !isFiresteelError(error, 'TASK_MODULE_FAILED')) {
      this.#end(attempt, 'unloaded', body)
      return
    }
    const again = this.#failures.failed(url, body, this.#startRecordOf(thread).ms, this.#dependencies.nowMs())
    this.#replace(thread, `an import failed in it: ${error.message}`)
    if (again && !attempt.importFailed && attempt.abort === undefined) {
      attempt.importFailed = true
      this.#requeue([attempt])
    } else {
      this.#end(attempt, 'unloaded', body)
    }
  }

  /** It fails fast for ever, too, such as after an import inside of a task. */
  #remembers(thread: TaskThread, reason: string): void {
    if (this.#replaced.has(thread)) return
    if (!this.#repeated.mayReplace(this.#startRecordOf(thread).ms, this.#dependencies.nowMs())) return
    this.#replace(thread, `its tasks fail with one error that it remembers: ${reason}`)
    this.#refillSoon()
  }

  /**
   * True: the module has failed repeatedly and it is too early for another try. The attempt is then ended.
   */
  #isRefused(attempt: Attempt): boolean {
    const url = this.#urlOf(attempt)
    const body = url === undefined ? undefined : this.#failures.refusal(url, this.#dependencies.nowMs())
    if (body !== undefined) this.#end(attempt, 'unloaded', body)
    return body !== undefined
  }

  #urlOf({ functionId }: Attempt): string | undefined {
    return this.#functions.get(functionId)?.url
  }

  #refilling = false

  /** Distributes once for all results that are read together. */
  #refillSoon(): void {
    if (this.#refilling) return
    this.#refilling = true
    this.#dependencies.soon(() => {
      this.#refilling = false
      this.#distribute()
    })
  }

  /**
   * A thread with idle places takes unbegun tasks of the thread with the most tasks, until both have as many.
   */
  #steal(idle: TaskThread): void {
    const fullest = this.#byLoad().at(-1)
    if (fullest === undefined || fullest.load - idle.load < 2 || !fullest.hasUnbegun) return
    const attempts = fullest.revoke(Math.min(idle.idle, Math.floor((fullest.load - idle.load) / 2)))
    if (attempts.length > 0) idle.post(attempts)
  }

  /** A thread with idle places takes half of what waits behind a task that keeps another thread to itself. */
  #relieve(): void {
    for (const stalled of this.#threads) {
      const unbegun = stalled.stalled()
      if (unbegun === 0) continue
      for (const idle of this.#threads) {
        if (idle === stalled || idle.idle === 0 || idle.hasUnbegun) continue
        const attempts = stalled.revoke(Math.min(idle.idle, Math.ceil(unbegun / 2)))
        if (attempts.length > 0) idle.post(attempts)
        break
      }
    }
  }

  #revokeOne(attempt: Attempt): boolean {
    for (const thread of this.#threads) {
      if (thread.revoke(1, (posted) => posted === attempt).length > 0) return true
    }
    return false
  }

  #abort(attempt: Attempt, reason: 'cancelled' | 'timeout'): void {
    for (const thread of this.#threads) {
      for (const running of thread.running())
        if (running.attempt === attempt) this.#abortIn(thread, running, reason)
    }
  }

  #abortIn(thread: TaskThread, { attempt, position }: RunningAttempt, reason: 'cancelled' | 'timeout'): void {
    attempt.abort ??= { reason, deadlineMs: this.#dependencies.nowMs() + limits.taskAbortGraceMs }
    thread.tell({ kind: 'abort', position, reason })
  }

  #end(attempt: Attempt, status: ResultStatus, body: Uint8Array): void {
    if (attempt.state === 'ended') return
    attempt.state = 'ended'
    const why = attempt.abort?.reason
    if (why === 'cancelled') this.#options.onResult(attempt, 'cancelled', NOTHING)
    // A timeout counts, whatever the task returned after it.
    else if (why === 'timeout') this.#options.onResult(attempt, 'timeout', encodeError(timeIsOver(attempt)))
    else this.#options.onResult(attempt, status, body)
  }

  #look(): void {
    const open = this.#load() + this.#queue.size + this.#endingMs.size + this.#retiring.size
    const isStarting = this.#starts.failures > 0 && this.#threads.size === 0
    if (this.#cancelLook !== undefined || this.#closed || (open === 0 && !isStarting)) return
    this.#cancelLook = this.#dependencies.after(limits.threadLookMs, () => {
      this.#cancelLook = undefined
      const started: AttemptKey[] = []
      for (const thread of [...this.#threads]) this.#lookAt(thread, started)
      for (const [thread, sinceMs] of this.#endingMs) this.#watchEnd(thread, sinceMs)
      if (started.length > 0) this.#options.onStarted(started)
      // A thread that only skipped revoked tasks has capacity again and reports nothing.
      this.#distribute()
      if (!this.#paused && !this.#closed) this.#relieve()
      this.#look()
    })
  }

  #lookAt(thread: TaskThread, started: AttemptKey[]): void {
    thread.drain()
    const nowMs = this.#dependencies.nowMs()
    for (const running of thread.running()) {
      const { attempt, sinceMs } = running
      if (!attempt.reported && attempt.state !== 'ended') {
        attempt.reported = true
        started.push({ taskId: attempt.taskId, n: attempt.n })
      }
      if (attempt.abort !== undefined) {
        const why = wordFor[attempt.abort.reason]
        if (nowMs >= attempt.abort.deadlineMs)
          this.#retire(thread, `task ${attempt.taskId} was ${why}, and did not end`)
      } else if (attempt.timeoutMs > 0 && nowMs - sinceMs >= attempt.timeoutMs) {
        this.#abortIn(thread, running, 'timeout')
      }
    }
    this.#lookAtRetiring(thread)
    if (thread.isSilent(nowMs)) this.#replace(thread, this.#silenceOf(thread))
    const isLate = thread.load > 0 && nowMs - this.#startRecordOf(thread).ms >= limits.threadStartMs
    if (isLate && !thread.hasBegun) this.#terminate(thread, 'it did not reach its first task')
  }

  #silenceOf({ last }: TaskThread): string {
    const text = `for ${innerLimits.threadSilentMs / 1000} s it began nothing, though no task ran there`
    const entry = last && this.#functions.get(last.functionId)
    if (entry === undefined) return text
    const { name, url } = entry
    return `${text}; the last one that ended there, task ${last?.taskId} (${name} of ${url}), may have left code that keeps it busy`
  }

  /** Its tasks are healthy and go on to their end. Another thread takes what comes from now on. */
  #replace(thread: TaskThread, reason: string): void {
    if (this.#endingMs.has(thread)) return
    this.#replaced.add(thread)
    this.#retire(thread, reason, Number.POSITIVE_INFINITY)
  }

  /** It takes nothing new. It is ended as soon as nothing runs there that could still end in order. */
  #retire(
    thread: TaskThread,
    reason: string,
    untilMs = this.#dependencies.nowMs() + limits.taskAbortGraceMs,
  ): void {
    const known = this.#retiring.get(thread)
    if (this.#endingMs.has(thread) || (known !== undefined && known.untilMs <= untilMs)) return
    this.#retiring.set(thread, { reason, untilMs })
    thread.close()
    this.#lookAtRetiring(thread)
    this.#look()
  }

  #lookAtRetiring(thread: TaskThread): void {
    const retiring = this.#retiring.get(thread)
    if (retiring === undefined) return
    const nowMs = this.#dependencies.nowMs()
    if (nowMs < retiring.untilMs) {
      for (const { attempt } of thread.running()) {
        if (attempt.abort === undefined || nowMs < attempt.abort.deadlineMs) return
      }
    }
    this.#terminate(thread, retiring.reason)
  }

  #terminate(thread: TaskThread, reason: string): void {
    this.#retiring.delete(thread)
    if (this.#endingMs.has(thread)) return
    this.#endingMs.set(thread, this.#dependencies.nowMs())
    thread.terminate(reason)
    this.#look()
  }

  /**
   * A thread in a blocking call does not end. This executor is then useless, and its tasks go to other
   * executors.
   */
  #watchEnd(thread: TaskThread, sinceMs: number): void {
    if (this.#closed || this.#dependencies.nowMs() - sinceMs < limits.threadEndMs) return
    const running = [...thread.running()].map(({ attempt }) => attempt)
    const [first] = running
    const what = running.length === 1 && first ? `task ${first.taskId}` : 'a thread'
    // Where no task runs there, only why it was to end says whose call it may be.
    const why = running.length === 0 && thread.told !== undefined ? `: ${thread.told}` : ''
    this.#giveUp('stuck', `${what} is in a call that nothing interrupts${why}`)
    for (const attempt of running) {
      // The others are lost with this executor.
      if (attempt.abort !== undefined)
        this.#end(attempt, 'failure', encodeError(threadEnded('it could not be ended')))
    }
  }

  #giveUp(why: Useless, reason: string): void {
    this.#closed = true
    this.#options.onUseless(why, reason)
    this.recall(Number.MAX_SAFE_INTEGER)
  }

  /** Puts the attempts at the front of the queue in their order, because they were to run next. */
  #requeue(attempts: readonly Attempt[]): void {
    for (const attempt of [...attempts].reverse()) {
      // Its timeout passed while its module was loading.
      if (attempt.state === 'ended') continue
      attempt.state = 'queued'
      this.#queue.unshift(attempt)
    }
    this.#distribute()
  }

  #threadEnded(thread: TaskThread, end: ThreadEnd): void {
    const { reason } = end
    this.#threads.delete(thread)
    this.#replaced.delete(thread)
    this.#endingMs.delete(thread)
    this.#retiring.delete(thread)
    if (this.#threads.size === 0) this.#whenEmpty?.()
    if (this.#closed) return
    for (const attempt of end.running) {
      if (isCulprit(attempt, end)) this.#end(attempt, 'failure', encodeError(threadEnded(reason)))
      else this.#end(attempt, 'lost', Buffer.from(reason))
    }
    this.#options.onLog(`A task thread ended: ${reason}.`)
    const { deathsBefore } = this.#startRecordOf(thread)
    if (thread.hasBegun) this.#starts.began(deathsBefore)
    else this.#starts.failed(deathsBefore, this.#dependencies.nowMs())
    if (this.#starts.areUnrecoverable && ![...this.#threads].some(({ hasBegun }) => hasBegun)) {
      const { failures } = this.#starts
      this.#giveUp('startless', `${failures} task threads in a row ended before their first task: ${reason}`)
    }
    this.#distribute()
  }
}

/** Where nobody knows what ended a thread, only the task that was there alone is to blame. */
const isCulprit = (attempt: Attempt, { culprit, isExplained, running }: ThreadEnd): boolean =>
  attempt === culprit || (!isExplained && running.length === 1)

const timeIsOver = ({ timeoutMs }: Attempt): FiresteelError =>
  new FiresteelError('TASK_TIMEOUT', `The task ran longer than ${timeoutMs} ms.`)

const wordFor = { cancelled: 'cancelled', timeout: 'longer than its timeout' } as const
