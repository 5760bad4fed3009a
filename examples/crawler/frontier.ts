/**
 * The pages still to be visited, as an input that never ends before the last result has come: `each` pulls from it, and
 * what its results link to is added to it. No page twice, and never more than `most`.
 */
export class Frontier implements AsyncIterable<string> {
  readonly #most: number
  readonly #accepts: (url: string) => boolean
  readonly #seen = new Set<string>()
  readonly #waiting: string[] = []
  /** Added and not yet `settled`. */
  #open = 0
  #wake: (() => void) | undefined

  constructor(most: number, accepts: (url: string) => boolean) {
    this.#most = most
    this.#accepts = accepts
  }

  /** False where it is known already, not to be visited, or over the bound. */
  add(url: string): boolean {
    if (this.#seen.size >= this.#most || this.#seen.has(url) || !this.#accepts(url)) return false
    this.#seen.add(url)
    this.#waiting.push(url)
    this.#open++
    this.#wake?.()
    return true
  }

  /** Call it once for each result, after its links were added. */
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
