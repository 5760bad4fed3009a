import { innerLimits } from '../../runtime/inner-limits.js'
import { waitingText, wantsText } from '../messages/launch-failure-text.js'
import type { ClusterState } from './cluster-state.js'
import type { DriverEntry } from './driver-entry.js'
import { failedWorkersOf, standingsToTry } from './failed-launches.js'
import { launchDriver } from './launching.js'
import { placeDriver } from './placement.js'
import { type Demand, isWithin, SMALLEST_KEPT } from './resources.js'
import type { Now, Step } from './step.js'
import { lookForReason } from './waiting.js'
import type { DemandClass } from './waiting-drivers.js'
import type { WorkerEntry } from './worker-entry.js'

/** The most Workers examined in one pass, so that a turn stays short (some 2 ms). */
const LOOKS_PER_PASS = innerLimits.looksPerPass

interface Candidate {
  readonly of: DemandClass
  readonly driver: DriverEntry
}

/**
 * Places waiting drivers, oldest first (Spark 4.1). If a driver fits on no Worker, other drivers with the
 * same demand are not tried until there may be more capacity. Returns how many were launched. If drivers are
 * left to examine, it makes the cluster state dirty.
 */
export function scheduleDrivers(
  cluster: ClusterState,
  step: Step,
  workers: readonly WorkerEntry[],
  most: number,
): number {
  const nowMs = step.now.monotonicMs
  const open = candidates(cluster, nowMs)
  const smallest: Demand[] = []
  let looks = 0
  let launched = 0
  for (let first = open.pop(); first; first = open.pop()) {
    if (launched >= most || looks >= LOOKS_PER_PASS) {
      // The next pass begins here, so that no driver is skipped for ever because of many before it.
      cluster.driverScan = first.driver.number - 1
      cluster.goOn()
      return launched
    }
    const { of, driver } = first
    // It has ended already, if no later generation comes to light.
    if (cluster.heldEnds.has(driver.id)) {
      insertNext(open, first, cluster.driverScan, nowMs)
      continue
    }
    const index = smallest.some((demand) => isWithin(demand, of.demand))
      ? undefined
      : choose(cluster, step, first, workers)
    looks += workers.length + 1
    if (index === undefined) {
      of.fullAt = cluster.capacity
      looks += explain(cluster, first, step.now)
      if (!of.isPicky && smallest.length < SMALLEST_KEPT) smallest.push(of.demand)
      continue
    }
    cluster.driverCursor = (index + 1) % workers.length
    launchDriver(cluster, step, driver, workers[index] as WorkerEntry)
    launched++
    insertNext(open, first, cluster.driverScan, nowMs)
  }
  cluster.driverScan = 0
  return launched
}

function choose(
  cluster: ClusterState,
  step: Step,
  { of, driver }: Candidate,
  workers: readonly WorkerEntry[],
): number | undefined {
  if (!of.isPicky) return placeDriver(workers, of.demand, cluster.driverCursor)
  const { monotonicMs } = step.now
  for (const standing of standingsToTry(cluster, step.now, driver.id, of.demand)) {
    const index = placeDriver(
      workers,
      of.demand,
      cluster.driverCursor,
      ({ id }) => cluster.launchFailures.standing(driver.id, id, monotonicMs) === standing,
    )
    if (index !== undefined) return index
  }
  return undefined
}

/** The oldest driver of each demand that may fit. The list is used from its end. */
function candidates(cluster: ClusterState, nowMs: number): Candidate[] {
  const found: Candidate[] = []
  for (const of of cluster.waiting.classes) {
    if (of.fullAt === cluster.capacity) continue
    const driver = of.next(0, nowMs)
    if (driver) found.push({ of, driver })
  }
  return found.sort((a, b) => turnOf(b, cluster.driverScan) - turnOf(a, cluster.driverScan))
}

/** Drivers after the place where the last pass stopped come first. */
const turnOf = ({ driver }: Candidate, scan: number): number =>
  driver.number > scan ? driver.number : driver.number + Number.MAX_SAFE_INTEGER / 2

/** The driver behind this one that waits for the same. */
function insertNext(open: Candidate[], { of, driver }: Candidate, scan: number, nowMs: number): void {
  const next = of.next(driver.number, nowMs)
  if (next) insert(open, { of, driver: next }, scan)
}

function insert(open: Candidate[], candidate: Candidate, scan: number): void {
  const turn = turnOf(candidate, scan)
  let low = 0
  let high = open.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (turnOf(open[middle] as Candidate, scan) > turn) low = middle + 1
    else high = middle
  }
  open.splice(low, 0, candidate)
}

/** Notes why drivers of this demand wait. Returns how many Workers it examined. */
function explain(cluster: ClusterState, { of, driver }: Candidate, now: Now): number {
  const { reason, looks } = lookForReason(cluster, driver.id, of.demand, now)
  const workers = of.isPicky ? failedWorkersOf(cluster, driver.id, now) : []
  of.reason = waitingText({ reason: reason ?? 'NO_ROOM', workers }, wantsText(of.demand))
  return looks
}
