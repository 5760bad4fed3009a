import { lose } from './dispatch-losses.js'
import type { DispatchState, ExecutorEntry } from './dispatch-state.js'
import type { ExecutorUpdate } from './dispatch-types.js'

/* Executors that leave, as on a drained Worker: they finish what they run, get nothing new, and end. */

const WORN_OUT = 'it has run as many tasks as it may (maxTasks)'

/** The Master says that it leaves, or that it stays after all. */
export function leaveOrStay(state: DispatchState, executor: ExecutorEntry, update: ExecutorUpdate): void {
  if (update.state === 'DECOMMISSIONED') {
    if (executor.leaving !== undefined) return
    const reason = update.message ?? 'its Worker is drained'
    executor.leaving = reason
    executor.draining = true
    const { description } = executor
    state.effects.push({ kind: 'event', event: { name: 'executorLeaving', executor: description, reason } })
  } else if (executor.leaving !== undefined) {
    executor.leaving = undefined
    executor.emptied = false
    executor.draining = executor.givenBack !== undefined || executor.ending !== undefined
  }
}

/** Ends those that have nothing left, and takes from the others what they have not begun. */
export function retire(state: DispatchState): void {
  for (const executor of [...state.executors.values()]) {
    // It has run all that it may. What it has not begun comes back and is no part of that.
    if (executor.tasksLeft <= 0 && executor.outstanding.size === 0) executor.leaving ??= WORN_OUT
    const { leaving, outstanding, link, recalling } = executor
    if (leaving === undefined || executor.ending !== undefined || !executor.known) continue
    if (outstanding.size === 0) {
      executor.givenBack ??= leaving
      lose(state, executor, { reason: leaving, died: false, mayRun: true })
    } else if (link === 'up' && !recalling && !executor.emptied) {
      executor.emptied = true
      executor.recalling = true
      state.effects.push({ kind: 'recall', execId: executor.execId, count: outstanding.size })
    }
  }
}
