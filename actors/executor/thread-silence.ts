import { innerLimits } from '../../runtime/inner-limits.js'

/** What a look at a thread finds. */
export interface ThreadLook {
  /** So many tasks it has begun or passed over, ever. */
  readonly reached: number
  /** True: tasks were posted to it that it could begin, because none runs in it. */
  readonly isDue: boolean
}

/**
 * How long a thread has not answered: it reaches nothing of what was posted to it, though no task runs there.
 * Code that an ended task has left behind keeps it busy then. A slow machine looks alike, but it delays the
 * main thread too: only time counts in which the main thread looked, so a process that was stopped or had no
 * processor finds its threads as silent as before.
 */
export class ThreadSilence {
  #reached: number | undefined
  #lookedAtMs = 0
  #ms = 0

  look({ reached, isDue }: ThreadLook, nowMs: number): void {
    const goesOn = isDue && reached === this.#reached
    const sinceMs = Math.min(nowMs - this.#lookedAtMs, innerLimits.threadQuietMs)
    this.#ms = goesOn ? this.#ms + Math.max(0, sinceMs) : 0
    this.#reached = isDue ? reached : undefined
    this.#lookedAtMs = nowMs
  }

  /** Others do what was posted to it, and it gets nothing more until it answers. */
  get isQuiet(): boolean {
    return this.#ms >= innerLimits.threadQuietMs
  }

  /** It does not come back. */
  get isOver(): boolean {
    return this.#ms >= innerLimits.threadSilentMs
  }
}
