import { backoffMs } from '../../runtime/backoff.js'

export interface RestartTimes {
  readonly firstMs: number
  readonly maxMs: number
  /** A run longer than this resets the back-off. */
  readonly resetMs: number
}

/**
 * How long a supervised driver waits before its next attempt. The wait doubles, as in Spark, but up to a
 * maximum.
 */
export class RestartBackoff {
  readonly #times: RestartTimes
  /** Waits since the last run that was long enough. */
  #waits = 0
  /** Failures in a row, each soon after the start. */
  crashes = 0

  constructor(times: RestartTimes) {
    this.#times = times
  }

  save(): { waits: number; crashes: number } {
    return { waits: this.#waits, crashes: this.crashes }
  }

  load({ waits, crashes }: { readonly waits: number; readonly crashes: number }): void {
    this.#waits = waits
    this.crashes = crashes
  }

  afterRunOf(ranMs: number): number {
    const { firstMs, maxMs, resetMs } = this.#times
    const hasRun = ranMs > resetMs
    if (hasRun) this.#waits = 0
    this.crashes = hasRun ? 0 : this.crashes + 1
    return backoffMs(this.#waits++, firstMs, maxMs)
  }
}
