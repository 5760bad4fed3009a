import { innerLimits } from '../../runtime/inner-limits.js'
import { limits } from '../../runtime/limits.js'
import type { DispatchState, ExecutorEntry, Task } from './dispatch-state.js'

/**
 * Handles an attempt that was lost with its thread, for which another task was the reason as far as anybody
 * knows. It is no failure of this task, so it runs again uncharged, or its outcome is unknown if it may run
 * at most once.
 */
export function loseWithThread(
  state: DispatchState,
  { execId }: ExecutorEntry,
  task: Task,
  body: Uint8Array,
): void {
  const reason = Buffer.from(body.subarray(0, innerLimits.taskTextBytes)).toString()
  if (task.spec.retries === 0) {
    state.stats.unknown++
    state.settle(task, { kind: 'unknown', lost: 'thread', why: reason })
    return
  }
  // Whoever ends thread after thread without being caught is caught when it runs alone, and the others get to
  // their end.
  if (++task.threadsLost >= limits.threadLosses) task.suspect = true
  state.stats.lost++
  state.repeat(task, { execId, cause: `thread lost: ${reason}` })
  state.requeue(task)
}
