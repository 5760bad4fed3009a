import { innerLimits } from '../../runtime/inner-limits.js'
import type { Usage } from './usage.js'

export interface UsageSample extends Usage {
  /** Wall clock, epoch milliseconds. */
  readonly atMs: number
}

/** What was in use over the last while, for pictures. It belongs to one leadership. */
export class UsageHistory {
  #samples: readonly UsageSample[] = []

  /** Oldest first. It is another array after each change. */
  get samples(): readonly UsageSample[] {
    return this.#samples
  }

  /** Undefined: this Master does not lead, and knows nothing of what is in use. */
  add(usage: Usage | undefined, atMs: number): void {
    this.#samples =
      usage === undefined ? [] : [...this.#samples, { ...usage, atMs }].slice(-innerLimits.usageSamples)
  }
}
