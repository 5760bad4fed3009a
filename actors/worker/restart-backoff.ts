export interface RestartTimes {
  readonly firstMs: number
  readonly maxMs: number
  /** A run this long starts the back-off anew. */
  readonly resetMs: number
}

/** How long a supervised driver waits before its next attempt: doubling, as Spark, but with a cap. */
export class RestartBackoff {
  readonly #times: RestartTimes
  #nextMs: number

  constructor(times: RestartTimes) {
    this.#times = times
    this.#nextMs = times.firstMs
  }

  afterRunOf(ranMs: number): number {
    if (ranMs > this.#times.resetMs) this.#nextMs = this.#times.firstMs
    const waitMs = this.#nextMs
    this.#nextMs = Math.min(this.#times.maxMs, waitMs * 2)
    return waitMs
  }
}
