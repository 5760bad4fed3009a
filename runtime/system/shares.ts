/** How much each of many holders has, and who has the most. Each call takes the same short time. */
export class Shares<K> {
  readonly #counts = new Map<K, number>()
  /** At n - 1: those that have n, the first that came to it first. The last set is never empty. */
  readonly #holders: Set<K>[] = []

  /** Holders that have anything. */
  get size(): number {
    return this.#counts.size
  }

  of(holder: K): number {
    return this.#counts.get(holder) ?? 0
  }

  /** A negative count takes away; nobody has less than nothing. */
  add(holder: K, count: number): void {
    const before = this.of(holder)
    const after = Math.max(0, before + count)
    if (after === before) return
    this.#holders[before - 1]?.delete(holder)
    while (this.#holders.length < after) this.#holders.push(new Set())
    if (after > 0) {
      this.#counts.set(holder, after)
      this.#holders[after - 1]?.add(holder)
    } else this.#counts.delete(holder)
    while (this.#holders.at(-1)?.size === 0) this.#holders.pop()
  }

  /** One of those that have the most; undefined: nobody has anything. */
  get greatest(): { readonly holder: K; readonly count: number } | undefined {
    const count = this.#holders.length
    for (const holder of this.#holders.at(-1) ?? []) return { holder, count }
    return undefined
  }
}
