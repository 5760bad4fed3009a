import { innerLimits } from '../../runtime/inner-limits.js'
import { LeaderTracker } from '../../runtime/persistence/leader-tracker.js'
import type { ClientMessage } from '../messages/catalogue.js'
import type { Position } from '../messages/common.js'
import type { MasterInStandby } from '../messages/leadership.js'

/** A Master to be dialled from now on. Addresses are `firesteel://host:port`. */
export interface DialEffect {
  readonly kind: 'dial'
  readonly address: string
}

/** The leader, if it is linked. */
export interface Leader {
  readonly incarnation: string
  /** The address at which this client reaches it. */
  readonly address: string
  readonly epoch: number
}

export interface KnownMaster {
  readonly address: string
  readonly incarnation: string | undefined
  readonly problem: string | undefined
}

/**
 * `stale`: do not handle it (protocol R1). `leader`: a Master says that it leads. `noted`: nothing more to
 * do.
 */
export type LinkDecision = 'stale' | 'noted' | 'leader' | 'current'

/** The most Masters that a message names. */
const ADDRESSES_MAX = innerLimits.masters

/**
 * The Masters that one client knows, pure: which to dial (protocol R0), which links are open, which Master
 * leads, and which messages still count (protocol R1). A doubtful leader is only ignored: what a client says
 * about epochs has no effect (protocol 16).
 */
export class MasterLinks {
  readonly #addresses: Set<string>
  /** Incarnation of a linked Master -> address of its link. */
  readonly #up = new Map<string, string>()
  /** Address -> the incarnation that was last linked there. One Master may have several addresses. */
  readonly #lastAt = new Map<string, string>()
  /** Addresses where dialling has failed so far. */
  readonly #failed = new Set<string>()
  /** Addresses where the last dial found that nothing listens. */
  readonly #unheard = new Set<string>()
  #hasRefusal = false
  #isRefusedForGood = false
  #wasLinked = false
  /** Address -> what is wrong with a Master that does not lead, for people. */
  readonly #problems = new Map<string, string>()
  /** Address -> the remedy for what keeps its Master from being elected. */
  readonly #advice = new Map<string, string>()
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

  /** The newest of several links to one Master counts (protocol R3). */
  linkUp(peer: string, address: string): void {
    this.#wasLinked = true
    this.#problems.set(address, 'it has not said yet whether it leads')
    this.#up.set(peer, address)
    this.#lastAt.set(address, peer)
  }

  linkDown(peer: string): void {
    const address = this.#up.get(peer)
    this.problem(address, 'its link has ended')
    if (address !== undefined) this.#advice.delete(address)
    this.#up.delete(peer)
    if (this.#leading === peer) this.#leading = undefined
  }

  /** Dialling this address failed for now. */
  dialFailed(address: string, text: string, nobodyListens = false): void {
    this.#failed.add(address)
    if (nobodyListens) this.#unheard.add(address)
    else this.#unheard.delete(address)
    this.problem(address, text)
  }

  /**
   * The Master at this address refuses this client. `isForGood`: so will all others, because its token is not
   * in force any more.
   */
  refused(address: string, text: string, isForGood = false): void {
    this.#hasRefusal = true
    if (isForGood) this.#isRefusedForGood = true
    this.dialFailed(address, text)
  }

  /**
   * True: a Master refuses this client and none was ever reached, so another try cannot help. One foreign
   * Master beside reachable ones is no reason to end.
   */
  get isUnrecoverable(): boolean {
    return (
      this.#isRefusedForGood ||
      (this.#hasRefusal &&
        !this.#wasLinked &&
        [...this.#addresses].every((address) => this.#failed.has(address)))
    )
  }

  /** True: another try cannot help, where it has registered or not. */
  isOver(isRegistered: boolean): boolean {
    return this.#isRefusedForGood || (!isRegistered && this.isUnrecoverable)
  }

  /** True: nothing listens at any address, and no Master was ever reached. */
  get isAbsent(): boolean {
    return !this.#wasLinked && [...this.#addresses].every((address) => this.#unheard.has(address))
  }

  observed(from: string, position: Position, message: ClientMessage): LinkDecision {
    // A STANDBY speaks for no leadership, so its position proves nothing.
    if (message.type === 'MasterInStandby') {
      if (this.#leading === from) this.#leading = undefined
      this.#standby(this.#up.get(from), message)
      return 'noted'
    }
    if (this.#tracker.handled({ epoch: position.epoch, owner: from }, position) === 'stale') return 'stale'
    if (this.#leading !== from) this.#leading = undefined
    if (message.type !== 'MasterChanged') return 'current'
    this.#leading = from
    this.problem(this.#up.get(from), 'it leads')
    return 'leader'
  }

  #standby(address: string | undefined, { leader, problem }: MasterInStandby): void {
    const why = problem ? `, because ${problem.code}: ${problem.message.replace(/\.$/, '')}` : ''
    this.problem(address, leader && !problem ? `in standby; ${leader} leads` : `in standby${why}`)
    if (address === undefined) return
    if (problem?.help !== undefined) this.#advice.set(address, problem.help)
    else this.#advice.delete(address)
  }

  /** What to do, if the Masters know why none of them leads. */
  get advice(): string | undefined {
    const all = new Set(this.#advice.values())
    return all.size === 0 ? undefined : [...all].join(' ')
  }

  /** Notes why the Master at this address is of no use now. */
  problem(address: string | undefined, text: string): void {
    if (address !== undefined) this.#problems.set(address, text.replace(/\.$/, ''))
  }

  /**
   * Every known Master with its incarnation, or why it is not linked. Neither is set during the first dial.
   */
  get masters(): readonly KnownMaster[] {
    const linked = new Map([...this.#up].map(([incarnation, address]) => [address, incarnation]))
    return this.addresses
      .filter((address) => linked.has(address) || !this.#up.has(this.#lastAt.get(address) ?? ''))
      .map((address) => ({ address, incarnation: linked.get(address), problem: this.#problems.get(address) }))
  }

  /** Every address with its problem, for NO_MASTER. */
  describe(): string {
    return this.addresses
      .map((address) => {
        const problem = this.#problems.get(address)
        return problem === undefined ? `${address} (no answer)` : `${address} (${problem})`
      })
      .join(', ')
  }

  /** Takes the addresses that a Master named. Returns those to be dialled from now on. */
  learn(message: ClientMessage): DialEffect[] {
    const named =
      message.type === 'MasterChanged'
        ? [...message.masters, message.master]
        : message.type === 'MasterInStandby'
          ? [...message.masters, ...(message.leader === undefined ? [] : [message.leader])]
          : []
    const effects: DialEffect[] = []
    for (const address of named) {
      if (this.#addresses.has(address) || this.#addresses.size >= ADDRESSES_MAX) continue
      this.#addresses.add(address)
      effects.push({ kind: 'dial', address })
    }
    return effects
  }
}
