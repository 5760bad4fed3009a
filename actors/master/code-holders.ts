import { limits } from '../../runtime/limits.js'
import type { WorkerEntry } from './worker-entry.js'

/**
 * Which Workers have which code, as they said it. It is bounded whatever they say: a Worker that names more
 * is known to have the first ones.
 */
export class CodeHolders {
  readonly #most: { readonly codesHeld: number; readonly codesHeldInAll: number }
  readonly #workers = new Map<string, Set<WorkerEntry>>()
  #size = 0

  constructor(most: { readonly codesHeld: number; readonly codesHeldInAll: number } = limits) {
    this.#most = most
  }

  /** Those that have this code, whether they are here now or not. */
  of(id: string): ReadonlySet<WorkerEntry> {
    return this.#workers.get(id) ?? none
  }

  /** False: there are too many. */
  add(worker: WorkerEntry, id: string): boolean {
    const held = worker.code?.held
    if (!held || held.has(id)) return true
    if (held.size >= this.#most.codesHeld || this.#size >= this.#most.codesHeldInAll) return false
    held.add(id)
    this.#note(worker, id)
    return true
  }

  /** What this Worker said is over. */
  leave(worker: WorkerEntry): void {
    for (const id of worker.code?.held ?? []) {
      const workers = this.#workers.get(id)
      if (!workers?.delete(worker)) continue
      this.#size--
      if (workers.size === 0) this.#workers.delete(id)
    }
    worker.code = undefined
  }

  /** A saved Worker, with what it said. */
  load(worker: WorkerEntry): void {
    for (const id of worker.code?.held ?? []) this.#note(worker, id)
  }

  #note(worker: WorkerEntry, id: string): void {
    const workers = this.#workers.get(id)
    if (workers) workers.add(worker)
    else this.#workers.set(id, new Set([worker]))
    this.#size++
  }
}

const none: ReadonlySet<WorkerEntry> = new Set()
