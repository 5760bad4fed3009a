import { limits } from '../limits.js'

export interface OpenHandshakesOptions {
  /** Bounds for one address, and for all. */
  readonly perHost?: number
  readonly most?: number
  readonly graceMs?: number
}

/** Connections of one address, oldest first, each with the time at which it came. */
interface Share<C> {
  /** Those that are refused, and may still read why. */
  readonly closing: Map<C, number>
  readonly silent: Map<C, number>
  /** Those that have sent a hello. */
  readonly spoken: Map<C, number>
}

const emptyShare = <C>(): Share<C> => ({ closing: new Map(), silent: new Map(), spoken: new Map() })

const sizeOf = <C>({ closing, silent, spoken }: Share<C>): number => closing.size + silent.size + spoken.size

/**
 * Connections that are not authenticated yet. A new connection always gets in. Over a bound the oldest ones
 * are ended instead, first those that are refused, then those that sent nothing, so that a peer that holds
 * many connections open locks nobody out. Over the bound of one address only connections that have had their
 * time are ended, because a whole cluster may come back behind one address at once. Over the bound of all,
 * the oldest one of the address with the most connections is ended.
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

  /** Adds a connection. Returns those that must end for it; they are already removed. */
  enter(connection: C, host: string, nowMs: number): C[] {
    const share = this.#byHost.get(host) ?? emptyShare<C>()
    const due: C[] = []
    const byMs = nowMs - this.#graceMs
    while (sizeOf(share) >= this.#perHost && this.#takeOldest(share, byMs, due));
    while (this.#hosts.size >= this.#most && this.#takeOldest(this.#largest(), nowMs, due));
    // The call above may have removed the last connection of this address.
    this.#byHost.set(host, share)
    share.silent.set(connection, nowMs)
    this.#hosts.set(connection, host)
    return due
  }

  /** The connection has sent a hello. */
  spoke(connection: C): void {
    const share = this.#byHost.get(this.#hosts.get(connection) ?? '')
    const cameMs = share?.silent.get(connection)
    if (cameMs === undefined) return
    share?.silent.delete(connection)
    share?.spoken.set(connection, cameMs)
  }

  /** The connection is refused. It counts until it leaves, because it may take a while to close. */
  refused(connection: C): void {
    const share = this.#byHost.get(this.#hosts.get(connection) ?? '')
    const cameMs = share?.silent.get(connection) ?? share?.spoken.get(connection)
    if (share === undefined || cameMs === undefined) return
    share.silent.delete(connection)
    share.spoken.delete(connection)
    share.closing.set(connection, cameMs)
  }

  leave(connection: C): void {
    const host = this.#hosts.get(connection)
    if (host === undefined) return
    this.#hosts.delete(connection)
    const share = this.#byHost.get(host)
    share?.closing.delete(connection)
    share?.silent.delete(connection)
    share?.spoken.delete(connection)
    if (share !== undefined && sizeOf(share) === 0) this.#byHost.delete(host)
  }

  [Symbol.iterator](): IterableIterator<C> {
    return this.#hosts.keys()
  }

  /** Takes the oldest one of those that came by then, if there is one. */
  #takeOldest({ closing, silent, spoken }: Share<C>, byMs: number, due: C[]): boolean {
    for (const those of [closing, silent, spoken]) {
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
    let largest: Share<C> = emptyShare()
    for (const share of this.#byHost.values()) if (sizeOf(share) > sizeOf(largest)) largest = share
    return largest
  }
}
