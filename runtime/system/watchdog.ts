import type { Clock } from '../clock.js'
import { limits } from '../limits.js'
import type { Cancel, TimerSource } from '../timers.js'
import type { LocalEnvelope } from './local-envelope.js'
import type { StuckHandler, SystemOptions } from './system-options.js'
import { guarded } from './uncaught.js'

/** An actor whose handler may have returned a promise. */
export interface Waiting {
  readonly path: string
  /** The message in hand. */
  readonly current: LocalEnvelope | undefined
  readonly waitingSinceMs: number
  warned: boolean
}

/** Knows the actors whose handler's promise is pending, and reports those that wait for too long. */
export class Watchdog {
  readonly waiting = new Set<Waiting>()
  readonly #clock: Clock
  readonly #timers: TimerSource
  readonly #warnMs: number
  readonly #onStuck: ((handler: StuckHandler) => void) | undefined
  #cancel: Cancel | undefined

  constructor(clock: Clock, timers: TimerSource, options: SystemOptions['watchdog']) {
    this.#clock = clock
    this.#timers = timers
    this.#warnMs = options?.warnMs ?? limits.handlerWarnMs
    this.#onStuck = options === undefined ? undefined : guarded(options.onStuck)
  }

  add(cell: Waiting): void {
    cell.warned = false
    this.waiting.add(cell)
    if (this.#onStuck !== undefined && this.#cancel === undefined) this.#arm()
  }

  remove(cell: Waiting): void {
    this.waiting.delete(cell)
  }

  close(): void {
    this.#cancel?.()
  }

  /** All actors share one timer, so that a short wait costs none. */
  #arm(): void {
    this.#cancel = this.#timers.after(this.#warnMs, () => {
      this.#cancel = undefined
      this.#sweep()
      if (this.waiting.size > 0) this.#arm()
    })
  }

  #sweep(): void {
    const now = this.#clock.monotonicMs()
    for (const cell of this.waiting) {
      const forMs = now - cell.waitingSinceMs
      if (cell.warned || forMs < this.#warnMs) continue
      cell.warned = true
      this.#onStuck?.({ path: cell.path, message: cell.current?.message.type ?? '', forMs })
    }
  }
}
