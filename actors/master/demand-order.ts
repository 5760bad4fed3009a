/** Drivers that ask for the same. */
interface Ordered {
  /** The number of the one of them that has its turn next; NO_DRIVER: there is none. */
  readonly place: number
}

export const NO_DRIVER = Number.POSITIVE_INFINITY

/**
 * Demands in the order of the drivers that have their turns next. There may be as many of them as drivers, so
 * the order is kept and not made in each pass.
 */
export class DemandOrder<D extends Ordered> {
  readonly #classes: D[] = []

  get size(): number {
    return this.#classes.length
  }

  at(index: number): D | undefined {
    return this.#classes[index]
  }

  /** Index of the first demand whose place is above this number. */
  after(number: number): number {
    let low = 0
    let high = this.#classes.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((this.#classes[middle] as D).place > number) high = middle
      else low = middle + 1
    }
    return low
  }

  /** Changes a demand, and moves it to its place of then. */
  change(of: D, change: () => void): void {
    const before = of.place
    const at = before === NO_DRIVER ? NO_DRIVER : this.after(before) - 1
    change()
    if (of.place === before) return
    if (at !== NO_DRIVER) this.#classes.splice(at, 1)
    if (of.place !== NO_DRIVER) this.#classes.splice(this.after(of.place), 0, of)
  }
}
