import type { Found } from '../../runtime/persistence/forgotten.js'
import type { LeaderTracker } from '../../runtime/persistence/leader-tracker.js'
import type { FromWorker } from '../messages/catalogue.js'
import type { CodeHeld } from '../messages/code.js'
import type { DriverProgressed } from '../messages/drivers.js'
import type { Change, ChangeDraft } from './change.js'
import type { Drivers } from './drivers.js'
import type { Executors } from './executors.js'
import type { HeldCodes } from './held-codes.js'
import type { MasterWatch } from './master-watch.js'
import type { Outbox } from './outbox.js'
import { reportPages } from './report-pages.js'
import type { RestartCount } from './restart-count.js'
import type { WorkerDrain } from './worker-drain.js'
import type { Now, WorkerEffect } from './worker-events.js'
import type { WorkerIdentity, WorkerTimes } from './worker-identity.js'

const NOWHERE = { epoch: 0, seq: 0 }

/**
 * What this Worker has done with the leader on the present link: nothing, asked for registration, or given
 * its full report, after which changes may follow.
 */
type Standing = 'none' | 'registering' | 'reported'

export interface LeaderReportsParts {
  readonly identity: WorkerIdentity
  readonly times: WorkerTimes
  readonly leaderTracker: LeaderTracker
  readonly outbox: Outbox
  readonly executors: Executors
  readonly drivers: Drivers
  readonly codes: HeldCodes
  readonly drain: WorkerDrain
  readonly masters: MasterWatch
  readonly restarts: RestartCount
  readonly emit: (effect: WorkerEffect) => void
}

/** What this Worker tells its leader, and when it may tell it (protocol R0, R4, R5). */
export class LeaderReports {
  readonly #parts: LeaderReportsParts
  #standing: Standing = 'none'
  /** A leader of this cluster has registered this incarnation, so its successor knows it. */
  #registered = false
  /** How this leader found its store; undefined: it did not say. */
  #found: Found | undefined
  /** How long its work may live without this Worker; undefined: it does not restart. */
  #restartMs: number | undefined

  constructor(parts: LeaderReportsParts) {
    this.#parts = parts
  }

  /** The leader has the full report of this Worker. */
  get isReported(): boolean {
    return this.#standing === 'reported'
  }

  /** The leader has not spoken on the present link. */
  get isSilent(): boolean {
    return this.#standing === 'none'
  }

  /** This process has announced that another one goes on with its work. */
  get isHandingOver(): boolean {
    return this.#restartMs !== undefined
  }

  /**
   * Nothing is told on a new link until the leader has spoken, because the report must come first (protocol
   * R0, R4).
   */
  fallSilent(): void {
    this.#standing = 'none'
  }

  /** The leader's first message on each new link. The answer is all that this Worker knows (protocol R4). */
  masterChanged(found: Found | undefined, now: Now): void {
    this.#found = found
    if (this.#registered) this.reportAll('WorkerSchedulerStateResponse', now)
    else this.register(now)
  }

  register(now: Now): void {
    const { identity, restarts, times } = this.#parts
    const { incarnation, code: _, ...offer } = identity
    const told = restarts.told(now)
    this.#standing = 'registering'
    this.#tell({
      type: 'RegisterWorker',
      id: incarnation,
      ...offer,
      labels: { ...offer.labels },
      workerTimeoutMs: times.workerTimeoutMs,
      ...(told && { restarts: told }),
    })
  }

  /** Ends go first: otherwise ended work would look to the Master like a launch that never arrived. */
  reportAll(type: 'WorkerSchedulerStateResponse' | 'WorkerLatestState', now: Now): void {
    const { outbox, codes, drivers } = this.#parts
    this.#registered = true
    this.#standing = 'reported'
    // A leader whose store forgot the later generation would end the driver, and then kill that generation.
    const isOutdated = (change: Change): boolean =>
      change.type === 'DriverStateChanged' && drivers.hasLater(change.driverId, change.generation)
    for (const change of outbox.toResend(this.#found, now.monotonicMs, isOutdated)) this.#tell(change)
    this.#tellFullReport(type, now)
    this.askForDrain(now)
    this.tellCodes(codes.all())
    this.heartbeat(now)
  }

  /** On each link anew, until it is drained: the leader that was asked may have died. */
  askForDrain(now: Now): void {
    const { drain, identity } = this.#parts
    const asked = this.isReported && drain.request(now)
    if (asked) this.#tell({ type: 'WorkerDecommissioning', workerId: identity.incarnation, ...asked })
  }

  tellCodes(messages: readonly CodeHeld[]): void {
    if (!this.isReported) return
    for (const message of messages) this.#tell(message)
  }

  correctMaster(now: Now): void {
    if (this.isReported) this.#tellFullReport('WorkerLatestState', now)
  }

  report(draft: ChangeDraft): void {
    const change = this.#parts.outbox.add(draft)
    if (this.isReported) this.#tell(change)
  }

  progressed(driver: Omit<DriverProgressed, 'type' | 'workerId'>): void {
    if (!this.isReported) return
    this.#tell({ type: 'DriverProgressed', workerId: this.#parts.identity.incarnation, ...driver })
  }

  /**
   * A leader must have it in the store before this process ends. One that has not, or that is elected
   * meanwhile, takes a closed port for the end of the Worker, and starts its drivers again while they run.
   */
  announceRestart(forMs: number, now: Now): void {
    this.#restartMs = forMs
    this.#parts.restarts.announced(now)
    if (this.isReported) this.heartbeat(now)
  }

  /** It goes on as before. A leader that has heard of the restart learns so at once. */
  restartRefused(reason: string, now: Now): void {
    const { restarts, identity } = this.#parts
    const wasAnnounced = this.isHandingOver
    this.#restartMs = undefined
    if (wasAnnounced && this.isReported) this.heartbeat(now)
    const told = restarts.refused(identity.incarnation, reason)
    if (told && this.isReported) this.#tell(told)
  }

  /**
   * Sent before registration too: an unknown Worker gets ReconnectWorker, which repairs a lost registration.
   */
  heartbeat(now: Now): void {
    if (this.isSilent) return
    const beat = this.#parts.masters.heartbeat(now)
    this.#tell(this.#restartMs === undefined ? beat : { ...beat, restartMs: this.#restartMs })
  }

  #tellFullReport(type: 'WorkerSchedulerStateResponse' | 'WorkerLatestState', now: Now): void {
    const { leaderTracker, identity, executors, drivers, restarts } = this.#parts
    const seen = leaderTracker.seen ?? NOWHERE
    const told = restarts.told(now)
    for (const page of reportPages(executors.reports(), drivers.reports(this.#found)))
      this.#tell({ type, id: identity.incarnation, seen, ...(told && { restarts: told }), ...page })
  }

  #tell(message: FromWorker): void {
    const { leader } = this.#parts.leaderTracker
    if (leader) this.#parts.emit({ kind: 'tell', to: leader.owner, message })
  }
}
