import type { Arguments } from './records.js'

/** One command that runs or is to be run. */
export interface WorkItem {
  /** From 1, in the order of the items. */
  readonly number: number
  readonly args: Arguments
  /** From 1. */
  readonly attempt: number
}

/**
 * What is still to run: the items as they are needed, and failed ones that may be tried again. Its iterator
 * ends when the items have ended and nothing runs.
 */
export class WorkList implements AsyncIterable<WorkItem> {
  readonly #items: AsyncIterator<Arguments> | Iterator<Arguments>
  readonly #skips: (number: number) => boolean
  readonly #again: WorkItem[] = []
  #taken = 0
  #underWay = 0
  #exhausted = false
  #halted = false
  #wake: (() => void) | undefined

  /** Numbers that `skips` names are counted and left out. */
  constructor(
    items: AsyncIterable<Arguments> | Iterable<Arguments>,
    skips: (number: number) => boolean = () => false,
  ) {
    this.#skips = skips
    this.#items = Symbol.asyncIterator in items ? items[Symbol.asyncIterator]() : items[Symbol.iterator]()
  }

  /** Items seen so far. */
  get taken(): number {
    return this.#taken
  }

  get halted(): boolean {
    return this.#halted
  }

  get underWay(): number {
    return this.#underWay
  }

  /** An item has ended for good. */
  finished(): void {
    this.#underWay--
    this.#notify()
  }

  /** An item has failed and runs once more. */
  retry({ number, args, attempt }: WorkItem): void {
    this.#again.push({ number, args, attempt: attempt + 1 })
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
          if (this.#skips(++this.#taken)) continue
          this.#underWay++
          return { number: this.#taken, args: value, attempt: 1 }
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
