import { ApplicationEntry } from './application-entry.js'
import type { ClusterState } from './cluster-state.js'
import { restoreDeployment } from './deployments.js'
import { meetDrain, restoreDrain } from './drains.js'
import type { DriverEntry } from './driver-entry.js'
import { prepareEnded } from './ended-rows.js'
import type { ApplicationRecord, EndedRecord, StoredRecords, WorkerRecord } from './records.js'
import type { Step } from './step.js'
import { driverHolding, WorkerEntry } from './worker-entry.js'
import { timeoutOfUnknown } from './worker-timeout.js'

/* Spark's recovery (Spark 3.4), improved: nobody waits for the silent (protocol 11, L3). */

/** Fills cluster state that nobody sees yet, a piece at a time: Workers first, then what refers to them. */
export function restore(
  cluster: ClusterState,
  step: Step,
  {
    deployments = [],
    tokens = [],
    drains = [],
    workers = [],
    apps = [],
    drivers = [],
    ended = [],
    keys = [],
  }: Partial<StoredRecords>,
): void {
  for (const record of deployments) restoreDeployment(cluster, record)
  for (const record of tokens) cluster.tokens.set(record.id, record)
  for (const record of drains) restoreDrain(cluster, step, record)
  for (const record of workers) restoreWorker(cluster, step, record)
  for (const record of apps) restoreApplication(cluster, step, record, record.execIds)
  for (const record of drivers) bindDriver(cluster, step, cluster.restoreDriver(record, record.generation))
  for (const record of ended) restoreEnded(cluster, record)
  for (const [key, record] of keys) cluster.keys.set(key, record)
}

/** The cluster state holds all that the store does; nobody has answered yet. */
export function beginRecovery(cluster: ClusterState, step: Step): void {
  cluster.lastAnswerMs = step.now.monotonicMs
  if (allAnswered(cluster)) {
    completeRecovery(cluster, step)
    return
  }
  cluster.state = 'RECOVERING'
  cluster.isAsking = true
  step.startTimer({ kind: 'recovery-max' }, cluster.config.recoveryMaxMs)
}

/**
 * Watches for quiet from when all that this step tells has left. To ask a thousand takes a good part of a
 * second, in which those who have not been asked cannot answer.
 */
export function watchForQuiet(cluster: ClusterState, step: Step): void {
  if (cluster.state === 'RECOVERING')
    step.startTimerWhenTold({ kind: 'recovery-quiet' }, cluster.config.recoveryQuietMs)
}

/** Nobody knows yet whether it lives; its heartbeat counts from now. */
export function restoreWorker(cluster: ClusterState, step: Step, record: WorkerRecord): void {
  const worker = new WorkerEntry(record, 'UNKNOWN', step.now.monotonicMs, step.now.wallMs)
  meetDrain(cluster, worker)
  cluster.workers.set(worker.id, worker)
  cluster.workersByAddress.set(worker.address, worker)
}

/** `foundExecIds`: the ceiling in the store at this election. */
export function restoreApplication(
  cluster: ClusterState,
  step: Step,
  record: ApplicationRecord,
  foundExecIds: number,
): void {
  const app = new ApplicationEntry(record, 'UNKNOWN', false, cluster.lostExecutors, foundExecIds)
  cluster.apps.set(app.id, app)
  cluster.appsByRegistration.set(record.registration, app)
  step.startTimer({ kind: 'application', endpoint: record.endpoint }, cluster.config.applicationTimeoutMs)
}

/** To the Worker that its record names; without one it waits in the queue. */
export function bindDriver(cluster: ClusterState, step: Step, driver: DriverEntry): void {
  const { orphanGraceMs, guardMarginMs } = cluster.config
  const { workerId, generation, description, resources, state, outlivesMs = 0 } = driver.record
  if (workerId === null) {
    // Its former Worker's guard may still be at work: the wait was in the deposed leader's memory only.
    const leastMs = state === 'RELAUNCHING' ? orphanGraceMs + guardMarginMs : 0
    const waitMs = Math.max(leastMs, outlivesMs)
    if (waitMs > 0) waitForItsEnd(step, driver, waitMs)
    return
  }
  const { cores, memoryMib } = description
  const worker = cluster.workers.get(workerId)
  if (worker) worker.hold(driverHolding(driver.id, generation), { cores, memoryMib, resources })
  else {
    // It may run there all the same, silently (protocol 9). A leader that comes after this one waits, too.
    const waitMs = timeoutOfUnknown(cluster)
    driver.record = { ...driver.record, outlivesMs: waitMs }
    driver.requeue(step, 'its worker is not in the store')
    driver.expectedOn = workerId
    waitForItsEnd(step, driver, waitMs)
  }
}

function waitForItsEnd(step: Step, driver: DriverEntry, ms: number): void {
  driver.notBeforeMs = step.now.monotonicMs + ms
  step.startTimer({ kind: 'relaunch', driverId: driver.id }, ms)
}

function restoreEnded(cluster: ClusterState, record: EndedRecord): void {
  if (record.kind === 'driver') cluster.endedDrivers.set(record.id, record)
  else cluster.endedApps.set(record.id, record)
  prepareEnded(record)
}

/** Have all answered, or are they known dead? */
function allAnswered(cluster: ClusterState): boolean {
  if (cluster.awaitedLostWrites.size > 0) return false
  for (const worker of cluster.workers.values()) if (worker.state === 'UNKNOWN') return false
  for (const app of cluster.apps.values()) if (app.state === 'UNKNOWN') return false
  return true
}

/** After each answer, and when quiet or the limit says so. The silent stay UNKNOWN on their own clocks. */
export function advanceRecovery(cluster: ClusterState, step: Step, overdue = false): void {
  if (cluster.state !== 'RECOVERING') return
  if (overdue || allAnswered(cluster) || isQuiet(cluster, step)) completeRecovery(cluster, step)
}

const quietLeftMs = (cluster: ClusterState, step: Step): number =>
  cluster.config.recoveryQuietMs - (step.now.monotonicMs - cluster.lastAnswerMs)

/**
 * Where the store is known to have lost something, a Master that may have it is worth more than a quarter of
 * a second.
 */
function isQuiet(cluster: ClusterState, step: Step): boolean {
  const { awaitedLostWrites, leadership } = cluster
  const hasLost = cluster.hasLost || awaitedLostWrites.has(leadership.owner)
  return !cluster.isAsking && quietLeftMs(cluster, step) <= 0 && !(hasLost && awaitedLostWrites.size > 0)
}

/**
 * Re-arms the watch for quiet: answers came since it was set. What is awaited longer ends with an answer, or
 * the limit.
 */
export function recoveryQuietElapsed(cluster: ClusterState, step: Step): void {
  cluster.isAsking = false
  advanceRecovery(cluster, step)
  const leftMs = quietLeftMs(cluster, step)
  if (cluster.state === 'RECOVERING' && leftMs > 0) step.startTimer({ kind: 'recovery-quiet' }, leftMs)
}

function completeRecovery(cluster: ClusterState, step: Step): void {
  step.cancelTimer({ kind: 'recovery-quiet' })
  step.cancelTimer({ kind: 'recovery-max' })
  const silent = [...cluster.workers.values()].filter((worker) => worker.state === 'UNKNOWN').length
  cluster.state = 'ALIVE'
  cluster.dirty = true
  // A Master that handed over waits for the first pulse.
  step.startTimer({ kind: 'pulse' }, 0)
  step.log('info', 'I have been elected leader! New state: ALIVE', {
    epoch: cluster.leadership.epoch,
    recoveredMs: Math.round(step.now.monotonicMs - cluster.leadership.electedAtMs),
    workers: cluster.workers.size,
    silentWorkers: silent,
    applications: cluster.apps.size,
    drivers: cluster.drivers.size,
  })
}
