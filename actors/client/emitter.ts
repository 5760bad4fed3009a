/**
 * Listeners by event, typed by a table of event -> argument. A listener's exception goes to `threw`, not to
 * the caller.
 */
export class Emitter<Events extends object> {
  readonly #listeners = new Map<keyof Events, Set<(event: never) => void>>()
  readonly #threw: (event: string, error: unknown) => void

  constructor(threw: (event: string, error: unknown) => void) {
    this.#threw = threw
  }

  on<K extends keyof Events>(name: K, listener: (event: Events[K]) => void): void {
    const listeners = this.#listeners.get(name) ?? new Set()
    listeners.add(listener)
    this.#listeners.set(name, listeners)
  }

  off<K extends keyof Events>(name: K, listener: (event: Events[K]) => void): void {
    this.#listeners.get(name)?.delete(listener)
  }

  emit<K extends keyof Events>(name: K, event: Events[K]): void {
    for (const listener of [...(this.#listeners.get(name) ?? [])]) {
      try {
        ;(listener as (event: Events[K]) => void)(event)
      } catch (error) {
        this.#threw(String(name), error)
      }
    }
  }
}
