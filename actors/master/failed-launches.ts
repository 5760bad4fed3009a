import { limits } from '../../runtime/limits.js'
import { isEndedExecutor } from '../messages/common.js'
import { executorExits } from '../messages/executor-exits.js'
import { endText } from '../messages/launch-failure-text.js'
import type { FailedWorker, LaunchFailure } from '../messages/launch-failures.js'
import type { ApplicationEntry, ExecutorEntry } from './application-entry.js'
import type { ClusterState } from './cluster-state.js'
import type { DriverEntry } from './driver-entry.js'
import { type ExecutorChange, executorFailureOf, hasLasted } from './ended-launches.js'
import { endApplication } from './ending.js'
import type { FailedLaunch, LaunchRecord, Standing } from './launch-failures.js'
import { launchTimer } from './launch-timers.js'
import { fits } from './placement.js'
import type { Demand } from './resources.js'
import type { Now, Step } from './step.js'
import type { WorkerEntry } from './worker-entry.js'

/*
 * How a Master reacts to failed launches: it waits, tries other Workers first, and ends the work if none is
 * left.
 */

function noteFailure(cluster: ClusterState, step: Step, launch: FailedLaunch): LaunchRecord {
  const nowMs = step.now.monotonicMs
  const record = cluster.launchFailures.failed({ ...launch, failure: clipped(launch.failure) }, nowMs)
  step.startTimer(launchTimer(launch.subject, launch.workerId), record.notBeforeMs - nowMs)
  return record
}

function clipped(failure: LaunchFailure): LaunchFailure {
  const message = failure.message.slice(0, limits.launchFailureChars)
  if (failure.kind !== 'start' || failure.place === undefined) return { ...failure, message }
  return { ...failure, message, place: failure.place.slice(0, limits.launchFailureChars) }
}

export function failedWorkerOf(
  cluster: ClusterState,
  worker: WorkerEntry,
  { subject, record }: { readonly subject: string; readonly record: LaunchRecord },
  now: Now,
): FailedWorker {
  const { notBeforeMs, excludedUntilMs } = record
  const excluded = excludedUntilMs > now.monotonicMs
  const demand = demandOf(cluster, subject)
  // While no other Worker is left, the exclusion does not count.
  const isPassedOver = excluded && demand !== undefined && !allExcluded(cluster, now, subject, demand)
  const atMs = isPassedOver ? Math.max(notBeforeMs, excludedUntilMs) : notBeforeMs
  return {
    workerId: worker.id,
    host: worker.record.host,
    failure: record.failure,
    failures: record.rounds,
    retryAtMs: now.wallMs + Math.max(0, atMs - now.monotonicMs),
    excluded,
  }
}

function demandOf(cluster: ClusterState, subject: string): Demand | undefined {
  const app = cluster.apps.get(subject)
  return app ? executorDemand(app) : cluster.drivers.get(subject)?.record.description
}

/**
 * Handles an executor that has ended or is to leave, and this leader has not asked for it. One that has
 * lasted is replaced at once, unless it never reached its driver. One that has given a result is replaced
 * after a back-off. Any other is a failed launch, whose record is returned.
 */
export function executorFailure(
  cluster: ClusterState,
  step: Step,
  { app, executor, worker }: { app: ApplicationEntry; executor: ExecutorEntry; worker: WorkerEntry },
  change: ExecutorChange,
): LaunchRecord | undefined {
  const failure = executorFailureOf(cluster, step.now, { executor, worker }, change)
  if (!failure) return undefined
  // One that never reached its driver has only waited. What that of a former leader has done is not known.
  const { launchedAtMs } = executor
  const isUseless =
    change.exitStatus === executorExits.alone && !executor.worked && launchedAtMs !== undefined
  if (!isUseless && hasLasted(cluster, step.now, executor)) {
    launchSucceeded(cluster, step, executor)
    return undefined
  }
  const leaves = change.state === 'DECOMMISSIONED'
  const launch = { subject: app.id, workerId: worker.id, launchedAtMs, failure, leaves }
  const record = noteFailure(cluster, step, launch)
  if (failure.kind === 'room' || executor.worked) return undefined
  // One that is to leave runs yet. Spark 4.8: exit 0 is no failure. The application still waits for the
  // back-off.
  const hasEnded = isEndedExecutor(change.state)
  if (hasEnded && (failure.kind === 'start' || failure.exitStatus !== 0)) app.failures++
  return record
}

/**
 * This Worker has shown that it can run executors of this application, unless another one has ended there
 * since this one was launched: what it shows is older than that failure. Those that leave have not ended: it
 * may be one of them, told to leave during its first task. Then the wait that has begun goes on.
 */
export function launchSucceeded(cluster: ClusterState, step: Step, executor: ExecutorEntry): void {
  const { appId, workerId, launchedAtMs = Number.NEGATIVE_INFINITY } = executor
  const record = cluster.launchFailures.get(appId, workerId)
  if (record?.lastEndAtMs !== undefined && launchedAtMs <= record.lastEndAtMs) return
  const app = cluster.apps.get(appId)
  if (app) app.failures = 0
  if (record && launchedAtMs <= record.lastAtMs) {
    cluster.dirty = true
    if (cluster.launchFailures.outlived(record, step.now.monotonicMs)) return
  }
  if (!cluster.launchFailures.forget(appId, workerId)) return
  step.cancelTimer(launchTimer(appId, workerId))
  cluster.dirty = true
}

/** Ends an application that has no executor, has failed often enough, and has no Worker left to try. */
export function endIfUnrecoverable(cluster: ClusterState, step: Step, app: ApplicationEntry): void {
  const { maxExecutorRetries } = cluster.config
  if (maxExecutorRetries < 0 || app.failures < maxExecutorRetries || app.executors.size > 0) return
  if (!allExcluded(cluster, step.now, app.id, executorDemand(app))) return
  const text = endText(app.failures, failedWorkersOf(cluster, app.id, step.now))
  endApplication(cluster, step, app, 'FAILED', text, { endCause: 'EXECUTORS_FAILED' })
}

/** The smallest capacity that is of use to it. */
export function executorDemand(app: ApplicationEntry): Demand {
  const { executor } = app.record.description
  return { ...executor, cores: executor.cores ?? 1 }
}

/** Workers on which it failed lately, the newest failure first. */
export function failedWorkersOf(cluster: ClusterState, subject: string, now: Now): FailedWorker[] {
  const failed: FailedWorker[] = []
  for (const record of cluster.launchFailures.of(subject)) {
    const worker = cluster.workers.get(record.workerId)
    if (worker) failed.push(failedWorkerOf(cluster, worker, { subject, record }, now))
    if (failed.length >= limits.shownFailedWorkers) break
  }
  return failed
}

/** Workers that could run it if they were empty. */
export function* largeEnough(cluster: ClusterState, demand: Demand): Generator<WorkerEntry> {
  for (const worker of cluster.workers.values()) if (worker.isKept && fits(worker.whole, demand)) yield worker
}

/** True: every large enough Worker is excluded. False if there is none: the work then waits for one. */
export function allExcluded(cluster: ClusterState, now: Now, subject: string, demand: Demand): boolean {
  let some = false
  for (const { id } of largeEnough(cluster, demand)) {
    const standing = cluster.launchFailures.standing(subject, id, now.monotonicMs)
    if (standing !== 'excluded' && standing !== 'retry') return false
    some = true
  }
  return some
}

/** The order in which to try Workers: fresh ones first, excluded ones only if no other is left. */
export function standingsToTry(
  cluster: ClusterState,
  now: Now,
  subject: string,
  demand: Demand,
): readonly Standing[] {
  return allExcluded(cluster, now, subject, demand) ? ['fresh', 'due', 'retry'] : ['fresh', 'due']
}

/**
 * Handles a driver whose launch failed. A supervised driver is tried again without end, on other Workers
 * first. An unsupervised one is tried once on each Worker; `unrecoverable`: it has failed on all of them.
 */
export function driverFailed(
  cluster: ClusterState,
  step: Step,
  driver: DriverEntry,
  failure: LaunchFailure,
): 'unrecoverable' | undefined {
  const { workerId, description } = driver.record
  if (workerId === null) return undefined
  driver.hasFailed = true
  const { launchedAtMs } = driver
  const { monotonicMs } = step.now
  // It has run since, so this is a new failure.
  const startMs = cluster.config.executorStableMs * (failure.kind === 'exit' ? limits.driverCrashes : 1)
  if (launchedAtMs !== undefined && monotonicMs - launchedAtMs >= startMs)
    cluster.launchFailures.forget(driver.id, workerId)
  noteFailure(cluster, step, { subject: driver.id, workerId, launchedAtMs, failure })
  if (failure.kind === 'room' || description.supervise) return undefined
  for (const worker of largeEnough(cluster, description)) {
    if (cluster.launchFailures.standing(driver.id, worker.id, monotonicMs) === 'fresh') return undefined
  }
  return 'unrecoverable'
}
