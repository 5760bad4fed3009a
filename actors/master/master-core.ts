import type { ErrorParts } from '../../runtime/errors.js'
import { innerLimits } from '../../runtime/inner-limits.js'
import { limits } from '../../runtime/limits.js'
import { isNodeRole } from '../../runtime/transport/identity.js'
import { networkOf } from '../../runtime/transport/network.js'
import type { MasterMessage } from '../messages/catalogue.js'
import type { RecoveryState } from '../messages/common.js'
import { type MasterChanged, type MasterInStandby, standbyProblem } from '../messages/leadership.js'
import type { MasterStateResponse, RequestMasterState } from '../messages/status.js'
import { isOver, type Peer, refusalOf, rowsSeenBy } from './access.js'
import * as executors from './application-executors.js'
import * as applications from './applications.js'
import { ClusterState, type PeerInfo } from './cluster-state.js'
import type { CommitQueueView } from './commit-queue-view.js'
import { newestDeployment } from './deployments.js'
import { drainDue } from './drains.js'
import { dropKeptEnds } from './driver-reports.js'
import { IdSource } from './ids.js'
import { launchDue, relaunchDue } from './launch-timers.js'
import { isLauncher } from './launcher-entry.js'
import { launcherUnlinked } from './launchers.js'
import { type LogHome, logHomes } from './log-location.js'
import { takePiece } from './lost-writes/intake.js'
import type { MasterConfig } from './master-config.js'
import type { Elected, MasterInput } from './master-input.js'
import type { MasterTimer } from './master-timer.js'
import { type Heard, PeerMasterProtocol } from './peer-master-protocol.js'
import { isPeerMaster } from './peer-masters.js'
import { advanceRecovery, beginRecovery, recoveryQuietElapsed, restore, watchForQuiet } from './recovery.js'
import { notLeader, storeRefuses } from './refusals.js'
import {
  type CapturedCore,
  captureCluster,
  loadCluster,
  type SavedCore,
  saveCluster,
} from './replay/saved-core.js'
import { type Received, routeOf } from './routes.js'
import { schedule } from './scheduling.js'
import { type Detailed, detailedOf, rowsOfOne, type StateHead } from './snapshot.js'
import { type MasterSnapshot, SnapshotCache } from './snapshot-cache.js'
import { pageOf } from './state-page.js'
import { type Now, type ReplyToken, Step } from './step.js'
import * as submission from './submission.js'
import { tellTokens } from './tokens.js'
import { storeStanding } from './upgrade.js'
import { type Usage, usageOf } from './usage.js'
import { credentialRefusal, isWorker, turnedAway } from './worker-peer.js'
import * as workers from './workers.js'

/**
 * The Master as a pure core. It takes one input and the time, changes its own state, and returns effects. It
 * reads no clock, draws no random number and does no I/O. The shell runs the effects; gated ones wait in the
 * commit queue.
 */
export class MasterCore {
  readonly #config: MasterConfig
  readonly #peers = new Map<string, PeerInfo>()
  readonly #peerMasters: PeerMasterProtocol
  readonly #snapshots = new SnapshotCache()
  #cluster: ClusterState | undefined
  /** The cluster state that is being filled after an election. */
  #restoring: ClusterState | undefined
  #masters: readonly string[]
  /** What keeps this Master from being elected. */
  #problem: ErrorParts | undefined
  #sweptAtMs = Number.NEGATIVE_INFINITY

  constructor(config: MasterConfig) {
    this.#config = config
    this.#masters = config.masters
    this.#peerMasters = new PeerMasterProtocol(config)
  }

  /** All of its state: another core of this release that loads it decides the same. */
  save(): SavedCore {
    return this.#saved(saveCluster)
  }

  /** The same as it is now, made into rows later, so that a large state takes little of this turn. */
  capture(): CapturedCore {
    return this.#saved(captureCluster)
  }

  #saved<C>(save: (cluster: ClusterState) => C): Omit<SavedCore, 'cluster'> & { cluster: C | undefined } {
    // What readers were shown is made anew, here and there.
    this.#snapshots.touch()
    const cluster = this.#cluster ?? this.#restoring
    return {
      peers: [...this.#peers.values()],
      masters: this.#masters,
      problem: this.#problem,
      sweptAtMs: Number.isFinite(this.#sweptAtMs) ? this.#sweptAtMs : undefined,
      peerMasters: this.#peerMasters.save(),
      isRestoring: this.#restoring !== undefined,
      cluster: cluster && save(cluster),
    }
  }

  /** Puts a saved state into this core, which is new. */
  load(saved: SavedCore): void {
    for (const peer of saved.peers) this.#peers.set(peer.incarnation, peer)
    this.#masters = saved.masters
    this.#problem = saved.problem
    this.#sweptAtMs = saved.sweptAtMs ?? Number.NEGATIVE_INFINITY
    this.#peerMasters.load(saved.peerMasters)
    const cluster = saved.cluster && loadCluster(this.#config, saved.cluster)
    if (saved.isRestoring) this.#restoring = cluster
    else this.#cluster = cluster
    if (cluster) cluster.peers = this.#peers
  }

  get state(): RecoveryState {
    return this.#cluster?.state ?? 'STANDBY'
  }

  get cluster(): ClusterState | undefined {
    return this.#cluster
  }

  /** For pages. Frequent calls are cheap (see SnapshotCache). */
  snapshot(commitQueue: CommitQueueView, now: Now): MasterSnapshot {
    return this.#snapshots.whole(this.head(commitQueue), this.#cluster, now)
  }

  /** What this Master is now, without its rows. */
  head({ position, degradation, storeReachable = true }: CommitQueueView): StateHead {
    return {
      config: this.#config,
      state: this.state,
      sinceMs: this.#cluster?.leadership.sinceMs ?? null,
      position,
      stale: degradation !== undefined || !storeReachable,
      masters: this.#masters.map((address) => this.#masterAt(address)),
      deployment: newestDeployment(this.#cluster),
      store: this.#cluster && storeStanding(this.#cluster, this.#peerMasters.formats()),
      leader: this.#cluster ? this.#config.address : (this.#peerMasters.leader?.address ?? null),
    }
  }

  /** All other Masters, and the one that is fittest to take over. */
  peerMasters() {
    return this.#peerMasters.successors()
  }

  /** All that is known of one thing. */
  detailed(id: string, now: Now): Detailed {
    return this.#cluster ? detailedOf(this.#cluster, id, now) : {}
  }

  /** Where an output lies, for pages. */
  logHomes(id: string): readonly LogHome[] {
    return this.#cluster ? logHomes(this.#cluster, id) : []
  }

  /** What is in use; undefined: this Master does not lead. */
  usage(): Usage | undefined {
    return this.#cluster && usageOf(this.#cluster)
  }

  #masterAt(address: string): MasterStateResponse['masters'][number] {
    const isSelf = address === this.#config.address
    const web = isSelf ? this.#config.web : this.#peerMasters.webOf(address)
    const state = isSelf ? this.state : this.#peerMasters.stateAt(address)
    return { address, state, ...(web && { web }) }
  }

  step(input: MasterInput, now: Now, commitQueue: CommitQueueView): Step {
    const step = new Step(now)
    if (this.#mayChangeRows(input)) this.#snapshots.touch()
    if (this.#cluster) this.#cluster.isFull = commitQueue.isFull ?? false
    this.#handle(step, input, commitQueue)
    const epoch = (this.#cluster ?? this.#restoring)?.leadership.epoch
    // The commit queue stamps the exact position. Until then the record has at least the epoch that it was
    // written in.
    if (epoch !== undefined)
      for (const { value } of step.puts) Object.assign(value, { at: { epoch, seq: 0 } })
    return step
  }

  /** Heartbeats are many. What they change is read as an age, so rows need no update. */
  #mayChangeRows(input: MasterInput): boolean {
    if (input.kind === 'turnEnd') return this.#cluster?.dirty === true
    if (input.kind !== 'message') return true
    return routeOf(input.message)?.access === undefined
  }

  #handle(step: Step, input: MasterInput, commitQueue: CommitQueueView): void {
    switch (input.kind) {
      case 'linkUp':
        this.#linkUp(step, input.peer, commitQueue)
        break
      case 'linkDown':
        this.#linkDown(step, input.incarnation, input.closedByKernel)
        break
      case 'message':
        this.#message(step, input, commitQueue)
        break
      case 'lostWrites':
        if (this.#cluster) takePiece(this.#cluster, step, input, commitQueue)
        break
      case 'recordSeen':
        if (!this.#cluster) this.#peerMasters.recordSeen(step, input.record)
        break
      case 'hindered':
        this.#hindered(step, input.problem)
        break
      case 'keys':
        if (this.#cluster) submission.keysRead(this.#cluster, input.records, input.complete)
        break
      case 'masters':
        this.#mastersKnown(step, input.addresses, commitQueue)
        break
      case 'timer':
        // The timer was set for the cluster state that is being filled, so it waits until that is done.
        if (this.#restoring) step.startTimer(input.timer, UNTIL_RESTORED_MS)
        else this.#timer(step, input.timer)
        break
      case 'probed':
        if (this.#cluster) this.#probed(step, this.#cluster, input.workerId, input.refused)
        break
      case 'elected':
        this.#elected(step, input)
        break
      case 'records':
        if (this.#restoring) restore(this.#restoring, step, input.records)
        break
      case 'restored':
        this.#restored(step, commitQueue, input.ownLostWrites === true)
        break
      case 'turnEnd':
        if (this.#cluster?.dirty) schedule(this.#cluster, step)
        break
    }
  }

  #elected(step: Step, { epoch, owner, base, earlier, observed, format, keysFollow }: Elected): void {
    const leadership = {
      epoch,
      owner,
      base,
      earlier,
      observed,
      format,
      sinceMs: step.now.wallMs,
      electedAtMs: step.now.monotonicMs,
    }
    this.#restoring = new ClusterState(this.#config, leadership, new IdSource(epoch))
    this.#restoring.peers = this.#peers
    this.#restoring.keysComplete = keysFollow !== true
    this.#problem = undefined
  }

  #restored(step: Step, commitQueue: CommitQueueView, ownLostWrites: boolean): void {
    const cluster = this.#restoring
    if (!cluster) return
    this.#restoring = undefined
    this.#cluster = cluster
    this.#peerMasters.elected(cluster, step)
    const { owner, base, observed } = cluster.leadership
    if (ownLostWrites) cluster.awaitedLostWrites.add(owner)
    if (cluster.hasLost)
      step.log('warn', 'STORE_REWOUND: the store has lost writes that others have seen', { base, observed })
    beginRecovery(cluster, step)
    for (const peer of this.#peers.values())
      if (!turnedAway(cluster, step, peer)) this.#speakFirst(step, peer, commitQueue)
    watchForQuiet(cluster, step)
    this.#sweptAtMs = step.now.monotonicMs
    step.startTimer({ kind: 'sweep' }, this.#sweepEveryMs)
  }

  get #sweepEveryMs(): number {
    return this.#config.workerTimeoutMs / limits.heartbeatsPerTimeout
  }

  /**
   * Protocol R0: on a new link the Master speaks first. It does so even while the store refuses writes.
   * Protocol R1 protects a receiver against a deposed leader; a Worker or client that gets no message cannot
   * even be refused.
   */
  #speakFirst(step: Step, peer: PeerInfo, commitQueue: CommitQueueView): void {
    const { address, web } = this.#config
    if (!this.#cluster) {
      step.tellNow(peer.incarnation, this.#standby(peer))
      return
    }
    const masters = [...this.#masters]
    const { base, earlier } = this.#cluster.leadership
    const found = { base, earlier: [...earlier] }
    const message: MasterChanged = { type: 'MasterChanged', master: address, web, masters, found }
    if (commitQueue.degradation) step.tellNow(peer.incarnation, message)
    else step.tell(peer.incarnation, message)
    tellTokens(this.#cluster, step, peer)
  }

  #standby(to: PeerInfo): MasterInStandby {
    const { web, formats } = this.#config
    const leader = this.#peerMasters.leader?.address
    const problem = this.#problem && standbyProblem(this.#problem)
    const masters = [...this.#masters]
    return {
      type: 'MasterInStandby',
      masters,
      ...(leader && { leader }),
      ...(web && isPeerMaster(to) && { web }),
      ...(isPeerMaster(to) && { formats }),
      ...(problem && { problem }),
    }
  }

  /** Who waits for a leader is told why there is none. */
  #hindered(step: Step, problem: ErrorParts | undefined): void {
    this.#problem = problem
    if (this.#cluster || this.#restoring) return
    for (const peer of this.#peers.values())
      if (!isNodeRole(peer.role)) step.tellNow(peer.incarnation, this.#standby(peer))
  }

  #mastersKnown(step: Step, addresses: readonly string[], commitQueue: CommitQueueView): void {
    this.#masters = addresses
    for (const peer of this.#peers.values()) this.#speakFirst(step, peer, commitQueue)
  }

  #linkUp(step: Step, peer: PeerInfo, commitQueue: CommitQueueView): void {
    this.#peers.set(peer.incarnation, peer)
    if (isPeerMaster(peer)) {
      this.#speakFirst(step, peer, commitQueue)
      this.#peerMasters.linkUp(this.#cluster, step, peer)
      return
    }
    if (this.#cluster && turnedAway(this.#cluster, step, peer)) return
    // A new link restarts the quiet period: its peer is about to answer.
    if (this.#cluster) {
      this.#cluster.lastAnswerMs = step.now.monotonicMs
      applications.applicationsLinked(this.#cluster, step, peer.incarnation)
    }
    this.#speakFirst(step, peer, commitQueue)
  }

  #linkDown(step: Step, incarnation: string, closedByKernel: boolean): void {
    const peer = this.#peers.get(incarnation)
    this.#peers.delete(incarnation)
    if (peer && isPeerMaster(peer))
      this.#peerMasters.linkDown(this.#cluster, step, incarnation, closedByKernel)
    if (!this.#cluster) return
    workers.workerUnlinked(this.#cluster, step, incarnation)
    applications.applicationsUnlinked(this.#cluster, step, incarnation)
    launcherUnlinked(this.#cluster, incarnation)
    // It may be the last one that ends of drivers wait for.
    if (this.#cluster.heldEnds.size > 0) this.#cluster.goOn()
    // Recovery does not wait for a peer that is gone.
    advanceRecovery(this.#cluster, step)
  }

  #message(step: Step, input: Extract<MasterInput, { kind: 'message' }>, commitQueue: CommitQueueView): void {
    const { message, reply, position, trace, isProven } = input
    const from = this.#peers.get(input.from)
    const route = routeOf(message)
    if (!from || !route || !maySend(from, route.sender)) return
    // While the store is degraded, what is only read is answered from memory, marked stale (protocol 15).
    step.readsFromMemory = commitQueue.degradation !== undefined && route.access === 'reads'
    const wrong = route.sender === 'node' && this.#cluster && credentialRefusal(this.#cluster, from)
    if (wrong && message.type !== 'RegisterWorker') {
      step.refused(from.incarnation, `${message.type}: ${wrong}`)
      return
    }
    const refusal = route.sender === 'anybody' ? refusalOf(from, message, this.#cluster, route) : undefined
    if (refusal) {
      step.refused(from.incarnation, `${message.type}: ${refusal.message}`)
      step.replyNow(reply, refusal)
      if (isOver(this.#cluster, from)) step.unlink(from.incarnation, refusal.message)
      return
    }
    const received: Received = {
      step,
      from,
      position,
      reply,
      trace,
      commitQueue,
      peerMasters: this.#peerMasters,
      cluster: this.#cluster,
      isProven: isProven === true,
      heard: () => this.#heard,
      answerState: (request) => this.#masterState(step, from, request, reply, commitQueue),
    }
    if (route.master === 'any') {
      route.handle(received, message)
      return
    }
    const cluster = this.#cluster
    if (!cluster) {
      this.#notLeader(step, from, message, reply)
      return
    }
    if (route.master === 'ALIVE' && !cluster.alive)
      step.replyNow(reply, notLeader(cluster.config.address, cluster.state))
    else if (route.brings === 'record' && commitQueue.degradation)
      step.replyNow(reply, storeRefuses(commitQueue.degradation))
    else route.handle({ ...received, cluster }, message)
    advanceRecovery(cluster, step)
  }

  get #heard(): Heard {
    const workers = [...this.#peers.values()].filter(isWorker)
    return {
      workersHeard: workers.length,
      hostsHeard: new Set(workers.map(({ host }) => networkOf(host))).size,
    }
  }

  #probed(step: Step, cluster: ClusterState, workerId: string, refused: boolean): void {
    workers.probed(cluster, step, workerId, refused)
    // A Worker that is known to be dead needs no answer (protocol 11.6).
    advanceRecovery(cluster, step)
  }

  #masterState(
    step: Step,
    from: PeerInfo,
    message: RequestMasterState,
    reply: ReplyToken,
    commitQueue: CommitQueueView,
  ): void {
    const { of, explain } = message
    const rows =
      of !== undefined && this.#cluster
        ? rowsOfOne(this.#cluster, of, step.now, explain)
        : this.#snapshots.rows(this.#cluster, step.now)
    const isSeen = rowsSeenBy(from, this.#cluster)
    const state = pageOf(this.head(commitQueue), rows, message, limits, isSeen)
    // A STANDBY has no leadership, so its answer needs no fence check.
    if (!this.#cluster) step.replyNow(reply, state)
    else step.reply(reply, state)
  }

  /** True: this leader knows that the credential of such a peer is not in force. */
  isOver(peer: Peer): boolean {
    return isOver(this.#cluster, peer)
  }

  #notLeader(step: Step, from: PeerInfo, message: MasterMessage, reply: ReplyToken): void {
    // A Worker counts this as proof that nobody has led since it asked (protocol 8).
    const asked = message.type === 'Heartbeat' && { heartbeatSentAtMs: message.sentAtMs }
    step.tellNow(from.incarnation, { ...this.#standby(from), ...asked })
    step.replyNow(reply, notLeader(this.#config.address, this.state, this.#peerMasters.leader?.address))
  }

  #timer(step: Step, timer: MasterTimer): void {
    const cluster = this.#cluster
    if (!cluster) return
    switch (timer.kind) {
      case 'sweep':
        this.#sweep(step, cluster)
        break
      case 'pulse':
        this.#peerMasters.pulse(cluster, step, this.#heard)
        break
      case 'recovery-quiet':
        recoveryQuietElapsed(cluster, step)
        break
      case 'recovery-max':
        advanceRecovery(cluster, step, true)
        break
      case 'application':
        applications.applicationsSilent(cluster, timer.endpoint)
        break
      case 'relaunch':
        relaunchDue(cluster, timer.driverId)
        break
      case 'drain':
        drainDue(cluster, step, timer.drainId)
        break
      case 'probe':
        workers.probe(cluster, step, timer.workerId, timer.number)
        break
      case 'launch':
        launchDue(cluster, step, timer)
        break
      case 'lasted':
        executors.executorLasted(cluster, step, timer.appId, timer.execId)
        break
      case 'kept-ends':
        dropKeptEnds(cluster, step)
        break
      case 'adopt':
        executors.giveUpOrphans(cluster, step, timer.appId)
        break
      case 'workers-of':
        executors.giveUpWorkers(cluster, step, timer.appId)
        break
      case 'again':
        // The pass continues at the end of this turn.
        break
    }
  }

  /** If a sweep is late, this process itself was delayed. Then it declares no Worker dead (protocol R7). */
  #sweep(step: Step, cluster: ClusterState): void {
    const lateMs = step.now.monotonicMs - this.#sweptAtMs - this.#sweepEveryMs
    this.#sweptAtMs = step.now.monotonicMs
    const isUnfinished = lateMs < this.#sweepEveryMs && workers.checkWorkers(cluster, step)
    step.startTimer({ kind: 'sweep' }, isUnfinished ? 0 : this.#sweepEveryMs)
  }
}

/** Its key was checked on arrival. */
const maySend = (from: PeerInfo, sender: string): boolean =>
  (sender !== 'master' || isPeerMaster(from)) && (sender !== 'launcher' || isLauncher(from))

const UNTIL_RESTORED_MS = innerLimits.untilRestoredMs
