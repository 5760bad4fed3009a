/** One command that runs or is to be run. */
export interface WorkItem {
  /** From 1, in the order of the items. */
  readonly number: number
  readonly item: string
  /** From 1. */
  readonly attempt: number
}

/**
 * What is still to run: the items as they are needed, and failed ones that may be tried again. Its iterator
 * ends when the items have ended and nothing runs.
 */
export class WorkList implements AsyncIterable<WorkItem> {
  readonly #items: AsyncIterator<string> | Iterator<string>
  readonly #again: WorkItem[] = []
  #taken = 0
  #underWay = 0
  #exhausted = false
  #halted = false
  #wake: (() => void) | undefined

  constructor(items: AsyncIterable<string> | Iterable<string>) {
    this.#items = Symbol.asyncIterator in items ? items[Symbol.asyncIterator]() : items[Symbol.iterator]()
  }

  /** Items seen so far. */
  get taken(): number {
    return this.#taken
  }

  /** An item has ended for good. */
  finished(): void {
    this.#underWay--
    this.#notify()
  }

  /** An item has failed and runs once more. */
  retry({ number, item, attempt }: WorkItem): void {
    this.#again.push({ number, item, attempt: attempt + 1 })
    this.#notify()
  }

  /** Returns no further items. */
  halt(): void {
    this.#halted = true
    this.#notify()
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<WorkItem> {
    for (;;) {
      const next = await this.#next()
      if (next === undefined) return
      yield next
    }
  }

  async #next(): Promise<WorkItem | undefined> {
    for (;;) {
      if (this.#halted) return undefined
      const again = this.#again.shift()
      if (again) return again
      if (!this.#exhausted) {
        const { done, value } = await this.#items.next()
        if (!done) {
          this.#underWay++
          return { number: ++this.#taken, item: value, attempt: 1 }
        }
        this.#exhausted = true
        continue
      }
      if (this.#underWay === 0) return undefined
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
  }

  #notify(): void {
    this.#wake?.()
    this.#wake = undefined
  }
}
