import { limits } from '../limits.js'
import { isDescriptorShortage } from './descriptors.js'
import { memoryBoundKib, memoryExactKib } from './memory-usage.js'
import type { GroupFollower } from './process-group.js'
import { type ProcessTable, readProcessTable } from './process-table.js'

/** Figures for the end report. */
export interface MemoryExcess {
  readonly limitMib: number
  readonly residentMib: number
  readonly pids: readonly number[]
}

export interface MemoryWatchEntry {
  readonly follower: GroupFollower
  /** Absent: the group is only followed, so that members which leave it stay known. */
  readonly memoryMib?: number
  /** Called at each look below the limit, with an upper bound of what the group uses. */
  readonly onLook?: (boundMib: number) => void
  /** Called at each look, with the table of all processes. */
  readonly onTable?: (table: ProcessTable) => void
  /** Called once, at the first look above the limit. The callee stops the group. */
  readonly onExceeded?: (excess: MemoryExcess) => void
}

export interface MemorySources {
  readTable(): ProcessTable
  boundKib(pid: number): number
  exactKib(pid: number): number
}

const kernelSources: MemorySources = {
  readTable: readProcessTable,
  boundKib: memoryBoundKib,
  exactKib: memoryExactKib,
}

/**
 * Looks each second at the resident memory of whole groups: anonymous and shared-memory pages of all members.
 * RSS would count the pages of the node binary in each process, and forked copies twice. So the cheap upper
 * bound is read each second, and the proportional figure, which counts each page once, only when that bound
 * is above the limit.
 */
export class MemoryWatch {
  readonly #entries = new Set<MemoryWatchEntry>()
  readonly #sources: MemorySources
  readonly #onLook: () => void
  readonly #timer: NodeJS.Timeout | undefined

  /**
   * `everyMs` 0: no timer, the caller looks. Without /proc (not Linux) nothing is watched. `onLook` is called
   * at each look while something is watched.
   */
  constructor(
    everyMs: number = limits.memoryCheckMs,
    sources: MemorySources = kernelSources,
    onLook: () => void = () => {},
  ) {
    this.#sources = sources
    this.#onLook = onLook
    if (everyMs > 0 && process.platform === 'linux') {
      this.#timer = setInterval(() => this.look(), everyMs)
      this.#timer.unref()
    }
  }

  /** Returns the function that ends this watch. */
  watch(entry: MemoryWatchEntry): () => void {
    this.#entries.add(entry)
    return () => this.#entries.delete(entry)
  }

  look(): void {
    if (this.#entries.size === 0) return
    this.#onLook()
    let table: ProcessTable
    try {
      table = this.#sources.readTable()
    } catch (error) {
      // This look failed. The next one, a second later, is as good.
      if (isDescriptorShortage(error)) return
      throw error
    }
    for (const entry of [...this.#entries]) this.#lookAt(entry, table)
  }

  close(): void {
    clearInterval(this.#timer)
    this.#entries.clear()
  }

  #lookAt(entry: MemoryWatchEntry, table: ProcessTable): void {
    entry.onTable?.(table)
    const pids = entry.follower.members(table).map(({ pid }) => pid)
    if (entry.memoryMib === undefined) return
    const limitKib = entry.memoryMib * 1024
    const boundKib = sum(pids, this.#sources.boundKib)
    if (boundKib > 0) entry.onLook?.(Math.ceil(boundKib / 1024))
    if (boundKib <= limitKib) return
    const residentKib = sum(pids, this.#sources.exactKib)
    if (residentKib <= limitKib) return
    this.#entries.delete(entry)
    entry.onExceeded?.({ limitMib: entry.memoryMib, residentMib: Math.ceil(residentKib / 1024), pids })
  }
}

function sum(pids: readonly number[], kib: (pid: number) => number): number {
  return pids.reduce((total, pid) => total + kib(pid), 0)
}
