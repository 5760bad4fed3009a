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

  /** Moves time on by `ms` and fires the timers that fall due, in order, each at its own time. */
  advance(ms: number): void {
    const untilMs = this.#nowMs + ms
    while (this.#fireNext(untilMs));
    this.#nowMs = untilMs
  }

  /**
   * Like `advance`. `settle` runs before the first timer and after each, so that what a timer causes
   * (`system.idle`) has happened before time goes on.
   */
  async advanceSettling(ms: number, settle: () => Promise<void> = nextTurn): Promise<void> {
    const untilMs = this.#nowMs + ms
    await settle()
    while (this.#fireNext(untilMs)) await settle()
    this.#nowMs = untilMs
  }

  /** Fires the timer that is due first, and moves time to it; false if none waits. */
  fireNext(): boolean {
    return this.#fireNext(Number.POSITIVE_INFINITY)
  }

  /** Moves time on as code that runs for `ms` does: no timer fires meanwhile. */
  spend(ms: number): void {
    this.#nowMs += ms
  }

  /** A stall of the process: time moves on, and what fell due meanwhile fires late, at its end. */
  stall(ms: number): void {
    this.spend(ms)
    this.advance(0)
  }

  #fireNext(untilMs: number): boolean {
    const timer = this.#next(untilMs)
    if (timer === undefined) return false
    this.#timers.delete(timer)
    this.#nowMs = Math.max(this.#nowMs, timer.dueMs)
    timer.fire()
    return true
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
