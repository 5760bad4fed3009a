import type { DispatchState } from './dispatch-state.js'

/* Executors without work, and work without executors. */

export interface IdleExecutor {
  readonly execId: number
  readonly idleMs: number
}

/**
 * Looks for linked executors without a task. The time of each counts from the first look that found it idle.
 */
export function lookForIdle(state: DispatchState, nowMs: number): IdleExecutor[] {
  const found: IdleExecutor[] = []
  for (const executor of state.executors.values()) {
    const { given, outstanding, execId } = executor
    if (outstanding.size > 0 || !executor.takesTasks || executor.reserved) {
      executor.idle = undefined
      continue
    }
    if (executor.idle?.given !== given) executor.idle = { given, sinceMs: nowMs }
    found.push({ execId, idleMs: nowMs - executor.idle.sinceMs })
  }
  return found
}

/** From now on they get no tasks. */
export function giveBack(state: DispatchState, execIds: readonly number[], reason: string): void {
  for (const execId of execIds) {
    const executor = state.executors.get(execId)
    if (!executor) continue
    executor.draining = true
    executor.givenBack ??= reason
  }
}

/** True: there are more tasks than all executors together run at a time. */
export function hasTooMuchWork(state: DispatchState): boolean {
  let slots = 0
  for (const executor of state.executors.values()) if (!executor.draining) slots += executor.slots
  return state.tasks.size > slots
}
