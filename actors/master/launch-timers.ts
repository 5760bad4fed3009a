import type { ClusterState } from './cluster-state.js'
import type { MasterTimer } from './master-timer.js'
import type { Step } from './step.js'

/*
 * The timers of launch failures: one for each application or driver and Worker with a back-off or exclusion.
 */

type LaunchTimer = Extract<MasterTimer, { kind: 'launch' }>

export const launchTimer = (subject: string, workerId: string): LaunchTimer => ({
  kind: 'launch',
  subject,
  workerId,
})

/** Forgets the failures of a subject that has ended. */
export function forgetFailuresOf(cluster: ClusterState, step: Step, subject: string): void {
  for (const workerId of cluster.launchFailures.forgetSubject(subject))
    step.cancelTimer(launchTimer(subject, workerId))
}

/**
 * Forgets the failures on a Worker that is gone. Its successor is another Worker, on which nothing has
 * failed.
 */
export function forgetFailuresOn(cluster: ClusterState, step: Step, workerId: string): void {
  for (const subject of cluster.launchFailures.forgetWorker(workerId))
    step.cancelTimer(launchTimer(subject, workerId))
}

/** A back-off or an exclusion is over. */
export function launchDue(cluster: ClusterState, step: Step, timer: LaunchTimer): void {
  const { subject, workerId } = timer
  const nextMs = cluster.launchFailures.due(subject, workerId, step.now.monotonicMs)
  if (nextMs !== undefined) step.startTimer(timer, nextMs)
  cluster.dirty = true
}

/** The fired timer counts, not the clock. It may fire a fraction of a millisecond before its time. */
export function relaunchDue(cluster: ClusterState, driverId: string): void {
  const driver = cluster.drivers.get(driverId)
  if (driver) {
    driver.notBeforeMs = 0
    cluster.waiting.awake(driver)
  }
  cluster.dirty = true
}
