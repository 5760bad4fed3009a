import { backoffMs, jittered } from '../backoff.js'
import { limits } from '../limits.js'

export type DialFailure =
  /** Nobody listens there, or the connection broke. This usually passes within a second. */
  | 'unreachable'
  /**
   * Wrong secret, cluster or version, or another link took the place of ours. This does not mend by itself.
   */
  | 'refused'

/**
 * Decides when to dial again. The delay doubles from `reconnectFirstMs` up to `reconnectMaxMs`, or after a
 * refusal up to `reconnectRefusedMaxMs`.
 */
export class RedialBackoff {
  readonly #random: () => number
  #failures = 0
  #upSinceMs: number | undefined
  /** Since then each link ended at once. Undefined: the last one held, or none was opened. */
  #endingSinceMs: number | undefined

  /** `random` returns numbers in [0, 1). */
  constructor(random: () => number) {
    this.#random = random
  }

  linked(nowMs: number): void {
    this.#upSinceMs = nowMs
  }

  /**
   * Milliseconds to wait after a dial failed. A random delay between half of the step and all of it keeps
   * peers from dialling at the same moment.
   */
  failed(failure: DialFailure): number {
    this.#endingSinceMs = undefined
    return this.#wait(failure)
  }

  #wait(failure: DialFailure): number {
    const maxMs = failure === 'refused' ? limits.reconnectRefusedMaxMs : limits.reconnectMaxMs
    const firstMs = failure === 'refused' ? limits.reconnectMaxMs : limits.reconnectFirstMs
    return jittered(backoffMs(this.#failures++, firstMs, maxMs), this.#random())
  }

  /**
   * Milliseconds to wait after a link ended. A link that lasted starts the back-off anew; one that broke at
   * once counts as a failed dial, and where all break so, as a refusal.
   */
  lost(nowMs: number, failure: DialFailure): number {
    const heldMs = nowMs - (this.#upSinceMs ?? nowMs)
    this.#upSinceMs = undefined
    if (heldMs < limits.reconnectMaxMs) this.#endingSinceMs ??= nowMs
    else {
      this.#endingSinceMs = undefined
      if (failure === 'unreachable') this.#failures = 0
    }
    const endingMs = nowMs - (this.#endingSinceMs ?? nowMs)
    return this.#wait(endingMs >= limits.reconnectEndedMs ? 'refused' : failure)
  }
}
