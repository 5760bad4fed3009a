import { innerLimits } from '../../runtime/inner-limits.js'
import { limits } from '../../runtime/limits.js'

/** A shorter measurement would mostly show the clock's noise. */
const MEASURE_MS = innerLimits.taskMeasureMs

/**
 * How many tasks one executor may hold: one per slot, and as many more as it ends in `taskPrefetchMs` at its
 * own pace. No-op tasks are sent by the thousand; tasks longer than that are never sent ahead.
 */
export class Window {
  #perMs = 0
  #sinceMs = 0
  #ended = 0

  size(slots: number): number {
    const ahead = Math.min(limits.taskWindow, slots + Math.floor(this.#perMs * limits.taskPrefetchMs))
    return Math.max(slots, ahead)
  }

  /** The executor has work again. Its idle time says nothing about its pace. */
  busyFrom(nowMs: number): void {
    this.#sinceMs = nowMs
    this.#ended = 0
  }

  ended(count: number, nowMs: number): void {
    this.#ended += count
    const ms = nowMs - this.#sinceMs
    if (ms < MEASURE_MS) return
    const measured = this.#ended / ms
    this.#perMs = this.#perMs === 0 ? measured : (this.#perMs + measured) / 2
    this.busyFrom(nowMs)
  }
}
