import type { DispatchState } from './dispatch-state.js'
import type { Group } from './fair-queue.js'

/** Where the tasks are that have not ended. The three add up to all of them. */
export interface TaskCounts {
  /**
   * Tasks that run. An executor tells of each task that has run for 10 ms; of shorter ones at least one for
   * each core counts.
   */
  readonly running: number
  /** Tasks that wait at executors for their turn. */
  readonly atExecutors: number
  /** Tasks that wait here. */
  readonly waiting: number
}

/** Of one group, or of all. */
export function countsOf(state: DispatchState, group?: Group): TaskCounts {
  let given = 0
  let cores = 0
  for (const { link, outstanding, description } of state.executors.values()) {
    given += outstanding.size
    if (link === 'up') cores += description.cores
  }
  const live = group?.live ?? state.tasks.size
  const started = group?.started ?? state.started
  // Tasks that were cancelled here may still be at executors.
  const there = Math.min(group?.running ?? given, live)
  const startedElsewhere = state.started - started
  const running = Math.min(there, Math.max(started, cores - startedElsewhere, 0))
  return { running, atExecutors: there - running, waiting: live - there }
}
