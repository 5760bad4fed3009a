import { limits } from '../limits.js'

export type DialFailure =
  /** Nobody there, or the connection broke: gone within a second, usually. */
  | 'unreachable'
  /** Wrong secret, cluster or version, or another link took our place: will not mend by itself. */
  | 'refused'

/** When to dial again: doubling from `reconnectFirstMs`, to `reconnectMaxMs` or, refused, `reconnectRefusedMaxMs`. */
export class Backoff {
  readonly #random: () => number
  #failures = 0
  #upSinceMs: number | undefined

  /** `random` gives numbers in [0, 1). */
  constructor(random: () => number) {
    this.#random = random
  }

  linked(nowMs: number): void {
    this.#upSinceMs = nowMs
  }

  /** Milliseconds to wait after a dial failed. Jittered between half and whole, so that peers do not come in step. */
  failed(failure: DialFailure): number {
    const maxMs = failure === 'refused' ? limits.reconnectRefusedMaxMs : limits.reconnectMaxMs
    const firstMs = failure === 'refused' ? limits.reconnectMaxMs : limits.reconnectFirstMs
    const wholeMs = Math.min(maxMs, firstMs * 2 ** Math.min(this.#failures, 30))
    this.#failures++
    return wholeMs * (0.5 + this.#random() / 2)
  }

  /** Milliseconds to wait after a link ended. One that held starts anew; one that broke at once counts as a failure. */
  lost(nowMs: number, failure: DialFailure): number {
    const heldMs = nowMs - (this.#upSinceMs ?? nowMs)
    this.#upSinceMs = undefined
    if (heldMs >= limits.reconnectMaxMs && failure === 'unreachable') this.#failures = 0
    return this.failed(failure)
  }
}
