import type { ClusterState } from './cluster-state.js'
import type { Step } from './step.js'

/* The timers behind launch failures: one for each application or driver and Worker that is left alone for a while. */

/** `SUBJECT/WORKER`. */
export const launchTimer = (subject: string, workerId: string): string => `launch:${subject}/${workerId}`

/** It has ended. */
export function forgetFailuresOf(cluster: ClusterState, step: Step, subject: string): void {
  for (const workerId of cluster.launchFailures.forgetSubject(subject))
    step.cancelTimer(launchTimer(subject, workerId))
}

/** The Worker is gone: its successor is another one, and nothing has failed there. */
export function forgetFailuresOn(cluster: ClusterState, step: Step, workerId: string): void {
  for (const subject of cluster.launchFailures.forgetWorker(workerId))
    step.cancelTimer(launchTimer(subject, workerId))
}

/** A back-off or an exclusion is over. */
export function launchDue(cluster: ClusterState, step: Step, key: string): void {
  const cut = key.indexOf('/')
  const [subject, workerId] = [key.slice(0, cut), key.slice(cut + 1)]
  const nextMs = cluster.launchFailures.due(subject, workerId, step.now.monotonicMs)
  if (nextMs !== undefined) step.startTimer(launchTimer(subject, workerId), nextMs)
  cluster.dirty = true
}
