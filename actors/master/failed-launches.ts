import { limits } from '../../runtime/limits.js'
import { isEndedExecutor } from '../messages/common.js'
import type { ExecutorStateChanged } from '../messages/executors.js'
import { endText } from '../messages/launch-failure-text.js'
import type { FailedWorker, LaunchFailure } from '../messages/launch-failures.js'
import type { ApplicationEntry, ExecutorEntry } from './application-entry.js'
import type { ClusterState } from './cluster-state.js'
import type { DriverEntry } from './driver-entry.js'
import { endApplication } from './ending.js'
import type { FailedLaunch, LaunchRecord, Standing } from './launch-failures.js'
import { launchTimer } from './launch-timers.js'
import { fits } from './placement.js'
import type { Demand } from './resources.js'
import type { Now, Step } from './step.js'
import type { WorkerEntry } from './worker-entry.js'

/* What a Master makes of launches that come to nothing: back-off, other Workers first, an end where none is left. */

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

export const failedWorkerOf = (worker: WorkerEntry, record: LaunchRecord, now: Now): FailedWorker => ({
  workerId: worker.id,
  host: worker.record.host,
  failure: record.failure,
  failures: record.rounds,
  retryAtMs: now.wallMs + Math.max(0, record.notBeforeMs - now.monotonicMs),
  excluded: record.excludedUntilMs > now.monotonicMs,
})

/** Nothing, where it was stopped on purpose. */
function failureOf(report: ExecutorStateChanged): LaunchFailure | undefined {
  const { appId, execId, state, noRoom, notStarted, exitStatus } = report
  const message = report.message ?? state
  if (!isEndedExecutor(state) || state === 'KILLED') return undefined
  if (noRoom) return { kind: 'room', message }
  if (notStarted) return { kind: 'start', ...notStarted, message }
  return { kind: 'exit', exitStatus: exitStatus ?? null, output: `${appId}/${execId}`, message }
}

/**
 * An executor has ended that nobody stopped. Who has lasted has started, and is replaced at once; who has worked is
 * replaced after the first back-off; all others are failed launches, and returned.
 */
export function executorFailure(
  cluster: ClusterState,
  step: Step,
  { app, executor, worker }: { app: ApplicationEntry; executor: ExecutorEntry; worker: WorkerEntry },
  report: ExecutorStateChanged,
): LaunchRecord | undefined {
  const failure = failureOf(report)
  if (!failure) return undefined
  if (hasLasted(cluster, step, executor)) {
    launchSucceeded(cluster, step, executor)
    return undefined
  }
  const beside = [...app.executors.values()].find(
    (other) => other.workerId === worker.id && hasLasted(cluster, step, other),
  )
  if (executor.worked || beside) launchSucceeded(cluster, step, beside ?? executor)
  const { launchedAtMs } = executor
  const record = noteFailure(cluster, step, { subject: app.id, workerId: worker.id, launchedAtMs, failure })
  if (failure.kind === 'room' || executor.worked) return undefined
  // Spark 4.8: exit 0 counts for nothing. It waits for its turn all the same.
  if (failure.kind === 'start' || failure.exitStatus !== 0) app.failures++
  return record
}

const hasLasted = (cluster: ClusterState, step: Step, { runningSinceMs }: ExecutorEntry): boolean =>
  runningSinceMs !== undefined && step.now.monotonicMs - runningSinceMs >= cluster.config.executorStableMs

/** That Worker can run executors of this application. */
export function launchSucceeded(cluster: ClusterState, step: Step, { appId, workerId }: ExecutorEntry): void {
  const app = cluster.apps.get(appId)
  if (app) app.failures = 0
  if (!cluster.launchFailures.forget(appId, workerId)) return
  step.cancelTimer(launchTimer(appId, workerId))
  cluster.dirty = true
}

/** Nothing of it runs or starts, it has failed often enough, and there is no Worker left to try. */
export function endIfUnrecoverable(cluster: ClusterState, step: Step, app: ApplicationEntry): void {
  const { maxExecutorRetries } = cluster.config
  if (maxExecutorRetries < 0 || app.failures < maxExecutorRetries || app.executors.size > 0) return
  if (!allExcluded(cluster, step.now, app.id, executorDemand(app))) return
  const text = endText(app.failures, failedWorkersOf(cluster, app.id, step.now))
  endApplication(cluster, step, app, 'FAILED', text)
}

/** The smallest that helps it. */
export function executorDemand(app: ApplicationEntry): Demand {
  const { executor } = app.record.description
  return { ...executor, cores: executor.cores ?? 1 }
}

/** Workers that it failed on of late, the newest failure first. */
export function failedWorkersOf(cluster: ClusterState, subject: string, now: Now): FailedWorker[] {
  const failed: FailedWorker[] = []
  for (const record of cluster.launchFailures.of(subject)) {
    const worker = cluster.workers.get(record.workerId)
    if (worker) failed.push(failedWorkerOf(worker, record, now))
    if (failed.length >= limits.shownFailedWorkers) break
  }
  return failed
}

/** Workers that could take it if they were empty. */
export function* largeEnough(cluster: ClusterState, demand: Demand): Generator<WorkerEntry> {
  for (const worker of cluster.workers.values()) if (worker.isKept && fits(worker.whole, demand)) yield worker
}

/** False where there is none: without a Worker it waits. */
export function allExcluded(cluster: ClusterState, now: Now, subject: string, demand: Demand): boolean {
  let some = false
  for (const { id } of largeEnough(cluster, demand)) {
    const standing = cluster.launchFailures.standing(subject, id, now.monotonicMs)
    if (standing !== 'excluded' && standing !== 'retry') return false
    some = true
  }
  return some
}

/** Workers on which nothing has failed come first; excluded ones only where no other is left. */
export function standingsToTry(
  cluster: ClusterState,
  now: Now,
  subject: string,
  demand: Demand,
): readonly Standing[] {
  return allExcluded(cluster, now, subject, demand) ? ['fresh', 'due', 'retry'] : ['fresh', 'due']
}

/**
 * There was no process, or one that ended over and over soon after its start. Whoever is supervised is tried again, elsewhere first, for ever. Who is not is tried once on
 * each Worker: `unrecoverable`, where none is left that has not failed.
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
  // It has run meanwhile: this is a new failure.
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
