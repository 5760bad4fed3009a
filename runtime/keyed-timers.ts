import { type Cancel, systemTimers, type TimerSource } from './timers.js'

/** Timers that are started and cancelled by key. A new timer takes the place of the one with the same key. */
export class KeyedTimers<Key> {
  readonly #source: TimerSource
  readonly #running = new Map<Key, Cancel>()

  constructor(source: TimerSource = systemTimers) {
    this.#source = source
  }

  start(key: Key, ms: number, fire: () => void): void {
    this.cancel(key)
    const cancel = this.#source.after(ms, () => {
      this.#running.delete(key)
      fire()
    })
    this.#running.set(key, cancel)
  }

  cancel(key: Key): void {
    this.#running.get(key)?.()
    this.#running.delete(key)
  }

  clear(): void {
    for (const cancel of this.#running.values()) cancel()
    this.#running.clear()
  }
}
