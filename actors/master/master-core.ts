import type { MasterMessage } from '../messages/catalogue.js'
import type { PastElection, Position, RecoveryState } from '../messages/common.js'
import type { MasterChanged, MasterInStandby } from '../messages/leadership.js'
import type { RequestMasterState } from '../messages/status.js'
import * as executors from './application-executors.js'
import * as applications from './applications.js'
import { Books, type PeerInfo } from './books.js'
import { FellowDesk, isForFellows } from './fellow-desk.js'
import { isFellow, type KnownLeader } from './fellows.js'
import { IdSource } from './ids.js'
import { launchDue } from './launch-timers.js'
import { askForMore, type TailRecord, takeBackTail } from './lost-tail.js'
import type { MasterConfig } from './master-config.js'
import type { StoredRecords } from './records.js'
import { advanceRecovery, beginRecovery, recoveryQuietElapsed, restore } from './recovery.js'
import { type Delivery, notLeader, route } from './routing.js'
import { schedule } from './scheduling.js'
import { rowsOfOne, type StateHead } from './snapshot.js'
import { type MasterSnapshot, SnapshotCache } from './snapshot-cache.js'
import { pageOf } from './state-page.js'
import { type Now, type ReplyToken, Step } from './step.js'
import * as submission from './submission.js'
import * as workers from './workers.js'

interface Elected {
  readonly kind: 'elected'
  readonly epoch: number
  readonly owner: string
  readonly base: Position
  readonly earlier: readonly PastElection[]
  readonly heard: Position
  /** The keys of ended drivers follow, as `keys`. */
  readonly keysFollow?: boolean
}

interface Tail {
  readonly kind: 'tail'
  readonly records: readonly TailRecord[]
  /** The Master that gave it; absent: the own image. */
  readonly from?: string
  /** Absent: nothing more comes of it. */
  readonly last?: boolean
}

export type MasterInput =
  | { readonly kind: 'linkUp'; readonly peer: PeerInfo }
  | {
      readonly kind: 'linkDown'
      readonly incarnation: string
      /** FIN or RST: its process has ended, or it let go (protocol 5.5, witness 1). */
      readonly closedByKernel: boolean
    }
  | {
      readonly kind: 'message'
      readonly from: string
      readonly message: MasterMessage
      /** Of the Master that sent it; nothing where the sender is none. */
      readonly position?: Position
      readonly reply?: ReplyToken
    }
  | { readonly kind: 'timer'; readonly key: string }
  | { readonly kind: 'probed'; readonly workerId: string; readonly refused: boolean }
  /** The books of this leadership begin; until they are filled this Master goes on as a STANDBY. */
  | Elected
  /** A piece of what the store holds. */
  | { readonly kind: 'records'; readonly records: Partial<StoredRecords> }
  /** The books are filled: it leads. */
  | { readonly kind: 'restored' }
  /** A piece of an image, own or another Master's, that is newer than base (protocol 12). */
  | Tail
  /** Keys of ended drivers, read after the election. */
  | { readonly kind: 'keys'; readonly records: StoredRecords['keys']; readonly complete: boolean }
  /** A STANDBY's agent has read who leads. */
  | { readonly kind: 'recordSeen'; readonly record: KnownLeader }
  /** All Masters known now. */
  | { readonly kind: 'masters'; readonly addresses: readonly string[] }
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
  /** The records take as much of the heap as they may: nothing new is let in. */
  readonly isFull?: boolean
  /** A STANDBY's: does its store answer? */
  readonly storeReachable?: boolean
  /** Bytes of writes that are not durable yet. */
  readonly queuedBytes?: number
}

/**
 * The Master, pure: one input and the time, own state, and what to do about it. It reads no clock, draws no random
 * number and does no I/O; the shell runs the effects, gated ones behind the commit lane.
 */
export class MasterCore {
  readonly #config: MasterConfig
  readonly #peers = new Map<string, PeerInfo>()
  readonly #fellows: FellowDesk
  readonly #snapshots = new SnapshotCache()
  #books: Books | undefined
  /** Books that are being filled. */
  #restoring: Books | undefined
  #masters: readonly string[]
  #sweptAtMs = Number.NEGATIVE_INFINITY

  constructor(config: MasterConfig) {
    this.#config = config
    this.#masters = config.masters
    this.#fellows = new FellowDesk(config)
  }

  get state(): RecoveryState {
    return this.#books?.state ?? 'STANDBY'
  }

  get books(): Books | undefined {
    return this.#books
  }

  /** For pages; cheap to call often (see SnapshotCache). */
  snapshot(lane: LaneView, now: Now): MasterSnapshot {
    return this.#snapshots.whole(this.head(lane), this.#books, now)
  }

  /** Who this is now, without its rows. */
  head({ position, trouble, storeReachable = true }: LaneView): StateHead {
    return {
      config: this.#config,
      state: this.state,
      sinceMs: this.#books?.leadership.sinceMs ?? null,
      position,
      stale: trouble !== undefined || !storeReachable,
      masters: this.#masters.map((address) => ({ address, state: this.#stateOf(address) })),
      leader: this.#books ? this.#config.address : (this.#fellows.leader?.address ?? null),
    }
  }

  /** The other Masters, and which of them is fit to take over. */
  fellows() {
    return this.#fellows.successors()
  }

  #stateOf(address: string): RecoveryState | 'UNKNOWN' {
    return address === this.#config.address ? this.state : this.#fellows.stateAt(address)
  }

  step(input: MasterInput, now: Now, lane: LaneView): Step {
    const step = new Step(now)
    if (this.#mayChangeRows(input)) this.#snapshots.touch()
    if (this.#books) this.#books.isFull = lane.isFull ?? false
    this.#handle(step, input, lane)
    const epoch = (this.#books ?? this.#restoring)?.leadership.epoch
    // The lane stamps the very position; until then the books know at least under whom it was written.
    if (epoch !== undefined)
      for (const { value } of step.puts) Object.assign(value, { at: { epoch, seq: 0 } })
    return step
  }

  /** Heartbeats are many, and what they change is seen by age. */
  #mayChangeRows(input: MasterInput): boolean {
    if (input.kind === 'turnEnd') return this.#books?.dirty === true
    if (input.kind !== 'message') return true
    const { type } = input.message
    return type !== 'Heartbeat' && !reads.has(type)
  }

  #handle(step: Step, input: MasterInput, lane: LaneView): void {
    switch (input.kind) {
      case 'linkUp':
        this.#linkUp(step, input.peer, lane)
        break
      case 'linkDown':
        this.#linkDown(step, input.incarnation, input.closedByKernel)
        break
      case 'message':
        this.#message(step, input, lane)
        break
      case 'tail':
        if (this.#books) this.#tail(step, this.#books, input, lane)
        break
      case 'recordSeen':
        if (!this.#books) this.#fellows.recordSeen(step, input.record)
        break
      case 'keys':
        if (this.#books) submission.keysRead(this.#books, input.records, input.complete)
        break
      case 'masters':
        this.#mastersKnown(step, input.addresses, lane)
        break
      case 'timer':
        // Set while the books were being filled: it is for them.
        if (this.#restoring) step.startTimer(input.key, UNTIL_RESTORED_MS)
        else this.#timer(step, input.key)
        break
      case 'probed':
        if (this.#books) this.#probed(step, this.#books, input.workerId, input.refused)
        break
      case 'elected':
        this.#elected(step, input)
        break
      case 'records':
        if (this.#restoring) restore(this.#restoring, step, input.records)
        break
      case 'restored':
        this.#restored(step, lane)
        break
      case 'turnEnd':
        if (this.#books?.dirty) schedule(this.#books, step)
        break
    }
  }

  #elected(step: Step, { epoch, owner, base, earlier, heard, keysFollow }: Elected): void {
    const leadership = {
      epoch,
      owner,
      base,
      earlier,
      heard,
      sinceMs: step.now.wallMs,
      electedAtMs: step.now.monotonicMs,
    }
    this.#restoring = new Books(this.#config, leadership, new IdSource(epoch))
    this.#restoring.keysComplete = keysFollow !== true
  }

  #restored(step: Step, lane: LaneView): void {
    const books = this.#restoring
    if (!books) return
    this.#restoring = undefined
    this.#books = books
    this.#fellows.elected(books, step)
    const { base, heard } = books.leadership
    if (books.hasLost)
      step.log('warn', 'STORE_REWOUND: the store has lost writes that others have seen', { base, heard })
    beginRecovery(books, step)
    for (const peer of this.#peers.values()) this.#speakFirst(step, peer, lane)
    this.#sweptAtMs = step.now.monotonicMs
    step.startTimer('sweep', this.#sweepEveryMs)
  }

  get #sweepEveryMs(): number {
    return this.#config.workerTimeoutMs / 12
  }

  /**
   * Protocol R0: on a new link the Master speaks first. While the store refuses writes it does not wait for them: who hears a
   * deposed leader is protected by protocol R1, and who hears nothing cannot even be refused.
   */
  #speakFirst(step: Step, peer: PeerInfo, lane: LaneView): void {
    const { address, web } = this.#config
    if (!this.#books) {
      step.tellNow(peer.incarnation, this.#standby())
      return
    }
    const masters = [...this.#masters]
    const { base, earlier } = this.#books.leadership
    const found = { base, earlier: [...earlier] }
    const message: MasterChanged = { type: 'MasterChanged', master: address, web, masters, found }
    if (lane.trouble) step.tellNow(peer.incarnation, message)
    else step.tell(peer.incarnation, message)
  }

  #standby(): MasterInStandby {
    const leader = this.#fellows.leader?.address
    return { type: 'MasterInStandby', masters: [...this.#masters], ...(leader && { leader }) }
  }

  #mastersKnown(step: Step, addresses: readonly string[], lane: LaneView): void {
    this.#masters = addresses
    for (const peer of this.#peers.values()) this.#speakFirst(step, peer, lane)
  }

  #linkUp(step: Step, peer: PeerInfo, lane: LaneView): void {
    this.#peers.set(peer.incarnation, peer)
    if (isFellow(peer)) {
      this.#speakFirst(step, peer, lane)
      this.#fellows.linkUp(this.#books, step, peer)
      return
    }
    // Who has just come is about to answer: that is not quiet.
    if (this.#books) {
      this.#books.lastAnswerMs = step.now.monotonicMs
      applications.applicationLinked(this.#books, step, peer.incarnation)
    }
    this.#speakFirst(step, peer, lane)
  }

  #linkDown(step: Step, incarnation: string, closedByKernel: boolean): void {
    const peer = this.#peers.get(incarnation)
    this.#peers.delete(incarnation)
    if (peer && isFellow(peer)) this.#fellows.linkDown(this.#books, step, incarnation, closedByKernel)
    if (!this.#books) return
    workers.workerUnlinked(this.#books, step, incarnation)
    applications.applicationUnlinked(this.#books, step, incarnation)
    // Who is gone is not waited for.
    advanceRecovery(this.#books, step)
  }

  #message(step: Step, input: Extract<MasterInput, { kind: 'message' }>, lane: LaneView): void {
    const { message, reply, position } = input
    const from = this.#peers.get(input.from)
    if (!from) return
    // With the store in trouble, what is only read comes from memory, marked stale (protocol 15).
    step.readsFromMemory = lane.trouble !== undefined && reads.has(message.type)
    if (message.type === 'RequestMasterState') {
      this.#masterState(step, message, reply, lane)
    } else if (isForFellows(message)) {
      const heardWorkers = this.#workersHeard
      const store = lane.storeReachable ?? true
      this.#fellows.receive(this.#books, step, { from, message, position, heardWorkers, store })
    } else if (!this.#books) {
      this.#notLeader(step, from, message, reply)
    } else {
      route(this.#books, step, message, { from, reply, trouble: lane.trouble })
      advanceRecovery(this.#books, step)
    }
  }

  /** Linked nodes that are no Masters. */
  get #workersHeard(): number {
    let heard = 0
    for (const peer of this.#peers.values()) if (peer.role === 'node' && !isFellow(peer)) heard++
    return heard
  }

  #probed(step: Step, books: Books, workerId: string, refused: boolean): void {
    workers.probed(books, step, workerId, refused)
    // Known dead is as good as an answer (protocol 11.6).
    advanceRecovery(books, step)
  }

  #tail(step: Step, books: Books, { records, from, last = true }: Tail, lane: LaneView): void {
    takeBackTail(books, step, records)
    if (!last) {
      askForMore(books, step, from, lane)
    } else if (from !== undefined) {
      books.awaitedTails.delete(from)
      step.tell(from, { type: 'TailTaken' })
    }
    advanceRecovery(books, step)
  }

  #masterState(step: Step, message: RequestMasterState, reply: ReplyToken, lane: LaneView): void {
    const { of } = message
    const rows =
      of !== undefined && this.#books
        ? rowsOfOne(this.#books, of, step.now)
        : this.#snapshots.rows(this.#books, step.now)
    const state = pageOf(this.head(lane), rows, message)
    // A STANDBY has nothing to fence.
    if (!this.#books) step.replyNow(reply, state)
    else step.reply(reply, state)
  }

  #notLeader(step: Step, from: PeerInfo, message: MasterMessage, reply: ReplyToken): void {
    // A Worker counts this as proof that nobody has led since it asked (protocol 8).
    const asked = message.type === 'Heartbeat' && { heartbeatSentAtMs: message.sentAtMs }
    step.tellNow(from.incarnation, { ...this.#standby(), ...asked })
    step.replyNow(reply, notLeader(this.#config.address, this.state, this.#fellows.leader?.address))
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
      case 'pulse':
        this.#fellows.pulse(books, step)
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
      case 'launch':
        launchDue(books, step, subject)
        break
      case 'lasted':
        executors.executorLasted(books, step, subject)
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

  /** A sweep that comes late was held up by this process: it judges nobody (protocol R7). */
  #sweep(step: Step, books: Books): void {
    const lateMs = step.now.monotonicMs - this.#sweptAtMs - this.#sweepEveryMs
    this.#sweptAtMs = step.now.monotonicMs
    if (lateMs < this.#sweepEveryMs) workers.checkWorkers(books, step)
    step.startTimer('sweep', this.#sweepEveryMs)
  }
}

const UNTIL_RESTORED_MS = 50

/** The timer is the truth: it may fire a fraction of a millisecond before the time that it was set for. */
function relaunchDue(books: Books, driverId: string): void {
  const driver = books.drivers.get(driverId)
  if (driver) driver.notBeforeMs = 0
  books.dirty = true
}
