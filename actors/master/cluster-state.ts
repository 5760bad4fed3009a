import { innerLimits } from '../../runtime/inner-limits.js'
import { limits } from '../../runtime/limits.js'
import { NewestEntries } from '../../runtime/newest-entries.js'
import { comparePositions } from '../../runtime/persistence/engine.js'
import { isForgotten } from '../../runtime/persistence/forgotten.js'
import type { Role } from '../../runtime/transport/identity.js'
import {
  isEndedExecutor,
  type OwnedPosition,
  type PastElection,
  type Position,
  type RecoveryState,
} from '../messages/common.js'
import type { ExecutorStateChanged } from '../messages/executors.js'
import type { ExecutorReport } from '../messages/workers.js'
import type { ApplicationEntry, ExecutorEntry } from './application-entry.js'
import { ApplicationsMap } from './applications-map.js'
import { CodeHolders } from './code-holders.js'
import type { Move } from './drain-move.js'
import { DriverEntry } from './driver-entry.js'
import type { IdSource } from './ids.js'
import { LaunchFailures } from './launch-failures.js'
import type { LauncherEntry } from './launcher-entry.js'
import { LostExecutors } from './lost-executors.js'
import { KeptEnds } from './lost-writes/kept-ends.js'
import type { MasterConfig } from './master-config.js'
import { NumberedMap } from './numbered-map.js'
import type {
  DeploymentRecord,
  DrainRecord,
  DriverRecord,
  EndedApplication,
  EndedDriver,
  KeyRecord,
  TokenRecord,
} from './records.js'
import type { Now, Step } from './step.js'
import { WaitingDrivers } from './waiting-drivers.js'
import { executorHolding, type HoldingKey, type WorkerEntry } from './worker-entry.js'

/** The other end of a link, as the shell tells it. */
export interface PeerInfo {
  readonly incarnation: string
  readonly role: Role
  /** With role driver: `ID/GENERATION`. Of a Worker or client: its token, if it has one. */
  readonly subject?: string
  /** Host the link comes from. */
  readonly host: string
  /** firesteel://host:port where it says it listens. */
  readonly address?: string
  /** We dialled it, at the address of a Master: that it is one is not only its own word. */
  readonly dialled?: boolean
}

export interface Leadership {
  readonly epoch: number
  readonly owner: string
  readonly base: Position
  /** Of the leaders before (see `isForgotten`). */
  readonly earlier: readonly PastElection[]
  /**
   * Highest position heard of, of earlier leaderships: above base, the store has lost what lies between
   * (protocol 12).
   */
  observed: Position
  /**
   * Format of the store: what a record says that only a higher one may say is not written below that format
   * (`store-format.ts`).
   */
  format: number
  readonly sinceMs: number
  readonly electedAtMs: number
}

interface HoldingOwner {
  readonly driver?: DriverEntry
  readonly app?: ApplicationEntry
  readonly executor?: ExecutorEntry
}

/** An executor whose application is not known. */
export interface Orphan {
  readonly workerId: string
  readonly report: ExecutorReport
}

/** All that one leadership knows. A new leadership starts with new cluster state. */
export class ClusterState {
  readonly config: MasterConfig
  readonly leadership: Leadership
  readonly ids: IdSource
  /** Incarnations that have a link to this Master, also without a word to this leadership. */
  peers: ReadonlyMap<string, PeerInfo> = new Map()
  state: RecoveryState = 'RECOVERING'
  readonly workers = new NumberedMap<WorkerEntry>()
  readonly workersByAddress = new Map<string, WorkerEntry>()
  /** By `NAME@HOST`: Workers that take no new work, whether they are here or not. */
  readonly drains = new Map<string, DrainRecord>()
  /** By id, oldest first, some of those that are over among them. */
  readonly tokens = new Map<string, TokenRecord>()
  /** Drivers that leave drained Workers, by id. A new leader lets them leave again. */
  readonly moves = new Map<string, Move>()
  /** Drivers that have a `replacement`, by id. */
  readonly replacing = new Set<string>()
  /** By number, oldest first. */
  readonly deployments = new Map<number, DeploymentRecord>()
  /** Launchers that are linked to this leader, by incarnation. */
  readonly launchers = new Map<string, LauncherEntry>()
  /** In order of registration: scheduling is FIFO over it. */
  readonly apps = new ApplicationsMap()
  readonly appsByRegistration = new Map<string, ApplicationEntry>()
  /** Executors of applications that have ended, by those. Their Workers have not been told yet. */
  readonly leaving = new Map<string, Map<number, Pick<ExecutorEntry, 'workerId'>>>()
  /** Peers whose applications end, as far as they have not answered: some of these in each turn. */
  readonly gone = new Set<string>()
  readonly drivers = new NumberedMap<DriverEntry>()
  readonly driversByKey = new Map<string, DriverEntry>()
  readonly endedDrivers = new NumberedMap<EndedDriver>()
  readonly endedApps = new NumberedMap<EndedApplication>()
  readonly keys = new Map<string, KeyRecord>()
  /** All of them are known: until then an unknown one says nothing. */
  keysComplete = true
  /** Executors of applications that the store forgot, until these speak up (protocol 12). */
  readonly orphans = new Map<string, Map<HoldingKey, Orphan>>()
  /** Adopted applications that hold executors on Workers which the store forgot as well. */
  readonly awaitingWorkers = new Set<string>()
  /**
   * Masters that may still hold what the store forgot, and have not given all; this one too, while its own
   * record cache does.
   */
  readonly awaitedLostWrites = new Set<string>()
  /** Masters that were asked for lost writes on their present link, and have not given the last piece. */
  readonly askedLostWrites = new Set<string>()
  /** Ends of drivers that are not known, but may be among the lost writes that still come (protocol 12.3). */
  readonly keptEnds: KeptEnds
  /** Ends of drivers of which a later generation may run where nobody has reported yet (protocol 12.4). */
  readonly heldEnds: KeptEnds
  /** Derived from what each Worker entry says of its code. */
  readonly codeHolders = new CodeHolders()
  /** Executors that applications were told are LOST. */
  readonly lostExecutors = new LostExecutors()
  /** Where executors ran, newest last, so that their output is found after their end. */
  readonly executorHomes = new NewestEntries<HoldingKey, string>(innerLimits.rememberedHomes)
  /** Launches that came to nothing. Never stored: a new leader tries again, and learns the same. */
  readonly launchFailures: LaunchFailures
  readonly waiting = new WaitingDrivers()
  /** Counts what may have freed capacity. While it does not change, a driver that found none finds none. */
  #capacity = 0
  #dirty = false
  /** The records take as much of the heap as they may: what would make a new one is refused. */
  isFull = false
  /** Bytes that this leader has taken all the same, because a cluster had acknowledged them. */
  takenBackWhenFull = 0
  /** The search for room goes on behind the application with this number; 0: at the oldest. */
  appScan = 0
  /** Where the next driver's search begins. */
  driverCursor = 0
  /** Last time any Worker or application came or answered, monotonic: quiet ends recovery. */
  lastAnswerMs: number
  /** Recovery has begun, and not all have been asked for an answer a while ago: nothing is quiet yet. */
  isAsking = false

  /**
   * False: the records are full, and this would be more than a leader takes back then. It is for what was let
   * in once, and a store forgot.
   */
  mayTakeBack(bytes: number): boolean {
    if (!this.isFull) return true
    if (this.takenBackWhenFull + bytes > limits.takenBackWhenFullBytes) return false
    this.takenBackWhenFull += bytes
    return true
  }

  constructor(config: MasterConfig, leadership: Leadership, ids: IdSource) {
    this.config = config
    this.leadership = leadership
    this.ids = ids
    this.keptEnds = new KeptEnds(config.keptEnds)
    this.heldEnds = new KeptEnds(config.keptEnds)
    this.launchFailures = new LaunchFailures(config)
    this.lastAnswerMs = leadership.electedAtMs
  }

  /** Something changed that may let work be placed. */
  get dirty(): boolean {
    return this.#dirty
  }

  set dirty(dirty: boolean) {
    this.#dirty = dirty
    if (dirty) this.#capacity++
  }

  get capacity(): number {
    return this.#capacity
  }

  /** There is more to place, but no more room than before. */
  goOn(): void {
    this.#dirty = true
  }

  /** A pass begins. */
  clean(): void {
    this.#dirty = false
  }

  /** Puts back what was saved of passes. */
  loadPass(capacity: number, dirty: boolean): void {
    this.#capacity = capacity
    this.#dirty = dirty
  }

  get alive(): boolean {
    return this.state === 'ALIVE'
  }

  /** Somebody has seen a write above what the store held when it was read (protocol 12). */
  get hasLost(): boolean {
    const { observed, base } = this.leadership
    return comparePositions(observed, base) > 0
  }

  /**
   * Decided before this leadership, and not known to the store that it found: that forgot it, not we
   * (protocol 12).
   */
  isForgotten(at: OwnedPosition): boolean {
    const { epoch, owner } = this.leadership
    const isOurs = at.epoch === epoch && at.owner === owner
    return at.epoch <= epoch && !isOurs && isForgotten(at, this.leadership)
  }

  addDriver(step: Step, record: DriverRecord): DriverEntry {
    const driver = this.restoreDriver(record)
    step.put('driver', record.id, record)
    this.goOn()
    return driver
  }

  /** `foundGeneration`: where the record comes from the store. */
  restoreDriver(record: DriverRecord, foundGeneration?: number): DriverEntry {
    const former = this.drivers.get(record.id)
    former?.leave()
    const found = foundGeneration ?? former?.foundGeneration
    const number = this.drivers.nextNumber(record.id)
    const driver = new DriverEntry(record, number, this.waiting, found, this.leadership.epoch)
    if (former) driver.follow(former)
    this.drivers.set(record.id, driver)
    this.driversByKey.set(record.key, driver)
    if (record.replacement) this.replacing.add(record.id)
    return driver
  }

  removeDriver(driver: DriverEntry): void {
    driver.leave()
    this.drivers.delete(driver.id)
    this.driversByKey.delete(driver.record.key)
  }

  awaitAdoption(step: Step, workerId: string, report: ExecutorReport): void {
    const { appId, execId } = report
    const waiting = this.orphans.get(appId)
    if (!waiting) step.startTimer({ kind: 'adopt', appId }, this.config.adoptGraceMs)
    const orphan = { workerId, report }
    this.orphans.set(appId, (waiting ?? new Map()).set(executorHolding(appId, execId), orphan))
  }

  /** Its Worker tells how it fares meanwhile. */
  orphanChanged(step: Step, workerId: string, { appId, execId, state }: ExecutorStateChanged): void {
    const key = executorHolding(appId, execId)
    const waiting = this.orphans.get(appId)
    const orphan = waiting?.get(key)
    if (orphan?.workerId !== workerId) return
    if (isEndedExecutor(state)) this.forgetOrphan(step, workerId, key)
    else waiting?.set(key, { workerId, report: { ...orphan.report, state } })
  }

  awaitWorker(step: Step, appId: string): void {
    if (this.awaitingWorkers.has(appId)) return
    this.awaitingWorkers.add(appId)
    step.startTimer({ kind: 'workers-of', appId }, this.config.adoptGraceMs)
  }

  /** This Worker does not run it any more. */
  forgetOrphan(step: Step, workerId: string, key: HoldingKey): void {
    const appId = key.slice(0, key.lastIndexOf('/'))
    const waiting = this.orphans.get(appId)
    if (waiting?.get(key)?.workerId !== workerId) return
    waiting.delete(key)
    if (waiting.size === 0) this.takeOrphans(step, appId)
  }

  takeOrphans(step: Step, appId: string): Orphan[] {
    const orphans = this.orphans.get(appId)
    this.orphans.delete(appId)
    step.cancelTimer({ kind: 'adopt', appId })
    return [...(orphans?.values() ?? [])]
  }

  /** The owner of this holding on that Worker. Empty if the cluster state does not know it (any more). */
  ownerOf(workerId: string, key: HoldingKey): HoldingOwner {
    const cut = key.lastIndexOf('/')
    const id = key.slice(0, cut)
    const number = Number(key.slice(cut + 1))
    const driver = this.drivers.get(id)
    if (driver?.record.workerId === workerId && driver.record.generation === number) return { driver }
    const app = this.apps.get(id)
    const executor = app?.executors.get(number)
    return app && executor?.workerId === workerId ? { app, executor } : {}
  }

  /** The executors that applications have on this Worker, by what it holds, and not by looking at all. */
  *executorsOn(worker: WorkerEntry): Generator<readonly [ApplicationEntry, ExecutorEntry]> {
    for (const key of worker.holdings.keys()) {
      const { app, executor } = this.ownerOf(worker.id, key)
      if (app && executor) yield [app, executor]
    }
  }

  /** Since when a Worker is silent counts from the election at the earliest. */
  silentMs({ lastHeartbeatMs }: WorkerEntry, { monotonicMs }: Now): number {
    return monotonicMs - Math.max(lastHeartbeatMs, this.leadership.electedAtMs)
  }

  linkedWorkers(): WorkerEntry[] {
    return [...this.workers.values()].filter((worker) => worker.linked && worker.state !== 'DEAD')
  }
}
