import type { Clock } from '../../runtime/clock.js'
import type { Cancel, TimerSource } from '../../runtime/timers.js'

interface Timer {
  readonly dueMs: number
  readonly order: number
  readonly fire: () => void
}

/** A clock that stands still and timers that wait, until a test moves the time. */
export class VirtualTime implements Clock, TimerSource {
  readonly #startMs: number
  readonly #timers = new Set<Timer>()
  #nowMs = 0
  #order = 0

  /** `startMs`: the wall clock at the beginning, epoch milliseconds. */
  constructor(startMs: number = Date.UTC(2026, 0, 1)) {
    this.#startMs = startMs
  }

  wallMs(): number {
    return this.#startMs + this.#nowMs
  }

  monotonicMs(): number {
    return this.#nowMs
  }

  bootMs(): number {
    return this.#nowMs
  }

  after(ms: number, fire: () => void): Cancel {
    const timer = { dueMs: this.#nowMs + Math.max(0, ms), order: this.#order++, fire }
    this.#timers.add(timer)
    return () => {
      this.#timers.delete(timer)
    }
  }

  /** Timers that wait. */
  get pending(): number {
    return this.#timers.size
  }

  /**
   * Moves time on by `ms` and fires the timers that fall due, in order, each at its own time. `settle` runs before the
   * first and after each, so that the effects of a timer (`system.idle`) have happened before time goes on.
   */
  async advance(ms: number, settle: () => Promise<void> = nextTurn): Promise<void> {
    const untilMs = this.#nowMs + ms
    await settle()
    for (let timer = this.#next(untilMs); timer !== undefined; timer = this.#next(untilMs)) {
      this.#timers.delete(timer)
      this.#nowMs = timer.dueMs
      timer.fire()
      await settle()
    }
    this.#nowMs = untilMs
  }

  #next(untilMs: number): Timer | undefined {
    let next: Timer | undefined
    for (const timer of this.#timers) {
      if (timer.dueMs > untilMs) continue
      if (
        next === undefined ||
        timer.dueMs < next.dueMs ||
        (timer.dueMs === next.dueMs && timer.order < next.order)
      ) {
        next = timer
      }
    }
    return next
  }
}

/** One turn of the event loop: everything that was promised or scheduled by now has run. */
function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve)
  })
}
