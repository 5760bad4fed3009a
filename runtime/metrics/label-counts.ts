/**
 * Counts by the value of one label. All values are named in advance, so the number of series never changes,
 * and a series exists before its first event.
 */
export class LabelCounts<L extends string = string> {
  readonly #counts: Map<L, number>

  constructor(values: readonly L[]) {
    this.#counts = new Map(values.map((value) => [value, 0]))
  }

  /** An unknown value is not counted, because a peer may have chosen it. */
  add(value: L, more = 1): void {
    const count = this.#counts.get(value)
    if (count !== undefined) this.#counts.set(value, count + more)
  }

  set(value: L, count: number): void {
    if (this.#counts.has(value)) this.#counts.set(value, count)
  }

  get(value: L): number {
    return this.#counts.get(value) ?? 0
  }

  get entries(): Iterable<readonly [value: L, count: number]> {
    return this.#counts
  }

  get total(): number {
    let sum = 0
    for (const count of this.#counts.values()) sum += count
    return sum
  }
}
