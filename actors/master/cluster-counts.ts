import { LabelCounts } from '../../runtime/metrics/label-counts.js'
import {
  applicationStates,
  executorStates,
  isEndedDriver,
  isEndedExecutor,
  shownDriverStates,
  workerStates,
} from '../messages/common.js'
import { waitingReasons } from '../messages/launch-failures.js'
import type { ClusterState } from './cluster-state.js'
import { endedApplicationStates } from './master-metrics.js'
import type { Now } from './step.js'
import { lookForReason, waitingReasonOf } from './waiting.js'

/** PENDING: it is placed next, or nobody has looked for room yet. */
const reasons = [...waitingReasons, 'PENDING'] as const

/** The cluster state in numbers, for metrics. None of them names anything. */
export class ClusterCounts {
  readonly workers = new LabelCounts(workerStates)
  /** Of ALIVE Workers. */
  cores = 0
  coresUsed = 0
  memoryMib = 0
  memoryMibUsed = 0
  readonly applications = new LabelCounts(
    applicationStates.filter((state) => !endedApplicationStates.includes(state)),
  )
  readonly executors = new LabelCounts(executorStates.filter((state) => !isEndedExecutor(state)))
  readonly drivers = new LabelCounts(shownDriverStates.filter((state) => !isEndedDriver(state)))
  readonly waitingApplications = new LabelCounts<(typeof reasons)[number]>(reasons)
  readonly waitingDrivers = new LabelCounts<(typeof reasons)[number]>(reasons)
}

/**
 * Counts a cluster state. It yields after each entry, so that the caller can interrupt it at any size; what
 * changes meanwhile is counted as it was when its turn came.
 */
export function* countCluster(
  cluster: ClusterState | undefined,
  now: Now,
): Generator<void, ClusterCounts, undefined> {
  const counts = new ClusterCounts()
  if (!cluster) return counts
  yield* countWorkers(cluster, counts)
  for (const app of cluster.apps.values()) {
    counts.applications.add(app.state)
    for (const { state } of app.executors.values()) counts.executors.add(state)
    const waits = waitingReasonOf(cluster, app, now)
    if (waits) counts.waitingApplications.add(waits.reason ?? 'PENDING')
    yield
  }
  for (const driver of cluster.drivers.values()) {
    counts.drivers.add(driver.shownState)
    yield
  }
  for (const { drivers, demand, reason } of cluster.waiting.classes) {
    const [oldest] = drivers
    if (!oldest) continue
    const why = reason === undefined ? undefined : lookForReason(cluster, oldest.id, demand, now).reason
    counts.waitingDrivers.add(why ?? 'PENDING', drivers.length)
    yield
  }
  return counts
}

function* countWorkers(cluster: ClusterState, counts: ClusterCounts): Generator<void, void, undefined> {
  for (const worker of cluster.workers.values()) {
    counts.workers.add(worker.shownState)
    if (worker.shownState !== 'ALIVE') continue
    counts.cores += worker.record.cores
    counts.coresUsed += worker.coresUsed
    counts.memoryMib += worker.record.memoryMib
    counts.memoryMibUsed += worker.memoryUsedMib
    yield
  }
}
