import { innerLimits } from '../inner-limits.js'
import { isRunning, type ProcessTable } from './process-table.js'

/**
 * Children of one process that have ended and that it does not collect. Each takes a pid until it does. Only
 * those that were there at many looks in a row count: a busy process collects its children later.
 */
export class UncollectedChildren {
  readonly #parentPid: number
  /** Looks in a row, by pid and start time. */
  #looks: ReadonlyMap<string, number> = new Map()

  constructor(parentPid: number) {
    this.#parentPid = parentPid
  }

  look(table: ProcessTable): number {
    const looks = new Map<string, number>()
    let lasting = 0
    for (const entry of table.values()) {
      if (entry.parentPid !== this.#parentPid || isRunning(entry)) continue
      const key = `${entry.pid} ${entry.startTime}`
      const count = (this.#looks.get(key) ?? 0) + 1
      looks.set(key, count)
      if (count >= innerLimits.uncollectedLooks) lasting++
    }
    this.#looks = looks
    return lasting
  }
}
