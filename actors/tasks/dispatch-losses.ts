import { limits } from '../../runtime/limits.js'
import { isEndedExecutor } from '../messages/common.js'
import { applyResults } from './dispatch-results.js'
import type { DispatchState, ExecutorEntry, Task } from './dispatch-state.js'
import type { ExecutorUpdate } from './dispatch-types.js'

export interface Loss {
  readonly reason: string
  /** Its process died alone, not with its whole Worker, so that a task may have killed it. */
  readonly died: boolean
  /** Its process may still run: it is told to exit, and the Master is asked to kill it. */
  readonly mayRun: boolean
}

/** Why to give up this executor when its timer fires; undefined: there is no reason. */
export function silenceOf({ link, ending }: ExecutorEntry): string | undefined {
  if (link === 'none') return `no link for ${limits.executorTimeoutMs / 1000} s`
  if (ending !== undefined) return `it said that it ends, and has not ended`
  if (link === 'resync') return `it has not said what it holds for ${limits.driverLinkDeadMs / 1000} s`
  return undefined
}

/** Why to give up an executor that linked before the Master announced it; undefined: it was announced. */
export function unannounced({ link }: ExecutorEntry): string | undefined {
  return link === 'waiting' ? 'the Master never announced it' : undefined
}

/** The loss that a Master's update reports; undefined: the executor has not ended. */
export function lossOf({ state, message, exitStatus, workerHost }: ExecutorUpdate): Loss | undefined {
  if (!isEndedExecutor(state)) return undefined
  const workerLost = workerHost !== undefined || state === 'LOST'
  const status = exitStatus === undefined ? '' : `, exit status ${exitStatus}`
  const where = workerHost === undefined ? '' : ` with its Worker on ${workerHost}`
  return {
    reason: message ?? `${state}${status}${where}`,
    died: !workerLost,
    mayRun: workerLost,
  }
}

/**
 * Fences an executor (protocol 10): its messages are ignored from now on, and its tasks are given back. Each
 * task is recorded as a repetition with its cause, or ends as unknown if it may run at most once.
 */
export function lose(state: DispatchState, executor: ExecutorEntry, { reason, died, mayRun }: Loss): void {
  const { ending, givenBack } = executor
  if (ending === undefined) {
    if (givenBack === undefined) giveUp(state, executor, { reason, died, mayRun })
    else giveUp(state, executor, { reason: givenBack, died: false, mayRun })
    return
  }
  // It has ended now. The task that it could not end has timed out, and no other task is to blame.
  applyResults(state, executor, ending.results)
  giveUp(state, executor, { reason: ending.reason, died: false, mayRun })
}

function giveUp(state: DispatchState, executor: ExecutorEntry, loss: Loss): void {
  const { execId } = executor
  state.executors.delete(execId)
  state.fenced.add(execId)
  state.effects.push({ kind: 'cancelTimer', timer: { kind: 'silence', execId } })
  state.effects.push({ kind: 'cancelTimer', timer: { kind: 'adopt', execId } })
  if (executor.link !== 'none') state.effects.push({ kind: 'refuse', execId, reason: loss.reason })
  if (loss.mayRun)
    state.effects.push({
      kind: 'killExecutor',
      execId,
      ...(executor.leaving !== undefined && { leaves: true }),
    })
  const live = [...executor.outstanding.values()].filter((task) => task.state === 'sent')
  const blamed = loss.died ? suspectsAmong(live, executor.slots) : NO_TASKS
  const { cores } = executor.description
  const isCrowd = executor.slots > cores && blamed.size > cores
  state.takeAll(executor)
  state.effects.push({
    kind: 'event',
    event: { name: 'executorLost', executor: executor.description, reason: loss.reason, tasks: live.length },
  })
  const [level, text] = executor.givenBack === undefined ? LOST : GIVEN_BACK
  state.log(level, text, { execId, reason: loss.reason, tasks: live.length })
  // The order is reversed, because each task goes to the head of its queue.
  for (const task of live.reverse()) {
    if (blamed.has(task)) blame(task, execId, isCrowd)
    giveBack(state, task, execId, loss.reason)
  }
}

/**
 * The tasks that may have killed the executor. A task that ran for a while was reported as started. If there
 * is one for every slot, it was one of those. Otherwise it may be any task that had no time to be reported.
 * Innocent tasks among the suspects run alone once.
 */
function suspectsAmong(tasks: readonly Task[], slots: number): ReadonlySet<Task> {
  const started = tasks.filter((task) => task.started)
  return new Set(started.length >= slots ? started : tasks)
}

/**
 * A suspect runs alone. Of a crowd on one executor, which would take long one by one, only those run alone
 * that were on a dead executor before.
 */
function blame(task: Task, execId: number, isCrowd: boolean): void {
  task.killed = [...task.killed, execId]
  if (!isCrowd || task.killed.length === limits.quarantineLosses - 1) task.suspect = true
}

function giveBack(state: DispatchState, task: Task, execId: number, reason: string): void {
  if (task.spec.retries === 0) {
    state.stats.unknown++
    state.settle(task, { kind: 'unknown', lost: 'executor', why: reason })
    return
  }
  if (task.killed.length >= limits.quarantineLosses) {
    const { taskId } = task.spec
    state.stats.quarantined++
    state.effects.push({ kind: 'event', event: { name: 'taskQuarantined', taskId, executors: task.killed } })
    state.settle(task, { kind: 'quarantined', executors: task.killed })
    return
  }
  state.stats.lost++
  state.repeat(task, { execId, cause: `executor lost: ${reason}` })
  state.requeue(task)
}

const LOST = ['warn', 'an executor is lost'] as const
const GIVEN_BACK = ['info', 'an executor was given back'] as const
const NO_TASKS: ReadonlySet<Task> = new Set()
