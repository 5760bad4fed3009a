import { limits } from '../../runtime/limits.js'
import type { AttemptKey } from '../messages/task-entries.js'
import { countsOf, type TaskCounts } from './dispatch-counts.js'
import { giveBack, hasTooMuchWork, type IdleExecutor, lookForIdle } from './dispatch-idle.js'
import { leaveOrStay, retire } from './dispatch-leaving.js'
import { lose, lossOf, silenceOf, unannounced } from './dispatch-losses.js'
import { place, rebalance } from './dispatch-placement.js'
import {
  acceptAnswer,
  acceptOutput,
  acceptProgress,
  acceptResults,
  acceptReturned,
  acceptStarted,
  keepResults,
  noteWork,
  reconcile,
} from './dispatch-results.js'
import { DispatchState, ExecutorEntry } from './dispatch-state.js'
import type { DispatchTimer } from './dispatch-timer.js'
import type {
  Closed,
  DispatchEffect,
  DispatchInput,
  DispatchStats,
  ExecutorDescription,
  TaskSpec,
} from './dispatch-types.js'

export interface DispatchNow {
  readonly monotonicMs: number
}

/**
 * Decides which executor runs which task, and whose result counts (protocol 10, S7). It is pure: no clock, no
 * I/O. The simulator runs it as it is. A step that throws is a defect.
 */
export class DispatchCore {
  readonly #state: DispatchState

  /** `random` gives numbers in [0, 1), for the waits of tasks that failed. */
  constructor(random: () => number) {
    this.#state = new DispatchState(random)
  }

  step(input: DispatchInput, now: DispatchNow): DispatchEffect[] {
    const state = this.#state
    state.effects = []
    state.nowMs = now.monotonicMs
    this.#handle(input, now.monotonicMs)
    place(state, now.monotonicMs)
    retire(state)
    return state.effects
  }

  get stats(): Readonly<DispatchStats> {
    return this.#state.stats
  }

  /** Tasks that have not ended. */
  get live(): number {
    return this.#state.tasks.size
  }

  /** Executors that are linked, or that the Master has announced. */
  executors(): ExecutorDescription[] {
    return [...this.#state.executors.values()].map((executor) => executor.description)
  }

  /** Where the tasks of a group are, or all tasks. */
  counts(group?: number): TaskCounts {
    if (group === undefined) return countsOf(this.#state)
    const found = this.#state.groups.get(group)
    return found ? countsOf(this.#state, found) : { running: 0, atExecutors: 0, waiting: 0 }
  }

  /** Number of a group's tasks that wait for their next attempt after a failure. */
  delayed(group: number): number {
    return this.#state.groups.get(group)?.delayed ?? 0
  }

  /** Number of a group's tasks that wait for the limit of their call. */
  held(group: number): number {
    return this.#state.limits.held(group)
  }

  /** How many tasks all executors together would hold now. */
  window(): number {
    let sum = 0
    for (const { link, window, slots } of this.#state.executors.values()) {
      if (link === 'up') sum += window.size(slots)
    }
    return sum
  }

  /**
   * Linked executors without a task. Ask often, because their times are as exact as these looks are frequent.
   */
  idle({ monotonicMs }: DispatchNow): IdleExecutor[] {
    return lookForIdle(this.#state, monotonicMs)
  }

  /** True: there are more tasks than all executors together run at a time. */
  get hasTooMuchWork(): boolean {
    return hasTooMuchWork(this.#state)
  }

  #handle(input: DispatchInput, nowMs: number): void {
    const state = this.#state
    switch (input.kind) {
      case 'submit':
        this.#submit(input.tasks)
        return
      case 'cancel':
        this.#cancel(input.taskIds, input.reason)
        return
      case 'executorAdded':
        this.#added(input.executor)
        return
      case 'executorUpdated': {
        const executor = state.executors.get(input.update.execId)
        const loss = lossOf(input.update)
        if (executor && loss) lose(state, executor, loss)
        else if (executor) leaveOrStay(state, executor, input.update)
        else if (loss) state.fenced.add(input.update.execId)
        return
      }
      case 'hello':
        this.#hello(input.executor)
        return
      case 'linkDown':
        this.#linkDown(input.execId)
        return
      case 'answer':
        acceptAnswer(state, input)
        return
      case 'timer':
        this.#timer(input.timer)
        return
      case 'giveBack':
        giveBack(state, input.execIds, input.reason)
        return
      case 'close':
        this.#close({ reason: input.reason, code: input.code })
        return
      default:
        this.#fromExecutor(input, nowMs)
    }
  }

  #fromExecutor(
    input: Extract<
      DispatchInput,
      { kind: 'held' | 'started' | 'returned' | 'results' | 'progress' | 'output' | 'ending' | 'pressure' }
    >,
    nowMs: number,
  ): void {
    const state = this.#state
    const executor = state.executors.get(input.execId)
    if (executor === undefined) {
      if (input.kind === 'results') state.stats.dropped += input.results.length
      return
    }
    switch (input.kind) {
      case 'held':
        if (executor.link !== 'resync') return
        executor.link = 'up'
        if (executor.ending === undefined)
          state.effects.push({ kind: 'cancelTimer', timer: { kind: 'silence', execId: input.execId } })
        executor.blocked = false
        executor.recalling = false
        reconcile(state, executor, input.attempts)
        state.effects.push({
          kind: 'event',
          event: { name: 'executorLinked', executor: executor.description },
        })
        return
      case 'started':
        acceptStarted(state, executor, input.attempts)
        return
      case 'returned':
        acceptReturned(state, executor, input.attempts)
        return
      case 'ending':
        this.#ending(executor, input.reason)
        if (input.hasWorked) noteWork(state, executor)
        return
      case 'results':
        if (executor.ending !== undefined) {
          keepResults(state, executor, executor.ending.results, input.results)
          return
        }
        acceptResults(state, executor, input.results, nowMs)
        return
      case 'progress':
        acceptProgress(state, executor, input.progress)
        return
      case 'output':
        acceptOutput(state, executor, input.part)
        return
      case 'pressure':
        executor.blocked = input.blocked
    }
  }

  #submit(tasks: readonly TaskSpec[]): void {
    const state = this.#state
    const limited = new Set<number>()
    for (const spec of tasks) {
      state.add(spec)
      if (spec.limit !== undefined) limited.add(spec.group)
    }
    if (state.closed !== undefined) this.#endAll(state.closed)
    for (const group of limited) {
      if (state.limits.held(group) > 0)
        state.effects.push({ kind: 'event', event: { name: 'tasksHeld', group } })
    }
  }

  #added(executor: ExecutorDescription): void {
    const state = this.#state
    const { execId } = executor
    if (state.fenced.has(execId) || state.closed !== undefined) {
      // A new Master that adopted the executor does not know that this driver has given it up.
      state.effects.push({ kind: 'killExecutor', execId })
      return
    }
    const entry = this.#entry(executor)
    if (entry.known) return
    entry.known = true
    entry.description = executor
    state.effects.push({ kind: 'event', event: { name: 'executorAdded', executor } })
    if (entry.link === 'waiting') this.#welcome(entry)
  }

  #hello(executor: ExecutorDescription): void {
    const state = this.#state
    const { execId } = executor
    if (state.closed !== undefined || state.fenced.has(execId)) {
      const reason = state.closed?.reason ?? 'its tasks were given to others'
      state.effects.push({ kind: 'refuse', execId, reason })
      return
    }
    const entry = this.#entry(executor)
    if (entry.known) {
      this.#welcome(entry)
      return
    }
    entry.link = 'waiting'
    state.effects.push({ kind: 'startTimer', timer: { kind: 'adopt', execId }, ms: limits.adoptGraceMs })
  }

  #welcome(entry: ExecutorEntry): void {
    const { execId } = entry
    entry.link = 'resync'
    const { effects } = this.#state
    effects.push({ kind: 'cancelTimer', timer: { kind: 'adopt', execId } }, { kind: 'welcome', execId })
    // The executor answers with all that it holds. This driver may be blocked meanwhile and read it late
    // (protocol L4).
    if (entry.ending === undefined)
      effects.push({ kind: 'startTimer', timer: { kind: 'silence', execId }, ms: limits.driverLinkDeadMs })
  }

  /** Its time to end counts from the first such message, so that an executor that repeats it ends as well. */
  #ending(executor: ExecutorEntry, reason: string): void {
    const { effects } = this.#state
    const { execId } = executor
    effects.push({ kind: 'letGo', execId, reason })
    if (executor.ending !== undefined) return
    executor.ending = { reason, results: [] }
    executor.draining = true
    effects.push({ kind: 'startTimer', timer: { kind: 'silence', execId }, ms: limits.executorTimeoutMs })
  }

  #entry(executor: ExecutorDescription): ExecutorEntry {
    const { executors } = this.#state
    const entry = executors.get(executor.execId) ?? new ExecutorEntry(executor)
    executors.set(executor.execId, entry)
    return entry
  }

  #linkDown(execId: number): void {
    const state = this.#state
    const entry = state.executors.get(execId)
    if (entry === undefined || entry.link === 'none') return
    entry.link = 'none'
    entry.emptied = false
    if (entry.known) {
      // An executor that ends itself needs less time: its end closed the link, or it was cut off and ends
      // soon.
      const ms = entry.ending === undefined ? limits.executorTimeoutMs : limits.lastWordsMs
      state.effects.push({ kind: 'startTimer', timer: { kind: 'silence', execId }, ms })
    } else {
      state.executors.delete(execId)
      state.effects.push({ kind: 'cancelTimer', timer: { kind: 'adopt', execId } })
    }
  }

  #timer(timer: DispatchTimer): void {
    const state = this.#state
    if (timer.kind === 'rebalance') {
      rebalance(state)
      return
    }
    if (timer.kind === 'anywhere') {
      state.retriesWait = false
      state.retriesAnywhere = true
      return
    }
    if (timer.kind === 'limit') {
      state.limits.due(timer.group, state.nowMs)
      return
    }
    if (timer.kind === 'retry') {
      state.resume(timer.taskId)
      return
    }
    const entry = state.executors.get(timer.execId)
    if (entry === undefined) return
    const reason = timer.kind === 'adopt' ? unannounced(entry) : silenceOf(entry)
    if (reason !== undefined) lose(state, entry, { reason, died: false, mayRun: true })
  }

  #cancel(taskIds: readonly number[], reason: string): void {
    const state = this.#state
    const byExecutor = new Map<number, AttemptKey[]>()
    for (const taskId of taskIds) {
      const task = state.tasks.get(taskId)
      if (task === undefined) continue
      if (task.state === 'sent') {
        const attempts = byExecutor.get(task.execId)
        if (attempts === undefined) byExecutor.set(task.execId, [{ taskId, n: task.n }])
        else attempts.push({ taskId, n: task.n })
      }
      state.stats.cancelled++
      state.settle(task, { kind: 'cancelled', reason })
    }
    for (const [execId, attempts] of byExecutor) {
      // Without a link the executor's list on its next link leads to the cancellation.
      if (state.executors.get(execId)?.link === 'up') state.effects.push({ kind: 'cancel', execId, attempts })
    }
  }

  #close(closed: Closed): void {
    const state = this.#state
    if (state.closed !== undefined) return
    state.closed = closed
    const { reason } = closed
    for (const { execId, link } of state.executors.values()) {
      if (link !== 'none') state.effects.push({ kind: 'refuse', execId, reason })
      state.effects.push({ kind: 'cancelTimer', timer: { kind: 'silence', execId } })
      state.effects.push({ kind: 'cancelTimer', timer: { kind: 'adopt', execId } })
    }
    state.effects.push({ kind: 'cancelTimer', timer: { kind: 'rebalance' } })
    state.effects.push({ kind: 'cancelTimer', timer: { kind: 'anywhere' } })
    this.#endAll(closed)
    state.executors.clear()
  }

  #endAll(closed: Closed): void {
    for (const task of [...this.#state.tasks.values()])
      this.#state.settle(task, { kind: 'closed', ...closed })
  }
}
