export interface IsolationTimes {
  /** Without contact for this long the Worker is isolated (W/2). */
  readonly isolationMs: number
  /** From then until what must stop is killed (W/6). */
  readonly isolationKillMs: number
}

/**
 * Until when nobody can have given this Worker's drivers to another (protocol 8). Counts from the sending time of
 * the last answered heartbeat, or of a question that every Master answered "not leader"; by the boot clock, which
 * also counts a suspension of the machine.
 */
export class Contact {
  readonly #times: IsolationTimes
  #lastBootMs: number
  #isolated = false

  constructor(times: IsolationTimes, bootMs: number) {
    this.#times = times
    this.#lastBootMs = bootMs
  }

  get lastBootMs(): number {
    return this.#lastBootMs
  }

  /** As of the last `check`. */
  get isolated(): boolean {
    return this.#isolated
  }

  get isolatedAtBootMs(): number {
    return this.#lastBootMs + this.#times.isolationMs
  }

  /** What must stop has ended by then: the guard sees to it. */
  get validUntilBootMs(): number {
    return this.isolatedAtBootMs + this.#times.isolationKillMs
  }

  /** At the head of every step: who wakes looks before acting. True: isolated from now on. */
  check(bootMs: number): boolean {
    if (this.#isolated || bootMs < this.isolatedAtBootMs) return false
    this.#isolated = true
    return true
  }

  /** A leader has answered what was sent then. Only this ends an isolation. True: the contact is younger now. */
  answered(sentAtMs: number, bootMs: number): boolean {
    const younger = this.#renew(sentAtMs, bootMs)
    if (bootMs < this.isolatedAtBootMs) this.#isolated = false
    return younger
  }

  /**
   * Nobody led at some time after this. Ends no isolation: meanwhile a leader may have come, relaunched what was
   * here, and gone. True: the contact is younger now.
   */
  noLeaderSince(sinceMs: number, bootMs: number): boolean {
    return !this.#isolated && this.#renew(sinceMs, bootMs)
  }

  /** A time to come, or one older than what is known, proves nothing. */
  #renew(atMs: number, bootMs: number): boolean {
    if (atMs > bootMs || atMs <= this.#lastBootMs) return false
    this.#lastBootMs = atMs
    return true
  }
}
