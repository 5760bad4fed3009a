import type { ClusterState } from '../cluster-state.js'
import type { KeyRecord } from '../records.js'
import type { Step } from '../step.js'

/** Takes back the key of an ended driver. Another submission with this key gets that driver. */
export function takeBackKey(cluster: ClusterState, step: Step, id: string, record: KeyRecord): boolean {
  if (cluster.keys.has(id) || cluster.driversByKey.get(id)?.id === record.driverId) return false
  cluster.keys.set(id, record)
  step.put('key', id, record)
  return true
}
