/** The items of one kind that ended last, oldest first. It is only shown to people; no decision uses it. */
export class FinishedList<T> {
  readonly #most: number
  readonly #items: T[] = []

  constructor(most: number) {
    this.#most = most
  }

  add(item: T): void {
    this.#items.push(item)
    if (this.#items.length > this.#most) this.#items.shift()
  }

  load(items: readonly T[]): void {
    for (const item of items) this.add(item)
  }

  get items(): readonly T[] {
    return this.#items
  }
}
