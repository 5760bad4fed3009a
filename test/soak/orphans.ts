import type { ProcessIdentity } from '../../runtime/process/find-process.js'
import { isRunning, type ProcessTable } from '../../runtime/process/process-table.js'

/**
 * Processes of the cluster without a parent: they were once seen below a launcher, still run, and are below
 * none now. A dead Worker leaves such processes until its guard ends them.
 */
export function orphansOf(
  seen: readonly ProcessIdentity[],
  launchers: ReadonlySet<number>,
  table: ProcessTable,
): number[] {
  const isBelow = (pid: number): boolean => {
    // Real process trees are less deep. A table that was read while processes ended may contain a circle.
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
