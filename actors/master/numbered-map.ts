/**
 * A Map that numbers its entries as they come: the numbers rise in its order, whatever came or went. Pages go on behind
 * such a number, so nothing is shown twice or passed over because others came and went between two pages.
 */
export class NumberedMap<V> extends Map<string, V> {
  readonly #numbers = new Map<string, number>()
  #last = 0

  /** In the order of the entries. */
  get numbers(): Iterable<number> {
    return this.#numbers.values()
  }

  /** Of an entry that is there; else 0. */
  numberOf(id: string): number {
    return this.#numbers.get(id) ?? 0
  }

  /** That an entry with this id has, or gets when it is set now. */
  nextNumber(id: string): number {
    return this.#numbers.get(id) ?? this.#last + 1
  }

  override set(id: string, value: V): this {
    if (!this.#numbers.has(id)) this.#numbers.set(id, ++this.#last)
    return super.set(id, value)
  }

  override delete(id: string): boolean {
    this.#numbers.delete(id)
    return super.delete(id)
  }

  override clear(): void {
    this.#numbers.clear()
    super.clear()
  }
}
