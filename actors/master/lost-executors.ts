import { innerLimits } from '../../runtime/inner-limits.js'
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
  readonly #most: number
  /** Oldest first. */
  readonly #lost = new Set<HoldingKey>()
  /**
   * It stands before the oldest. A new one would have to step over all places in the set from which others
   * were removed, which are many thousands.
   */
  readonly #oldest = this.#lost.values()

  constructor(most: number = innerLimits.rememberedLost) {
    this.#most = most
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
    this.#lost.delete(key)
    this.#lost.add(key)
    if (this.#lost.size <= this.#most) return
    this.#lost.delete(this.#oldest.next().value as HoldingKey)
  }

  /** For a record of this Master; `add` takes them back in this order. */
  save(): HoldingKey[] {
    return [...this.#lost]
  }
}
