import type { ClientMessage } from '../messages/catalogue.js'
import type { Position } from '../messages/common.js'

/** What to do about the connection to one Master; addresses are `firesteel://host:port`. */
export type DoorEffect =
  | { readonly kind: 'dial'; readonly address: string }
  | { readonly kind: 'hangUp'; readonly address: string }

/** The Master that leads and is linked. */
export interface Leader {
  readonly incarnation: string
  /** The address we reach it under. */
  readonly address: string
  readonly epoch: number
}

/** `stale`: not to be handled (R1). `leader`: a Master says that it leads. `noted`: nothing more to do. */
export type Verdict = 'stale' | 'noted' | 'leader' | 'current'

/** As many Masters as a message names at most. */
const ADDRESSES_MAX = 64

/**
 * The Masters as one client sees them, pure: which to dial (R0), which links stand, who leads, and which messages
 * still count (R1). Doubtful leaders are only ignored: a client's word about epochs counts nowhere (protocol 16).
 */
export class MasterLinks {
  readonly #addresses: Set<string>
  /** Incarnation of a linked Master -> address of its link. */
  readonly #up = new Map<string, string>()
  /** Second addresses of a Master that is linked already -> the address used instead. */
  readonly #resting = new Map<string, string>()
  /** What is wrong with each Master that does not lead, for people. */
  readonly #troubles = new Map<string, string>()
  #highest: { readonly epoch: number; readonly owner: string } | undefined
  #leading: string | undefined

  constructor(addresses: readonly string[]) {
    this.#addresses = new Set(addresses)
  }

  get addresses(): readonly string[] {
    return [...this.#addresses]
  }

  /** Highest epoch heard of; 0 before the first. */
  get epoch(): number {
    return this.#highest?.epoch ?? 0
  }

  get leader(): Leader | undefined {
    const incarnation = this.#leading
    const address = incarnation === undefined ? undefined : this.#up.get(incarnation)
    if (incarnation === undefined || address === undefined) return undefined
    return { incarnation, address, epoch: this.epoch }
  }

  start(): DoorEffect[] {
    return [...this.#addresses].map((address) => ({ kind: 'dial', address }))
  }

  /**
   * A Master under two names (localhost, 127.0.0.1) would have two links that push each other out for ever (R3):
   * the newest stays, the other address rests until it ends.
   */
  linkUp(peer: string, address: string): DoorEffect[] {
    this.#troubles.set(address, 'it has not said yet whether it leads')
    const former = this.#up.get(peer)
    this.#up.set(peer, address)
    this.#resting.delete(address)
    if (former === undefined || former === address) return []
    this.#resting.set(former, address)
    return [{ kind: 'hangUp', address: former }]
  }

  linkDown(peer: string): DoorEffect[] {
    const address = this.#up.get(peer)
    this.#up.delete(peer)
    if (this.#leading === peer) this.#leading = undefined
    const awake = [...this.#resting].filter(([, instead]) => instead === address).map(([resting]) => resting)
    for (const resting of awake) this.#resting.delete(resting)
    return awake.map((resting) => ({ kind: 'dial', address: resting }))
  }

  heard(from: string, position: Position, message: ClientMessage): Verdict {
    // A STANDBY speaks for nobody, so its position says nothing.
    if (message.type === 'MasterInStandby') {
      if (this.#leading === from) this.#leading = undefined
      this.trouble(this.#up.get(from), message.leader ? `in standby; ${message.leader} leads` : 'in standby')
      return 'noted'
    }
    const { epoch, owner } = this.#highest ?? { epoch: -1, owner: from }
    if (position.epoch < epoch || (position.epoch === epoch && owner !== from)) return 'stale'
    this.#highest = { epoch: position.epoch, owner: from }
    if (message.type !== 'MasterChanged') return 'current'
    this.#leading = from
    return 'leader'
  }

  /** Why the Master at this address is of no use now. */
  trouble(address: string | undefined, text: string): void {
    if (address !== undefined) this.#troubles.set(address, text.replace(/\.$/, ''))
  }

  /** Every address with what is wrong there, for NO_MASTER. */
  describe(): string {
    return this.addresses
      .map((address) => {
        const trouble = this.#troubles.get(address)
        return trouble === undefined ? `${address} (no answer)` : `${address} (${trouble})`
      })
      .join(', ')
  }

  /** Addresses that a Master taught us, to be dialled from now on. */
  learn(message: ClientMessage): DoorEffect[] {
    const taught =
      message.type === 'MasterChanged'
        ? [...message.masters, message.master]
        : message.type === 'MasterInStandby'
          ? [...message.masters, ...(message.leader === undefined ? [] : [message.leader])]
          : []
    const effects: DoorEffect[] = []
    for (const address of taught) {
      if (this.#addresses.has(address) || this.#addresses.size >= ADDRESSES_MAX) continue
      this.#addresses.add(address)
      effects.push({ kind: 'dial', address })
    }
    return effects
  }
}
