import { backoffMs } from '../../runtime/backoff.js'
import { limits } from '../../runtime/limits.js'

/**
 * Counts threads that end before they have begun a task, for instance because their heap is too small for
 * Node or a preloaded module throws. The next thread would end likewise, so each is started later than the
 * one before, and alone.
 */
export class ThreadStarts {
  /** Early ends so far. Each thread keeps the number of its start. */
  #deaths = 0
  /** The number of early ends when a thread last began a task. */
  #proven = 0
  #notBeforeMs = 0

  /** The caller keeps it for the thread that it starts now, and passes it to `began` or `failed`. */
  get deathsBefore(): number {
    return this.#deaths
  }

  /** Early ends in a row. */
  get failures(): number {
    return this.#deaths - this.#proven
  }

  /** True: so many threads in a row began nothing that none ever will. */
  get areUnrecoverable(): boolean {
    return this.failures >= limits.threadStartFailures
  }

  /**
   * A thread has begun a task. One that was started before the last early end proves nothing about new
   * threads.
   */
  began(deathsBefore: number): void {
    if (deathsBefore === this.#deaths) this.#proven = this.#deaths
  }

  /** A thread has ended before its first task. Threads that were started together count as one. */
  failed(deathsBefore: number, nowMs: number): void {
    if (deathsBefore < this.#deaths) return
    this.#deaths++
    const { threadRestartFirstMs, threadRestartMaxMs } = limits
    this.#notBeforeMs = nowMs + backoffMs(this.failures - 1, threadRestartFirstMs, threadRestartMaxMs)
  }

  /** `unproven` is the number of threads that have not begun a task yet. */
  mayStart(unproven: number, nowMs: number): boolean {
    return this.failures === 0 || (unproven === 0 && nowMs >= this.#notBeforeMs)
  }
}
