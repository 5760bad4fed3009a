import { limits } from '../limits.js'

/** Counts handshakes that are not over, by the address they come from. */
export class OpenHandshakes {
  readonly #byHost = new Map<string, number>()
  readonly #most: number

  constructor(most: number = limits.openHandshakesPerAddress) {
    this.#most = most
  }

  /** False where this address has as many open as it may. */
  enter(host: string): boolean {
    const open = this.#byHost.get(host) ?? 0
    if (open >= this.#most) return false
    this.#byHost.set(host, open + 1)
    return true
  }

  leave(host: string): void {
    const open = this.#byHost.get(host) ?? 0
    if (open <= 1) this.#byHost.delete(host)
    else this.#byHost.set(host, open - 1)
  }
}
