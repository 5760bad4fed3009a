import type { MasterMessage } from '../messages/catalogue.js'
import { comparePositions, type Position, type RecoveryState } from '../messages/common.js'
import type { MasterChanged } from '../messages/leadership.js'
import * as executors from './application-executors.js'
import * as applications from './applications.js'
import { Books, type MasterConfig, type PeerInfo } from './books.js'
import { IdSource } from './ids.js'
import type { StoredRecords } from './records.js'
import { advanceRecovery, beginRecovery, recoveryQuietElapsed } from './recovery.js'
import { type Delivery, notLeader, route } from './routing.js'
import { schedule } from './scheduling.js'
import { snapshot } from './snapshot.js'
import { type Now, type ReplyToken, Step } from './step.js'
import * as workers from './workers.js'

interface Elected {
  readonly kind: 'elected'
  readonly epoch: number
  readonly owner: string
  readonly base: Position
  readonly records: StoredRecords
}

export type MasterInput =
  | { readonly kind: 'linkUp'; readonly peer: PeerInfo }
  | { readonly kind: 'linkDown'; readonly incarnation: string }
  | {
      readonly kind: 'message'
      readonly from: string
      readonly message: MasterMessage
      readonly reply?: ReplyToken
    }
  | { readonly kind: 'timer'; readonly key: string }
  | { readonly kind: 'probed'; readonly workerId: string; readonly refused: boolean }
  | Elected
  /** The mailbox is empty for now: place what the messages made possible, once. */
  | { readonly kind: 'turnEnd' }

const reads: ReadonlySet<MasterMessage['type']> = new Set([
  'RequestMasterState',
  'RequestDriverStatus',
  'RequestLogLocation',
])

/** What the core must know of its lane when it answers. */
export interface LaneView {
  readonly position: Position
  /** Code while the store refuses or is away: new requests are refused with it (protocol 4.3). */
  readonly trouble: Delivery['trouble']
}

/**
 * The Master, pure: one input and the time, own state, and what to do about it. It reads no clock, draws no random
 * number and does no I/O; the shell runs the effects, gated ones behind the commit lane.
 */
export class MasterCore {
  readonly #config: MasterConfig
  readonly #peers = new Map<string, PeerInfo>()
  #books: Books | undefined
  #sweptAtMs = Number.NEGATIVE_INFINITY

  constructor(config: MasterConfig) {
    this.#config = config
  }

  get state(): RecoveryState {
    return this.#books?.state ?? 'STANDBY'
  }

  get books(): Books | undefined {
    return this.#books
  }

  snapshot(lane: LaneView, now: Now) {
    const { position, trouble } = lane
    const source = { config: this.#config, state: this.state, books: this.#books, position }
    return snapshot({ ...source, stale: trouble !== undefined }, now)
  }

  step(input: MasterInput, now: Now, lane: LaneView): Step {
    const step = new Step(now)
    switch (input.kind) {
      case 'linkUp':
        this.#linkUp(step, input.peer, lane)
        break
      case 'linkDown':
        this.#linkDown(step, input.incarnation)
        break
      case 'message':
        this.#message(step, input.from, input.message, input.reply, lane)
        break
      case 'timer':
        this.#timer(step, input.key)
        break
      case 'probed':
        if (this.#books) workers.probed(this.#books, step, input.workerId, input.refused)
        break
      case 'elected':
        this.#elected(step, input, lane)
        break
      case 'turnEnd':
        if (this.#books?.dirty) schedule(this.#books, step)
        break
    }
    return step
  }

  #elected(step: Step, { epoch, owner, base, records }: Elected, lane: LaneView): void {
    const leadership = {
      epoch,
      owner,
      base,
      sinceMs: step.now.wallMs,
      electedAtMs: step.now.monotonicMs,
    }
    this.#books = new Books(this.#config, leadership, new IdSource(epoch))
    beginRecovery(this.#books, step, records)
    for (const peer of this.#peers.values()) this.#speakFirst(step, peer, lane)
    this.#sweptAtMs = step.now.monotonicMs
    step.startTimer('sweep', this.#sweepEveryMs)
  }

  get #sweepEveryMs(): number {
    return this.#config.workerTimeoutMs / 12
  }

  /**
   * R0: on a new link the Master speaks first. While the store refuses writes it does not wait for them: who hears a
   * deposed leader is protected by R1, and who hears nothing cannot even be refused.
   */
  #speakFirst(step: Step, peer: PeerInfo, lane: LaneView): void {
    const { masters, address, web } = this.#config
    if (!this.#books) {
      step.tellNow(peer.incarnation, { type: 'MasterInStandby', masters: [...masters] })
      return
    }
    const message: MasterChanged = { type: 'MasterChanged', master: address, web, masters: [...masters] }
    if (lane.trouble) step.tellNow(peer.incarnation, message)
    else step.tell(peer.incarnation, message)
  }

  #linkUp(step: Step, peer: PeerInfo, lane: LaneView): void {
    this.#peers.set(peer.incarnation, peer)
    // Who has just come is about to answer: that is not quiet.
    if (this.#books) this.#books.lastAnswerMs = step.now.monotonicMs
    this.#speakFirst(step, peer, lane)
  }

  #linkDown(step: Step, incarnation: string): void {
    this.#peers.delete(incarnation)
    if (!this.#books) return
    workers.workerUnlinked(this.#books, step, incarnation)
    applications.applicationUnlinked(this.#books, step, incarnation)
  }

  #message(step: Step, incarnation: string, message: MasterMessage, reply: ReplyToken, lane: LaneView): void {
    const from = this.#peers.get(incarnation)
    if (!from) return
    // With the store in trouble, what is only read comes from memory, marked stale (protocol 15).
    step.readsFromMemory = lane.trouble !== undefined && reads.has(message.type)
    if (message.type === 'StaleEpoch') {
      this.#staleEpoch(step, message.epoch, message.owner)
    } else if (message.type === 'RequestMasterState') {
      this.#masterState(step, reply, lane)
    } else if (!this.#books) {
      this.#notLeader(step, from, reply)
    } else {
      route(this.#books, step, message, { from, reply, trouble: lane.trouble })
      advanceRecovery(this.#books, step)
    }
  }

  #masterState(step: Step, reply: ReplyToken, lane: LaneView): void {
    const state = this.snapshot(lane, step.now)
    // A STANDBY has nothing to fence.
    if (!this.#books) step.replyNow(reply, state)
    else step.reply(reply, state)
  }

  #notLeader(step: Step, from: PeerInfo, reply: ReplyToken): void {
    const { masters, address } = this.#config
    step.tellNow(from.incarnation, { type: 'MasterInStandby', masters: [...masters] })
    step.replyNow(reply, notLeader(address, this.state))
  }

  /** Somebody has seen a later leadership, or another owner of mine: this one is over (protocol 6). */
  #staleEpoch(step: Step, epoch: number, owner: string): void {
    const leadership = this.#books?.leadership
    if (!leadership) return
    if (comparePositions({ epoch, seq: 0 }, { epoch: leadership.epoch, seq: 0 }) < 0) return
    if (epoch === leadership.epoch && owner === leadership.owner) return
    step.free.push({ kind: 'lost', reason: `a peer has seen epoch ${epoch} of ${owner}`, heardEpoch: epoch })
  }

  #timer(step: Step, key: string): void {
    const books = this.#books
    if (!books) return
    const cut = key.indexOf(':')
    const kind = cut < 0 ? key : key.slice(0, cut)
    const subject = key.slice(cut + 1)
    switch (kind) {
      case 'sweep':
        this.#sweep(step, books)
        break
      case 'recovery-quiet':
        recoveryQuietElapsed(books, step)
        break
      case 'recovery-max':
        advanceRecovery(books, step, true)
        break
      case 'application':
        applications.applicationSilent(books, step, subject)
        break
      case 'relaunch':
        relaunchDue(books, subject)
        break
      case 'probe':
        workers.probe(books, step, subject)
        break
      case 'adopt':
        executors.giveUpOrphans(books, step, subject)
        break
      case 'workers-of':
        executors.giveUpWorkers(books, step, subject)
        break
      default:
        break
    }
  }

  /** A sweep that comes late was held up by this process: it judges nobody (R7). */
  #sweep(step: Step, books: Books): void {
    const lateMs = step.now.monotonicMs - this.#sweptAtMs - this.#sweepEveryMs
    this.#sweptAtMs = step.now.monotonicMs
    if (lateMs < this.#sweepEveryMs) workers.checkWorkers(books, step)
    step.startTimer('sweep', this.#sweepEveryMs)
  }
}

/** The timer is the truth: it may fire a fraction of a millisecond before the time that it was set for. */
function relaunchDue(books: Books, driverId: string): void {
  const driver = books.drivers.get(driverId)
  if (driver) driver.notBeforeMs = 0
  books.dirty = true
}
