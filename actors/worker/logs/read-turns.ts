import { innerLimits } from '../../../runtime/inner-limits.js'
import { type LinkAsker, LinkQueue } from './link-queue.js'

/**
 * Lets all log streams together read a few pieces in one turn of the event loop. A link that takes what it is
 * sent at once would otherwise get a whole output in one turn, and many that follow one output would all read
 * it in the same.
 */
export class ReadTurns {
  readonly #most: number
  readonly #waiting = new LinkQueue()
  readonly #nextTurn: (work: () => void) => unknown
  #isPlanned = false

  constructor(
    most: number = innerLimits.logTurnChunks,
    nextTurn: (work: () => void) => unknown = setImmediate,
  ) {
    this.#most = most
    this.#nextTurn = nextTurn
  }

  /** Resolves in a later turn, when this link may read its next piece, or at once when the signal ends. */
  async next(asker: LinkAsker, signal: AbortSignal): Promise<void> {
    const begins = this.#waiting.wait(asker, signal)
    this.#plan()
    await begins
  }

  #plan(): void {
    if (this.#isPlanned || this.#waiting.isEmpty) return
    this.#isPlanned = true
    this.#nextTurn(() => {
      this.#isPlanned = false
      for (let count = 0; count < this.#most && this.#waiting.call() !== undefined; ) count++
      this.#plan()
    })
  }
}
