import type { LeaderRecord } from './engine.js'

/**
 * When a candidate without a lock service may try (protocol 14): at once when there is no leader, it left, or
 * its process is proved gone; else when its sign of life stood still for one lease by the watcher's own clock.
 * It only spares duels. Safety is the fence of `elect` and `commit`.
 */
export class Staleness {
  readonly #leaseMs: number
  #last: { readonly epoch: number; readonly owner: string; readonly touchedMs: number } | undefined
  #sinceMs = 0

  constructor(leaseMs: number) {
    this.#leaseMs = leaseMs
  }

  /** Milliseconds to wait, 0 for none. `nowMs` is monotonic. Look again in the meantime: life shows by change. */
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
