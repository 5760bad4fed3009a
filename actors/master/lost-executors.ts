import { innerLimits } from '../../runtime/inner-limits.js'
import { NewestEntries } from '../../runtime/newest-entries.js'
import { executorHolding, type HoldingKey } from './worker-entry.js'

/** Ids of the executors that one application was told are LOST. */
export interface LostOfApplication {
  add(execId: number): void
  has(execId: number): boolean
}

/**
 * Executors that applications were told are LOST, the newest of all applications together: an application
 * may claim any number of them. One that was forgotten may be taken back, and then its application, which
 * remembers its own, ends it (protocol 11.7).
 */
export class LostExecutors {
  readonly #lost: NewestEntries<HoldingKey, true>

  constructor(most: number = innerLimits.rememberedLost) {
    this.#lost = new NewestEntries(most)
  }

  get size(): number {
    return this.#lost.size
  }

  of(appId: string): LostOfApplication {
    return {
      add: (execId) => this.add(executorHolding(appId, execId)),
      has: (execId) => this.#lost.has(executorHolding(appId, execId)),
    }
  }

  add(key: HoldingKey): void {
    this.#lost.set(key, true)
  }

  /** For a record of this Master; `add` takes them back in this order. */
  save(): HoldingKey[] {
    return [...this.#lost.keys()]
  }
}
