import { performance } from 'node:perf_hooks'
import { innerLimits } from '../inner-limits.js'
import { briefSeconds, Histogram } from './histogram.js'

/** How late a timer of this process fires, a few times a second: as late as the loop was busy. */
export class EventLoopWatch {
  readonly lag = new Histogram(briefSeconds)
  readonly #timer: NodeJS.Timeout
  #dueMs: number

  constructor(everyMs: number = innerLimits.eventLoopLookMs) {
    this.#dueMs = performance.now() + everyMs
    this.#timer = setInterval(() => {
      const nowMs = performance.now()
      this.lag.observe(Math.max(0, nowMs - this.#dueMs) / 1000)
      this.#dueMs = nowMs + everyMs
    }, everyMs)
    this.#timer.unref()
  }

  /** How long the loop has worked, and not waited, since the process began. */
  get busySeconds(): number {
    return performance.eventLoopUtilization().active / 1000
  }

  close(): void {
    clearInterval(this.#timer)
  }
}
