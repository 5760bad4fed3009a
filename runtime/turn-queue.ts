/**
 * Gives each turn of the event loop to one piece of work, in the order in which they ask. So many works that
 * go on side by side cost one turn no more than one of them does.
 */
export class TurnQueue {
  readonly #schedule: (run: () => void) => void
  readonly #waiting: (() => void)[] = []

  constructor(schedule: (run: () => void) => void = (run) => void setImmediate(run)) {
    this.#schedule = schedule
  }

  /** Resolves in a turn in which no other piece of work of this queue begins. */
  next(): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push(resolve)
      if (this.#waiting.length === 1) this.#schedule(this.#run)
    })
  }

  readonly #run = (): void => {
    // The next turn is asked for first, while this one still counts as waiting.
    if (this.#waiting.length > 1) this.#schedule(this.#run)
    this.#waiting.shift()?.()
  }
}
