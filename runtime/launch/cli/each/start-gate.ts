import { setTimeout as delay } from 'node:timers/promises'
import { innerLimits } from '../../../inner-limits.js'

export interface GateOptions {
  /** At least so long from one start to the next. */
  readonly delayMs: number
  /** Commands at once now: executors come and go. */
  readonly slots: () => number
  readonly underWay: () => number
  readonly signal: AbortSignal
}

/**
 * Lets a command go to the executors only when one of them is free for it. Without it, executors are given
 * commands ahead: they would begin them without regard to `--delay`, and after `--halt soon`.
 */
export class StartGate {
  readonly #options: GateOptions
  #nextAtMs = 0

  constructor(options: GateOptions) {
    this.#options = options
  }

  /** Resolves when the next command may start. Rejects with the reason of the signal. */
  async pass(): Promise<void> {
    const { slots, underWay, delayMs, signal } = this.#options
    while (underWay() > Math.max(1, slots())) await delay(innerLimits.eachGateMs, undefined, { signal })
    const waitMs = this.#nextAtMs - performance.now()
    if (waitMs > 0) await delay(waitMs, undefined, { signal })
    this.#nextAtMs = performance.now() + delayMs
  }
}
