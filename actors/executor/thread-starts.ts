import { limits } from '../../runtime/limits.js'

/**
 * Threads that end before they have begun a task, such as where their heap is too small for Node or a preloaded module
 * throws in them. The next one would end as they did: it is started later each time, and alone.
 */
export class ThreadStarts {
  /** Deaths counted so far; a thread remembers what it was when it started. */
  #deaths = 0
  /** What it was when a thread last began a task. */
  #proven = 0
  #notBeforeMs = 0

  /** To be given back when the thread that is started now has begun a task, or ended before it did. */
  get deathsBefore(): number {
    return this.#deaths
  }

  /** In a row. */
  get failures(): number {
    return this.#deaths - this.#proven
  }

  /** None of them has begun anything for so long that none will. */
  get areUnrecoverable(): boolean {
    return this.failures >= limits.threadStartFailures
  }

  /** One that has begun a task. What was there before the last death says nothing of those to come. */
  began(deathsBefore: number): void {
    if (deathsBefore === this.#deaths) this.#proven = this.#deaths
  }

  /** One that has ended before. Those that were started together count as one. */
  failed(deathsBefore: number, nowMs: number): void {
    if (deathsBefore < this.#deaths) return
    this.#deaths++
    const pauseMs = limits.threadRestartFirstMs * 2 ** Math.min(this.failures - 1, 30)
    this.#notBeforeMs = nowMs + Math.min(pauseMs, limits.threadRestartMaxMs)
  }

  /** `unproven`: threads that have not begun a task yet. */
  mayStart(unproven: number, nowMs: number): boolean {
    return this.failures === 0 || (unproven === 0 && nowMs >= this.#notBeforeMs)
  }
}
