import { endKindOf } from '../messages/driver-end.js'
import type { DriverStateChanged } from '../messages/drivers.js'
import type { ExecutorStateChanged } from '../messages/executors.js'
import type { LaunchFailure } from '../messages/launch-failures.js'
import type { ExecutorEntry } from './application-entry.js'
import type { ClusterState } from './cluster-state.js'
import type { DriverEntry } from './driver-entry.js'
import type { Now } from './step.js'
import type { WorkerEntry } from './worker-entry.js'

/*
 * Which ends are failed launches (protocol 10.4): the one place that decides it. An executor that this leader
 * ended has left its application, and a driver that it ended is to be killed, so neither comes here. Nobody
 * has asked for the end of what does, whatever word its Worker has for it.
 */

/** How an executor fares. A Master makes one too, of a report that does not name it. */
export type ExecutorChange = Omit<ExecutorStateChanged, 'type' | 'workerId' | 'change'>

/** It has run for as long as a start takes. */
export const hasLasted = (
  cluster: ClusterState,
  { monotonicMs }: Now,
  { runningSinceMs }: Pick<ExecutorEntry, 'runningSinceMs'>,
): boolean => runningSinceMs !== undefined && monotonicMs - runningSinceMs >= cluster.config.executorStableMs

/**
 * True: its Worker may say that it ended this, because this leader knows of a reason or cannot know. Such a
 * word of a Worker that lies would else be a launch at once, and again, as fast as the link is.
 */
function isExcused(
  worker: WorkerEntry | undefined,
  launchedAtMs: number | undefined,
  lasted: boolean,
): boolean {
  // It is drained, or being stopped: nothing is launched there any more.
  if (!worker?.isKept) return true
  // A former leader launched it, and may have asked for its end as well.
  return launchedAtMs === undefined || lasted
}

/** Undefined: it runs, or its end is excused. */
export function executorFailureOf(
  cluster: ClusterState,
  now: Now,
  { executor, worker }: { readonly executor: ExecutorEntry; readonly worker: WorkerEntry },
  change: ExecutorChange,
): LaunchFailure | undefined {
  const { appId, execId, state, noRoom, notStarted, exitStatus = null } = change
  const message = change.message ?? state
  if (state === 'LAUNCHING' || state === 'RUNNING') return undefined
  // KILLED, LOST and DECOMMISSIONED are what others do to an executor.
  const isItsOwn = state === 'EXITED' || state === 'FAILED'
  if (!isItsOwn && isExcused(worker, executor.launchedAtMs, hasLasted(cluster, now, executor)))
    return undefined
  if (noRoom) return { kind: 'room', message }
  if (notStarted) return { kind: 'start', ...notStarted, message }
  return { kind: 'exit', exitStatus, output: `${appId}/${execId}`, message }
}

function isDriverExcused(cluster: ClusterState, { monotonicMs }: Now, driver: DriverEntry): boolean {
  const { launchedAtMs, record } = driver
  const worker = record.workerId === null ? undefined : cluster.workers.get(record.workerId)
  const ranMs = launchedAtMs === undefined ? 0 : monotonicMs - launchedAtMs
  return isExcused(worker, launchedAtMs, ranMs >= cluster.config.executorStableMs)
}

/** Of a driver that is to run on. Undefined: its end is excused. */
export function driverFailureOf(
  cluster: ClusterState,
  now: Now,
  driver: DriverEntry,
  report: DriverStateChanged,
): LaunchFailure | undefined {
  const { message = 'its worker did not keep it', exitCode = null, notStarted, stopped, drained } = report
  const kind = endKindOf(report)
  if (kind === 'refused') return { kind: 'room', message }
  const isStopped = kind === 'stopped' || (kind === 'unstarted' && (stopped || drained))
  if (isStopped && isDriverExcused(cluster, now, driver)) return undefined
  if (notStarted) return { kind: 'start', ...notStarted, message }
  return { kind: 'exit', exitStatus: exitCode, output: driver.id, message }
}
