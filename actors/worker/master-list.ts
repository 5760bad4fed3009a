import { formatMasterAddress, parseMasterAddresses } from '../../runtime/addresses.js'

interface NotLeading {
  /** When this Worker asked, by its boot clock. */
  readonly askedAtMs: number
  /** The Master list that it answered with; undefined: it refused the connection. */
  readonly list: string | undefined
}

/**
 * The Masters that this Worker knows: which incarnation is linked at which addresses, and since when it is
 * certain that none of them leads (protocol 8). Addresses are `firesteel://host:port`.
 */
export class MasterList {
  readonly #configured: ReadonlySet<string>
  readonly #known: Set<string>
  /** The last list that a Master sent. */
  #listed: readonly string[] = []
  /** Address -> incarnation that answered there last. Several addresses may belong to one Master. */
  readonly #incarnations = new Map<string, string>()
  /** Linked incarnation -> whether it has said on this link that it does not lead. */
  readonly #linked = new Map<string, boolean>()
  readonly #notLeading = new Map<string, NotLeading>()

  constructor(configured: readonly string[]) {
    this.#configured = new Set(configured.flatMap(canonical))
    this.#known = new Set(this.#configured)
  }

  get known(): readonly string[] {
    return [...this.#known]
  }

  /** The last list that a Master sent. */
  get listed(): readonly string[] {
    return this.#listed
  }

  get linked(): readonly string[] {
    return [...this.#linked.keys()]
  }

  /** Takes the addresses of all Masters that one of them sent. Returns the new ones. */
  learn(masters: readonly string[]): string[] {
    const addresses = masters.flatMap(canonical)
    if (addresses.length > 0) this.#listed = addresses
    const fresh = addresses.filter((address) => !this.#known.has(address))
    for (const address of fresh) this.#known.add(address)
    return fresh
  }

  linkUp(incarnation: string, address: string): void {
    this.#incarnations.set(address, incarnation)
    this.#linked.set(incarnation, false)
  }

  isLinked(incarnation: string): boolean {
    return this.#linked.has(incarnation)
  }

  linkDown(incarnation: string): void {
    this.#linked.delete(incarnation)
  }

  /** True at the first call for this link. */
  greeted(incarnation: string): boolean {
    if (this.#linked.get(incarnation) !== false) return false
    this.#linked.set(incarnation, true)
    return true
  }

  /** This Master did not lead when it answered a question of `askedAtMs`. */
  answered(incarnation: string, askedAtMs: number, masters: readonly string[]): void {
    const answer = { askedAtMs, list: digest(masters.flatMap(canonical)) }
    for (const [address, known] of this.#incarnations) if (known === incarnation) this.#note(address, answer)
  }

  /** Nothing listened at this address when it was dialled at this time. */
  refused(address: string, dialledAtMs: number): void {
    this.#note(address, { askedAtMs: dialledAtMs, list: undefined })
  }

  /**
   * The time after which every Master was seen not to lead. This covers our own configuration and the list,
   * and all answers must name the same list. Undefined: at least one Master has yet to answer.
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

/** An address that cannot be parsed stays as it is: no Master ever answers there. */
function canonical(address: string): string[] {
  try {
    return parseMasterAddresses(address).map(formatMasterAddress)
  } catch {
    return [address]
  }
}

const digest = (addresses: readonly string[]): string => [...new Set(addresses)].sort().join(',')
