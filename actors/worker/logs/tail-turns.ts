import { innerLimits } from '../../../runtime/inner-limits.js'
import { type LinkAsker, LinkQueue } from './link-queue.js'

/**
 * The searches for the last lines of outputs: a few at a time, and one of each link. The others wait, and no
 * more can wait than log streams can be open.
 */
export class TailTurns {
  readonly #most: number
  readonly #waiting = new LinkQueue()
  /** The peers whose search runs. */
  readonly #running = new Set<string>()

  constructor(most: number = innerLimits.logTailSearches) {
    this.#most = most
  }

  /** Resolves with what the search found; undefined: the signal ended it before it began. */
  async search<T>(asker: LinkAsker, signal: AbortSignal, work: () => Promise<T>): Promise<T | undefined> {
    const begins = this.#waiting.wait(asker, signal)
    this.#serve()
    if (!(await begins)) return undefined
    try {
      return await work()
    } finally {
      this.#running.delete(asker.peer)
      this.#serve()
    }
  }

  #serve(): void {
    while (this.#running.size < this.#most) {
      const peer = this.#waiting.call((one) => !this.#running.has(one))
      if (peer === undefined) return
      this.#running.add(peer)
    }
  }
}
