import { setImmediate as nextTurn } from 'node:timers/promises'

/** Much work in one go gives the event loop to others after so many items or bytes of it. */
export class Breather {
  readonly #mostItems: number
  readonly #mostBytes: number
  #items = 0
  #bytes = 0

  constructor(mostItems: number, mostBytes: number) {
    this.#mostItems = mostItems
    this.#mostBytes = mostBytes
  }

  /** An item of so many bytes has been done: is it time to rest? */
  isDue(bytes: number): boolean {
    this.#items++
    this.#bytes += bytes
    return this.#items >= this.#mostItems || this.#bytes >= this.#mostBytes
  }

  /** Others have their turn. */
  rest(): Promise<void> {
    this.#items = 0
    this.#bytes = 0
    return nextTurn()
  }
}
