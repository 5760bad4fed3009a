import type { LeaderRecord } from './engine.js'

/**
 * Decides when a candidate without a lock service may try (protocol 14). It may at once if there is no
 * leader, if the leader left, or if its process is proved gone. Otherwise the leader's sign of life must have
 * stood still for one lease by the candidate's own clock. This only avoids duels; safety comes from the fence
 * of `elect` and `commit`.
 */
export class Staleness {
  readonly #leaseMs: number
  #last: { readonly epoch: number; readonly owner: string; readonly touchedMs: number } | undefined
  #sinceMs = 0

  constructor(leaseMs: number) {
    this.#leaseMs = leaseMs
  }

  /**
   * Milliseconds to wait, 0 for none. `nowMs` is monotonic. Call it again in the meantime, because only a
   * change shows that the leader lives.
   */
  waitMs(record: LeaderRecord | undefined, nowMs: number): number {
    if (record === undefined || record.left || record.ownerGone) return 0
    const last = this.#last
    const moved =
      last === undefined ||
      last.epoch !== record.epoch ||
      last.owner !== record.owner ||
      last.touchedMs !== record.touchedMs
    if (moved) {
      this.#last = { epoch: record.epoch, owner: record.owner, touchedMs: record.touchedMs }
      this.#sinceMs = nowMs
    }
    return Math.max(0, this.#sinceMs + this.#leaseMs - nowMs)
  }
}
