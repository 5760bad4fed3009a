import { comparePositions } from '../../runtime/persistence/engine.js'
import type { ClusterState } from './cluster-state.js'
import type { DriverEntry } from './driver-entry.js'
import { endApplications } from './ending.js'
import type { DriverRecord } from './records.js'
import type { Step } from './step.js'
import { driverHolding } from './worker-entry.js'

/* Two claims to one driver (protocol 12): the highest (protocol 9) wins, the rest is killed. */

type Claim = Pick<DriverRecord, 'launchedUnder' | 'generation'>

/** Attempts need no comparison: they are restarts on one Worker, which names its newest. */
export const outranks = (one: Claim, other: Claim): boolean =>
  comparePositions(
    { epoch: one.launchedUnder, seq: one.generation },
    { epoch: other.launchedUnder, seq: other.generation },
  ) > 0

/** What the cluster state holds is not to run any more, whatever its Worker says. */
export function giveUp(cluster: ClusterState, step: Step, held: DriverEntry): void {
  const { workerId, generation } = held.record
  const worker = workerId === null ? undefined : cluster.workers.get(workerId)
  if (worker?.answered) {
    // It holds its room until the Worker says that it is gone.
    step.tell(worker.id, { type: 'KillDriver', workerId: worker.id, driverId: held.id, generation })
  } else {
    worker?.release(driverHolding(held.id, generation))
  }
}

/**
 * A later generation has come to light: what is left of the one in the cluster state goes. Its entry is the
 * caller's.
 */
export function supersede(cluster: ClusterState, step: Step, held: DriverEntry, by: Claim): void {
  const { key } = held.record
  giveUp(cluster, step, held)
  if (cluster.driversByKey.get(key) === held) cluster.driversByKey.delete(key)
  step.cancelTimer({ kind: 'relaunch', driverId: held.id })
  const older = [...cluster.apps.ofDriver(held.id)].filter(
    ({ record }) => (record.driver?.generation ?? 0) < by.generation,
  )
  const reason = `generation ${by.generation} of its driver is accepted`
  endApplications(cluster, step, older, reason, 'DRIVER_RESTARTED')
}
