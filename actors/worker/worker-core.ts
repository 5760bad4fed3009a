import { innerLimits } from '../../runtime/inner-limits.js'
import { limits } from '../../runtime/limits.js'
import { LeaderTracker } from '../../runtime/persistence/leader-tracker.js'
import type { FromWorker } from '../messages/catalogue.js'
import type { MasterChanged } from '../messages/leadership.js'
import type { HeartbeatAck } from '../messages/workers.js'
import { Contact } from './contact.js'
import { Drivers } from './drivers.js'
import { Executors } from './executors.js'
import { HeldCodes } from './held-codes.js'
import { LaunchLedger } from './launch-ledger.js'
import { LeaderReports } from './leader-reports.js'
import { MasterWatch } from './master-watch.js'
import { Outbox } from './outbox.js'
import { ResourceAccount } from './resource-account.js'
import type { SavedWorker } from './restart/saved-worker.js'
import { RestartCount } from './restart-count.js'
import type { WorkerStatus } from './status.js'
import { TimesInForce } from './times-in-force.js'
import type { WorkerContext } from './worker-context.js'
import { WorkerDrain } from './worker-drain.js'
import type { CoreMessage, Now, WorkerEffect, WorkerInput } from './worker-events.js'
import type { WorkerStanding } from './worker-families.js'
import type { WorkerIdentity, WorkerTimes } from './worker-identity.js'
import type { WorkerTimer } from './worker-timer.js'

type MessageInput = Extract<WorkerInput, { kind: 'message' }>
/** Messages that only the leader may send. */
type LeaderMessage = Exclude<CoreMessage, { type: 'MasterInStandby' }>

/**
 * A Worker without its processes, sockets and clock. It is Spark's Worker with the rules protocol R1 to R6
 * and the isolation of protocol 8.
 */
export class WorkerCore {
  readonly #identity: WorkerIdentity
  readonly #inForce: TimesInForce
  readonly #times: WorkerTimes
  readonly #leaderTracker = new LeaderTracker()
  readonly #account: ResourceAccount
  readonly #outbox: Outbox
  readonly #contact: Contact
  readonly #ledger: LaunchLedger
  readonly #executors: Executors
  readonly #drivers: Drivers
  readonly #masters: MasterWatch
  #effects: WorkerEffect[] = []
  #now: Now
  /** The last reason why a Master refused this Worker. */
  #refusal = { reason: '', atMs: 0 }
  readonly #reports: LeaderReports
  #master: { readonly url: string; readonly web: string | null } = { url: '', web: null }
  readonly #drain = new WorkerDrain()
  #stopping = false
  readonly #restarts: RestartCount
  readonly #saved: SavedWorker | undefined
  #endsSinceCleaning = 0
  readonly #codes: HeldCodes

  /**
   * `own` are the times of its own settings. `saved` is what the process before knew, if that was this Worker
   * too.
   */
  constructor(
    identity: WorkerIdentity,
    own: WorkerTimes,
    masters: readonly string[],
    now: Now,
    saved?: SavedWorker,
  ) {
    this.#identity = identity
    this.#saved = saved
    this.#restarts = new RestartCount(saved?.restarts)
    this.#inForce = new TimesInForce(own, saved?.workerTimeoutMs)
    const { times } = this.#inForce
    this.#times = times
    this.#now = now
    this.#account = new ResourceAccount(identity)
    this.#outbox = new Outbox(identity.incarnation, times.outboxKeepMs)
    this.#contact = new Contact(times, now.bootMs)
    this.#codes = new HeldCodes(identity.incarnation, identity.code)
    this.#masters = new MasterWatch(masters, {
      workerId: identity.incarnation,
      orphanGraceMs: identity.orphanGraceMs,
      times,
      leaderTracker: this.#leaderTracker,
      contact: this.#contact,
      emit: (effect) => this.#emit(effect),
      onContact: () => this.#drivers.extend(),
    })
    this.#ledger = new LaunchLedger(times.rememberedLaunches)
    const context: WorkerContext = {
      times,
      account: this.#account,
      ledger: this.#ledger,
      contact: this.#contact,
      emit: (effect) => void this.#effects.push(effect),
      log: (level, text, fields) =>
        void this.#effects.push({ kind: 'log', level, text, ...(fields && { fields }) }),
      report: (draft) => this.#reports.report(draft),
      progressed: (driver) => this.#reports.progressed(driver),
      hasLeader: () => this.#reports.isReported,
      correctMaster: () => this.#reports.correctMaster(this.#now),
      isHandingOver: () => this.#reports.isHandingOver,
    }
    this.#executors = new Executors(context)
    this.#drivers = new Drivers(context)
    this.#reports = new LeaderReports({
      identity,
      times,
      leaderTracker: this.#leaderTracker,
      outbox: this.#outbox,
      executors: this.#executors,
      drivers: this.#drivers,
      codes: this.#codes,
      drain: this.#drain,
      masters: this.#masters,
      restarts: this.#restarts,
      emit: (effect) => this.#emit(effect),
    })
    if (saved) this.#load(saved)
  }

  /** For the next process of a planned restart. This one must do nothing after it. */
  save(now: Now): SavedWorker {
    const { leader, seen } = this.#leaderTracker
    const { lastBootMs, isolated } = this.#contact
    return {
      restarts: this.#restarts.save(now),
      ...(leader && { leader: { epoch: leader.epoch, owner: leader.owner } }),
      ...(seen && { seen }),
      workerTimeoutMs: this.#times.workerTimeoutMs,
      contact: { lastBootMs, isolated },
      masters: this.#masters.listed,
      outbox: this.#outbox.save(now.monotonicMs),
      ledger: this.#ledger.save(),
      executors: this.#executors.save(),
      drivers: this.#drivers.save(now),
    }
  }

  /** It obeys no leadership below the one that the process before obeyed. */
  #load({ leader, seen, contact, outbox, ledger, executors, drivers }: SavedWorker): void {
    if (leader) this.#leaderTracker.follow(leader)
    if (leader && seen) this.#leaderTracker.handled(leader, seen)
    this.#contact.load(contact)
    this.#outbox.load(outbox, this.#now.monotonicMs)
    this.#ledger.load(ledger)
    this.#executors.load(executors)
    this.#drivers.load(drivers, this.#now)
  }

  /** Handles one input. The caller runs the effects in their order. */
  step(input: WorkerInput, now: Now): WorkerEffect[] {
    this.#now = now
    this.#effects = []
    // This comes first: a Worker that was suspended must not act on what it knew before.
    if (this.#contact.check(now.bootMs)) this.#becomeIsolated()
    this.#handle(input)
    if (this.#drain.isOver(this.#executors.count + this.#drivers.count, this.#reports.isReported, now))
      this.#emit({ kind: 'drained' })
    if (this.#stopping && this.#executors.count + this.#drivers.count === 0) {
      this.#stopping = false
      this.#emit({ kind: 'stopped' })
    }
    return this.#effects
  }

  status(): WorkerStatus {
    const { incarnation, name, host, port, cores, memoryMib, resources, confinement } = this.#identity
    return {
      id: incarnation,
      name,
      host,
      port,
      masterUrl: this.#master.url,
      masterWebUrl: this.#master.web,
      cores,
      coresUsed: this.#account.coresUsed,
      memoryMib,
      memoryMibUsed: this.#account.memoryMibUsed,
      resources,
      resourcesUsed: this.#account.resourcesUsed,
      ...(confinement && { confinement }),
      drain: this.#drain.shown,
      ...this.#executors.statuses(),
      ...this.#drivers.statuses(),
    }
  }

  /** How it stands with its Masters, for metrics. */
  standing(): WorkerStanding {
    const { epoch } = this.#leaderTracker
    return { registered: this.#reports.isReported, isolated: this.#contact.isolated, epoch }
  }

  /** By which it lives now. */
  get times(): WorkerTimes {
    return this.#times
  }

  /** True: work of this output id (`driver-...`, `app-.../N`) is here, so that its output may still grow. */
  lives(outputId: string): boolean {
    return this.#executors.has(outputId) || this.#drivers.has(outputId)
  }

  /** True: an executor of this application is here. */
  hasApplication(appId: string): boolean {
    return this.#executors.hasApplication(appId)
  }

  #handle(input: WorkerInput): void {
    switch (input.kind) {
      case 'start':
        this.#start()
        return
      case 'drain':
        this.#emit({
          ...{ kind: 'startTimer', timer: { kind: 'drain' } },
          ms: this.#drain.ask(input, this.#now),
        })
        this.#reports.askForDrain(this.#now)
        return
      case 'stop':
        this.#stop()
        return
      case 'announceRestart':
        this.#reports.announceRestart(input.forMs, this.#now)
        return
      case 'restartRefused':
        this.#reports.restartRefused(input.reason, this.#now)
        return
      case 'message':
        this.#message(input)
        return
      case 'linkUp':
        if (input.address !== undefined) this.#masters.linkUp(input.peer, input.address)
        // The peer has dialled us, which replaced the link that we had dialled. It need not be a Master.
        else this.#masters.linkDown(input.peer)
        this.#unsettle(input.peer)
        return
      case 'linkDown':
        this.#unsettle(input.peer)
        this.#masters.linkDown(input.peer)
        return
      case 'masterRefused':
        this.#masters.refused(input.address, input.dialledAtMs, this.#now)
        return
      case 'timer':
        this.#timer(input.timer)
        return
      case 'started':
        if (!this.#executors.started(input.process))
          this.#drivers.started(input.process, input.pid, this.#now)
        return
      case 'codes':
        this.#reports.tellCodes(this.#codes.changed(input.codes))
        return
      case 'fetching':
        if (!this.#executors.fetching(input.process, input.fetching))
          this.#drivers.fetching(input.process, input.fetching)
        return
      case 'startFailed':
        this.#workEnded()
        if (!this.#executors.startFailed(input.process, input.failure)) {
          this.#drivers.startFailed(input.process, input.failure)
        }
        return
      case 'ready':
        this.#drivers.ready(input.process)
        return
      case 'unhealthy':
        this.#drivers.unhealthy(input.process, input.reason, this.#now)
        return
      case 'worn':
        this.#executors.worn(input.process, input.reason)
        return
      case 'ended':
        this.#workEnded()
        if (!this.#executors.ended(input.process, input.end)) {
          this.#drivers.ended(input.process, input.end, this.#now)
        }
        return
    }
  }

  #start(): void {
    this.#masters.start()
    this.#emit({ kind: 'startTimer', timer: { kind: 'heartbeat' }, ms: this.#times.heartbeatMs })
    this.#emit({ kind: 'startTimer', timer: { kind: 'cleanup' }, ms: this.#times.workCleanupMs })
    // Former incarnations of this Worker may have left folders.
    this.#cleanWork()
    if (!this.#saved) return
    this.#masters.learn(this.#saved.masters)
    this.#executors.resume()
    this.#drivers.resume(this.#now)
  }

  #cleanWork(): void {
    this.#endsSinceCleaning = 0
    this.#emit({ kind: 'cleanWork', olderThanMs: this.#times.workRetentionMs })
  }

  #workEnded(): void {
    if (++this.#endsSinceCleaning >= this.#times.workCleanupEnds) this.#cleanWork()
  }

  #stop(): void {
    this.#stopping = true
    this.#executors.stopAll()
    this.#drivers.stopAll(this.#now)
  }

  #timer(timer: WorkerTimer): void {
    switch (timer.kind) {
      case 'heartbeat':
        this.#reports.heartbeat(this.#now)
        this.#masters.probe(this.#now, this.#reports.isSilent ? undefined : this.#leaderTracker.leader?.owner)
        this.#outbox.prune(this.#now.monotonicMs)
        this.#emit({ kind: 'startTimer', timer, ms: this.#times.heartbeatMs })
        return
      case 'cleanup':
        this.#cleanWork()
        // The leader answers with what drivers need now.
        this.#reports.tellCodes(this.#codes.all())
        this.#emit({ kind: 'startTimer', timer, ms: this.#times.workCleanupMs })
        return
      case 'timeout':
        this.#drivers.timedOut(timer.process, this.#now)
        return
      case 'restart':
        this.#drivers.restart(timer.driver)
        return
      case 'drain':
        // Whether its time is over is looked at after each input.
        if (!this.#drain.isFinished)
          this.#emit({ kind: 'startTimer', timer, ms: innerLimits.drainLastWordsMs })
        return
      case 'isolation':
        this.#drivers.watchContact(this.#now, true)
        return
    }
  }

  #message(input: MessageInput): void {
    const { message } = input
    // Protocol S6: a peer that holds only a client's or a driver's key commands nothing, whatever its epoch.
    if (input.role !== 'node') {
      this.#refused(input, 'its sender is not a node')
      return
    }
    // Any holder of a node's key can claim to lead. A peer is a Master only if it answers where Masters are
    // listed (protocol R0).
    if (!this.#masters.isLinked(input.from)) {
      this.#refused(input, 'it does not come from an address of a Master')
      return
    }
    if (message.type === 'MasterInStandby') {
      this.#masters.inStandby(input.from, message, this.#now)
      return
    }
    this.#forgetFormer()
    const { leader: former, seen } = this.#leaderTracker
    const judged = this.#leaderTracker.handled(
      { epoch: input.position.epoch, owner: input.from },
      input.position,
    )
    if (judged === 'stale') {
      this.#refused(input, 'its leadership is over')
      const leader = this.#leaderTracker.leader!
      this.#tell(input.from, { type: 'StaleEpoch', epoch: leader.epoch, owner: leader.owner })
      return
    }
    if (judged === 'new') {
      this.#reports.fallSilent()
      // It may have been elected before it learned of that position: its store may lack what lies between
      // (protocol 12).
      if (former && seen)
        this.#tell(input.from, { type: 'PositionSeen', position: seen, owner: former.owner })
    }
    if ('workerId' in message && message.workerId !== this.#identity.incarnation) {
      this.#refused(input, 'it names another incarnation')
      return
    }
    this.#obey(message, input)
  }

  /**
   * A store that fell back may have forgotten the leadership that this Worker obeys. A Master that was
   * elected since would then be refused for ever as lower. After W without a link to its leader and without
   * an answer, the cluster counts this Worker as dead: drivers that must stop have ended, and no message of
   * that leadership is on its way. So it begins anew.
   */
  #forgetFormer(): void {
    const { leader } = this.#leaderTracker
    if (!leader || this.#masters.isLinked(leader.owner)) return
    if (this.#now.bootMs - this.#contact.lastBootMs <= 2 * this.#times.isolationMs) return
    this.#log(
      'warn',
      'this Worker forgets the leadership that it obeyed: its Master has been gone for too long',
      leader,
    )
    this.#leaderTracker.forget()
    this.#reports.fallSilent()
  }

  /** It dials again, and is refused again, so the same reason is logged from time to time only. */
  #refusedBecause(reason: string): void {
    const { monotonicMs } = this.#now
    const { reason: former, atMs } = this.#refusal
    if (reason === former && monotonicMs - atMs < limits.logRepeatMs) return
    this.#refusal = { reason, atMs: monotonicMs }
    this.#log('error', 'the Master refused this Worker', { reason })
  }

  #obey(message: LeaderMessage, input: MessageInput): void {
    const at = { ...input.position, owner: input.from }
    switch (message.type) {
      case 'MasterChanged':
        this.#masterChanged(message)
        return
      case 'RegisteredWorker':
        this.#reports.reportAll('WorkerLatestState', this.#now)
        return
      case 'RegisterWorkerFailed':
        if (!this.#reports.isReported) this.#refusedBecause(message.message)
        return
      case 'ReconnectWorker':
        this.#reports.register(this.#now)
        return
      case 'HeartbeatAck':
        this.#answered(message)
        return
      case 'ChangesAcknowledged':
        this.#outbox.acknowledge(message.changes, at, this.#now.monotonicMs)
        return
      case 'LaunchExecutor':
        this.#executors.launch(message, at)
        return
      case 'LaunchDriver':
        this.#drivers.launch(message, at, this.#now)
        return
      case 'KillExecutor':
        this.#executors.kill(message)
        return
      case 'KillDriver':
        this.#drivers.kill(message, this.#now)
        return
      case 'RestartDriver':
        this.#drivers.restartOnRequest(message, this.#now)
        return
      case 'DecommissionWorker':
        this.#drain.told(message)
        return
      case 'RestartWorker':
        if (this.#restarts.asked(message)) this.#restart()
        return
      case 'TokensInForce':
        this.#emit({ kind: 'tokensInForce', ids: message.ids })
        return
      case 'KeepCode':
        this.#emit({ kind: 'keepCode', message })
        return
      case 'ApplicationFinished':
        this.#executors.applicationFinished(message.appId)
        return
    }
  }

  #answered({ sentAtMs, workerTimeoutMs, restarting }: HeartbeatAck): void {
    const { workerTimeoutMs: formerMs } = this.#times
    const isOther = this.#inForce.answered(workerTimeoutMs)
    const isYounger = this.#contact.answered(sentAtMs, this.#now.bootMs)
    // The guard has the new "valid until" before the next heartbeat tells the leader of it.
    if (isYounger || isOther) this.#drivers.extend()
    this.#drivers.watchContact(this.#now, isOther)
    if (restarting && this.#reports.isHandingOver) this.#emit({ kind: 'restartNoted' })
    if (!isOther) return
    this.#emit({ kind: 'startTimer', timer: { kind: 'heartbeat' }, ms: this.#times.heartbeatMs })
    this.#log('info', 'this Worker lives by another workerTimeout now', {
      workerTimeoutMs: this.#times.workerTimeoutMs,
      formerMs,
    })
  }

  /** Nobody starts a next process of a node that is being stopped, so its work would wait for nobody. */
  #restart(): void {
    if (this.#drain.isAsked && !this.#reports.isHandingOver)
      this.#reports.restartRefused('it is being stopped, and drains before that', this.#now)
    else this.#emit({ kind: 'restart' })
  }

  #masterChanged({ master, web, found, masters }: MasterChanged): void {
    this.#master = { url: master, web }
    this.#masters.learn(masters)
    this.#reports.masterChanged(found, this.#now)
  }

  /** A link to the leader began or ended. */
  #unsettle(peer: string): void {
    if (peer === this.#leaderTracker.leader?.owner) this.#reports.fallSilent()
  }

  #becomeIsolated(): void {
    const silentMs = this.#now.bootMs - this.#contact.lastBootMs
    this.#log(
      'warn',
      'isolated: no leader has answered and not every Master has said that it does not lead',
      {
        silentMs,
      },
    )
    this.#drivers.endIsolated(this.#now)
  }

  #refused(input: MessageInput, reason: string): void {
    const { from, position, message } = input
    const text = `refused ${message.type}: ${reason}`
    this.#emit({ kind: 'refuse', text, fields: { from, position, leader: this.#leaderTracker.leader } })
  }

  #tell(to: string, message: FromWorker): void {
    this.#emit({ kind: 'tell', to, message })
  }

  #emit(effect: WorkerEffect): void {
    this.#effects.push(effect)
  }

  #log(level: 'debug' | 'info' | 'warn' | 'error', text: string, fields: object): void {
    this.#emit({ kind: 'log', level, text, fields })
  }
}
