import { limits } from '../limits.js'

export interface OpenHandshakesOptions {
  /** Of one address, and of all. */
  readonly perHost?: number
  readonly most?: number
  readonly graceMs?: number
}

/** Of one address, oldest first, with the time each came. */
interface Share<C> {
  readonly silent: Map<C, number>
  /** They have said hello. */
  readonly spoken: Map<C, number>
}

const sizeOf = <C>({ silent, spoken }: Share<C>): number => silent.size + spoken.size

/**
 * Connections that have proven nothing yet. Whoever comes gets in; over the bounds the oldest go instead, first those
 * that have said nothing, so that who holds many open locks nobody out. Over the bound of an address only those that
 * have had their time go, because a whole cluster may come back behind one address at once; over that of all, the oldest
 * of the address that holds the most.
 */
export class OpenHandshakes<C> {
  readonly #perHost: number
  readonly #most: number
  readonly #graceMs: number
  readonly #byHost = new Map<string, Share<C>>()
  readonly #hosts = new Map<C, string>()

  constructor({ perHost, most, graceMs }: OpenHandshakesOptions = {}) {
    this.#perHost = perHost ?? limits.openHandshakesPerAddress
    this.#most = most ?? limits.openHandshakes
    this.#graceMs = graceMs ?? limits.openHandshakeGraceMs
  }

  /** Gives those that have to go for it; they have left. */
  enter(connection: C, host: string, nowMs: number): C[] {
    const share = this.#byHost.get(host) ?? { silent: new Map<C, number>(), spoken: new Map<C, number>() }
    const due: C[] = []
    const byMs = nowMs - this.#graceMs
    while (sizeOf(share) >= this.#perHost && this.#takeOldest(share, byMs, due));
    while (this.#hosts.size >= this.#most && this.#takeOldest(this.#largest(), nowMs, due));
    // They may have taken the last of this address with them.
    this.#byHost.set(host, share)
    share.silent.set(connection, nowMs)
    this.#hosts.set(connection, host)
    return due
  }

  /** It has said hello. */
  spoke(connection: C): void {
    const share = this.#byHost.get(this.#hosts.get(connection) ?? '')
    const cameMs = share?.silent.get(connection)
    if (cameMs === undefined) return
    share?.silent.delete(connection)
    share?.spoken.set(connection, cameMs)
  }

  leave(connection: C): void {
    const host = this.#hosts.get(connection)
    if (host === undefined) return
    this.#hosts.delete(connection)
    const share = this.#byHost.get(host)
    share?.silent.delete(connection)
    share?.spoken.delete(connection)
    if (share !== undefined && sizeOf(share) === 0) this.#byHost.delete(host)
  }

  [Symbol.iterator](): IterableIterator<C> {
    return this.#hosts.keys()
  }

  /** The oldest of those that came by then, if there is one. */
  #takeOldest({ silent, spoken }: Share<C>, byMs: number, due: C[]): boolean {
    for (const those of [silent, spoken]) {
      for (const [connection, cameMs] of those) {
        if (cameMs > byMs) break
        this.leave(connection)
        due.push(connection)
        return true
      }
    }
    return false
  }

  #largest(): Share<C> {
    let largest: Share<C> = { silent: new Map(), spoken: new Map() }
    for (const share of this.#byHost.values()) if (sizeOf(share) > sizeOf(largest)) largest = share
    return largest
  }
}
