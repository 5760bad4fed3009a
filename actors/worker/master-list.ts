import { formatMasterAddress, parseMasterAddresses } from '../../runtime/addresses.js'

interface NotLeading {
  /** When it was asked, by our boot clock. */
  readonly askedAtMs: number
  /** The list of Masters that it goes by; undefined: it refused the connection. */
  readonly list: string | undefined
}

/**
 * The Masters as this Worker knows them: who is linked under which addresses, and since when it is certain that none
 * of them leads (protocol 8). Addresses are `firesteel://host:port`.
 */
export class MasterList {
  readonly #configured: ReadonlySet<string>
  readonly #known: Set<string>
  /** As heard last. */
  #listed: readonly string[] = []
  /** Address -> incarnation that answered there last; several addresses may lead to one Master. */
  readonly #homes = new Map<string, string>()
  /** Incarnations of linked Masters; true: it has said on this link that it does not lead. */
  readonly #linked = new Map<string, boolean>()
  readonly #notLeading = new Map<string, NotLeading>()

  constructor(configured: readonly string[]) {
    this.#configured = new Set(configured.flatMap(canonical))
    this.#known = new Set(this.#configured)
  }

  get known(): readonly string[] {
    return [...this.#known]
  }

  get linked(): readonly string[] {
    return [...this.#linked.keys()]
  }

  /** What a Master says all Masters are. Gives those that are new. */
  learn(masters: readonly string[]): string[] {
    const addresses = masters.flatMap(canonical)
    if (addresses.length > 0) this.#listed = addresses
    const fresh = addresses.filter((address) => !this.#known.has(address))
    for (const address of fresh) this.#known.add(address)
    return fresh
  }

  linkUp(incarnation: string, address: string): void {
    this.#homes.set(address, incarnation)
    this.#linked.set(incarnation, false)
  }

  isLinked(incarnation: string): boolean {
    return this.#linked.has(incarnation)
  }

  linkDown(incarnation: string): void {
    this.#linked.delete(incarnation)
  }

  /** True for the first time on this link. */
  greeted(incarnation: string): boolean {
    if (this.#linked.get(incarnation) !== false) return false
    this.#linked.set(incarnation, true)
    return true
  }

  /** It did not lead after it was asked at this time. */
  answered(incarnation: string, askedAtMs: number, masters: readonly string[]): void {
    const answer = { askedAtMs, list: digest(masters.flatMap(canonical)) }
    for (const [address, home] of this.#homes) if (home === incarnation) this.#note(address, answer)
  }

  /** Nobody listened there when it was dialled at this time. */
  refused(address: string, dialledAtMs: number): void {
    this.#note(address, { askedAtMs: dialledAtMs, list: undefined })
  }

  /**
   * The time after which every Master was seen not to lead: those of our own configuration and all of the list, on
   * which all that answered agree. Undefined while one of them has yet to answer.
   */
  noLeaderSince(): number | undefined {
    const list = digest(this.#listed)
    let sinceMs = Number.POSITIVE_INFINITY
    for (const address of [...this.#configured, ...this.#listed]) {
      const answer = this.#notLeading.get(address)
      if (!answer || (answer.list !== undefined && answer.list !== list)) return undefined
      sinceMs = Math.min(sinceMs, answer.askedAtMs)
    }
    return Number.isFinite(sinceMs) ? sinceMs : undefined
  }

  #note(address: string, answer: NotLeading): void {
    const older = this.#notLeading.get(address)
    if (!older || older.askedAtMs <= answer.askedAtMs) this.#notLeading.set(address, answer)
  }
}

/** What cannot be read stays as it is: nobody ever answers there. */
function canonical(address: string): string[] {
  try {
    return parseMasterAddresses(address).map(formatMasterAddress)
  } catch {
    return [address]
  }
}

const digest = (addresses: readonly string[]): string => [...new Set(addresses)].sort().join(',')
