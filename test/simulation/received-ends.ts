import type { ClusterState } from '../../actors/master/cluster-state.js'

/* What a leader had received about the ends of drivers when it decided on a launch. */

/** How many ends Workers had reported in the whole history when one of them made this report. */
const endsBefore = new WeakMap<object, number>()
/** The same, by the Workers whose report a leadership has handled. */
export type Received = ReadonlyMap<string, number>
const receivedBy = new WeakMap<ClusterState, Map<string, number>>()
const receivedAtLaunch = new WeakMap<object, Received>()

/** A Worker makes a full report. */
export function reporting(report: object, ends: number): void {
  endsBefore.set(report, ends)
}

/** A leader handles this message. */
export function reported(cluster: ClusterState, from: string, message: object): void {
  const ends = endsBefore.get(message)
  if (ends === undefined) return
  const received = receivedBy.get(cluster) ?? new Map<string, number>()
  receivedBy.set(cluster, received.set(from, ends))
}

/** A leader decides on this launch. */
export function launching(cluster: ClusterState, launch: object): void {
  const received = receivedBy.get(cluster)
  if (received) receivedAtLaunch.set(launch, new Map(received))
}

export const receivedBefore = (launch: object): Received | undefined => receivedAtLaunch.get(launch)
