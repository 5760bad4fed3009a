/**
 * A double-ended queue in one array. Operations take constant time on average, and it keeps no taken item
 * alive.
 */
export class Deque<T> {
  #items: (T | undefined)[] = []
  #head = 0

  get size(): number {
    return this.#items.length - this.#head
  }

  get first(): T | undefined {
    return this.#items[this.#head]
  }

  push(item: T): void {
    this.#items.push(item)
  }

  unshift(item: T): void {
    if (this.#head === 0) {
      // It reserves as many places again, so that many calls in a row do not each move the whole array.
      const capacity = Math.max(16, this.#items.length)
      this.#items = new Array<T | undefined>(capacity).concat(this.#items)
      this.#head = capacity
    }
    this.#items[--this.#head] = item
  }

  shift(): T | undefined {
    if (this.size === 0) return undefined
    const item = this.#items[this.#head]
    this.#items[this.#head++] = undefined
    if (this.#head === this.#items.length) {
      this.#items.length = 0
      this.#head = 0
    } else if (this.#head > 1024 && this.#head * 2 > this.#items.length) {
      this.#items.splice(0, this.#head)
      this.#head = 0
    }
    return item
  }

  pop(): T | undefined {
    return this.size === 0 ? undefined : this.#items.pop()
  }
}
