import { FiresteelError, reasonOf } from '../../runtime/errors.js'
import { innerLimits } from '../../runtime/inner-limits.js'
import { limits } from '../../runtime/limits.js'
import type { OutputPart } from '../messages/task-entries.js'
import type { CallLimit } from './call-limits.js'
import { CallSite, placed, type TaskPlace } from './call-site.js'
import type { TaskOutcome, TaskStep } from './dispatch-types.js'
import type { LimitKey } from './key-limit.js'
import { keyOf, limitOf } from './limit-option.js'
import { errorOf } from './outcome-error.js'
import { type CallOptions, type CallSettings, callSettings, type TaskProgress } from './task-options.js'
import type { FunctionRef, TaskPool } from './task-pool-types.js'
import { inputBytes, resultValue, targetOf } from './task-proxy.js'
import { type TaskTrace, traceMany } from './task-trace.js'

/** The options of one map or each, as the caller gave them. */
export interface OptionsOfCall {
  readonly what: 'map()' | 'each()'
  readonly options: CallOptions
}

export type Inputs<I> = Iterable<I> | AsyncIterable<I>

/** The value of a task, or its error. */
export type TaskResult = { readonly value: unknown } | { readonly error: Error }

/** A task that has ended, as it is read. */
export interface Ended<I> {
  readonly index: number
  readonly input: I
  readonly attempts: number
  readonly result: TaskResult
}

/** A task that has ended and has not been read yet. */
export interface Unread<I> extends Omit<Ended<I>, 'result'> {
  readonly bytes: number
  readonly result: TaskResult | { readonly body: Uint8Array }
}

/** Holds ended tasks until they are read. Only here map and each differ. */
export interface TaskOutput<I> {
  readonly size: number
  add(ended: Unread<I>): void
  /** The next task to be read. */
  take(): Unread<I> | undefined
  /** True: the first failure, in the order of inputs, ends the call, so tasks after it are of no use. */
  readonly endsAtFailure: boolean
}

/** Smaller results are decoded on arrival: their bytes would keep the whole received chunk alive. */
const KEPT_AS_BYTES = innerLimits.resultKeptBytes

/** One map or each. It pulls inputs as there is capacity, submits them, and hands out ended tasks. */
export class TaskCall<I> {
  readonly #ref: FunctionRef
  readonly #site: CallSite
  readonly #pool: TaskPool
  readonly #settings: CallSettings
  readonly #inputs: Inputs<I>
  readonly #output: TaskOutput<I>
  readonly #group: number
  readonly #limit: CallLimit | undefined
  /** Undefined: nobody traced when it was called. */
  readonly #newTrace: (() => TaskTrace | undefined) | undefined
  readonly #inFlight = new Map<number, number>()
  readonly #waiters: { resolve(ended: Ended<I> | undefined): void; reject(error: unknown): void }[] = []
  #iterator: Iterator<I> | AsyncIterator<I> | undefined
  #isAsync = false
  #nextIndex = 0
  #bufferedBytes = 0
  #pulling = false
  #exhausted = false
  #ended = false
  #failure: { readonly error: unknown } | undefined
  /** What the inputs threw. It is told behind what has been submitted, so that no result is lost. */
  #inputsError: { readonly error: unknown } | undefined
  #progress = { done: 0, failed: 0, retried: 0 }
  #progressDue = false
  /** What tasks have said since the last report, by the index of their input. */
  readonly #steps = new Map<number, TaskStep>()
  #unlisten: (() => void) | undefined

  /** Throws USAGE. No input is pulled before the first `next`. */
  constructor(pool: TaskPool, fn: unknown, inputs: Inputs<I>, ofCall: OptionsOfCall, output: TaskOutput<I>) {
    const { ref, options } = targetOf(fn)
    this.#ref = ref
    this.#settings = callSettings(options, ofCall)
    if (!isIterable(inputs))
      throw new FiresteelError('USAGE', 'The inputs are not iterable.', { place: 'inputs' })
    this.#site = new CallSite(TaskCall)
    this.#pool = pool
    this.#inputs = inputs
    this.#output = output
    this.#group = pool.newGroup()
    this.#newTrace = traceMany(ref)
    const { limit, concurrency } = this.#settings
    this.#limit = limit && limitOf(limit, concurrency)
  }

  /** The next ended task; undefined at the end. Rejects with the error that ended the call. */
  next(): Promise<Ended<I> | undefined> {
    if (this.#iterator === undefined && !this.#ended) this.#start()
    const ready = this.#take()
    if (ready !== undefined) {
      this.#isRead(ready)
      this.#pull()
      return Promise.resolve(ready)
    }
    this.#endIfOver()
    if (this.#failure !== undefined) {
      const { error } = this.#failure
      this.#failure = undefined
      return Promise.reject(error)
    }
    if (this.#ended) return Promise.resolve(undefined)
    return new Promise((resolve, reject) => {
      this.#waiters.push({ resolve, reject })
      this.#pull()
    })
  }

  /** Cancels the tasks under way and pulls no more inputs. */
  end(reason: string): void {
    if (this.#ended) return
    this.#ended = true
    this.#unlisten?.()
    const taskIds = [...this.#inFlight.keys()]
    this.#inFlight.clear()
    this.#pool.cancel(taskIds, reason)
    if (!this.#exhausted) void this.#closeIterator()
    for (const waiter of this.#waiters.splice(0)) waiter.resolve(undefined)
  }

  /** Ends the call with an error for its reader. */
  fail(error: unknown): void {
    if (this.#ended) return
    const waiter = this.#waiters.shift()
    if (waiter === undefined) this.#failure = { error }
    else waiter.reject(error)
    this.end('the call has failed')
  }

  #start(): void {
    const { signal } = this.#settings
    try {
      this.#open()
    } catch (error) {
      this.#inputsFailed(error)
      return
    }
    const unlisten = this.#pool.on((event) => {
      // It may take more than all others before it.
      if (event.name === 'executorLinked') this.#pull()
      if (!('group' in event) || event.group !== this.#group) return
      if (event.name === 'taskRepeated') {
        this.#progress.retried++
        this.#report()
      }
      // A task that waits, for its next attempt or its limit, makes room for another.
      this.#pull()
    })
    const abort = (): void => this.fail(signal?.reason)
    signal?.addEventListener('abort', abort)
    this.#unlisten = () => {
      unlisten()
      signal?.removeEventListener('abort', abort)
    }
    if (signal?.aborted) abort()
    else this.#pull()
  }

  #open(): void {
    const iterable = this.#inputs as Partial<AsyncIterable<I>> & Partial<Iterable<I>>
    this.#isAsync = iterable[Symbol.asyncIterator] !== undefined
    this.#iterator = iterable[Symbol.asyncIterator]?.() ?? iterable[Symbol.iterator]?.()
    if (typeof this.#iterator?.next === 'function') return
    const message = 'The iterator of the inputs has no function next.'
    throw new FiresteelError('USAGE', message, { place: 'inputs' })
  }

  /** All that was submitted has ended and been read. */
  #endIfOver(): void {
    if (this.#ended || !this.#exhausted || this.#inFlight.size > 0 || this.#output.size > 0) return
    if (this.#inputsError) this.fail(this.#inputsError.error)
    else this.end('all is done')
  }

  /** Nothing is read after the end of the call, as of an async generator. */
  #take(): Ended<I> | undefined {
    if (this.#ended) return undefined
    const unread = this.#output.take()
    if (unread === undefined) return undefined
    const { index, input, attempts, bytes, result } = unread
    this.#bufferedBytes -= bytes
    return { index, input, attempts, result: 'body' in result ? this.#read(result.body) : result }
  }

  /** A failure that ends the call ends it for the reads behind it, too. */
  #isRead({ result }: Ended<I>): void {
    if ('error' in result && this.#output.endsAtFailure) this.end('an earlier task of this map failed')
  }

  #inFlightMost(): number {
    const { concurrency } = this.#settings
    const held = this.#limit === undefined ? 0 : this.#pool.held(this.#group)
    // The limit counts those that have begun. It holds `concurrency` as well, because held tasks begin by and
    // by.
    if (concurrency !== undefined) return concurrency + Math.min(held, limits.mapHeldTasks)
    const waiting = Math.min(held + this.#pool.delayed(this.#group), limits.mapHeldTasks)
    return Math.max(limits.mapInFlightFirst, 2 * this.#pool.window()) + waiting
  }

  #hasCapacity(inFlightMost: number): boolean {
    const inFlight = this.#inFlight.size
    const unread = this.#output.size
    if (inFlight >= inFlightMost || unread >= limits.mapUnreadResults) return false
    return this.#bufferedBytes < limits.mapBufferedBytes || inFlight + unread === 0
  }

  #pull(): void {
    if (this.#pulling || this.#exhausted || this.#ended) return
    const most = this.#inFlightMost()
    if (!this.#hasCapacity(most)) return
    this.#pulling = true
    if (this.#isAsync) {
      this.#pullAsync().catch((error: unknown) => this.#inputsFailed(error))
      return
    }
    try {
      while (!this.#exhausted && !this.#ended && this.#hasCapacity(most)) {
        const { done, value } = (this.#iterator as Iterator<I>).next()
        if (done) this.#exhaust()
        else this.#submit(value)
      }
      this.#pulling = false
    } catch (error) {
      this.#inputsFailed(error)
    }
  }

  async #pullAsync(): Promise<void> {
    while (!this.#exhausted && !this.#ended && this.#hasCapacity(this.#inFlightMost())) {
      const { done, value } = await (this.#iterator as AsyncIterator<I>).next()
      if (done) this.#exhaust()
      else if (!this.#exhausted && !this.#ended) this.#submit(value)
    }
    this.#pulling = false
  }

  /** The user's iterator threw, which ends the inputs. */
  #inputsFailed(error: unknown): void {
    this.#pulling = false
    this.#inputsError = { error }
    this.#exhaust()
  }

  #exhaust(): void {
    this.#exhausted = true
    this.#endIfOver()
  }

  #submit(input: I): void {
    const { retries, backoff, retryIf, timeoutMs } = this.#settings
    const index = this.#nextIndex++
    const { limit } = this.#settings
    let key: LimitKey | undefined
    let bytes: Uint8Array
    try {
      key = limit && keyOf(limit, input, index)
      bytes = inputBytes(this.#pool, this.#ref, [input])
    } catch (error) {
      const refused = placed(error as Error, this.#placeOf(index), false)
      this.#add({ index, input, attempts: 0, bytes: 0, result: { error: refused } })
      return
    }
    const size = bytes.byteLength
    this.#bufferedBytes += size
    const taskId = this.#pool.submit({
      fn: this.#ref,
      input: bytes,
      retries,
      backoff,
      retryIf,
      timeoutMs,
      group: this.#group,
      limit: this.#limit,
      key,
      trace: this.#newTrace?.(),
      given: undefined,
      onProgress: this.#settings.onProgress && ((step) => this.#stepped(index, step)),
      takeOutput: this.#settings.takeOutput && ((part) => this.#takeOutput(input, part)),
      onEnd: (outcome) => this.#onEnd(outcome, index, input, size),
    })
    this.#inFlight.set(taskId, index)
  }

  #onEnd(outcome: TaskOutcome, index: number, input: I, inputSize: number): void {
    this.#bufferedBytes -= inputSize
    if (!this.#inFlight.delete(outcome.taskId)) return
    const { end, attempts } = outcome
    if (end.kind === 'closed') {
      this.fail(errorOf(outcome, this.#ref.name, this.#placeOf(index)))
    } else if (end.kind !== 'value') {
      const error = errorOf(outcome, this.#ref.name, this.#placeOf(index))
      this.#add({ index, input, attempts, bytes: 0, result: { error } })
    } else if (end.body.byteLength > KEPT_AS_BYTES) {
      const { body } = end
      this.#add({ index, input, attempts, bytes: body.byteLength, result: { body } })
    } else {
      this.#add({ index, input, attempts, bytes: 0, result: this.#read(end.body) })
    }
    this.#pull()
  }

  async #takeOutput(input: I, { n, output, bytes }: OutputPart): Promise<void> {
    try {
      await this.#settings.takeOutput?.({ input, attempt: n, output, bytes })
    } catch (error) {
      this.fail(error)
    }
  }

  #placeOf(index: number): TaskPlace {
    return { site: this.#site, index }
  }

  #read(body: Uint8Array): TaskResult {
    try {
      return { value: resultValue(body, this.#ref) }
    } catch (error) {
      return { error: error as Error }
    }
  }

  #add(ended: Unread<I>): void {
    this.#steps.delete(ended.index)
    if ('error' in ended.result) this.#progress.failed++
    else this.#progress.done++
    if ('error' in ended.result && this.#output.endsAtFailure) this.#cutAfter(ended.index)
    this.#report()
    this.#bufferedBytes += ended.bytes
    this.#output.add(ended)
    while (this.#waiters.length > 0) {
      const next = this.#take()
      if (next === undefined) break
      this.#waiters.shift()?.resolve(next)
      this.#isRead(next)
    }
    // Reads that still wait would wait for a result that never comes.
    this.#endIfOver()
  }

  /** Cancels the tasks of later inputs. Those of earlier inputs go on. */
  #cutAfter(index: number): void {
    const behind: number[] = []
    for (const [taskId, at] of this.#inFlight) if (at > index) behind.push(taskId)
    for (const taskId of behind) this.#inFlight.delete(taskId)
    this.#pool.cancel(behind, 'an earlier task of this map failed')
    if (this.#exhausted) return
    this.#exhausted = true
    void this.#closeIterator()
  }

  /** Only the newest of each task is told. */
  #stepped(index: number, step: TaskStep): void {
    if (this.#ended) return
    this.#steps.set(index, step)
    this.#report()
  }

  #report(): void {
    const { onProgress } = this.#settings
    if (onProgress === undefined || this.#progressDue) return
    this.#progressDue = true
    queueMicrotask(() => {
      this.#progressDue = false
      const total = totalOf(this.#inputs)
      const counts = this.#pool.counts(this.#group)
      try {
        const progress = { ...this.#progress, ...counts, ...(total !== undefined && { total }) }
        const steps = [...this.#steps]
        this.#steps.clear()
        if (steps.length === 0) this.#tell(onProgress, progress)
        for (const [index, step] of steps) this.#tell(onProgress, { ...progress, task: { index, ...step } })
      } catch (error) {
        this.#progressFailed(error)
      }
    })
  }

  /** It may be an async function, for which nobody waits. */
  #tell(onProgress: (progress: TaskProgress) => unknown, progress: TaskProgress): void {
    const told = onProgress(progress)
    if (told instanceof Promise) told.catch((error: unknown) => this.#progressFailed(error))
  }

  #progressFailed(cause: unknown): void {
    const message = `onProgress threw: ${reasonOf(cause)}`
    this.fail(new FiresteelError('CALLBACK_FAILED', message, { cause, place: 'onProgress' }))
  }

  async #closeIterator(): Promise<void> {
    try {
      await this.#iterator?.return?.()
    } catch {
      // The call has already ended, for a reason that matters more.
    }
  }
}

function isIterable(value: unknown): boolean {
  if (value === null || value === undefined) return false
  const iterable = value as { [Symbol.asyncIterator]?: unknown; [Symbol.iterator]?: unknown }
  return typeof (iterable[Symbol.asyncIterator] ?? iterable[Symbol.iterator]) === 'function'
}

function totalOf(inputs: unknown): number | undefined {
  if (Array.isArray(inputs) || ArrayBuffer.isView(inputs)) return (inputs as unknown[]).length
  if (inputs instanceof Set || inputs instanceof Map) return inputs.size
  return undefined
}
