import { limits } from '../limits.js'

export interface OpenHandshakesOptions {
  /** Of one address, and of all. */
  readonly perHost?: number
  readonly most?: number
  readonly graceMs?: number
}

/**
 * Connections that have proven nothing yet. Whoever comes gets in; over the bounds the oldest go instead, so that who
 * holds many open locks nobody out. Over that of an address only those that have had their time go, because a whole
 * cluster may come back behind one address at once; over that of all, the oldest of the address that holds the most.
 */
export class OpenHandshakes<C> {
  readonly #perHost: number
  readonly #most: number
  readonly #graceMs: number
  /** By address, oldest first, with the time each came. */
  readonly #byHost = new Map<string, Map<C, number>>()
  readonly #hosts = new Map<C, string>()

  constructor({ perHost, most, graceMs }: OpenHandshakesOptions = {}) {
    this.#perHost = perHost ?? limits.openHandshakesPerAddress
    this.#most = most ?? limits.openHandshakes
    this.#graceMs = graceMs ?? limits.openHandshakeGraceMs
  }

  /** Gives those that have to go for it; they have left. */
  enter(connection: C, host: string, nowMs: number): C[] {
    const ofHost = this.#byHost.get(host) ?? new Map<C, number>()
    this.#byHost.set(host, ofHost)
    ofHost.set(connection, nowMs)
    this.#hosts.set(connection, host)
    const due: C[] = []
    while (ofHost.size > this.#perHost && this.#takeOldest(ofHost, nowMs - this.#graceMs, due));
    while (this.#hosts.size > this.#most && this.#takeOldest(this.#largest(), nowMs, due));
    return due
  }

  leave(connection: C): void {
    const host = this.#hosts.get(connection)
    if (host === undefined) return
    this.#hosts.delete(connection)
    const ofHost = this.#byHost.get(host)
    ofHost?.delete(connection)
    if (ofHost?.size === 0) this.#byHost.delete(host)
  }

  [Symbol.iterator](): IterableIterator<C> {
    return this.#hosts.keys()
  }

  /** Its oldest, if that came by then. */
  #takeOldest(ofHost: Map<C, number>, byMs: number, due: C[]): boolean {
    for (const [connection, cameMs] of ofHost) {
      if (cameMs > byMs) return false
      this.leave(connection)
      due.push(connection)
      return true
    }
    return false
  }

  #largest(): Map<C, number> {
    let largest = new Map<C, number>()
    for (const ofHost of this.#byHost.values()) if (ofHost.size > largest.size) largest = ofHost
    return largest
  }
}
