import { innerLimits } from '../../runtime/inner-limits.js'
import { LeaderTracker } from '../../runtime/persistence/leader-tracker.js'
import type { ClientMessage } from '../messages/catalogue.js'
import type { Position } from '../messages/common.js'

/** A Master that is to be dialled from now on; addresses are `firesteel://host:port`. */
export interface DialEffect {
  readonly kind: 'dial'
  readonly address: string
}

/** The Master that leads and is linked. */
export interface Leader {
  readonly incarnation: string
  /** The address we reach it under. */
  readonly address: string
  readonly epoch: number
}

export interface KnownMaster {
  readonly address: string
  readonly incarnation: string | undefined
  readonly problem: string | undefined
}

/** `stale`: not to be handled (protocol R1). `leader`: a Master says that it leads. `noted`: nothing more to do. */
export type LinkDecision = 'stale' | 'noted' | 'leader' | 'current'

const ADDRESSES_MAX = innerLimits.masters

/**
 * The Masters as one client sees them, pure: which to dial (protocol R0), which links stand, who leads, and which messages
 * still count (protocol R1). Doubtful leaders are only ignored: a client's word about epochs counts nowhere (protocol 16).
 */
export class MasterLinks {
  readonly #addresses: Set<string>
  /** Incarnation of a linked Master -> address of its link. */
  readonly #up = new Map<string, string>()
  /** Address -> incarnation met there last: one Master may have several names. */
  readonly #met = new Map<string, string>()
  /** Where dialling has come to nothing, so far. */
  readonly #failed = new Set<string>()
  #hasRefusal = false
  #hasMet = false
  /** What is wrong with each Master that does not lead, for people. */
  readonly #problems = new Map<string, string>()
  readonly #tracker = new LeaderTracker()
  #leading: string | undefined

  constructor(addresses: readonly string[]) {
    this.#addresses = new Set(addresses)
  }

  get addresses(): readonly string[] {
    return [...this.#addresses]
  }

  /** The highest epoch that was obeyed; 0 before the first. */
  get epoch(): number {
    return this.#tracker.epoch
  }

  get leader(): Leader | undefined {
    const incarnation = this.#leading
    const address = incarnation === undefined ? undefined : this.#up.get(incarnation)
    if (incarnation === undefined || address === undefined) return undefined
    return { incarnation, address, epoch: this.epoch }
  }

  start(): DialEffect[] {
    return [...this.#addresses].map((address) => ({ kind: 'dial', address }))
  }

  /** Of several links to one Master the newest counts (protocol R3). */
  linkUp(peer: string, address: string): void {
    this.#hasMet = true
    this.#problems.set(address, 'it has not said yet whether it leads')
    this.#up.set(peer, address)
    this.#met.set(address, peer)
  }

  linkDown(peer: string): void {
    const address = this.#up.get(peer)
    this.problem(address, 'its link has ended')
    this.#up.delete(peer)
    if (this.#leading === peer) this.#leading = undefined
  }

  /** Nobody is there for now. */
  dialFailed(address: string, text: string): void {
    this.#failed.add(address)
    this.problem(address, text)
  }

  /** A Master at this address does not let us in. */
  refused(address: string, text: string): void {
    this.#hasRefusal = true
    this.dialFailed(address, text)
  }

  /**
   * A Master refuses us, and no other was ever reached: asking again cannot help. One stranger beside Masters of ours is
   * no reason to end.
   */
  get isUnrecoverable(): boolean {
    return (
      this.#hasRefusal && !this.#hasMet && [...this.#addresses].every((address) => this.#failed.has(address))
    )
  }

  observed(from: string, position: Position, message: ClientMessage): LinkDecision {
    // A STANDBY speaks for nobody, so its position says nothing.
    if (message.type === 'MasterInStandby') {
      if (this.#leading === from) this.#leading = undefined
      this.problem(this.#up.get(from), message.leader ? `in standby; ${message.leader} leads` : 'in standby')
      return 'noted'
    }
    if (this.#tracker.handled({ epoch: position.epoch, owner: from }, position) === 'stale') return 'stale'
    if (this.#leading !== from) this.#leading = undefined
    if (message.type !== 'MasterChanged') return 'current'
    this.#leading = from
    this.problem(this.#up.get(from), 'it leads')
    return 'leader'
  }

  /** Why the Master at this address is of no use now. */
  problem(address: string | undefined, text: string): void {
    if (address !== undefined) this.#problems.set(address, text.replace(/\.$/, ''))
  }

  /** Every Master known: linked to this incarnation, or why not; neither while the first dial is under way. */
  get masters(): readonly KnownMaster[] {
    const linked = new Map([...this.#up].map(([incarnation, address]) => [address, incarnation]))
    return this.addresses
      .filter((address) => linked.has(address) || !this.#up.has(this.#met.get(address) ?? ''))
      .map((address) => ({ address, incarnation: linked.get(address), problem: this.#problems.get(address) }))
  }

  /** Every address with what is wrong there, for NO_MASTER. */
  describe(): string {
    return this.addresses
      .map((address) => {
        const problem = this.#problems.get(address)
        return problem === undefined ? `${address} (no answer)` : `${address} (${problem})`
      })
      .join(', ')
  }

  /** Addresses that a Master taught us, to be dialled from now on. */
  learn(message: ClientMessage): DialEffect[] {
    const taught =
      message.type === 'MasterChanged'
        ? [...message.masters, message.master]
        : message.type === 'MasterInStandby'
          ? [...message.masters, ...(message.leader === undefined ? [] : [message.leader])]
          : []
    const effects: DialEffect[] = []
    for (const address of taught) {
      if (this.#addresses.has(address) || this.#addresses.size >= ADDRESSES_MAX) continue
      this.#addresses.add(address)
      effects.push({ kind: 'dial', address })
    }
    return effects
  }
}
