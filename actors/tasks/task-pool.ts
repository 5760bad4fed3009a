import { type Clock, systemClock } from '../../runtime/clock.js'
import { reasonOf } from '../../runtime/errors.js'
import { KeyedTimers } from '../../runtime/keyed-timers.js'
import { limits } from '../../runtime/limits.js'
import { guarded } from '../../runtime/system/uncaught.js'
import { systemTimers, type TimerSource } from '../../runtime/timers.js'
import type { AttemptKey } from '../messages/task-entries.js'
import { DispatchCore } from './dispatch-core.js'
import type { TaskCounts } from './dispatch-counts.js'
import type { IdleExecutor } from './dispatch-idle.js'
import { keyOfTimer } from './dispatch-timer.js'
import type {
  Closed,
  DispatchEffect,
  DispatchInput,
  ExecutorDescription,
  ExecutorUpdate,
  TaskOutcome,
  TaskPoolEvent,
  TaskSpec,
} from './dispatch-types.js'
import { type ChannelEvents, type ChannelLink, ExecutorChannel, type RunTask } from './executor-channel.js'
import { FunctionTable } from './function-table.js'
import { retryAnswer } from './retry-answer.js'
import { TaskOutputs } from './task-outputs.js'
import type {
  SubmitSpec,
  TaskPool,
  TaskPoolLimits,
  TaskPoolOptions,
  TaskPoolStats,
} from './task-pool-types.js'

export function createTaskPool(options: TaskPoolOptions): TaskPool {
  return new Pool(options)
}

class Pool implements TaskPool {
  readonly limits: TaskPoolLimits
  readonly #options: TaskPoolOptions
  readonly #clock: Clock
  readonly #timerSource: TimerSource
  readonly #timers: KeyedTimers<string>
  readonly #core: DispatchCore
  readonly #submissions = new Map<number, SubmitSpec>()
  readonly #functions = new FunctionTable()
  readonly #channels = new Map<number, ExecutorChannel>()
  readonly #outputs = new TaskOutputs((execId, part) => this.#channels.get(execId)?.outputTaken(part))
  readonly #listeners = new Set<(event: TaskPoolEvent) => void>()
  #fresh: TaskSpec[] = []
  readonly #inputs: DispatchInput[] = []
  #stepping = false
  /** Of the step that runs. */
  #nowMs = 0
  /** Why the pool is of no more use. */
  #failed: string | undefined
  #nextTask = 1
  #nextGroup = 1

  constructor(options: TaskPoolOptions) {
    this.#options = options
    this.#clock = options.clock ?? systemClock
    this.#timerSource = options.timers ?? systemTimers
    this.#timers = new KeyedTimers(this.#timerSource)
    this.#core = new DispatchCore(options.random ?? Math.random)
    this.limits = {
      maxInputBytes: options.limits?.maxInputBytes ?? limits.maxInputBytes,
      maxResultBytes: options.limits?.maxResultBytes ?? limits.maxResultBytes,
    }
  }

  executorAdded(executor: ExecutorDescription): void {
    this.#step({ kind: 'executorAdded', executor: this.#described(executor) })
  }

  #described({ execId, workerId, host, cores }: ExecutorDescription): ExecutorDescription {
    const { tasksPerCore = 1, maxTasks } = this.#options
    return { execId, workerId, host, cores, tasksPerCore, ...(maxTasks !== undefined && { maxTasks }) }
  }

  executorUpdated(update: ExecutorUpdate): void {
    this.#step({ kind: 'executorUpdated', update })
  }

  link(link: ChannelLink): void {
    if (this.#failed !== undefined) {
      link.close(this.#failed)
      return
    }
    const { traceOf } = this.#options
    const events = this.#channelEvents
    new ExecutorChannel({ link, timers: this.#timerSource, ...this.limits, events, traceOf })
  }

  submit(spec: SubmitSpec): number {
    const taskId = this.#nextTask++
    const { retries, group, input, backoff, retryIf, limit, key } = spec
    this.#submissions.set(taskId, spec)
    // Calls of one turn are sent together.
    if (this.#fresh.length === 0) queueMicrotask(() => this.#submitFresh())
    const asks = retryIf !== undefined
    this.#fresh.push({ taskId, group, retries, inputBytes: input.byteLength, backoff, asks, limit, key })
    return taskId
  }

  cancel(taskIds: readonly number[], reason: string): void {
    this.#submitFresh()
    if (taskIds.length > 0) this.#step({ kind: 'cancel', taskIds, reason })
  }

  newGroup(): number {
    return this.#nextGroup++
  }

  counts(group: number): TaskCounts {
    return this.#core.counts(group)
  }

  delayed(group: number): number {
    return this.#core.delayed(group)
  }

  held(group: number): number {
    return this.#core.held(group)
  }

  window(): number {
    return this.#core.window()
  }

  idle(): IdleExecutor[] {
    this.#submitFresh()
    return this.#core.idle({ monotonicMs: this.#clock.monotonicMs() })
  }

  get hasTooMuchWork(): boolean {
    return this.#core.hasTooMuchWork
  }

  giveBack(execIds: readonly number[], reason: string): void {
    this.#step({ kind: 'giveBack', execIds, reason })
  }

  close(closed: Closed): void {
    this.#submitFresh()
    this.#step({ kind: 'close', ...closed })
  }

  on(listener: (event: TaskPoolEvent) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  stats(): TaskPoolStats {
    const live = this.#submissions.size
    const { running, atExecutors } = this.#core.counts()
    return { ...this.#core.stats, live, running, atExecutors, waiting: live - running - atExecutors }
  }

  executors(): ExecutorDescription[] {
    return this.#core.executors()
  }

  async askTrace(execId: number, question: string): Promise<string | undefined> {
    return this.#channels.get(execId)?.askTrace(question)
  }

  #submitFresh(): void {
    if (this.#fresh.length === 0) return
    const tasks = this.#fresh
    this.#fresh = []
    this.#step({ kind: 'submit', tasks })
    this.#options.onSubmitted?.()
  }

  /** Runs one input at a time: an input that an effect causes must not overtake the remaining effects. */
  #step(input: DispatchInput): void {
    this.#inputs.push(input)
    if (this.#stepping) return
    this.#stepping = true
    try {
      for (let next = this.#inputs.shift(); next !== undefined; next = this.#inputs.shift()) this.#do(next)
    } catch (error) {
      this.#fail(error)
    } finally {
      this.#stepping = false
    }
  }

  #do(input: DispatchInput): void {
    if (this.#failed !== undefined) {
      if (input.kind === 'submit') this.#endAll(this.#failed)
      return
    }
    this.#nowMs = this.#clock.monotonicMs()
    const effects = this.#core.step(input, { monotonicMs: this.#nowMs })
    for (const effect of effects) this.#apply(effect)
  }

  /**
   * Handles a defect of the pool. Its state cannot be trusted, so all tasks end and all executors are told to
   * exit.
   */
  #fail(error: unknown): void {
    if (this.#failed !== undefined) return
    this.#failed = `a defect of the task pool: ${reasonOf(error)}`
    this.#inputs.length = 0
    this.#timers.clear()
    for (const channel of this.#channels.values()) channel.dismiss(this.#failed)
    this.#channels.clear()
    this.#endAll(this.#failed)
    this.#options.onDefect(error)
  }

  #endAll(reason: string): void {
    const end = guarded((taskId: number) =>
      this.#settle({ taskId, end: { kind: 'closed', reason }, attempts: 0, repetitions: [] }),
    )
    for (const taskId of [...this.#submissions.keys()]) end(taskId)
  }

  #apply(effect: DispatchEffect): void {
    switch (effect.kind) {
      case 'settle':
        this.#settle(effect.outcome)
        return
      case 'startTimer':
        this.#timers.start(keyOfTimer(effect.timer), effect.ms, () =>
          this.#step({ kind: 'timer', timer: effect.timer }),
        )
        return
      case 'cancelTimer':
        this.#timers.cancel(keyOfTimer(effect.timer))
        return
      case 'killExecutor':
        this.#options.killExecutor(effect.execId, effect.leaves === true)
        return
      case 'progress':
        this.#submissions.get(effect.taskId)?.onProgress?.(effect.progress)
        return
      case 'output':
        this.#outputs.add(effect.execId, effect.part, this.#submissions.get(effect.part.taskId)?.takeOutput)
        return
      case 'ask':
        this.#step({
          kind: 'answer',
          taskId: effect.taskId,
          ...retryAnswer(this.#submissions.get(effect.taskId)?.retryIf, effect.body),
        })
        return
      case 'event':
        this.#tell(effect.event)
        return
      case 'log':
        this.#options.log[effect.level](effect.text, { appId: this.#options.appId, ...effect.fields })
        return
      default:
        this.#toExecutor(effect)
    }
  }

  #toExecutor(
    effect: Extract<
      DispatchEffect,
      { kind: 'welcome' | 'refuse' | 'run' | 'cancel' | 'ack' | 'recall' | 'letGo' }
    >,
  ): void {
    const channel = this.#channels.get(effect.execId)
    // Its link has just ended. The list on its next link repairs this.
    if (channel === undefined) return
    switch (effect.kind) {
      case 'welcome':
        channel.welcome()
        return
      case 'refuse':
        this.#channels.delete(effect.execId)
        channel.dismiss(effect.reason)
        return
      case 'run':
        this.#run(channel, effect.execId, effect.attempts)
        return
      case 'cancel':
        channel.cancel(effect.attempts)
        return
      case 'ack':
        channel.acknowledge(effect.attempts)
        return
      case 'recall':
        channel.recall(effect.count)
        return
      case 'letGo':
        channel.letGo(effect.reason)
    }
  }

  #run(channel: ExecutorChannel, execId: number, attempts: readonly AttemptKey[]): void {
    const tasks: RunTask[] = []
    const given = this.#options.summaries && { execId, atMs: this.#nowMs }
    for (const { taskId, n } of attempts) {
      const submission = this.#submissions.get(taskId)
      if (submission === undefined) continue
      submission.given = given
      const { fn, timeoutMs, input } = submission
      const trace = submission.trace?.attempt(taskId)
      tasks.push({ taskId, n, functionId: this.#functions.idOf(fn), timeoutMs, trace, input })
    }
    channel.run(
      tasks,
      (functionId) => this.#functions.entry(functionId),
      ({ taskId }) => this.#submissions.has(taskId),
    )
  }

  #settle(outcome: TaskOutcome): void {
    const submission = this.#submissions.get(outcome.taskId)
    this.#submissions.delete(outcome.taskId)
    this.#outputs.ended(outcome.taskId)
    submission?.trace?.ended(outcome.end, outcome.attempts)
    if (submission !== undefined)
      this.#options.summaries?.ended(outcome, submission.fn.name, submission.given, this.#nowMs)
    submission?.onEnd(outcome)
  }

  #tell(event: TaskPoolEvent): void {
    if (event.name === 'taskRepeated') {
      this.#submissions.get(event.taskId)?.trace?.repeated(event.cause)
      this.#options.summaries?.repeated(event.cause)
    }
    for (const listener of [...this.#listeners]) {
      try {
        listener(event)
      } catch (error) {
        this.#options.log.warn('a listener of task events threw', { event: event.name, error })
      }
    }
  }

  readonly #channelEvents: ChannelEvents = {
    hello: (channel, hello) => {
      const { execId } = hello
      const older = this.#channels.get(execId)
      this.#channels.set(execId, channel)
      if (older !== undefined) {
        older.replace()
        this.#step({ kind: 'linkDown', execId, reason: 'replaced' })
      }
      this.#step({ kind: 'hello', executor: this.#described(hello) })
    },
    held: (channel, attempts) => this.#observed(channel, (execId) => ({ kind: 'held', execId, attempts })),
    started: (channel, attempts) =>
      this.#observed(channel, (execId) => ({ kind: 'started', execId, attempts })),
    returned: (channel, attempts) =>
      this.#observed(channel, (execId) => ({ kind: 'returned', execId, attempts })),
    results: (channel, results) =>
      this.#observed(channel, (execId) => ({ kind: 'results', execId, results })),
    progress: (channel, progress) =>
      this.#observed(channel, (execId) => ({ kind: 'progress', execId, progress })),
    output: (channel, part) => this.#observed(channel, (execId) => ({ kind: 'output', execId, part })),
    pressure: (channel) =>
      this.#observed(channel, (execId) => ({ kind: 'pressure', execId, blocked: channel.isBlocked })),
    ending: (channel, reason, hasWorked) =>
      this.#observed(channel, (execId) => ({ kind: 'ending', execId, reason, hasWorked })),
    defect: (error) => this.#fail(error),
    log: (channel, text) => {
      this.#options.log.warn(text, { appId: this.#options.appId, execId: channel.execId })
    },
    closed: (channel, reason) => {
      const { execId } = channel
      if (execId === undefined || this.#channels.get(execId) !== channel) return
      this.#channels.delete(execId)
      this.#step({ kind: 'linkDown', execId, reason })
    },
  }

  #observed(channel: ExecutorChannel, input: (execId: number) => DispatchInput): void {
    const { execId } = channel
    if (execId !== undefined && this.#channels.get(execId) === channel) this.#step(input(execId))
  }
}
