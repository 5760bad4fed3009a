import { limits } from '../../runtime/limits.js'
import type { Condition, Wait, WaitCause, WorkerCondition } from '../messages/explanation.js'
import type { ApplicationEntry } from './application-entry.js'
import type { ClusterState } from './cluster-state.js'
import type { DriverEntry } from './driver-entry.js'
import { allExcluded, executorDemand, failedWorkerOf } from './failed-launches.js'
import type { Now } from './step.js'
import { coresLeft, executorsLeft } from './waiting.js'
import type { WorkerEntry } from './worker-entry.js'
import { type Fits, fitsOf, isReached, silenceOf, type Wanting } from './worker-fits.js'

/* Why one driver or application waits, and what a Worker is good for, as values. Pure. */

/** It waits for no choice among Workers. */
const plain = (cause: WaitCause, more: Partial<Wait> = {}): Wait => ({
  cause,
  counts: {},
  workers: [],
  ...more,
})

/** Undefined: it runs. */
export function waitOfDriver(cluster: ClusterState, driver: DriverEntry, now: Now): Wait | undefined {
  if (!driver.queued) return waitOnWorker(cluster, driver, now)
  if (driver.notBeforeMs > now.monotonicMs) {
    const untilMs = now.wallMs + driver.notBeforeMs - now.monotonicMs
    const { expectedOn } = driver
    return plain('FORMER_MAY_LIVE', { untilMs, ...(expectedOn !== undefined && { workerId: expectedOn }) })
  }
  const { cores, memoryMib, resources, on } = driver.record.description
  const demand = { cores, memoryMib, resources, ...(on && { on }) }
  const ahead = driver.waitsIn?.placeOf(driver.number)
  return { ...waitForRoom(cluster, { id: driver.id, demand }, now), ...(ahead !== undefined && { ahead }) }
}

/** Undefined: it has what it wants. */
export function waitOfApplication(cluster: ClusterState, app: ApplicationEntry, now: Now): Wait | undefined {
  const demand = executorDemand(app)
  // Whatever it has, it cannot use it.
  if (!app.answered || !app.linked) return plain('NOT_LINKED')
  if (app.executorLimit === 0) return plain('ASKS_NONE')
  if (executorsLeft(cluster, app) <= 0 || coresLeft(cluster, app) < demand.cores) {
    if (app.executors.size === 0) return plain('CORES_LIMIT', { wants: wantsOf({ id: app.id, demand }) })
    const isStarting = [...app.executors.values()].every(({ state }) => state === 'LAUNCHING')
    return isStarting ? plain('STARTING') : undefined
  }
  return waitForRoom(cluster, { id: app.id, demand }, now)
}

function waitForRoom(cluster: ClusterState, wanting: Wanting, now: Now): Wait {
  const fits = fitsOf(cluster, wanting, now)
  return { cause: roomCause(cluster, wanting, fits, now), wants: wantsOf(wanting), ...fits }
}

function roomCause(cluster: ClusterState, { id, demand }: Wanting, { counts }: Fits, now: Now): WaitCause {
  if (!cluster.alive) return 'RECOVERING'
  if (counts.FITS) return 'PLACED_NEXT'
  if (counts.RESTING || counts.EXCLUDED)
    return allExcluded(cluster, now, id, demand) ? 'ALL_EXCLUDED' : 'LAUNCHES_FAILED'
  if (counts.NO_ROOM) return 'NO_ROOM'
  if (counts.NOT_REPORTED) return 'NOT_REPORTED'
  if (counts.UNREACHABLE) return 'UNREACHABLE'
  if (counts.STOPPING) return 'LEAVING'
  if (counts.DRAINING) return 'ALL_DRAINING'
  if (counts.TOO_SMALL) return 'TOO_LARGE'
  return counts.NO_LABEL ? 'NO_LABEL' : 'NO_WORKER'
}

function wantsOf({ demand: { cores, memoryMib, resources, on } }: Wanting): NonNullable<Wait['wants']> {
  return { cores, memoryMib, resources, ...(on && { on }) }
}

/** A Worker has it. Undefined: it runs there. */
function waitOnWorker(cluster: ClusterState, driver: DriverEntry, now: Now): Wait | undefined {
  const { progress, record } = driver
  const workerId = record.workerId as string
  const worker = cluster.workers.get(workerId)
  if (worker && !isReached(cluster, worker) && worker.state !== 'DEAD') {
    return plain('WORKER_UNREACHABLE', { workerId, untilMs: silenceOf(cluster, worker, now).deadAtMs })
  }
  if (!worker?.answered) return plain('WORKER_NOT_REPORTED', { workerId })
  if (record.wanted === 'KILL') return plain('ENDING', { workerId })
  switch (progress?.phase) {
    case 'resting':
      return plain('RESTING', {
        workerId,
        ...(progress.nextStartAtMs !== undefined && { untilMs: progress.nextStartAtMs }),
      })
    case 'held':
      return plain('HELD', { workerId })
    case 'stopping':
      return plain('BEING_RESTARTED', { workerId })
    case 'running':
      return undefined
    default:
      // It has just been launched there, and its Worker has not said more yet.
      return plain('STARTING', { workerId })
  }
}

export function conditionOf(cluster: ClusterState, worker: WorkerEntry, now: Now): Condition {
  const condition = workerCondition(cluster, worker)
  const silence = silenceOf(cluster, worker, now)
  const { diedAtWallMs, lostBecause } = worker
  return {
    condition,
    heardAtMs: silence.heardAtMs,
    ...(condition === 'UNREACHABLE' && { deadAtMs: silence.deadAtMs }),
    ...(diedAtWallMs !== undefined && { diedAtMs: diedAtWallMs }),
    ...(lostBecause !== undefined && { reason: lostBecause }),
    failed: cluster.launchFailures.on(worker.id, limits.shownFailedWorkers).map(({ subject, record }) => ({
      subject,
      failure: failedWorkerOf(cluster, worker, { subject, record }, now),
    })),
  }
}

function workerCondition(cluster: ClusterState, worker: WorkerEntry): WorkerCondition {
  if (worker.state === 'DEAD') return 'DEAD'
  if (worker.drain) return 'DRAINING'
  if (worker.stopping) return 'STOPPING'
  if (!isReached(cluster, worker)) return 'UNREACHABLE'
  if (!worker.schedulable) return 'NOT_REPORTED'
  return worker.coresFree === 0 || worker.memoryFreeMib === 0 ? 'FULL' : 'USABLE'
}
