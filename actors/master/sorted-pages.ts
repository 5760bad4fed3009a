/** Sorts what comes in pages: each page as it comes, and all of them while they are read, so that no turn sorts it all. */
export class SortedPages<T> {
  readonly #compare: (a: T, b: T) => number
  readonly #pages: T[][] = []

  constructor(compare: (a: T, b: T) => number) {
    this.#compare = compare
  }

  add(page: readonly T[]): void {
    // The next one of each page is its last: there it is taken from.
    if (page.length > 0) this.#pages.push([...page].sort(this.#compare).reverse())
  }

  /** In order; equals of one page as they came. What has been read is given up. */
  *take(): Generator<T, void, undefined> {
    const open: T[][] = []
    for (const page of this.#pages.splice(0).reverse()) this.#insert(open, page)
    for (let page = open.pop(); page; page = open.pop()) {
      yield page.pop() as T
      if (page.length > 0) this.#insert(open, page)
    }
  }

  /** The page that goes on with the smallest one is the last. */
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
