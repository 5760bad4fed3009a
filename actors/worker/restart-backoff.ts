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
  /** Failures in a row, each soon after its start. */
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
