/**
 * Measures how long a cluster was without a leader, as the Master sees it that leads next. Pure: the time
 * comes from outside, monotonic.
 */
export class FailoverWatch {
  #leader: string | undefined
  #lastSignMs: number | undefined
  #goneAtMs: number | undefined

  /** The Master with this incarnation said that it leads. */
  leads(incarnation: string, nowMs: number): void {
    this.#leader = incarnation
    this.#lastSignMs = nowMs
    this.#goneAtMs = undefined
  }

  /** The link to this peer has ended. It matters if the peer leads. */
  linkEnded(incarnation: string, nowMs: number): void {
    if (incarnation === this.#leader) this.#goneAtMs ??= nowMs
  }

  /** The leader gave up its leadership, or this Master lost its own. */
  gone(nowMs: number): void {
    this.#goneAtMs = nowMs
  }

  /**
   * This Master leads, and its recovery is over. Returns how long there was no leader, counted from its end
   * or else from its last sign of life; undefined if this Master knew of none.
   */
  alive(nowMs: number): number | undefined {
    const sinceMs = this.#goneAtMs ?? this.#lastSignMs
    this.#leader = undefined
    this.#lastSignMs = undefined
    this.#goneAtMs = undefined
    return sinceMs === undefined ? undefined : nowMs - sinceMs
  }
}
