import { innerLimits } from '../../runtime/inner-limits.js'
import { isEndedDriver } from '../messages/common.js'
import { endCauseOf, endKindOf, isForGood } from '../messages/driver-end.js'
import type { DriverStateChanged } from '../messages/drivers.js'
import type { ClusterState } from './cluster-state.js'
import type { DriverEntry } from './driver-entry.js'
import { noteLife } from './driver-progress.js'
import { driverFailureOf } from './ended-launches.js'
import { endDriver } from './ending.js'
import { driverFailed } from './failed-launches.js'
import { cachesGoneAtMs, mayComeBack, mayHearOfLater, mayRunLater } from './held-ends.js'
import { isBelieved } from './lost-writes/belief.js'
import type { KeptEnd, KeptEnds } from './lost-writes/kept-ends.js'
import type { Step } from './step.js'
import { isKnownDriver } from './submission.js'
import { giveUp } from './superseding.js'
import { driverHolding } from './worker-entry.js'

/* What Workers say of the drivers that they run (protocol 9, 12, 15). */

type Reporter = KeptEnd['from']

/**
 * Reports of another generation than the accepted one, even FINISHED, are acknowledged and ignored (protocol
 * S3a).
 */
export function driverStateChanged(
  cluster: ClusterState,
  step: Step,
  from: Reporter,
  message: DriverStateChanged,
): void {
  const { driverId, generation, state, change } = message
  const worker = cluster.workers.get(from.incarnation)
  const driver = cluster.drivers.get(driverId)
  const over = isEndedDriver(state)
  if (over) worker?.release(driverHolding(driverId, generation))
  if (over) cluster.dirty = true
  if (worker && message.stopped) worker.stopping = true
  const end: KeptEnd = { from, report: message }
  if (over && !isKnownDriver(cluster, driverId) && mayComeBack(cluster, step.now)) {
    keepEnd(cluster, step, cluster.keptEnds, end)
    return
  }
  const accepted = driver?.record.workerId === from.incarnation && driver.record.generation === generation
  const ends = driver && over && (accepted || isExpected(driver, from.incarnation, generation))
  const isForgotten = driver && over && !ends && mayBeForgotten(driver, generation)
  const isEarly = (ends || isForgotten) && mayRunLater(cluster, step.now, driver)
  if (isEarly && isForgotten && isOlderThanHeld(cluster, step, driver, end)) {
    acknowledge(step, from, change)
    return
  }
  if (isEarly && keepEnd(cluster, step, cluster.heldEnds, end)) {
    if (accepted)
      driver.message = 'it has ended, unless a worker that has not reported yet runs a later generation'
    return
  }
  if (ends) {
    generationEnded(cluster, step, driver, from.incarnation, message)
  } else if (isForgotten) {
    forgottenEnd(cluster, step, driver, from.incarnation, message)
  } else if (driver && accepted) {
    driver.message = message.message ?? ''
  } else if (!over && worker?.answered) {
    // Before its report it may be one that the store forgot, to be adopted.
    step.tell(from.incarnation, { type: 'KillDriver', workerId: from.incarnation, driverId, generation })
  }
  acknowledge(step, from, change)
}

function acknowledge(step: Step, { incarnation }: Reporter, change: number): void {
  step.tell(incarnation, { type: 'ChangesAcknowledged', workerId: incarnation, changes: [change] })
}

/**
 * Of what the store forgot, the last that one Worker ran counts: of that it holds one end and not many. An
 * earlier one that is held goes.
 */
function isOlderThanHeld(
  cluster: ClusterState,
  step: Step,
  driver: DriverEntry,
  { from, report }: KeptEnd,
): boolean {
  const held = cluster.heldEnds.newestOf(driver.id, from.incarnation)
  if (!held) return false
  if (held.report.generation > report.generation) return true
  if (mayBeForgotten(driver, held.report.generation) && held.report.generation < report.generation) {
    cluster.heldEnds.drop(held)
    acknowledge(step, from, held.report.change)
  }
  return false
}

/** Not acknowledged: if this leadership ends first, the next one must hear it. False: there are too many. */
function keepEnd(cluster: ClusterState, step: Step, among: KeptEnds, end: KeptEnd): boolean {
  const isKept = among.keep(end)
  step.startTimer({ kind: 'kept-ends' }, cachesGoneAtMs(cluster) - step.now.monotonicMs)
  return isKept
}

/** The cluster state holds this driver, or this generation of it, now: what its Workers have told before. */
export function meetKeptEnds(cluster: ClusterState, step: Step, driverId: string): void {
  for (const { from, report } of [...cluster.keptEnds.take(driverId), ...cluster.heldEnds.take(driverId)])
    driverStateChanged(cluster, step, from, report)
  const driver = cluster.drivers.get(driverId)
  if (driver) cluster.waiting.awake(driver)
}

/** All who may run a later generation have reported. A part in each turn, so that a step stays one commit. */
export function judgeHeldEnds(cluster: ClusterState, step: Step): void {
  if (cluster.heldEnds.size === 0 || mayHearOfLater(cluster, step.now)) return
  for (const driverId of cluster.heldEnds.drivers(innerLimits.endsPerPass)) {
    // Each may end an application, of which very many Workers are told.
    if (step.gated.length >= cluster.config.slices.endingEffects) {
      cluster.goOn()
      return
    }
    meetKeptEnds(cluster, step, driverId)
  }
}

/** Nobody has given their drivers back. */
export function dropKeptEnds(cluster: ClusterState, step: Step): void {
  // What is held beside them counts with the next pass.
  cluster.dirty = true
  for (const [workerId, changes] of cluster.keptEnds.takeAll())
    step.tell(workerId, { type: 'ChangesAcknowledged', workerId, changes })
}

/** Was it none of its own end (protocol 8, 9)? Then it waits for another launch. */
function placeAgain(
  cluster: ClusterState,
  step: Step,
  driver: DriverEntry,
  report: DriverStateChanged,
): boolean {
  const { message = 'its worker did not keep it', stopped, drained, decided } = report
  const kind = endKindOf(report)
  if (kind === 'own') return false
  if ((kind === 'stopped' || kind === 'crashed') && !driver.record.description.supervise) return false
  const failure = driverFailureOf(cluster, step.now, driver, report)
  const isUnrecoverable = failure && driverFailed(cluster, step, driver, failure) === 'unrecoverable'
  // Its Worker says that it gave it no time to start: there it may start yet.
  if (isUnrecoverable && !stopped && !drained) return false
  const observed = decided !== undefined && isBelieved(decided, driver.foundGeneration) ? decided : 0
  driver.requeue(step, `placed again: ${message}`, observed)
  return true
}

/**
 * No generation starts before its number is durable: one above the cluster state is one that the store
 * forgot.
 */
const mayBeForgotten = ({ record, foundGeneration }: DriverEntry, generation: number): boolean =>
  generation > record.generation && isBelieved(generation, foundGeneration)

/** The store knows it, but not its Worker, which has come (protocol 12). */
const isExpected = ({ queued, expectedOn, record }: DriverEntry, workerId: string, generation: number) =>
  queued && expectedOn === workerId && record.generation === generation

function generationEnded(
  cluster: ClusterState,
  step: Step,
  driver: DriverEntry,
  workerId: string,
  report: DriverStateChanged,
): void {
  if (driver.record.workerId !== workerId) driver.record = { ...driver.record, workerId }
  if (report.life) noteLife(driver, report.life)
  const isKilled = driver.record.wanted !== 'RUN'
  if (!isKilled && placeAgain(cluster, step, driver, report)) return
  const { message = '', exitCode, signal } = report
  // Where its program has not ended by itself, the kill that is wanted is its end.
  const state = isKilled && endKindOf(report) !== 'own' ? 'KILLED' : report.state
  const endCause = endCauseOf(report, isKilled)
  endDriver(cluster, step, driver, { state, endCause, message, exitCode, signal })
}

/**
 * What the store forgot has ended there. That is the driver's end, or its number is at least not given again
 * (protocol 12).
 */
function forgottenEnd(
  cluster: ClusterState,
  step: Step,
  driver: DriverEntry,
  workerId: string,
  report: DriverStateChanged,
): void {
  const { generation, state, message = '', exitCode, signal } = report
  if (isForGood(report, driver.record.description.supervise)) {
    giveUp(cluster, step, driver)
    driver.record = { ...driver.record, generation, workerId }
    const endCause = endCauseOf(report, driver.record.wanted !== 'RUN')
    endDriver(cluster, step, driver, { state, endCause, message, exitCode, signal })
  } else if (driver.queued) {
    driver.requeue(step, driver.message, generation)
  }
}
