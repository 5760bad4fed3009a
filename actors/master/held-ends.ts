import type { ClusterState } from './cluster-state.js'
import type { DriverEntry } from './driver-entry.js'
import type { Now } from './step.js'
import { isWorker } from './worker-peer.js'

/*
 * Which ends of drivers must wait (protocol 12.4). If the store fell, its record may be of a generation that
 * ended long ago, and whose end a former leader acknowledged. The Worker that ran it tells that end again,
 * while another Worker runs the later generation that the store forgot.
 */

/** Then the last record cache of an earlier leadership is gone, and nobody gives a record back any more. */
export const cachesGoneAtMs = ({ config, leadership }: ClusterState): number =>
  leadership.electedAtMs + config.leaseMs + config.recordCacheGraceMs

export const mayComeBack = (cluster: ClusterState, { monotonicMs }: Now): boolean =>
  monotonicMs < cachesGoneAtMs(cluster)

/** True: a Worker may yet report a later generation of a driver than the record says. */
export function mayHearOfLater(cluster: ClusterState, now: Now): boolean {
  if (!cluster.alive) return true
  return cluster.hasLost && mayComeBack(cluster, now) && isAnyAwaited(cluster)
}

/** A Worker that may live has yet to report: one of the records, or one whose link broke before it could. */
function isAnyAwaited({ workers, peers }: ClusterState): boolean {
  for (const { state, answered } of workers.values())
    if (state === 'UNKNOWN' || (state !== 'DEAD' && !answered)) return true
  for (const peer of peers.values()) if (isWorker(peer) && !workers.has(peer.incarnation)) return true
  return false
}

/**
 * A driver that this leader launched has no later generation. One that is to be killed ends, whichever
 * generation runs.
 */
export const mayRunLater = (
  cluster: ClusterState,
  now: Now,
  { record: { wanted, launchedUnder } }: DriverEntry,
): boolean => wanted === 'RUN' && launchedUnder !== cluster.leadership.epoch && mayHearOfLater(cluster, now)
