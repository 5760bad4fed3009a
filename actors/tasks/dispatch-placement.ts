import { innerLimits } from '../../runtime/inner-limits.js'
import { limits } from '../../runtime/limits.js'
import type { AttemptKey } from '../messages/task-entries.js'
import type { DispatchState, ExecutorEntry, Task } from './dispatch-state.js'

/**
 * Only so many retries at the head of the list are considered, so that fresh tasks do not wait for the
 * search.
 */
const RETRIES_SEEN = innerLimits.retriesSeen

/**
 * Gives queued tasks to executors with capacity: first to idle slots of all executors, then ahead of need.
 */
export function place(state: DispatchState, nowMs: number): void {
  if (state.closed !== undefined) return
  const round = new Round(state, nowMs)
  if (state.suspects.length > 0) round.placeSuspects()
  if (state.queue.size + state.retries.length > 0) {
    round.fillSlots()
    round.fillWindows()
  }
  round.send()
  watchBalance(state)
  watchRetries(state)
}

/** One pass of placement: gathers a batch per executor. */
class Round {
  readonly #state: DispatchState
  readonly #nowMs: number
  readonly #batches = new Map<ExecutorEntry, AttemptKey[]>()
  /** An executor has a slot that nothing here may fill. */
  #isIdle = true

  constructor(state: DispatchState, nowMs: number) {
    this.#state = state
    this.#nowMs = nowMs
  }

  /**
   * Gives each suspect an executor for itself. They get half of the executors at most, so that other tasks
   * go on.
   */
  placeSuspects(): void {
    const { suspects, executors } = this.#state
    const usable = [...executors.values()].filter((executor) => executor.takesTasks)
    const most = Math.max(1, Math.floor(usable.length / 2))
    let taken = usable.filter((executor) => executor.reserved || executor.alone !== undefined).length
    for (const executor of usable) {
      if (suspects.length === 0) break
      if (executor.outstanding.size > 0 || executor.alone !== undefined) continue
      if (!executor.reserved && taken++ >= most) continue
      const task = this.#nextSuspect()
      executor.reserved = false
      if (task === undefined) break
      executor.alone = task
      this.#give(executor, task)
    }
    if (suspects.length === 0) for (const executor of executors.values()) executor.reserved = false
    else if (taken < most) this.#reserve(usable)
  }

  #nextSuspect(): Task | undefined {
    const { suspects } = this.#state
    for (let task = suspects.shift(); task !== undefined; task = suspects.shift()) {
      if (task.state === 'queued') return task
    }
    return undefined
  }

  #reserve(usable: readonly ExecutorEntry[]): void {
    let least: ExecutorEntry | undefined
    for (const executor of usable) {
      if (executor.alone !== undefined || executor.reserved) continue
      if (least === undefined || executor.outstanding.size < least.outstanding.size) least = executor
    }
    if (least === undefined) return
    least.reserved = true
    if (least.outstanding.size > 0) recall(this.#state, least, least.outstanding.size)
  }

  /** Fills all cores once, then once more, so that tasks spread over all cores. */
  fillSlots(): void {
    let depth = Number.POSITIVE_INFINITY
    let deepest = 0
    for (const executor of this.#state.executors.values()) {
      if (!isOpen(executor)) continue
      const { outstanding, slots, description } = executor
      depth = Math.min(depth, 1 + Math.floor(outstanding.size / description.cores))
      deepest = Math.max(deepest, slots / description.cores)
    }
    for (; depth < deepest; depth++) if (!this.#fillTo(depth)) break
    if (depth <= deepest) this.#fillTo(deepest)
  }

  /** Gives one task to each executor in turn, up to so many on each core. False: it has placed none. */
  #fillTo(tasksPerCore: number): boolean {
    let hasPlaced = false
    for (let placed = true; placed; ) {
      placed = false
      for (const executor of this.#state.executors.values()) {
        const most = Math.min(executor.slots, tasksPerCore * executor.description.cores)
        if (!isOpen(executor) || executor.outstanding.size >= most) continue
        const task = this.#nextFor(executor)
        if (task === undefined) continue
        this.#give(executor, task)
        placed = true
      }
      hasPlaced ||= placed
    }
    return hasPlaced
  }

  fillWindows(): void {
    const { executors, queue, retries } = this.#state
    let open = 0
    this.#isIdle = false
    for (const executor of executors.values()) {
      if (!isOpen(executor)) continue
      open++
      this.#isIdle ||= executor.outstanding.size < executor.slots
    }
    const share = Math.ceil((queue.size + retries.length) / Math.max(1, open))
    for (const executor of executors.values()) {
      if (!isOpen(executor)) continue
      const { outstanding, window, slots } = executor
      let capacity = Math.min(share, window.size(slots) - outstanding.size)
      for (; capacity > 0; capacity--) {
        const task = this.#nextFor(executor)
        if (task === undefined) break
        this.#give(executor, task)
      }
    }
  }

  send(): void {
    for (const [executor, attempts] of this.#batches) {
      this.#state.effects.push({ kind: 'run', execId: executor.execId, attempts })
    }
  }

  #nextFor(executor: ExecutorEntry): Task | undefined {
    if (executor.outstandingBytes >= limits.taskWindowBytes || executor.tasksLeft <= 0) return undefined
    const { queue, retries } = this.#state
    if (retries.length > 0) {
      const retry = this.#nextRetry(executor)
      if (retry !== undefined) return retry
    }
    for (let task = queue.peek(); task !== undefined; task = queue.peek()) {
      if (task.state !== 'queued') {
        queue.shift()
        continue
      }
      return this.#mustWait(task, executor) ? undefined : queue.shift()
    }
    return undefined
  }

  #nextRetry(executor: ExecutorEntry): Task | undefined {
    const { retries } = this.#state
    for (let index = 0; index < Math.min(retries.length, RETRIES_SEEN); index++) {
      const task = retries[index] as Task
      if (task.state !== 'queued') {
        retries.splice(index--, 1)
      } else if (this.#mustWait(task, executor)) {
        // This task waits for a free slot.
      } else if (this.#state.mayTry(task, executor)) {
        retries.splice(index, 1)
        return task
      }
    }
    return undefined
  }

  /**
   * A task that runs at most once is not sent ahead: if it were lost there, its outcome would be unknown.
   * Nor is one that has been tried, while another executor is idle: it would be taken back for that one,
   * which has tried it, and sent ahead again, for ever. Where all are busy nothing is taken back, and a task
   * that waited for a free slot would wait behind all fresh tasks.
   */
  #mustWait({ spec, tried }: Task, executor: ExecutorEntry): boolean {
    const isHeld = spec.retries === 0 || (this.#isIdle && tried.length > 0)
    return isHeld && executor.outstanding.size >= executor.slots
  }

  #give(executor: ExecutorEntry, task: Task): void {
    const { taskId, inputBytes } = task.spec
    if (executor.outstanding.size === 0) executor.window.busyFrom(this.#nowMs)
    task.state = 'sent'
    executor.given++
    task.n++
    task.attempts++
    task.execId = executor.execId
    task.started = false
    task.group.running++
    executor.outstanding.set(taskId, task)
    executor.outstandingBytes += inputBytes
    this.#state.stats.dispatched++
    this.#state.limits.sent(task, this.#nowMs)
    const batch = this.#batches.get(executor)
    if (batch === undefined) this.#batches.set(executor, [{ taskId, n: task.n }])
    else batch.push({ taskId, n: task.n })
  }
}

function isOpen(executor: ExecutorEntry): boolean {
  return executor.takesTasks && executor.alone === undefined && !executor.reserved
}

/**
 * Sets the timer if no task waits here, one executor could run more, and another holds more than it can
 * run.
 */
function watchBalance(state: DispatchState): void {
  if (state.rebalancing || state.executors.size < 2 || state.queue.size > 0) return
  const idle = idleOf(state)
  if (idle.slots === 0 || busiest(state, idle) === undefined) return
  state.rebalancing = true
  state.effects.push({ kind: 'startTimer', timer: { kind: 'rebalance' }, ms: limits.taskRebalanceMs })
}

/**
 * Sets the timer if a task that failed waits for an executor that has not tried it, and another one has
 * room. The first may be busy for hours.
 */
function watchRetries(state: DispatchState): void {
  state.retriesAnywhere = false
  if (state.retriesWait || state.retries.length === 0 || idleOf(state).slots === 0) return
  state.retriesWait = true
  state.effects.push({ kind: 'startTimer', timer: { kind: 'anywhere' }, ms: limits.retryElsewhereMs })
}

/** Called by the timer: the executor with the largest excess gives back half of its unstarted tasks. */
export function rebalance(state: DispatchState): void {
  state.rebalancing = false
  const idle = idleOf(state)
  const slowest = busiest(state, idle)
  if (state.queue.size > 0 || idle.slots === 0 || slowest === undefined) return
  const { executor, excess } = slowest
  const room = idle.cores > 0 ? idle.cores : idle.slots
  recall(state, executor, Math.max(Math.min(room, excess), Math.ceil(excess / 2)))
}

interface Idle {
  readonly slots: number
  /** Cores on which nothing runs at all. */
  readonly cores: number
}

function idleOf(state: DispatchState): Idle {
  let slots = 0
  let cores = 0
  for (const executor of state.executors.values()) {
    if (!isOpen(executor)) continue
    slots += Math.max(0, executor.slots - executor.outstanding.size)
    cores += Math.max(0, executor.description.cores - executor.outstanding.size)
  }
  return { slots, cores }
}

function busiest(
  state: DispatchState,
  idle: Idle,
): { readonly executor: ExecutorEntry; readonly excess: number } | undefined {
  let found: ExecutorEntry | undefined
  let most = 0
  for (const executor of state.executors.values()) {
    if (executor.link !== 'up' || executor.recalling) continue
    const excess = excessOf(executor, idle)
    if (excess <= most) continue
    found = executor
    most = excess
  }
  return found && { executor: found, excess: most }
}

/**
 * The tasks beyond its slots; beside an idle core also tasks in its slots that have not begun, because a
 * task there keeps its core to itself.
 */
function excessOf({ outstanding, started, slots, description }: ExecutorEntry, idle: Idle): number {
  const beyond = outstanding.size - slots
  if (idle.cores === 0) return beyond
  return Math.max(beyond, Math.min(outstanding.size - started, outstanding.size - description.cores))
}

function recall(state: DispatchState, executor: ExecutorEntry, count: number): void {
  executor.recalling = true
  state.effects.push({ kind: 'recall', execId: executor.execId, count })
}
