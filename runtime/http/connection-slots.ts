export interface SlotLimits {
  readonly most: number
  readonly mostPerAddress: number
}

/** Refused: `address`: this one has all it may have; `all`: there is no seat left. */
export type SlotAnswer<T> =
  | { readonly admitted: true; readonly evicted: T | undefined }
  | { readonly admitted: false; readonly full: 'address' | 'all' }

/**
 * Who may be connected. A full house has room for who comes now as long as somebody sits there without having asked
 * anything: the one who has done so for longest goes, of the address that has the most. So neither silent connections
 * nor many addresses keep others out. Pure.
 */
export class ConnectionSlots<T> {
  readonly #limits: SlotLimits
  readonly #isIdle: (guest: T) => boolean
  /** Guests by address, the longest there first. */
  readonly #guests = new Map<string, Set<T>>()
  #count = 0

  constructor(limits: SlotLimits, isIdle: (guest: T) => boolean) {
    this.#limits = limits
    this.#isIdle = isIdle
  }

  get count(): number {
    return this.#count
  }

  *[Symbol.iterator](): IterableIterator<T> {
    for (const guests of this.#guests.values()) yield* guests
  }

  /** `make` is called where there is a seat. Who is evicted has left already. */
  enter(address: string, make: () => T): SlotAnswer<T> {
    let evicted: T | undefined
    const own = this.#guests.get(address)
    if (own !== undefined && own.size >= this.#limits.mostPerAddress) {
      evicted = this.#firstIdle(own)
      if (evicted === undefined) return { admitted: false, full: 'address' }
      this.leave(address, evicted)
    } else if (this.#count >= this.#limits.most) {
      const [from, guest] = this.#greedyIdle()
      if (from === undefined || guest === undefined) return { admitted: false, full: 'all' }
      this.leave(from, guest)
      evicted = guest
    }
    const guests = this.#guests.get(address) ?? new Set()
    this.#guests.set(address, guests.add(make()))
    this.#count++
    return { admitted: true, evicted }
  }

  leave(address: string, guest: T): void {
    const guests = this.#guests.get(address)
    if (!guests?.delete(guest)) return
    this.#count--
    if (guests.size === 0) this.#guests.delete(address)
  }

  #firstIdle(guests: ReadonlySet<T>): T | undefined {
    for (const guest of guests) if (this.#isIdle(guest)) return guest
    return undefined
  }

  #greedyIdle(): [string?, T?] {
    let found: [string?, T?] = []
    let most = 0
    for (const [address, guests] of this.#guests) {
      if (guests.size <= most) continue
      const idle = this.#firstIdle(guests)
      if (idle === undefined) continue
      most = guests.size
      found = [address, idle]
    }
    return found
  }
}
