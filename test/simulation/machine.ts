import type { Timeline } from './timeline.js'

/** A host: its clocks, which drift, and whether it has power. */
export class Machine {
  readonly host: string
  readonly timeline: Timeline
  /** Milliseconds that its clocks count in a true one. */
  readonly rate: number
  readonly #bootMs: number
  #wallOffsetMs = 0

  constructor(timeline: Timeline, host: string, options: { rate: number; bootMs: number }) {
    this.timeline = timeline
    this.host = host
    this.rate = options.rate
    this.#bootMs = options.bootMs
  }

  monotonicMs(): number {
    return this.#bootMs + this.timeline.nowMs * this.rate
  }

  wallMs(): number {
    return START_MS + this.timeline.nowMs * this.rate + this.#wallOffsetMs
  }

  /** Somebody sets its clock. */
  jump(ms: number): void {
    this.#wallOffsetMs += ms
  }
}

const START_MS = Date.UTC(2026, 0, 1)
