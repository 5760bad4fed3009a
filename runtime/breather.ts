import { setImmediate as nextTurn } from 'node:timers/promises'

/** Lets long work give up the event loop after so many items or bytes, so that other work has its turn. */
export class Breather {
  readonly #mostItems: number
  readonly #mostBytes: number
  readonly #next: () => Promise<void>
  #items = 0
  #bytes = 0

  /** `next` resolves in the turn that this work has next. By default that is the next one of the loop. */
  constructor(mostItems: number, mostBytes: number, next: () => Promise<void> = nextTurn) {
    this.#mostItems = mostItems
    this.#mostBytes = mostBytes
    this.#next = next
  }

  /** Call this after an item of so many bytes. True: it is time to rest. */
  isDue(bytes: number): boolean {
    this.#items++
    this.#bytes += bytes
    return this.#items >= this.#mostItems || this.#bytes >= this.#mostBytes
  }

  /** Waits until other work has had its turn. */
  rest(): Promise<void> {
    this.#items = 0
    this.#bytes = 0
    return this.#next()
  }
}
