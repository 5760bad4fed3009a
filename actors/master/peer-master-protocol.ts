import { limits } from '../../runtime/limits.js'
import { comparePositions } from '../../runtime/persistence/engine.js'
import { firstFormats } from '../../runtime/persistence/store-format.js'
import type { Position } from '../messages/common.js'
import type { MasterChanged, MasterInStandby, StaleEpoch } from '../messages/leadership.js'
import type {
  LeaderPulse,
  PositionSeen,
  Released,
  RequestLostTail,
  StandbyPulse,
} from '../messages/masters.js'
import type { ClusterState, PeerInfo } from './cluster-state.js'
import type { CommitQueueView } from './commit-queue-view.js'
import { requestLostWrites } from './lost-writes/request.js'
import type { MasterConfig } from './master-config.js'
import type { LeaderGone } from './master-event.js'
import { type KnownLeader, type PeerMaster, PeerMasters, type SavedPeerMasters } from './peer-masters.js'
import type { Step } from './step.js'
import type { MasterFormats } from './upgrade.js'

/** A message of another Master, or of a Worker that has seen one. */
interface PeerDelivery {
  readonly cluster: ClusterState | undefined
  readonly step: Step
  readonly from: PeerInfo
  readonly position: Position | undefined
}

/** The Workers that this Master is linked to, and the networks of hosts that their links come from. */
export interface Heard {
  readonly workersHeard: number
  readonly hostsHeard: number
}

interface PulseDelivery extends PeerDelivery {
  readonly commitQueue: CommitQueueView
  heard(): Heard
}

/** This part as a record of its Master has it. */
export interface SavedPeerProtocol extends SavedPeerMasters {
  readonly deafSinceMs: number | undefined
}

const nowhere: Position = { epoch: 0, seq: 0 }

/** Of the Workers that this leader knows: those that live, those that are linked, those that fell silent. */
export function heardOf(cluster: ClusterState): { workers: number; workersHeard: number; silent: number } {
  const heard = { workers: 0, workersHeard: 0, silent: 0 }
  for (const { state, diedOf, linked } of cluster.workers.values()) {
    if (state !== 'DEAD') heard.workers++
    else if (diedOf === 'silence') heard.silent++
    if (state !== 'DEAD' && linked) heard.workersHeard++
  }
  return heard
}

/**
 * The part of a Master that deals with other Masters (protocol 5, 6, 12, 13): which of them leads, whose end
 * is evidence, and which one is fit to take over.
 */
export class PeerMasterProtocol {
  readonly #config: MasterConfig
  readonly #peerMasters = new PeerMasters()
  /** Since when a STANDBY is linked to Workers on more than twice as many hosts as this leader. */
  #deafSinceMs: number | undefined

  constructor(config: MasterConfig) {
    this.#config = config
  }

  /** For a record of this Master. */
  save(): SavedPeerProtocol {
    return { deafSinceMs: this.#deafSinceMs, ...this.#peerMasters.save() }
  }

  load(saved: SavedPeerProtocol): void {
    this.#deafSinceMs = saved.deafSinceMs
    this.#peerMasters.load(saved)
  }

  get leader(): KnownLeader | undefined {
    return this.#peerMasters.leader
  }

  successors(): { chosen: PeerMaster | undefined; all: readonly PeerMaster[] } {
    return { chosen: this.#peerMasters.healthiest(), all: [...this.#peerMasters.all] }
  }

  /** Which formats this Master and those linked to it know. */
  formats(): MasterFormats[] {
    const { address, formats } = this.#config
    const others = [...this.#peerMasters.all].map((peer) => ({
      address: peer.address ?? peer.incarnation,
      formats: peer.formats,
    }))
    return [{ address, formats }, ...others]
  }

  stateAt(address: string) {
    return this.#peerMasters.stateAt(address)
  }

  webOf(address: string): string | undefined {
    return this.#peerMasters.webOf(address)
  }

  /**
   * Asks every Master that may hold what the store forgot. It does not wait for the deposed leader, which has
   * been silent for a lease.
   */
  elected(cluster: ClusterState, step: Step): void {
    const { epoch, owner } = cluster.leadership
    const deposed = this.#peerMasters.leader?.owner
    this.#peerMasters.lead({ epoch, owner, address: this.#config.address })
    for (const { incarnation } of this.#peerMasters.all) {
      if (incarnation !== deposed) cluster.awaitedLostWrites.add(incarnation)
      requestLostWrites(cluster, step, incarnation)
    }
  }

  linkUp(cluster: ClusterState | undefined, step: Step, peer: PeerInfo): void {
    this.#peerMasters.up(peer)
    // If its link had ended before, its leadership had not.
    const { leader } = this.#peerMasters
    if (leader?.owner === peer.incarnation)
      step.emit({ event: 'leaderObserved', epoch: leader.epoch, address: leader.address })
    // A Master claims its own address. Workers and clients get it only if a dial to a known Master's address
    // proved it.
    if (peer.address && peer.dialled) step.emit({ event: 'mastersObserved', addresses: [peer.address] })
    if (!cluster) return
    if (cluster.state === 'RECOVERING') cluster.awaitedLostWrites.add(peer.incarnation)
    requestLostWrites(cluster, step, peer.incarnation)
  }

  linkDown(
    cluster: ClusterState | undefined,
    step: Step,
    incarnation: string,
    closedByKernel: boolean,
  ): void {
    if (closedByKernel && this.#peerMasters.leader?.owner === incarnation) this.#gone(step, 'closed')
    this.#peerMasters.down(incarnation)
    cluster?.askedLostWrites.delete(incarnation)
    cluster?.awaitedLostWrites.delete(incarnation)
    if (closedByKernel) step.tellAgent({ type: 'MasterLinkClosed', incarnation })
  }

  /** The store says which Master leads, so no peer's claim is needed. */
  recordSeen(step: Step, { epoch, owner, address }: KnownLeader): void {
    if (this.#peerMasters.judge({ epoch, owner }) !== 'new') return
    this.#peerMasters.lead({ epoch, owner, address })
    step.emit({ event: 'leaderObserved', epoch, address })
    step.emit({ event: 'mastersObserved', addresses: [address] })
  }

  positionSeen({ cluster, step }: PeerDelivery, { position, owner }: PositionSeen): void {
    this.#claimed(cluster, step, position, owner)
  }

  staleEpoch({ cluster, step }: PeerDelivery, { epoch, owner }: StaleEpoch): void {
    this.#claimed(cluster, step, { epoch, seq: 0 }, owner)
  }

  masterInStandby(
    { step, from }: PeerDelivery,
    { masters, web, formats = firstFormats }: MasterInStandby,
  ): void {
    this.#peerMasters.showsAt(from.address, web)
    const peerMaster = this.#peerMasters.get(from.incarnation)
    if (peerMaster) Object.assign(peerMaster, { state: 'STANDBY', formats })
    if (from.dialled) step.emit({ event: 'mastersObserved', addresses: masters })
  }

  standbyPulse({ from, isProven }: PeerDelivery & { readonly isProven: boolean }, pulse: StandbyPulse): void {
    const peerMaster = this.#peerMasters.get(from.incarnation)
    if (peerMaster) Object.assign(peerMaster, { pulse, isProven })
  }

  tailTaken({ step, from, position = nowhere }: PeerDelivery): void {
    if (this.#leads(from)) step.free.push({ kind: 'tailTaken', at: { ...position, owner: from.incarnation } })
  }

  handOver({ step, from }: PeerDelivery): void {
    if (!this.#leads(from)) return
    this.#gone(step, 'handedOver')
    step.tellAgent({ type: 'TakeOver' })
  }

  released({ step, from }: PeerDelivery, { to }: Released): void {
    if (!this.#leads(from)) return
    this.#gone(step, 'handedOver')
    if (to !== this.#config.address) step.tellAgent({ type: 'HoldOff', ms: limits.handOverHoldOffMs })
  }

  masterChanged(delivery: PeerDelivery, { master, masters, web }: MasterChanged): void {
    const { step, from } = delivery
    this.#peerMasters.showsAt(from.address, web)
    if (from.dialled) step.emit({ event: 'mastersObserved', addresses: masters })
    this.#obey(delivery, master)
  }

  requestLostTail(delivery: PeerDelivery, message: RequestLostTail): void {
    const { step, from } = delivery
    if (this.#obey(delivery, from.address) === 'stale') return
    const more = message.more === true
    step.free.push({ kind: 'giveTail', to: from.incarnation, found: message, more })
  }

  leaderPulse(delivery: PulseDelivery, { handsOver }: LeaderPulse): void {
    const { cluster, step, from, commitQueue } = delivery
    const heard = this.#obey(delivery, from.address)
    if (heard === 'stale' || cluster) return
    const storeReachable = commitQueue.storeReachable ?? true
    const answer = { type: 'StandbyPulse', ...delivery.heard(), storeReachable } as const
    step.tellNow(from.incarnation, answer)
    const { leader } = this.#peerMasters
    if (handsOver && heard === 'obeyed' && leader)
      step.free.push({ kind: 'readAhead', leader, answer: { ...answer, hasReadAhead: true } })
  }

  /** Runs when this Master becomes ALIVE, and every lease/3 while it leads. */
  pulse(cluster: ClusterState, step: Step, { hostsHeard }: Heard): void {
    const { leaseMs } = this.#config
    const { workers, workersHeard } = heardOf(cluster)
    for (const { incarnation } of this.#peerMasters.all) {
      step.tellNow(incarnation, { type: 'LeaderPulse', workers, workersHeard })
    }
    // Even an idle leader must notice a store that lost its last writes, while it still has the record cache.
    step.fence()
    step.startTimer({ kind: 'pulse' }, leaseMs / 3)
    this.#listen(cluster, step, hostsHeard)
  }

  /**
   * A leader that is linked to Workers on less than half of the hosts that a STANDBY hears hands over to it
   * (protocol 6). Only links count, and of each host only one: what a peer registers, or how many Workers it
   * says that it is, is its own word. Only a STANDBY that proves that it reads the store is believed.
   */
  #listen(cluster: ClusterState, step: Step, hostsHeard: number): void {
    const { leaseMs } = this.#config
    const nowMs = step.now.monotonicMs
    const better = this.#peerMasters.healthiest()
    if (!better?.pulse || !better.isProven || (better.pulse.hostsHeard ?? 0) <= 2 * hostsHeard) {
      this.#deafSinceMs = undefined
      return
    }
    this.#deafSinceMs ??= nowMs
    if (nowMs - this.#deafSinceMs < 2 * leaseMs || cluster.state !== 'ALIVE') return
    this.#deafSinceMs = nowMs
    const { workers, workersHeard, silent } = heardOf(cluster)
    const reason = `it hears ${workersHeard} of ${workers + silent} workers, ${better.address} hears ${better.pulse.workersHeard}`
    step.free.push({ kind: 'handOver', reason })
  }

  /** The Master that leads has been seen to end. Only an election says that it has. */
  #gone(step: Step, how: LeaderGone): void {
    const { epoch } = this.#peerMasters.leader!
    step.emit({ event: 'leaderGone', epoch, how })
  }

  #leads(from: PeerInfo): boolean {
    return this.#peerMasters.leader?.owner === from.incarnation
  }

  /**
   * Protocol R1 among Masters. `stale`: the sender's leadership is over; it gets an answer that says so.
   * `claimed`: the sender says that it leads, but only its own word makes it a Master. Nothing obeys it until
   * the store confirms it.
   */
  #obey(
    { cluster, step, from, position = nowhere }: PeerDelivery,
    address: string | undefined,
  ): 'stale' | 'claimed' | 'obeyed' {
    const { epoch } = position
    const judged = this.#peerMasters.judge({ epoch, owner: from.incarnation })
    if (judged === 'stale') {
      const known = this.#peerMasters.leader!
      step.tellNow(from.incarnation, { type: 'StaleEpoch', epoch: known.epoch, owner: known.owner })
      return 'stale'
    }
    if (judged === 'new') {
      const known = this.#peerMasters.leader?.epoch ?? 0
      if (!from.dialled || epoch > known + limits.epochRise) {
        this.#claimed(cluster, step, position, from.incarnation)
        return 'claimed'
      }
      const leader = { epoch, owner: from.incarnation, address: address ?? from.address ?? '' }
      this.#peerMasters.lead(leader)
      step.emit({ event: 'leaderObserved', epoch, address: leader.address })
      if (cluster) this.#deposed(step, epoch, from.incarnation)
    }
    this.#observed(cluster, step, position)
    return 'obeyed'
  }

  /**
   * A peer says that it has obeyed this leadership, or that it has it. If the leadership is unknown and not
   * below the known one, the agent asks the store. A claim alone ends no leadership and begins none.
   */
  #claimed(cluster: ClusterState | undefined, step: Step, position: Position, owner: string): void {
    this.#observed(cluster, step, position)
    const { epoch } = position
    if (this.#peerMasters.judge({ epoch, owner }) === 'new' || this.#isAnothers(cluster, epoch, owner))
      step.tellAgent({ type: 'LeadershipClaimed', epoch })
  }

  /** A store that forgets an election may give the same epoch again. */
  #isAnothers(cluster: ClusterState | undefined, epoch: number, owner: string): boolean {
    return cluster?.leadership.epoch === epoch && cluster.leadership.owner !== owner
  }

  #deposed(step: Step, epoch: number, owner: string): void {
    step.free.push({
      kind: 'lost',
      reason: `a peer has seen epoch ${epoch} of ${owner}`,
      observedEpoch: epoch,
    })
  }

  #observed(cluster: ClusterState | undefined, step: Step, position: Position): void {
    const mine = cluster?.leadership
    if (mine && position.epoch < mine.epoch && comparePositions(position, mine.observed) > 0) {
      const { base, observed } = mine
      mine.observed = position
      // The candidate has already logged what was observed before.
      if (comparePositions(observed, base) <= 0 && comparePositions(position, base) > 0)
        step.log('warn', 'STORE_REWOUND: the store has lost writes that others have seen', {
          base,
          observed: position,
        })
    }
    step.tellAgent({ type: 'PositionHeard', position })
  }
}
