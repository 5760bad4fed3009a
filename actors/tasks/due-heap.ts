/**
 * Items by the time at which they are due, the earliest first. Adding and taking cost the logarithm of their
 * number.
 */
export class DueHeap<T> {
  readonly #entries: { readonly dueMs: number; readonly item: T }[] = []

  /** When the first item is due. */
  get nextMs(): number | undefined {
    return this.#entries[0]?.dueMs
  }

  get size(): number {
    return this.#entries.length
  }

  add(item: T, dueMs: number): void {
    const entries = this.#entries
    let at = entries.length
    entries.push({ dueMs, item })
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (this.#dueMs(parent) <= dueMs) return
      this.#swap(at, parent)
      at = parent
    }
  }

  /** Takes the first item that is due; undefined: none is. */
  take(nowMs: number): T | undefined {
    const first = this.#entries[0]
    if (first === undefined || first.dueMs > nowMs) return undefined
    const last = this.#entries.pop()
    if (last !== undefined && last !== first) {
      this.#entries[0] = last
      this.#sink()
    }
    return first.item
  }

  #sink(): void {
    const count = this.#entries.length
    for (let at = 0; ; ) {
      const left = 2 * at + 1
      if (left >= count) return
      const child = left + 1 < count && this.#dueMs(left + 1) < this.#dueMs(left) ? left + 1 : left
      if (this.#dueMs(at) <= this.#dueMs(child)) return
      this.#swap(at, child)
      at = child
    }
  }

  #dueMs(at: number): number {
    return this.#entries[at]?.dueMs ?? Number.POSITIVE_INFINITY
  }

  #swap(one: number, other: number): void {
    const entries = this.#entries as { readonly dueMs: number; readonly item: T }[]
    const kept = entries[one] as { readonly dueMs: number; readonly item: T }
    entries[one] = entries[other] as { readonly dueMs: number; readonly item: T }
    entries[other] = kept
  }
}
