/**
 * The pages still to be visited. `each` pulls its inputs from here, and the links in its results are added
 * here. So the input ends only after the last result. No page comes twice, and there are never more than
 * `most`.
 */
export class Frontier implements AsyncIterable<string> {
  readonly #most: number
  readonly #accepts: (url: string) => boolean
  readonly #seen = new Set<string>()
  readonly #waiting: string[] = []
  /** Number of pages that were added and are not `settled`. */
  #open = 0
  #wake: (() => void) | undefined

  constructor(most: number, accepts: (url: string) => boolean) {
    this.#most = most
    this.#accepts = accepts
  }

  /** False: the page is known, not to be visited, or over the bound. */
  add(url: string): boolean {
    if (this.#seen.size >= this.#most || this.#seen.has(url) || !this.#accepts(url)) return false
    this.#seen.add(url)
    this.#waiting.push(url)
    this.#open++
    this.#wake?.()
    return true
  }

  /** Call it once for each result, after you have added its links. */
  settled(): void {
    this.#open--
    this.#wake?.()
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<string> {
    for (;;) {
      const url = this.#waiting.shift()
      if (url !== undefined) yield url
      else if (this.#open === 0) return
      else {
        await new Promise<void>((resolve) => {
          this.#wake = resolve
        })
      }
    }
  }
}
