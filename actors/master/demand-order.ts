/** Drivers that ask for the same. */
interface Ordered {
  /** The number of the oldest of them; NO_DRIVER: there is none. */
  readonly oldest: number
}

export const NO_DRIVER = Number.POSITIVE_INFINITY

/**
 * Demands in the order of their oldest drivers. There may be as many of them as drivers, so the order is kept
 * and not made in each pass.
 */
export class DemandOrder<D extends Ordered> {
  readonly #classes: D[] = []

  get size(): number {
    return this.#classes.length
  }

  at(index: number): D | undefined {
    return this.#classes[index]
  }

  /** Index of the first demand whose oldest driver has a number above this one. */
  after(number: number): number {
    let low = 0
    let high = this.#classes.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((this.#classes[middle] as D).oldest > number) high = middle
      else low = middle + 1
    }
    return low
  }

  /** Changes the drivers of a demand, and moves it to where its oldest driver belongs then. */
  change(of: D, change: () => void): void {
    const before = of.oldest
    const at = before === NO_DRIVER ? NO_DRIVER : this.after(before) - 1
    change()
    if (of.oldest === before) return
    if (at !== NO_DRIVER) this.#classes.splice(at, 1)
    if (of.oldest !== NO_DRIVER) this.#classes.splice(this.after(of.oldest), 0, of)
  }
}
