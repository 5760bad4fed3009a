export interface RestartTimes {
  readonly firstMs: number
  readonly maxMs: number
  /** A run longer than this resets the back-off. */
  readonly resetMs: number
}

/** How long a supervised driver waits before its next attempt. The wait doubles, as in Spark, but up to a maximum. */
export class RestartBackoff {
  readonly #times: RestartTimes
  #nextMs: number
  /** Failures in a row, each soon after the start. */
  crashes = 0

  constructor(times: RestartTimes) {
    this.#times = times
    this.#nextMs = times.firstMs
  }

  afterRunOf(ranMs: number): number {
    const hasRun = ranMs > this.#times.resetMs
    if (hasRun) this.#nextMs = this.#times.firstMs
    this.crashes = hasRun ? 0 : this.crashes + 1
    const waitMs = this.#nextMs
    this.#nextMs = Math.min(this.#times.maxMs, waitMs * 2)
    return waitMs
  }
}
