import { innerLimits } from '../../runtime/inner-limits.js'
import type { Fence } from '../../runtime/persistence/engine.js'
import { type Judgement, LeaderTracker } from '../../runtime/persistence/leader-tracker.js'
import type { FormatRange } from '../../runtime/persistence/store-format.js'
import { MASTER_SUBJECT } from '../../runtime/transport/identity.js'
import type { RecoveryState } from '../messages/common.js'
import type { StandbyPulse } from '../messages/masters.js'
import type { Peer } from './access.js'
import type { PeerInfo } from './cluster-state.js'

/** Is the other end of this link a Master? */
export const isPeerMaster = ({ role, subject }: Peer): boolean =>
  role === 'node' && subject === MASTER_SUBJECT

/** Another Master that is linked. */
export interface PeerMaster {
  readonly incarnation: string
  /** firesteel://host:port, as it says. */
  readonly address: string | undefined
  state: RecoveryState | 'UNKNOWN'
  pulse: StandbyPulse | undefined
  /** Its newest pulse proves that it reads the store. */
  isProven: boolean
  /** The formats of a store that it knows; undefined: it has not said so yet. */
  formats: FormatRange | undefined
}

/** The highest leadership this Master has heard of, its own included (protocol R1). */
export interface KnownLeader extends Fence {
  readonly address: string
}

/** The other Masters as a record of this one has them. */
export interface SavedPeerMasters {
  readonly leader: KnownLeader | undefined
  readonly linked: readonly PeerMaster[]
  readonly webs: readonly (readonly [address: string, web: string])[]
}

/** The other Masters, and which one leads, as far as this one knows. */
export class PeerMasters {
  readonly #linked = new Map<string, PeerMaster>()
  readonly #tracker = new LeaderTracker<KnownLeader>()
  /** Where the pages of each Master are. It is kept after its link has ended. */
  readonly #webs = new Map<string, string>()

  get leader(): KnownLeader | undefined {
    return this.#tracker.leader
  }

  /** For a record of this Master. */
  save(): SavedPeerMasters {
    const linked = [...this.#linked.values()].map((peerMaster) => ({ ...peerMaster }))
    return { leader: this.leader, linked, webs: [...this.#webs] }
  }

  load({ leader, linked, webs }: SavedPeerMasters): void {
    if (leader) this.#tracker.follow(leader)
    // All fields in their order, also those that a record leaves out: the next one must have the same text.
    for (const { incarnation, address, state, pulse, isProven, formats } of linked)
      this.#linked.set(incarnation, { incarnation, address, state, pulse, isProven, formats })
    for (const [address, web] of webs) this.#webs.set(address, web)
  }

  get all(): Iterable<PeerMaster> {
    return this.#linked.values()
  }

  up(peer: PeerInfo): void {
    const { incarnation, address } = peer
    this.#linked.set(incarnation, {
      incarnation,
      address,
      state: 'UNKNOWN',
      pulse: undefined,
      isProven: false,
      formats: undefined,
    })
  }

  down(incarnation: string): void {
    this.#linked.delete(incarnation)
  }

  get(incarnation: string): PeerMaster | undefined {
    return this.#linked.get(incarnation)
  }

  /** State of the Master at this address; UNKNOWN where there is no link. */
  stateAt(address: string): RecoveryState | 'UNKNOWN' {
    for (const peerMaster of this.#linked.values())
      if (peerMaster.address === address) return peerMaster.state
    return 'UNKNOWN'
  }

  /** Where the pages of this Master are, as it said. */
  webOf(address: string): string | undefined {
    return this.#webs.get(address)
  }

  /** A Master says where its pages are. */
  showsAt(address: string | undefined, web: string | null | undefined): void {
    if (!address || !web || (this.#webs.size >= innerLimits.masters && !this.#webs.has(address))) return
    this.#webs.set(address, web)
  }

  judge(leadership: Fence): Judgement {
    return this.#tracker.judge(leadership)
  }

  lead(leader: KnownLeader): void {
    this.#tracker.follow(leader)
    for (const peerMaster of this.#linked.values()) {
      if (peerMaster.incarnation === leader.owner) peerMaster.state = 'ALIVE'
      else if (peerMaster.state === 'ALIVE') peerMaster.state = 'STANDBY'
    }
  }

  /**
   * The STANDBY that is fit to lead: its store answers, and it hears Workers on most hosts. One that proves
   * that it reads the store goes before all others, whatever those say.
   */
  healthiest(): PeerMaster | undefined {
    let best: PeerMaster | undefined
    for (const peerMaster of this.#linked.values()) {
      if (peerMaster.state !== 'STANDBY' || !peerMaster.pulse?.storeReachable) continue
      if (!best || isFitter(peerMaster, best)) best = peerMaster
    }
    return best
  }
}

function isFitter(one: PeerMaster, other: PeerMaster): boolean {
  if (one.isProven !== other.isProven) return one.isProven
  const [hosts = 0, otherHosts = 0] = [one.pulse?.hostsHeard, other.pulse?.hostsHeard]
  if (hosts !== otherHosts) return hosts > otherHosts
  return (one.pulse?.workersHeard ?? 0) > (other.pulse?.workersHeard ?? 0)
}
