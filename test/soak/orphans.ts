import type { ProcessIdentity } from '../../runtime/process/find-process.js'
import { isRunning, type ProcessTable } from '../../runtime/process/process-table.js'

/**
 * Processes of the cluster that nobody answers for: seen below a launcher once, still running, and below none now. What
 * a Worker leaves when it dies is of this kind until its guard has ended it.
 */
export function orphansOf(
  seen: readonly ProcessIdentity[],
  launchers: ReadonlySet<number>,
  table: ProcessTable,
): number[] {
  const isBelow = (pid: number): boolean => {
    // No family is that deep: a table that was read while processes ended may show a circle.
    for (let at = pid, steps = 0; at > 1 && steps < 64; steps++) {
      if (launchers.has(at)) return true
      at = table.get(at)?.parentPid ?? 0
    }
    return false
  }
  return seen
    .filter(({ pid, startTime }) => {
      const entry = table.get(pid)
      return entry !== undefined && isRunning(entry) && entry.startTime === startTime && !isBelow(pid)
    })
    .map(({ pid }) => pid)
}
