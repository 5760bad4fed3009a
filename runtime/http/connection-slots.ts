export interface SlotLimits {
  readonly most: number
  readonly mostPerAddress: number
}

/**
 * Refused because of `address`: this address has all the connections that it may have; `all`: there is no
 * free slot.
 */
export type SlotAnswer<T> =
  | { readonly admitted: true; readonly evicted: T | undefined }
  | { readonly admitted: false; readonly full: 'address' | 'all' }

/**
 * Decides which connections are admitted. When all slots are taken, a new connection replaces one that has
 * asked nothing yet: the oldest such one of the address that has the most. So neither silent connections nor
 * many addresses keep others out. Pure.
 */
export class ConnectionSlots<T> {
  readonly #limits: SlotLimits
  readonly #isIdle: (connection: T) => boolean
  /** Connections by address, oldest first. */
  readonly #connections = new Map<string, Set<T>>()
  #count = 0

  constructor(limits: SlotLimits, isIdle: (connection: T) => boolean) {
    this.#limits = limits
    this.#isIdle = isIdle
  }

  get count(): number {
    return this.#count
  }

  *[Symbol.iterator](): IterableIterator<T> {
    for (const connections of this.#connections.values()) yield* connections
  }

  /** Calls `make` if there is a slot. An evicted connection has been removed already. */
  enter(address: string, make: () => T): SlotAnswer<T> {
    let evicted: T | undefined
    const own = this.#connections.get(address)
    if (own !== undefined && own.size >= this.#limits.mostPerAddress) {
      evicted = this.#firstIdle(own)
      if (evicted === undefined) return { admitted: false, full: 'address' }
      this.leave(address, evicted)
    } else if (this.#count >= this.#limits.most) {
      const [from, connection] = this.#greedyIdle()
      if (from === undefined || connection === undefined) return { admitted: false, full: 'all' }
      this.leave(from, connection)
      evicted = connection
    }
    const connections = this.#connections.get(address) ?? new Set()
    this.#connections.set(address, connections.add(make()))
    this.#count++
    return { admitted: true, evicted }
  }

  leave(address: string, connection: T): void {
    const connections = this.#connections.get(address)
    if (!connections?.delete(connection)) return
    this.#count--
    if (connections.size === 0) this.#connections.delete(address)
  }

  #firstIdle(connections: ReadonlySet<T>): T | undefined {
    for (const connection of connections) if (this.#isIdle(connection)) return connection
    return undefined
  }

  #greedyIdle(): [string?, T?] {
    let found: [string?, T?] = []
    let most = 0
    for (const [address, connections] of this.#connections) {
      if (connections.size <= most) continue
      const idle = this.#firstIdle(connections)
      if (idle === undefined) continue
      most = connections.size
      found = [address, idle]
    }
    return found
  }
}
