import { backoffMs, jittered } from '../../runtime/backoff.js'
import { limits } from '../../runtime/limits.js'
import type { AttemptKey, AttemptProgress, OutputPart, ResultStatus } from '../messages/task-entries.js'
import type { DispatchState, ExecutorEntry, Task } from './dispatch-state.js'
import { loseWithThread } from './dispatch-thread-loss.js'
import type { AttemptResult, DispatchInput } from './dispatch-types.js'

/** The task whose current attempt this is, at this executor. */
function currentTask(executor: ExecutorEntry, { taskId, n }: AttemptKey): Task | undefined {
  const task = executor.outstanding.get(taskId)
  return task !== undefined && task.n === n ? task : undefined
}

export function acceptStarted(
  state: DispatchState,
  executor: ExecutorEntry,
  attempts: readonly AttemptKey[],
): void {
  for (const attempt of attempts) {
    const task = currentTask(executor, attempt)
    if (task !== undefined) state.start(executor, task)
  }
}

/**
 * The first result of a current attempt counts; others are dropped and counted (protocol S7). All are
 * acknowledged.
 */
export function acceptResults(
  state: DispatchState,
  executor: ExecutorEntry,
  results: readonly AttemptResult[],
  nowMs: number,
): void {
  state.effects.push({ kind: 'ack', execId: executor.execId, attempts: results })
  // An executor that cannot load a module ends tasks fast, and must not be sent more for it.
  const ended = results.filter(({ status }) => status !== 'unloaded').length
  if (ended > 0) executor.window.ended(ended, nowMs)
  if (results.some(hasRun)) noteWork(state, executor)
  applyResults(state, executor, results)
}

/** Progress of attempts that are no longer current is dropped, as their results are. */
export function acceptProgress(
  state: DispatchState,
  executor: ExecutorEntry,
  progress: readonly AttemptProgress[],
): void {
  if (executor.ending !== undefined) return
  for (const { taskId, n, fraction, text } of progress) {
    if (currentTask(executor, { taskId, n })?.state !== 'sent') continue
    const step = text === '' ? { fraction } : { fraction, text }
    state.effects.push({ kind: 'progress', taskId, progress: step })
  }
}

/** What an attempt that is no longer current puts out is dropped, and nobody lets it go on. */
export function acceptOutput(state: DispatchState, executor: ExecutorEntry, part: OutputPart): void {
  if (executor.ending !== undefined || currentTask(executor, part)?.state !== 'sent') return
  state.effects.push({ kind: 'output', execId: executor.execId, part })
}

/** Tells once that the executor has run a task, so that later ends do not count as failed starts. */
export function noteWork(state: DispatchState, executor: ExecutorEntry): void {
  if (executor.worked) return
  executor.worked = true
  state.effects.push({ kind: 'event', event: { name: 'executorWorked', execId: executor.execId } })
}

export function applyResults(
  state: DispatchState,
  executor: ExecutorEntry,
  results: readonly AttemptResult[],
): void {
  for (const result of results) {
    const task = currentTask(executor, result)
    if (task === undefined) {
      state.stats.dropped++
      continue
    }
    if (hasRun(result)) state.stats.executed++
    state.take(executor, task)
    if (task.state === 'sent') endAttempt(state, executor, task, result)
    else if (result.status !== 'cancelled') state.stats.dropped++
  }
}

/** Keeps one result of each current attempt until the results count. */
export function keepResults(
  state: DispatchState,
  executor: ExecutorEntry,
  kept: AttemptResult[],
  results: readonly AttemptResult[],
): void {
  const known = new Set(kept.map(({ taskId }) => taskId))
  for (const result of results) {
    if (currentTask(executor, result) === undefined || known.has(result.taskId)) {
      state.stats.dropped++
      continue
    }
    known.add(result.taskId)
    kept.push(result)
  }
}

const notRun: readonly string[] = ['cancelled', 'unloaded', 'lost'] satisfies ResultStatus[]
const hasRun = ({ status }: AttemptResult): boolean => !notRun.includes(status)

function endAttempt(
  state: DispatchState,
  executor: ExecutorEntry,
  task: Task,
  { status, body }: AttemptResult,
): void {
  switch (status) {
    case 'value':
      state.stats.accepted++
      state.settle(task, { kind: 'value', body })
      return
    case 'permanent':
      state.stats.failed++
      state.settle(task, { kind: 'failed', cause: 'permanent', body })
      return
    case 'unloaded':
      tryElsewhere(state, executor, task, body)
      return
    case 'lost':
      loseWithThread(state, executor, task, body)
      return
    case 'failure':
    case 'timeout':
    // This driver did not cancel it, so it counts as a failure.
    case 'cancelled':
      failAttempt(state, task, status === 'timeout' ? 'timeout' : 'failure', body)
  }
}

/**
 * It has not begun, so this is no failure, and a try elsewhere is no repetition (protocol S7), even with
 * retries: 0.
 */
function tryElsewhere(state: DispatchState, executor: ExecutorEntry, task: Task, body: Uint8Array): void {
  if (!task.tried.includes(executor.execId)) {
    task.tried = [...task.tried, executor.execId]
    task.unloaded++
  }
  if (task.unloaded >= limits.moduleExecutors || !state.hasUntried(task)) {
    state.stats.failed++
    state.settle(task, { kind: 'failed', cause: 'permanent', body })
    return
  }
  if (!executor.unloadedLogged) {
    const { execId, host } = executor.description
    state.log('warn', 'an executor cannot load a task module; its tasks are tried elsewhere', {
      execId,
      host,
    })
    executor.unloadedLogged = true
  }
  state.putBack(task)
}

function failAttempt(state: DispatchState, task: Task, cause: 'failure' | 'timeout', body: Uint8Array): void {
  task.failures++
  if (task.failures > task.spec.retries) {
    state.stats.failed++
    state.settle(task, { kind: 'failed', cause, body })
  } else if (task.spec.asks) {
    task.state = 'asked'
    task.asked = { cause, body }
    state.effects.push({ kind: 'ask', taskId: task.spec.taskId, body })
  } else {
    retry(state, task, cause)
  }
}

/**
 * Takes the caller's decision on the failure that it was asked about. The task may have been cancelled
 * meanwhile.
 */
export function acceptAnswer(
  state: DispatchState,
  { taskId, retry: isWanted, thrown }: Extract<DispatchInput, { kind: 'answer' }>,
): void {
  const task = state.tasks.get(taskId)
  if (task?.asked === undefined) return
  const { cause, body } = task.asked
  task.asked = undefined
  if (isWanted) {
    retry(state, task, cause)
  } else {
    state.stats.failed++
    state.settle(task, { kind: 'failed', cause, body, thrown })
  }
}

/**
 * Only failures and timeouts wait. A task whose executor was lost is not to blame, and runs elsewhere at
 * once.
 */
function retry(state: DispatchState, task: Task, cause: 'failure' | 'timeout'): void {
  state.stats.retried++
  task.tried = [...task.tried, task.execId]
  state.repeat(task, { execId: task.execId, cause })
  const { backoff } = task.spec
  if (backoff === undefined) {
    state.requeue(task)
    return
  }
  const { firstMs, factor, mostMs, jitter } = backoff
  const wholeMs = backoffMs(task.failures - 1, firstMs, mostMs, factor)
  state.delay(task, jittered(wholeMs, state.random(), jitter))
}

/** Takes back attempts that never started and never will. This is no repetition. */
export function acceptReturned(
  state: DispatchState,
  executor: ExecutorEntry,
  attempts: readonly AttemptKey[],
): void {
  executor.recalling = false
  for (const attempt of [...attempts].reverse()) {
    const task = currentTask(executor, attempt)
    if (task === undefined) continue
    state.take(executor, task)
    executor.returned++
    if (task.state !== 'sent') continue
    task.attempts--
    // No executor will ever report this number, so the next attempt takes it and users see no gaps.
    task.n--
    state.stats.recalled++
    state.putBack(task)
  }
}

/**
 * Uses the executor's list after a new link to repair what the old link lost. Attempts that never arrived are
 * sent again under their number, and unneeded ones are cancelled. The executor sends its kept results by
 * itself.
 */
export function reconcile(state: DispatchState, executor: ExecutorEntry, held: readonly AttemptKey[]): void {
  const { execId } = executor
  const holds = new Map(held.map(({ taskId, n }) => [taskId, n]))
  const again: AttemptKey[] = []
  const unwanted: AttemptKey[] = []
  for (const task of [...executor.outstanding.values()]) {
    const { taskId } = task.spec
    const arrived = holds.get(taskId) === task.n
    if (task.state === 'sent') {
      if (!arrived) again.push({ taskId, n: task.n })
    } else if (arrived) {
      unwanted.push({ taskId, n: task.n })
    } else {
      state.take(executor, task)
    }
  }
  for (const attempt of held) if (currentTask(executor, attempt) === undefined) unwanted.push(attempt)
  if (again.length > 0) state.effects.push({ kind: 'run', execId, attempts: again })
  if (unwanted.length > 0) state.effects.push({ kind: 'cancel', execId, attempts: unwanted })
}
