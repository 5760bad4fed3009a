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
 * The drivers of one pass: of each demand those that may be launched now, in the order of their numbers.
 * Those behind the place where the last pass stopped come first, then those before it. It looks at each
 * demand when its turn comes, so a pass that ends early has cost no more than it did. What it finds out of a
 * demand stays in its place, so that the next pass does not begin with it again.
 */
export class DriverTurns {
  readonly #waiting: WaitingDrivers
  readonly #start: PassStart
  /** The place of the demand that was visited last. */
  #visited: number
  #isBeforeStart = false
  /** The next turn, where it is of the demand that was visited last. */
  #same: Turn | undefined

  constructor(waiting: WaitingDrivers, start: PassStart) {
    this.#waiting = waiting
    this.#start = start
    this.#visited = start.scan
  }

  next(): Turn | undefined {
    for (;;) {
      const same = this.#same
      this.#same = undefined
      if (same) return same
      const of = this.#visit()
      if (!of && !this.#goToBeforeStart()) return undefined
      if (!of) continue
      this.#visited = of.place
      // Demands that found no room at this capacity find none now.
      if (of.fullAt !== this.#start.capacity) this.#same = this.#turnOf(of, of.place - 1)
    }
  }

  /** The driver of this turn was launched, or is not to be: the next one of the same demand has its turn. */
  passed({ of, driver }: Turn): void {
    this.#same = this.#turnOf(of, driver.number)
  }

  /** The next demand in the order; undefined: there is none in this part of the pass. */
  #visit(): DemandClass | undefined {
    const { order } = this.#waiting
    const of = order.at(order.after(this.#visited))
    return of && !this.#isBehindEnd(of) ? of : undefined
  }

  #isBehindEnd({ place }: DemandClass): boolean {
    return this.#isBeforeStart && place > this.#start.scan
  }

  #goToBeforeStart(): boolean {
    if (this.#isBeforeStart) return false
    this.#isBeforeStart = true
    this.#visited = 0
    return true
  }

  /** Undefined: of its drivers after this number none has its turn now, or one at its own place. */
  #turnOf(of: DemandClass, number: number): Turn | undefined {
    const driver = of.next(number, this.#start.nowMs)
    this.#waiting.move(of, driver?.number ?? of.oldest)
    if (driver?.number === this.#visited) return { of, driver, behind: this.#visited - 1 }
    // Its place is in the part that is over. It goes with its demand, so that no pass leaves it out.
    if (driver && this.#isBehindEnd(of)) return { of, driver, behind: this.#visited }
    return undefined
  }
}
