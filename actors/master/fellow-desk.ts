import { limits } from '../../runtime/limits.js'
import { comparePositions } from '../../runtime/persistence/engine.js'
import type { FromMaster, MasterMessage } from '../messages/catalogue.js'
import type { Position } from '../messages/common.js'
import type { StaleEpoch } from '../messages/leadership.js'
import type { PositionSeen } from '../messages/masters.js'
import type { Books, PeerInfo } from './books.js'
import { type Fellow, Fellows, isFellow, type KnownLeader } from './fellows.js'
import type { MasterConfig } from './master-config.js'
import type { Step } from './step.js'

/** What Masters say to each other, and what Workers tell of leaders they have seen. */
export type FellowMessage = FromMaster | PositionSeen | StaleEpoch

const forFellows: ReadonlySet<string> = new Set<FellowMessage['type']>([
  'MasterChanged',
  'MasterInStandby',
  'LeaderPulse',
  'StandbyPulse',
  'RequestLostTail',
  'LostTail',
  'TailTaken',
  'HandOver',
  'Released',
  'PositionSeen',
  'StaleEpoch',
])

export const isForFellows = (message: MasterMessage): message is FellowMessage => forFellows.has(message.type)

interface FellowDelivery {
  readonly from: PeerInfo
  readonly message: FellowMessage
  readonly position: Position | undefined
  /** Workers linked to this Master. */
  readonly heardWorkers: number
  readonly store: boolean
}

const nowhere: Position = { epoch: 0, seq: 0 }

/** A Master among Masters (protocol 5, 6, 12, 13): who leads, whose end is evidence, who is fit to take over. */
export class FellowDesk {
  readonly #config: MasterConfig
  readonly #fellows = new Fellows()
  /** Since when this leader has heard fewer than half of its live Workers. */
  #deafSinceMs: number | undefined

  constructor(config: MasterConfig) {
    this.#config = config
  }

  get leader(): KnownLeader | undefined {
    return this.#fellows.leader
  }

  successors(): { chosen: Fellow | undefined; all: readonly Fellow[] } {
    return { chosen: this.#fellows.healthiest(), all: [...this.#fellows.all] }
  }

  stateAt(address: string) {
    return this.#fellows.stateAt(address)
  }

  /** Whoever may hold what the store forgot is asked for it; the deposed one, silent for a lease, is not waited for. */
  elected(books: Books, step: Step): void {
    const { epoch, owner } = books.leadership
    const deposed = this.#fellows.leader?.owner
    this.#fellows.lead({ epoch, owner, address: this.#config.address })
    for (const { incarnation } of this.#fellows.all) {
      if (incarnation !== deposed) books.awaitedTails.add(incarnation)
      this.#requestTail(books, step, incarnation)
    }
    step.startTimer('pulse', 0)
  }

  linkUp(books: Books | undefined, step: Step, peer: PeerInfo): void {
    this.#fellows.up(peer)
    // Where it says it listens goes to Workers and clients only if it answers where a Master is known to listen.
    if (peer.address && peer.dialled) step.free.push({ kind: 'mastersHeard', addresses: [peer.address] })
    if (!books) return
    if (books.state === 'RECOVERING') books.awaitedTails.add(peer.incarnation)
    this.#requestTail(books, step, peer.incarnation)
  }

  linkDown(books: Books | undefined, step: Step, incarnation: string, closedByKernel: boolean): void {
    this.#fellows.down(incarnation)
    books?.awaitedTails.delete(incarnation)
    if (closedByKernel) step.tellAgent({ type: 'MasterLinkClosed', incarnation })
  }

  /** The store says who leads: no peer's word is needed. */
  recordSeen(step: Step, { epoch, owner, address }: KnownLeader): void {
    if (this.#fellows.judge(epoch, owner) !== 'new') return
    this.#fellows.lead({ epoch, owner, address })
    step.free.push({ kind: 'leaderHeard', epoch }, { kind: 'mastersHeard', addresses: [address] })
  }

  receive(books: Books | undefined, step: Step, delivery: FellowDelivery): void {
    const { from, message } = delivery
    if (message.type === 'PositionSeen') {
      this.#claimed(books, step, message.position, message.owner)
    } else if (message.type === 'StaleEpoch') {
      this.#claimed(books, step, { epoch: message.epoch, seq: 0 }, message.owner)
    } else if (isFellow(from)) {
      this.#fromFellow(books, step, message, delivery)
    }
  }

  /** Every lease/3 while this Master leads. */
  pulse(books: Books, step: Step): void {
    const { leaseMs } = this.#config
    let workers = 0
    let workersHeard = 0
    for (const worker of books.workers.values()) {
      if (worker.state === 'DEAD') continue
      workers++
      if (worker.linked) workersHeard++
    }
    for (const { incarnation } of this.#fellows.all) {
      step.tellNow(incarnation, { type: 'LeaderPulse', workers, workersHeard })
    }
    // An idle leader must learn of a store that lost its tail while it has the image.
    step.fence()
    step.startTimer('pulse', leaseMs / 3)
    this.#listen(books, step, workers, workersHeard)
  }

  /** A leader that hears too few, while another hears more, is of less use than that one (protocol 6). */
  #listen(books: Books, step: Step, workers: number, workersHeard: number): void {
    const { leaseMs } = this.#config
    const nowMs = step.now.monotonicMs
    if (2 * workersHeard >= workers) {
      this.#deafSinceMs = undefined
      return
    }
    this.#deafSinceMs ??= nowMs
    const better = this.#fellows.healthiest()
    if (nowMs - this.#deafSinceMs < 2 * leaseMs || !better?.pulse) return
    if (better.pulse.workersHeard <= workersHeard || books.state !== 'ALIVE') return
    this.#deafSinceMs = nowMs
    const reason = `it hears ${workersHeard} of ${workers} workers, ${better.address} hears ${better.pulse.workersHeard}`
    step.free.push({ kind: 'handOver', reason })
  }

  #fromFellow(
    books: Books | undefined,
    step: Step,
    message: FromMaster,
    { from, position = nowhere, heardWorkers, store }: FellowDelivery,
  ): void {
    const fellow = this.#fellows.get(from.incarnation)
    switch (message.type) {
      case 'MasterInStandby':
        if (fellow) fellow.state = 'STANDBY'
        if (from.dialled) step.free.push({ kind: 'mastersHeard', addresses: message.masters })
        return
      case 'StandbyPulse':
        if (fellow) fellow.pulse = message
        return
      case 'LostTail':
        // The shell has checked its records and hands them over as `tail`.
        return
      case 'TailTaken':
        if (this.#leads(from))
          step.free.push({ kind: 'tailTaken', at: { ...position, owner: from.incarnation } })
        return
      case 'HandOver':
        if (this.#leads(from)) step.tellAgent({ type: 'TakeOver' })
        return
      case 'Released':
        if (this.#leads(from) && message.to !== this.#config.address)
          step.tellAgent({ type: 'HoldOff', ms: limits.handOverHoldOffMs })
        return
      case 'MasterChanged':
        if (from.dialled) step.free.push({ kind: 'mastersHeard', addresses: message.masters })
        this.#obey(books, step, from, position, message.master)
        return
      case 'RequestLostTail':
        if (this.#obey(books, step, from, position, from.address) !== 'stale')
          step.free.push({
            kind: 'giveTail',
            to: from.incarnation,
            found: message,
            more: message.more === true,
          })
        return
      case 'LeaderPulse':
        if (this.#obey(books, step, from, position, from.address) !== 'stale' && !books) {
          const pulse = { type: 'StandbyPulse', workersHeard: heardWorkers, storeReachable: store } as const
          step.tellNow(from.incarnation, pulse)
        }
        return
    }
  }

  #requestTail({ leadership }: Books, step: Step, to: string): void {
    const { base, earlier } = leadership
    step.tell(to, { type: 'RequestLostTail', base, earlier: [...earlier] })
  }

  #leads(from: PeerInfo): boolean {
    return this.#fellows.leader?.owner === from.incarnation
  }

  /**
   * Protocol R1 among Masters. `stale`, and answered: a leadership is over that speaks as if it were not. `claimed`: it says that it
   * leads, and is not known to be a Master but by its own word: the store will say so, or nobody obeys it.
   */
  #obey(
    books: Books | undefined,
    step: Step,
    from: PeerInfo,
    position: Position,
    address: string | undefined,
  ): 'stale' | 'claimed' | 'obeyed' {
    const { epoch } = position
    const judged = this.#fellows.judge(epoch, from.incarnation)
    if (judged === 'stale') {
      const known = this.#fellows.leader!
      step.tellNow(from.incarnation, { type: 'StaleEpoch', epoch: known.epoch, owner: known.owner })
      return 'stale'
    }
    if (judged === 'new') {
      const known = this.#fellows.leader?.epoch ?? 0
      if (!from.dialled || epoch > known + limits.epochRise) {
        this.#claimed(books, step, position, from.incarnation)
        return 'claimed'
      }
      this.#fellows.lead({ epoch, owner: from.incarnation, address: address ?? from.address ?? '' })
      step.free.push({ kind: 'leaderHeard', epoch })
      if (books) this.#deposed(step, epoch, from.incarnation)
    }
    this.#heard(books, step, position)
    return 'obeyed'
  }

  /**
   * Somebody says that it has obeyed this leadership, or has it. If it is not the one that is known, and not below it, the
   * store is asked: nobody ends a leadership, or begins one, by saying so.
   */
  #claimed(books: Books | undefined, step: Step, position: Position, owner: string): void {
    this.#heard(books, step, position)
    const { epoch } = position
    if (this.#fellows.judge(epoch, owner) === 'new' || this.#isAnothers(books, epoch, owner))
      step.tellAgent({ type: 'LeadershipClaimed', epoch })
  }

  /** A store that forgets an election gives its epoch once more. */
  #isAnothers(books: Books | undefined, epoch: number, owner: string): boolean {
    return books?.leadership.epoch === epoch && books.leadership.owner !== owner
  }

  #deposed(step: Step, epoch: number, owner: string): void {
    step.free.push({ kind: 'lost', reason: `a peer has seen epoch ${epoch} of ${owner}`, heardEpoch: epoch })
  }

  #heard(books: Books | undefined, step: Step, position: Position): void {
    const mine = books?.leadership
    if (mine && position.epoch < mine.epoch && comparePositions(position, mine.heard) > 0) {
      const { base, heard } = mine
      mine.heard = position
      // Of what was heard before, the candidate has told.
      if (comparePositions(heard, base) <= 0 && comparePositions(position, base) > 0)
        step.log('warn', 'STORE_REWOUND: the store has lost writes that others have seen', {
          base,
          heard: position,
        })
    }
    step.tellAgent({ type: 'PositionHeard', position })
  }
}
