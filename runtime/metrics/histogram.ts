/** Upper bounds of what takes from a fraction of a millisecond to seconds, in seconds. */
export const briefSeconds = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5] as const
/** Upper bounds of what people wait for: failovers and recoveries, in seconds. */
export const longSeconds = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60] as const
/** Upper bounds of the number of records in one commit. */
export const batchSizes = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000] as const

/** Counts values by size. To count one costs a few nanoseconds; the sums are made when they are read. */
export class Histogram {
  readonly bounds: readonly number[]
  readonly #counts: Float64Array
  sum = 0

  constructor(bounds: readonly number[]) {
    this.bounds = bounds
    this.#counts = new Float64Array(bounds.length + 1)
  }

  observe(value: number): void {
    const { bounds } = this
    let at = 0
    while (at < bounds.length && value > (bounds[at] as number)) at++
    ;(this.#counts as { [index: number]: number })[at]! += 1
    this.sum += value
  }

  get count(): number {
    let sum = 0
    for (const count of this.#counts) sum += count
    return sum
  }

  /** For each bound, and then for infinity: how many values were not above it. */
  cumulative(): number[] {
    let sum = 0
    return Array.from(this.#counts, (count) => {
      sum += count
      return sum
    })
  }
}
