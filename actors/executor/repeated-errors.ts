import { limits } from '../../runtime/limits.js'

/**
 * Decides when a thread is replaced that remembers a failure of its tasks. The cause may be over, and then a
 * fresh thread does better. But a program may also throw one constant object for all its failures, and for
 * that it must not lose thread after thread. So the waits grow, for the whole executor, as long as fresh
 * threads do no better.
 */
export class RepeatedErrors {
  #atMs = Number.NEGATIVE_INFINITY
  #waitMs = 0

  /** True: replace the thread now. */
  mayReplace(threadStartedMs: number, nowMs: number): boolean {
    // It was there before the last one was replaced, so it is no fresh thread that does no better.
    if (threadStartedMs < this.#atMs) return true
    const sinceMs = nowMs - this.#atMs
    if (sinceMs < this.#waitMs) return false
    const { threadErrorsFirstMs, threadErrorsMaxMs } = limits
    const wasQuiet = sinceMs >= this.#waitMs + threadErrorsMaxMs
    this.#waitMs = wasQuiet ? threadErrorsFirstMs : Math.min(threadErrorsMaxMs, 2 * this.#waitMs)
    this.#atMs = nowMs
    return true
  }
}
