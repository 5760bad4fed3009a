/**
 * Sorts items that come in pages: each page on arrival, all pages while they are read. So no turn sorts
 * everything.
 */
export class SortedPages<T> {
  readonly #compare: (a: T, b: T) => number
  readonly #pages: T[][] = []

  constructor(compare: (a: T, b: T) => number) {
    this.#compare = compare
  }

  add(page: readonly T[]): void {
    // A page is reversed, because its next item is taken from its end.
    if (page.length > 0) this.#pages.push([...page].sort(this.#compare).reverse())
  }

  /** Yields all items in order. Equal items of one page keep their order. A read page is released. */
  *take(): Generator<T, void, undefined> {
    const open: T[][] = []
    for (const page of this.#pages.splice(0).reverse()) this.#insert(open, page)
    for (let page = open.pop(); page; page = open.pop()) {
      yield page.pop() as T
      if (page.length > 0) this.#insert(open, page)
    }
  }

  /** Inserts the page so that the page with the smallest next item is the last. */
  #insert(open: T[][], page: T[]): void {
    const next = page.at(-1) as T
    let low = 0
    let high = open.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#compare((open[middle] as T[]).at(-1) as T, next) >= 0) low = middle + 1
      else high = middle
    }
    open.splice(low, 0, page)
  }
}
