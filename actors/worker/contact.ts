export interface IsolationTimes {
  /** Without contact for this long the Worker is isolated (W/2). */
  readonly isolationMs: number
  /** Time from isolation until the drivers that must stop are killed (W/6). */
  readonly isolationKillMs: number
}

/**
 * Says until when no Master can have given this Worker's drivers to another Worker (protocol 8). It counts
 * from the sending time of the last answered heartbeat, or of a question that every Master answered with "not
 * leader". It uses the boot clock, which also counts a suspension of the machine.
 */
export class Contact {
  readonly #times: IsolationTimes
  #lastBootMs: number
  #isolated = false

  constructor(times: IsolationTimes, bootMs: number) {
    this.#times = times
    this.#lastBootMs = bootMs
  }

  /** Of the process that was this Worker before. */
  load({ lastBootMs, isolated }: { readonly lastBootMs: number; readonly isolated: boolean }): void {
    this.#lastBootMs = lastBootMs
    this.#isolated = isolated
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

  /** Drivers that must stop have ended by then: the guard kills them. */
  get validUntilBootMs(): number {
    return this.isolatedAtBootMs + this.#times.isolationKillMs
  }

  /**
   * Called first in every step, because a suspended Worker must not act on old knowledge. True: just became
   * isolated.
   */
  check(bootMs: number): boolean {
    if (this.#isolated || bootMs < this.isolatedAtBootMs) return false
    this.#isolated = true
    return true
  }

  /**
   * A leader answered a heartbeat of that time. Only this ends an isolation. True: the contact is younger
   * now.
   */
  answered(sentAtMs: number, bootMs: number): boolean {
    const younger = this.#renew(sentAtMs, bootMs)
    if (bootMs < this.isolatedAtBootMs) this.#isolated = false
    return younger
  }

  /**
   * No Master led at some time after `sinceMs`. This ends no isolation: meanwhile a leader may have been
   * elected, have relaunched the drivers of this Worker, and be gone. True: the contact is younger now.
   */
  noLeaderSince(sinceMs: number, bootMs: number): boolean {
    return !this.#isolated && this.#renew(sinceMs, bootMs)
  }

  /** A time in the future, or one older than the known contact, proves nothing. */
  #renew(atMs: number, bootMs: number): boolean {
    if (atMs > bootMs || atMs <= this.#lastBootMs) return false
    this.#lastBootMs = atMs
    return true
  }
}
