import { MASTER_SUBJECT } from '../../runtime/transport/identity.js'
import type { RecoveryState } from '../messages/common.js'
import type { StandbyPulse } from '../messages/masters.js'
import type { PeerInfo } from './books.js'

/** Is the other end of this link a Master? */
export const isFellow = ({ role, subject }: Pick<PeerInfo, 'role' | 'subject'>): boolean =>
  role === 'node' && subject === MASTER_SUBJECT

/** Another Master that is linked. */
export interface Fellow {
  readonly incarnation: string
  /** firesteel://host:port, as it says. */
  readonly address: string | undefined
  state: RecoveryState | 'UNKNOWN'
  pulse: StandbyPulse | undefined
}

/** The highest leadership this Master has heard of, its own included (protocol R1): one owner per epoch, the first. */
export interface KnownLeader {
  readonly epoch: number
  readonly owner: string
  readonly address: string
}

/** The other Masters and who leads among them, as far as this one knows. */
export class Fellows {
  readonly #linked = new Map<string, Fellow>()
  #leader: KnownLeader | undefined

  get leader(): KnownLeader | undefined {
    return this.#leader
  }

  get all(): Iterable<Fellow> {
    return this.#linked.values()
  }

  up(peer: PeerInfo): void {
    const { incarnation, address } = peer
    this.#linked.set(incarnation, { incarnation, address, state: 'UNKNOWN', pulse: undefined })
  }

  down(incarnation: string): void {
    this.#linked.delete(incarnation)
  }

  get(incarnation: string): Fellow | undefined {
    return this.#linked.get(incarnation)
  }

  /** State of the Master at this address; UNKNOWN where there is no link. */
  stateAt(address: string): RecoveryState | 'UNKNOWN' {
    for (const fellow of this.#linked.values()) if (fellow.address === address) return fellow.state
    return 'UNKNOWN'
  }

  /** Protocol R1. `stale`: lower, or the same epoch of another owner. */
  judge(epoch: number, owner: string): 'stale' | 'current' | 'new' {
    const known = this.#leader
    if (known && (epoch < known.epoch || (epoch === known.epoch && owner !== known.owner))) return 'stale'
    return known?.epoch === epoch ? 'current' : 'new'
  }

  lead(leader: KnownLeader): void {
    this.#leader = leader
    for (const fellow of this.#linked.values()) {
      if (fellow.incarnation === leader.owner) fellow.state = 'ALIVE'
      else if (fellow.state === 'ALIVE') fellow.state = 'STANDBY'
    }
  }

  /** The STANDBY that is fit to lead: its store answers, and it hears most Workers. */
  healthiest(): Fellow | undefined {
    let best: Fellow | undefined
    for (const fellow of this.#linked.values()) {
      if (fellow.state !== 'STANDBY' || !fellow.pulse?.storeReachable) continue
      if (!best || fellow.pulse.workersHeard > (best.pulse?.workersHeard ?? 0)) best = fellow
    }
    return best
  }
}
