/** Runs one piece of work after the other. Who gives up while it waits leaves at once. */
export class OneAtATime {
  readonly #waiting = new Set<() => void>()
  #isBusy = false

  /** Rejects with the error of the work, or with the reason of the signal if that comes before it begins. */
  async run<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    await this.#turn(signal)
    try {
      return await work()
    } finally {
      this.#next()
    }
  }

  async #turn(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    if (!this.#isBusy) {
      this.#isBusy = true
      return
    }
    await new Promise<void>((resolve, reject) => {
      const go = (): void => {
        signal.removeEventListener('abort', leave)
        resolve()
      }
      const leave = (): void => {
        this.#waiting.delete(go)
        reject(signal.reason)
      }
      this.#waiting.add(go)
      signal.addEventListener('abort', leave, { once: true })
    })
  }

  #next(): void {
    const [go] = this.#waiting
    if (go === undefined) {
      this.#isBusy = false
      return
    }
    this.#waiting.delete(go)
    go()
  }
}
