/**
 * Allows so much per second, and at once no more than comes in one second. A user may take more than is left
 * and go into debt; the next one waits for it. So amounts need not be known in advance. Pure: the time comes
 * from outside.
 */
export class Pace {
  readonly #perSecond: number
  #left: number
  #atMs: number

  constructor(perSecond: number, nowMs: number) {
    this.#perSecond = perSecond
    this.#left = perSecond
    this.#atMs = nowMs
  }

  /** Milliseconds that the next user must wait; 0: it may go now. */
  waitMs(nowMs: number): number {
    this.#refill(nowMs)
    return this.#left > 0 ? 0 : Math.floor((-this.#left * 1000) / this.#perSecond) + 1
  }

  take(amount: number, nowMs: number): void {
    this.#refill(nowMs)
    this.#left -= amount
  }

  /** True if it was not used for so long that a new one would be the same. */
  isFull(nowMs: number): boolean {
    this.#refill(nowMs)
    return this.#left >= this.#perSecond
  }

  #refill(nowMs: number): void {
    const came = ((nowMs - this.#atMs) * this.#perSecond) / 1000
    this.#left = Math.min(this.#perSecond, this.#left + Math.max(0, came))
    this.#atMs = nowMs
  }
}
