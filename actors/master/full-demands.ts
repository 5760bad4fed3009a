import { innerLimits } from '../../runtime/inner-limits.js'
import { type Demand, isWithin } from './resources.js'

/** Demands of one pass for which no Worker has room. What needs as much as one of them fits nowhere. */
export class FullDemands {
  readonly #demands: Demand[] = []
  #compared = 0

  /** True: it is known without a look at any Worker. */
  fitsNowhere(demand: Demand): boolean {
    for (const smaller of this.#demands) {
      this.#compared++
      if (isWithin(smaller, demand)) return true
    }
    return false
  }

  add(demand: Demand): void {
    if (this.#demands.length < innerLimits.demandsKept) this.#demands.push(demand)
  }

  /** What was compared since the last call, in looks at a Worker. */
  looks(): number {
    const compared = this.#compared
    this.#compared = 0
    return compared * innerLimits.comparisonLooks
  }
}
