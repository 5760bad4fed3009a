import { limits } from '../../runtime/limits.js'
import type {
  ExecutorWorked,
  KillExecutors,
  MasterChangeAcknowledged,
  RequestExecutors,
} from '../messages/applications.js'
import { isEndedExecutor } from '../messages/common.js'
import type { ExecutorStateChanged } from '../messages/executors.js'
import type { ApplicationEntry, ExecutorEntry } from './application-entry.js'
import type { ClusterState, PeerInfo } from './cluster-state.js'
import { drainedText, tellLeaving } from './drains.js'
import type { ExecutorChange } from './ended-launches.js'
import { endIfUnrecoverable, executorFailure, failedWorkerOf, launchSucceeded } from './failed-launches.js'
import type { LaunchRecord } from './launch-failures.js'
import { tellAdded } from './launching.js'
import type { ReplyToken, Step } from './step.js'
import { unknownId } from './submission.js'
import { executorHolding, type WorkerEntry } from './worker-entry.js'
import { WorkerRoom } from './worker-room.js'

/*
 * The executors of an application: its requests, how each executor fares, and what is left of them after a
 * failover.
 */

/**
 * Takes the executors that an application lists. One that its Worker does not run, or has no room for, is
 * LOST. One whose Worker has yet to report counts (protocol 11.5). A store that forgot the application forgot
 * its Workers too, so these have adoptGrace to come.
 */
export function takeListed(
  cluster: ClusterState,
  step: Step,
  app: ApplicationEntry,
  held: MasterChangeAcknowledged['executors'],
  adopted: boolean,
): void {
  const room = new WorkerRoom(cluster)
  let awaited = awaitedExecutors(cluster)
  for (const { execId, workerId } of held) {
    if (!app.executors.has(execId)) {
      const worker = cluster.workers.get(workerId)
      const key = executorHolding(app.id, execId)
      const mayRun = worker
        ? !worker.answered && worker.state !== 'DEAD' && room.takes(worker, key, noResources)
        : adopted && awaited < limits.awaitedExecutors
      if (!mayRun || app.lost.has(execId) || !app.hearOf(execId)) {
        app.lose(step, execId, worker ? 'its worker does not run it' : 'its worker is gone')
        continue
      }
      const { memoryMib } = app.record.description.executor
      const holding = { cores: mostCores(cluster, app, worker), memoryMib, ...noResources }
      app.take({ appId: app.id, execId, workerId, state: 'RUNNING', ...holding })
      if (worker) worker.hold(key, holding)
      else {
        awaited++
        cluster.awaitWorker(step, app.id)
      }
    }
    app.listed.add(execId)
  }
}

/** Its Worker says which it has. */
const noResources = { resources: {} } as const

/** At least as many as applications hold on Workers that have not come. */
function awaitedExecutors({ apps, awaitingWorkers }: ClusterState): number {
  let executors = 0
  for (const appId of awaitingWorkers) executors += apps.get(appId)?.executors.size ?? 0
  return executors
}

/** A Worker has come: what applications hold there, as far as it has room for that. */
export function takeAwaited(cluster: ClusterState, step: Step, worker: WorkerEntry): void {
  const room = new WorkerRoom(cluster)
  for (const appId of cluster.awaitingWorkers) {
    const app = cluster.apps.get(appId)
    for (const executor of [...(app?.executors.values() ?? [])]) {
      if (executor.workerId !== worker.id) continue
      const key = executorHolding(appId, executor.execId)
      if (room.takes(worker, key, executor)) worker.hold(key, executor)
      else app?.lose(step, executor.execId, 'its worker has no room for it')
    }
  }
}

/** Tells the application about executors that it has and does not know. */
export function announceUnlisted(cluster: ClusterState, step: Step, app: ApplicationEntry): void {
  for (const executor of app.executors.values()) {
    if (app.listed.has(executor.execId)) continue
    const worker = cluster.workers.get(executor.workerId)
    if (worker) tellAdded(step, app, executor, worker)
  }
}

/**
 * The most cores that an executor may have while only its Worker knows its size. An executor that takes all
 * that it is given may have as many as the application may have. If less were assumed, the application would
 * be given too much elsewhere until the Worker reports.
 */
function mostCores(cluster: ClusterState, app: ApplicationEntry, worker: WorkerEntry | undefined): number {
  const { maxCores, executor } = app.record.description
  const most = maxCores ?? cluster.config.defaultCores ?? Number.MAX_SAFE_INTEGER
  return executor.cores ?? Math.min(most, worker?.record.cores ?? most)
}

/** The application numbers its requests, and only a newer number than the last one counts (protocol 10). */
export function requestExecutors(
  cluster: ClusterState,
  step: Step,
  from: PeerInfo,
  message: RequestExecutors,
  reply: ReplyToken,
): void {
  const known = cluster.apps.get(message.appId)
  const app = known?.record.endpoint === from.incarnation ? known : undefined
  if (app && message.request > app.targetRequest) {
    app.targetRequest = message.request
    app.target = message.total
    cluster.dirty = true
  }
  step.reply(reply, { type: 'ExecutorsAnswer', done: app !== undefined })
}

/** Killed executors leave the application at once, so that their end is no failure of it (Spark 4.8). */
export function killExecutors(
  cluster: ClusterState,
  step: Step,
  message: KillExecutors,
  reply: ReplyToken,
): void {
  const app = cluster.apps.get(message.appId)
  let done = false
  for (const execId of message.execIds) {
    const executor = app?.executors.get(execId)
    if (!app || !executor) continue
    done = true
    const drain = cluster.workers.get(executor.workerId)?.drain
    const why = drain ? drainedText(drain) : 'killed on request'
    app.noteEnd(step, execId, { state: 'KILLED', message: why })
    app.drop(execId)
    app.lost.add(execId)
    step.tell(executor.workerId, { type: 'KillExecutor', workerId: executor.workerId, appId: app.id, execId })
    step.tell(app.record.endpoint, {
      type: 'ExecutorUpdated',
      appId: app.id,
      execId,
      state: 'KILLED',
      message: why,
    })
  }
  if (app && !done && message.execIds.length === 1) {
    step.reply(reply, unknownId(`${app.id}/${message.execIds[0]}`))
    return
  }
  cluster.dirty = true
  step.reply(reply, { type: 'ExecutorsAnswer', done: app !== undefined })
}

/** Handles a Worker's report of an executor's state (Spark 4.8). */
export function executorStateChanged(
  cluster: ClusterState,
  step: Step,
  from: PeerInfo,
  message: ExecutorStateChanged,
): void {
  const { appId, execId, state, change, stopped } = message
  const worker = cluster.workers.get(from.incarnation)
  if (worker && stopped) worker.stopping = true
  if (isEndedExecutor(state)) {
    worker?.release(executorHolding(appId, execId))
    cluster.dirty = true
  }
  const app = cluster.apps.get(appId)
  if (!app) cluster.orphanChanged(step, from.incarnation, message)
  const executor = app?.executors.get(execId)
  if (app && worker && executor?.workerId === worker.id)
    executorChanged(cluster, step, { app, executor, worker }, message)
  step.tell(from.incarnation, { type: 'ChangesAcknowledged', workerId: from.incarnation, changes: [change] })
}

export interface Changed {
  readonly app: ApplicationEntry
  readonly executor: ExecutorEntry
  readonly worker: WorkerEntry
}

function executorChanged(cluster: ClusterState, step: Step, changed: Changed, report: ExecutorChange): void {
  const { app, executor, worker } = changed
  const { appId, execId, state, message, exitStatus } = report
  if (isEndedExecutor(state)) {
    app.noteEnd(step, execId, report)
    app.drop(execId)
  }
  const failed = executorFares(cluster, step, changed, report)
  // That it runs now does not change that it leaves.
  if (!isEndedExecutor(state) && worker.drain) {
    tellLeaving(step, app, executor, worker)
    return
  }
  step.tell(app.record.endpoint, {
    type: 'ExecutorUpdated',
    appId,
    execId,
    state,
    ...(message !== undefined && { message }),
    ...(exitStatus !== undefined && { exitStatus }),
    // It ended with its Worker: no task is to blame.
    ...(report.stopped && { workerHost: worker.record.host }),
    ...(failed && { failed: failedWorkerOf(cluster, worker, { subject: appId, record: failed }, step.now) }),
  })
  if (failed) endIfUnrecoverable(cluster, step, app)
}

/** What its Worker says of an executor, by a change or in a full report. A failed launch is returned. */
export function executorFares(
  cluster: ClusterState,
  step: Step,
  changed: Changed,
  change: ExecutorChange,
): LaunchRecord | undefined {
  const { executor } = changed
  // A full report on each link repeats that it is to leave.
  if (change.state === 'DECOMMISSIONED' && executor.state === change.state) return undefined
  executor.state = change.state
  // Another one may take its place.
  if (change.state === 'DECOMMISSIONED') cluster.dirty = true
  if (change.state === 'RUNNING') executorRuns(cluster, step, executor)
  return executorFailure(cluster, step, changed, change)
}

/**
 * Its Worker has said that it runs, and now does not know it. It is never taken back (protocol 11.7), and it
 * has failed as if its end had been told.
 */
export function executorUnreported(cluster: ClusterState, step: Step, changed: Changed): void {
  const { app, executor } = changed
  const { appId, execId } = executor
  app.lost.add(execId)
  const message = 'its worker does not run it'
  executorChanged(cluster, step, changed, { appId, execId, state: 'LOST', message })
}

/**
 * A running process is no proof of a successful start. Only a result that the application reports, or time,
 * proves it.
 */
function executorRuns(cluster: ClusterState, step: Step, executor: ExecutorEntry): void {
  if (executor.runningSinceMs !== undefined) return
  executor.runningSinceMs = step.now.monotonicMs
  if (!cluster.launchFailures.get(executor.appId, executor.workerId)) return
  const { appId, execId } = executor
  step.startTimer({ kind: 'lasted', appId, execId }, cluster.config.executorStableMs)
}

/** The executor has run for as long as a start takes. */
export function executorLasted(cluster: ClusterState, step: Step, appId: string, execId: number): void {
  const executor = cluster.apps.get(appId)?.executors.get(execId)
  if (executor?.state === 'RUNNING') launchSucceeded(cluster, step, executor)
}

/** The application had a result from this executor. */
export function executorWorked(
  cluster: ClusterState,
  step: Step,
  from: PeerInfo,
  message: ExecutorWorked,
): void {
  const app = cluster.apps.get(message.appId)
  const executor = app?.executors.get(message.execId)
  if (!app || !executor || app.record.endpoint !== from.incarnation) return
  executor.worked = true
  launchSucceeded(cluster, step, executor)
}

/** Workers of executors that an adopted application lists have not come within adoptGrace. */
export function giveUpWorkers(cluster: ClusterState, step: Step, appId: string): void {
  cluster.awaitingWorkers.delete(appId)
  const app = cluster.apps.get(appId)
  if (!app) return
  for (const { execId, workerId } of [...app.executors.values()]) {
    if (!cluster.workers.has(workerId)) app.lose(step, execId, 'its worker has not come back')
  }
  cluster.dirty = true
}

/**
 * Takes the executors that Workers reported before the application was known, except those that have ended
 * since.
 */
export function takeOrphans(cluster: ClusterState, step: Step, app: ApplicationEntry): void {
  for (const { workerId, report } of cluster.takeOrphans(step, app.id)) {
    const { appId, execId, state } = report
    const worker = cluster.workers.get(workerId)
    if (!worker?.holds(executorHolding(appId, execId))) continue
    if (app.hearOf(execId)) {
      const executor: ExecutorEntry = { ...report, workerId }
      app.take(executor)
      executorFares(cluster, step, { app, executor, worker }, { appId, execId, state })
    } else step.tell(workerId, { type: 'KillExecutor', workerId, appId, execId })
  }
}

/** No application has claimed these executors within adoptGrace. */
export function giveUpOrphans(cluster: ClusterState, step: Step, appId: string): void {
  for (const { workerId, report } of cluster.takeOrphans(step, appId)) {
    step.tell(workerId, { type: 'KillExecutor', workerId, appId, execId: report.execId })
  }
}
