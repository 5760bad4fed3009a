import type { DriverEntry } from './driver-entry.js'
import type { DemandClass, WaitingDrivers } from './waiting-drivers.js'

/** A driver whose turn it is. */
export interface Turn {
  readonly of: DemandClass
  readonly driver: DriverEntry
  /** A pass that begins behind this number comes to it again. */
  readonly behind: number
}

/** What one pass over the waiting drivers begins with. */
export interface PassStart {
  /** The last pass stopped behind the driver with this number; 0: it came to its end. */
  readonly scan: number
  /** Demands that found no room at this `ClusterState.capacity` find none now. */
  readonly capacity: number
  readonly nowMs: number
}

/**
 * The drivers of one pass: of each demand the oldest that may be launched now, in the order of their numbers.
 * Those behind the place where the last pass stopped come first, then those before it. It looks at each
 * demand when its turn comes, so a pass that ends early has cost no more than it did.
 */
export class DriverTurns {
  readonly #waiting: WaitingDrivers
  readonly #start: PassStart
  /** Drivers that are younger than the oldest of their demand, and have their turn later: the last first. */
  readonly #later: Turn[] = []
  /** The number of the oldest driver of the demand that was visited last. */
  #visited: number
  #index: number
  #isBeforeStart = false

  constructor(waiting: WaitingDrivers, start: PassStart) {
    this.#waiting = waiting
    this.#start = start
    this.#visited = start.scan
    this.#index = waiting.order.after(start.scan)
  }

  next(): Turn | undefined {
    for (;;) {
      const of = this.#visit()
      const later = this.#later.at(-1)
      if (later && (!of || later.driver.number < of.oldest)) return this.#later.pop()
      if (!of && !this.#goToBeforeStart()) return undefined
      if (!of) continue
      this.#index++
      this.#visited = of.oldest
      const turn = this.#turnOf(of)
      if (turn) return turn
    }
  }

  /** The driver of this turn was launched, or is not to be: the next one of the same demand has its turn. */
  passed({ of, driver }: Turn): void {
    this.#index = this.#waiting.order.after(this.#visited)
    // Its demand is where its oldest driver belongs now, and is met there.
    if (of.oldest > this.#visited && !this.#isBehindEnd(of)) return
    const next = of.next(driver.number, this.#start.nowMs)
    if (next) this.#postpone(of, next)
  }

  /** The next demand in the order; undefined: there is none in this part of the pass. */
  #visit(): DemandClass | undefined {
    const of = this.#waiting.order.at(this.#index)
    return of && !this.#isBehindEnd(of) ? of : undefined
  }

  #isBehindEnd({ oldest }: DemandClass): boolean {
    return this.#isBeforeStart && oldest > this.#start.scan
  }

  #goToBeforeStart(): boolean {
    if (this.#isBeforeStart) return false
    this.#isBeforeStart = true
    this.#index = 0
    this.#visited = 0
    return true
  }

  /** Undefined: none of its drivers has its turn now. */
  #turnOf(of: DemandClass): Turn | undefined {
    const { capacity, nowMs, scan } = this.#start
    if (of.fullAt === capacity) return undefined
    const driver = of.next(0, nowMs)
    if (!driver) return undefined
    if (driver.number === of.oldest) return { of, driver, behind: driver.number - 1 }
    // Its place was in the part that is over. It goes with its demand, so that no pass leaves it out again.
    if (this.#isBeforeStart && driver.number > scan) return { of, driver, behind: of.oldest - 1 }
    this.#postpone(of, driver)
    return undefined
  }

  #postpone(of: DemandClass, driver: DriverEntry): void {
    let low = 0
    let high = this.#later.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((this.#later[middle] as Turn).driver.number > driver.number) low = middle + 1
      else high = middle
    }
    this.#later.splice(low, 0, { of, driver, behind: driver.number - 1 })
  }
}
