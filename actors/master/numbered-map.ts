/** Rows of one kind, in the order of their map, with the number of each. */
export interface Rows<T> {
  readonly rows: readonly T[]
  readonly numbers: readonly number[]
}

/**
 * A Map that numbers its entries. The numbers rise in the order of insertion. Pages continue after such a
 * number, so that no entry is shown twice or skipped when others are added or removed between two pages.
 */
export class NumberedMap<V> extends Map<string, V> {
  readonly #numbers = new Map<string, number>()
  #last = 0
  #version = 0

  /** It rises with each change of this map. */
  get version(): number {
    return this.#version
  }

  /** The numbers, in the order of the entries. */
  get numbers(): Iterable<number> {
    return this.#numbers.values()
  }

  /** The number of an entry; 0 if there is none. */
  numberOf(id: string): number {
    return this.#numbers.get(id) ?? 0
  }

  /** The number that an entry with this id has, or would get now. */
  nextNumber(id: string): number {
    return this.#numbers.get(id) ?? this.#last + 1
  }

  /** The highest number that was given. */
  get last(): number {
    return this.#last
  }

  /** Puts back entries that were saved, under the numbers that they had. */
  load(entries: Iterable<readonly [number: number, id: string, value: V]>, last: number): void {
    for (const [number, id, value] of entries) {
      this.#numbers.set(id, number)
      super.set(id, value)
    }
    this.#last = last
    this.#version++
  }

  override set(id: string, value: V): this {
    if (!this.#numbers.has(id)) this.#numbers.set(id, ++this.#last)
    this.#version++
    return super.set(id, value)
  }

  override delete(id: string): boolean {
    this.#numbers.delete(id)
    this.#version++
    return super.delete(id)
  }

  override clear(): void {
    this.#numbers.clear()
    this.#version++
    super.clear()
  }
}
