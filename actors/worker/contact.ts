/**
 * How long ago a leader certainly knew of this Worker (protocol 8): the sending time of the last answered
 * heartbeat, by the boot clock, which also counts a suspension of the machine.
 */
export class Contact {
  readonly #workerTimeoutMs: number
  #lastBootMs: number

  constructor(workerTimeoutMs: number, bootMs: number) {
    this.#workerTimeoutMs = workerTimeoutMs
    this.#lastBootMs = bootMs
  }

  get lastBootMs(): number {
    return this.#lastBootMs
  }

  /** A time to come, or one older than what is known, proves nothing. */
  answered(sentAtMs: number, bootMs: number): void {
    if (sentAtMs <= bootMs) this.#lastBootMs = Math.max(this.#lastBootMs, sentAtMs)
  }

  /** From W/2 on a leader may be about to give this Worker's drivers to another. */
  isIsolated(bootMs: number): boolean {
    return bootMs - this.#lastBootMs >= this.#workerTimeoutMs / 2
  }
}
