import { limits } from '../../runtime/limits.js'
import { isEndedExecutor } from '../messages/common.js'
import { oversizeOf } from '../messages/record-size.js'
import type {
  DriverReport,
  ExecutorReport,
  WorkerLatestState,
  WorkerSchedulerStateResponse,
} from '../messages/workers.js'
import type { ApplicationEntry, ExecutorEntry } from './application-entry.js'
import { executorFares, executorUnreported } from './application-executors.js'
import type { ClusterState, PeerInfo } from './cluster-state.js'
import { tellMove } from './drain-moves.js'
import { tellDrained, tellLeaving } from './drains.js'
import { driverDigest } from './driver-digest.js'
import type { DriverEntry } from './driver-entry.js'
import { noteProgress } from './driver-progress.js'
import { meetKeptEnds } from './driver-reports.js'
import { endDriver } from './ending.js'
import { tellAdded, tellLaunchDriver, tellLaunchExecutor, tellRestartDriver } from './launching.js'
import { isBelieved } from './lost-writes/belief.js'
import type { DriverRecord } from './records.js'
import type { Step } from './step.js'
import { outranks, supersede } from './superseding.js'
import { driverHolding, executorHolding, type HoldingKey, type WorkerEntry } from './worker-entry.js'
import { learnRestarts } from './worker-restart.js'
import { WorkerRoom } from './worker-room.js'

/*
 * Reconciliation of a Worker's full report with the cluster state (protocol 11.4): repairs every lost launch
 * and kill.
 */

export type FullReport = WorkerSchedulerStateResponse | WorkerLatestState

/** One message of a report, while it is gone through. */
interface Reporting {
  readonly cluster: ClusterState
  readonly step: Step
  readonly worker: WorkerEntry
  /** What this report has named so far. */
  readonly reported: Set<HoldingKey>
  readonly room: WorkerRoom
}

export function workerReported(cluster: ClusterState, step: Step, from: PeerInfo, report: FullReport): void {
  const worker = cluster.workers.get(from.incarnation)
  if (!worker || worker.state === 'DEAD' || report.id !== from.incarnation) {
    step.tell(from.incarnation, { type: 'ReconnectWorker', workerId: from.incarnation })
    return
  }
  if (worker.isOverfull) return
  worker.linked = true
  worker.lastHeartbeatMs = step.now.monotonicMs
  worker.lastHeartbeatWallMs = step.now.wallMs
  cluster.lastAnswerMs = step.now.monotonicMs
  const reported = worker.reporting ?? new Set<HoldingKey>()
  const reporting: Reporting = { cluster, step, worker, reported, room: new WorkerRoom(cluster) }
  const isWhole =
    report.drivers.every((driver) => driverReported(reporting, driver)) &&
    report.executors.every((executor) => executorReported(reporting, executor))
  if (!isWhole) {
    refuseReport(step, worker)
    return
  }
  worker.reporting = report.more ? reported : undefined
  // Only the whole report says what is not there.
  if (report.more) return
  if (worker.state === 'UNKNOWN') worker.state = 'ALIVE'
  worker.answered = true
  learnRestarts(step, worker, report.restarts)
  releaseUnreported(cluster, step, worker, reported)
  tellDrained(cluster, step, worker)
  cluster.dirty = true
}

/**
 * Its link ends, so that nothing is concluded from the rest of its report. What it named before counts.
 */
function refuseReport(step: Step, worker: WorkerEntry): void {
  const { cores } = worker.record
  const reason = `FIRESTEEL_REPORT_TOO_LARGE: it reports more than ${cores} cores can run, and holds ${worker.holdings.size} executors and drivers`
  worker.isOverfull = true
  worker.reporting = undefined
  step.log('warn', `the report of a worker was refused: ${reason}`, { workerId: worker.id })
  step.unlink(worker.id, reason)
}

/** False: it is more than this Worker can run. */
function driverReported(reporting: Reporting, report: DriverReport): boolean {
  const { cluster, step, worker, reported, room } = reporting
  const { driverId, generation, resources } = report
  const { cores = 1, memoryMib = 1 } = report.description ?? report
  const holding = driverHolding(driverId, generation)
  if (!room.takes(worker, holding, report)) return false
  adoptDriver(cluster, step, worker, report)
  // Whatever it is, it holds room until the Worker says that its processes are gone (protocol 11.7).
  worker.hold(holding, { cores, memoryMib, resources })
  reported.add(holding)
  const driver = cluster.drivers.get(driverId)
  if (driver?.queued && driver.expectedOn === worker.id && driver.record.generation === generation)
    takeBackDriver(step, driver, worker, report)
  if (driver && accepts(driver, worker, generation)) {
    driver.message = ''
    if (report.progress && noteProgress(driver, report.progress)) step.put('driver', driverId, driver.record)
    if (driver.record.wanted === 'KILL' || driver.record.replacement)
      killDriver(step, worker, driverId, generation)
    else if (report.restart !== driver.record.restart?.request) tellRestartDriver(step, driver)
    return true
  }
  step.log('warn', 'killing a driver that the cluster state does not hold', {
    driverId,
    generation,
    workerId: worker.id,
  })
  killDriver(step, worker, driverId, generation)
  return true
}

const accepts = (driver: DriverEntry, worker: WorkerEntry, generation: number): boolean =>
  driver.record.workerId === worker.id && driver.record.generation === generation

function killDriver(step: Step, worker: WorkerEntry, driverId: string, generation: number): void {
  step.tell(worker.id, { type: 'KillDriver', workerId: worker.id, driverId, generation })
}

/** Its Worker was not in the store, but is there after all. */
function takeBackDriver(
  step: Step,
  driver: DriverEntry,
  worker: WorkerEntry,
  { resources }: DriverReport,
): void {
  driver.expectedOn = undefined
  // Its Worker may give it back before the wait is over.
  driver.notBeforeMs = 0
  const { outlivesMs: _, ...record } = driver.record
  driver.record = { ...record, state: 'RUNNING', workerId: worker.id, resources }
  step.cancelTimer({ kind: 'relaunch', driverId: driver.id })
  step.put('driver', driver.id, driver.record)
}

const ADOPTED = 'adopted-'

/** Known from a Worker's report alone: its own key is not. */
export const isAdopted = ({ id, record }: DriverEntry): boolean => record.key === `${ADOPTED}${id}`

/**
 * What a record still says of a later generation with this content. It has the key of its own content, or of
 * the next one, which it had taken then; the key of other content is not its own. The next content and a
 * restart concern what ran before.
 */
function formerOf(record: DriverRecord, digest: string): Partial<DriverRecord> {
  const { key, replacement, restart: _, ...former } = record
  if (digest === record.digest) return { ...former, key }
  const { life: __, program: ___, ...other } = former
  return digest === replacement?.digest ? { ...other, key: replacement.key } : other
}

/** A claim above what the cluster state holds, by a launch above base, wins (protocol 11.4, 12). */
function adoptDriver(cluster: ClusterState, step: Step, worker: WorkerEntry, report: DriverReport): void {
  const { driverId, generation, description } = report
  if (cluster.endedDrivers.has(driverId) || !cluster.isForgotten(report.launchedAt)) return
  // No Master has let that in.
  if (!description || oversizeOf(description)) return
  if (Buffer.byteLength(JSON.stringify(report.resources)) > limits.recordRestBytes) return
  const claim = { generation, launchedUnder: report.launchedAt.epoch }
  const held = cluster.drivers.get(driverId)
  if (!isBelieved(generation, held?.foundGeneration ?? 0)) return
  if (held && !outranks(claim, held.record)) return
  if (!held && !cluster.mayTakeBack(Buffer.byteLength(JSON.stringify(description)))) return
  const text = 'adopted from its worker, because the store forgot this generation'
  const digest = driverDigest(description)
  const former = held && formerOf(held.withEvent(step.now.wallMs, text), digest)
  if (held) supersede(cluster, step, held, claim)
  const record: DriverRecord = {
    submittedAtMs: step.now.wallMs,
    // Where its key went with the store nobody can ask by it again.
    key: `${ADOPTED}${driverId}`,
    wanted: 'RUN',
    ...former,
    id: driverId,
    description,
    ...(report.owner && { owner: report.owner }),
    digest,
    state: 'RUNNING',
    ...claim,
    workerId: worker.id,
    resources: report.resources,
    homes: [...(former?.homes ?? []), worker.id].slice(-limits.driverHomes),
    ...(report.progress && { life: report.progress.life }),
  }
  step.log('warn', 'adopted a driver that the store forgot', {
    driverId: report.driverId,
    workerId: worker.id,
  })
  cluster.addDriver(step, record)
  meetKeptEnds(cluster, step, driverId)
}

/** False: it is more than this Worker can run. */
function executorReported(reporting: Reporting, report: ExecutorReport): boolean {
  const { cluster, step, worker, reported, room } = reporting
  const { appId, execId, cores, memoryMib, resources, state } = report
  const holding = executorHolding(appId, execId)
  if (!room.takes(worker, holding, report)) return false
  worker.hold(holding, { cores, memoryMib, resources })
  cluster.executorHomes.set(holding, worker.id)
  reported.add(holding)
  const app = cluster.apps.get(appId)
  if (!app) {
    // Its application may still tell us of itself, if the store forgot it: it has adoptGrace for that.
    if (cluster.isForgotten(report.launchedAt) && !cluster.endedApps.has(appId)) {
      cluster.awaitAdoption(step, worker.id, report)
    } else {
      step.tell(worker.id, { type: 'KillExecutor', workerId: worker.id, appId, execId })
    }
    return true
  }
  const known = app.executors.get(execId)
  if (known?.workerId === worker.id) {
    // What the application could not say (protocol 11.3) the Worker does.
    const said = isEndedExecutor(state) ? known.state : state
    const executor = { ...known, cores, memoryMib, resources }
    app.executors.set(execId, executor)
    executorFares(cluster, step, { app, executor, worker }, { appId, execId, state: said })
    return true
  }
  // The application was told LOST: however well it runs, it is not ours any more (protocol 11.7). Or it is on
  // another Worker.
  if (known || app.lost.has(execId) || !app.hearOf(execId)) {
    step.tell(worker.id, { type: 'KillExecutor', workerId: worker.id, appId, execId })
    return true
  }
  const executor = { appId, execId, workerId: worker.id, cores, memoryMib, resources, state }
  app.take(executor)
  if (!isEndedExecutor(state))
    executorFares(cluster, step, { app, executor, worker }, { appId, execId, state })
  if (!app.answered || app.listed.has(execId)) return true
  tellAdded(step, app, executor, worker)
  tellLeaving(step, app, executor, worker)
  return true
}

/**
 * What the cluster state holds there and the same incarnation does not report. Unacknowledged ends came
 * before the report, so it was never started: this leader's own launch goes out again (idempotent, protocol
 * R6), a former leader's is given up.
 */
function releaseUnreported(
  cluster: ClusterState,
  step: Step,
  worker: WorkerEntry,
  reported: ReadonlySet<HoldingKey>,
): void {
  for (const key of [...worker.holdings.keys()]) {
    if (reported.has(key)) continue
    const { app, executor, driver } = cluster.ownerOf(worker.id, key)
    if (app && executor) {
      if (executor.state === 'LAUNCHING' && worker.drain) refuseLate(step, worker, app, executor)
      else if (executor.state === 'LAUNCHING') tellLaunchExecutor(step, app, executor)
      else {
        worker.release(key)
        executorUnreported(cluster, step, { app, executor, worker })
      }
    } else if (driver) {
      driverUnreported(cluster, step, worker, driver)
    } else {
      // A process of the past that is gone by now.
      worker.release(key)
      cluster.forgetOrphan(step, worker.id, key)
    }
  }
}

/**
 * Nothing starts on a drained Worker any more. The launch may still be on its way, so the Worker is told that
 * it is not wanted before the executor is given up.
 */
function refuseLate(step: Step, worker: WorkerEntry, app: ApplicationEntry, { execId }: ExecutorEntry): void {
  step.tell(worker.id, { type: 'KillExecutor', workerId: worker.id, appId: app.id, execId })
  app.lose(step, execId, 'its worker was drained before it started', worker.record.host)
}

function driverUnreported(cluster: ClusterState, step: Step, worker: WorkerEntry, driver: DriverEntry): void {
  const { generation, wanted, launchedUnder, replacement } = driver.record
  if (wanted === 'RUN' && !replacement && launchedUnder === cluster.leadership.epoch) {
    // Its Worker answers that it is not there, and it is placed again.
    if (worker.drain) tellMove(step, driver)
    else tellLaunchDriver(cluster, step, driver)
    return
  }
  worker.release(driverHolding(driver.id, generation))
  if (wanted === 'KILL') {
    endDriver(cluster, step, driver, {
      state: 'KILLED',
      endCause: 'KILLED_BEFORE_START',
      message: 'killed before it started',
    })
  } else {
    driver.requeue(step, 'its launch did not arrive')
  }
}
