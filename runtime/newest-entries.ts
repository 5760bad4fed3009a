/**
 * So many entries, those that were set last: the oldest go first.
 *
 * An iterator stands before the oldest, because a new one would have to step over all places in the map from
 * which others were removed. The engine keeps each former table of the map that an iterator has not left, and
 * while entries are only set again, nothing moves it. So it is made anew after so many changes as there are
 * entries, which costs each change one step more.
 */
export class NewestEntries<K, V> {
  readonly #most: number
  /** Oldest first. */
  readonly #entries = new Map<K, V>()
  #oldest: Iterator<K> | undefined
  #changes = 0

  constructor(most: number) {
    this.#most = most
  }

  get size(): number {
    return this.#entries.size
  }

  has(key: K): boolean {
    return this.#entries.has(key)
  }

  get(key: K): V | undefined {
    return this.#entries.get(key)
  }

  keys(): Iterable<K> {
    return this.#entries.keys()
  }

  values(): Iterable<V> {
    return this.#entries.values()
  }

  set(key: K, value: V): void {
    this.#entries.delete(key)
    this.#entries.set(key, value)
    if (++this.#changes >= this.#most) {
      this.#changes = 0
      this.#oldest = undefined
    }
    if (this.#entries.size <= this.#most) return
    this.#oldest ??= this.#entries.keys()
    this.#entries.delete(this.#oldest.next().value as K)
  }
}
