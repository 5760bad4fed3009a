import { limits } from '../../runtime/limits.js'

/** What a task says of itself. */
export interface Progress {
  /** From 0 to 1. */
  readonly fraction: number
  /** Empty: it gave none. */
  readonly text: string
}

export interface PositionProgress extends Progress {
  readonly position: number
}

export interface ThrottleParts {
  nowMs(): number
  after(ms: number, run: () => void): void
  send(progress: readonly PositionProgress[]): void
}

/**
 * Sends the progress of a thread's tasks, the newest of each, at most once in `taskProgressMs`: a task may
 * report as often as it likes, and costs its executor next to nothing.
 */
export class ProgressThrottle {
  readonly #parts: ThrottleParts
  readonly #latest = new Map<number, Progress>()
  #sentAtMs = Number.NEGATIVE_INFINITY
  #isDue = false

  constructor(parts: ThrottleParts) {
    this.#parts = parts
  }

  report(position: number, progress: Progress): void {
    this.#latest.set(position, progress)
    const waitMs = this.#sentAtMs + limits.taskProgressMs - this.#parts.nowMs()
    // A task that never gives its thread a turn reports here, because no timer fires meanwhile.
    if (waitMs <= 0) this.#send()
    else if (!this.#isDue) {
      this.#isDue = true
      this.#parts.after(waitMs, () => {
        this.#isDue = false
        this.#send()
      })
    }
  }

  /** The task has ended, and its result says more. */
  forget(position: number): void {
    this.#latest.delete(position)
  }

  #send(): void {
    if (this.#latest.size === 0) return
    this.#sentAtMs = this.#parts.nowMs()
    const all = [...this.#latest].map(([position, progress]) => ({ position, ...progress }))
    this.#latest.clear()
    this.#parts.send(all)
  }
}
