/**
 * Listeners by event, typed by a table of event -> argument. A listener's exception goes to `threw`, not to
 * the caller. Until `flow()` events are held, so that who waits for what emits them can listen first.
 */
export class Emitter<Events extends object> {
  readonly #listeners = new Map<keyof Events, Set<(event: never) => void>>()
  readonly #threw: (event: string, error: unknown) => void
  #held: (() => void)[] | undefined = []

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
    if (this.#held) this.#held.push(() => this.#tell(name, event))
    else this.#tell(name, event)
  }

  /** Emits in order what was held, and from now on at once. */
  flow(): void {
    const held = this.#held ?? []
    this.#held = undefined
    for (const tell of held) tell()
  }

  #tell<K extends keyof Events>(name: K, event: Events[K]): void {
    for (const listener of [...(this.#listeners.get(name) ?? [])]) {
      try {
        ;(listener as (event: Events[K]) => void)(event)
      } catch (error) {
        this.#threw(String(name), error)
      }
    }
  }
}
