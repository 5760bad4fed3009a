import { innerLimits } from '../../runtime/inner-limits.js'
import { waitingText, wantsText } from '../messages/launch-failure-text.js'
import type { ClusterState } from './cluster-state.js'
import { DriverTurns, type Turn } from './driver-turns.js'
import { failedWorkersOf, standingsToTry } from './failed-launches.js'
import { FullDemands } from './full-demands.js'
import { launchDriver } from './launching.js'
import { placeDriver } from './placement.js'
import type { Now, Step } from './step.js'
import { lookForReason } from './waiting.js'
import type { WorkerEntry } from './worker-entry.js'

/** The most that is examined in one pass, in looks at a Worker, so that a turn stays short. */
const LOOKS_PER_PASS = innerLimits.looksPerPass
const DEMAND_LOOKS = innerLimits.demandLooks

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
  const { waiting, capacity } = cluster
  const turns = new DriverTurns(waiting, { scan: waiting.scan, capacity, nowMs: step.now.monotonicMs })
  const full = new FullDemands()
  let looks = 0
  let launched = 0
  for (let turn = turns.next(); turn; turn = turns.next()) {
    if (launched >= most || looks >= LOOKS_PER_PASS) {
      // The next pass begins here, so that no driver is skipped for ever because of many before it.
      waiting.scan = turn.behind
      cluster.goOn()
      return launched
    }
    const { of, driver } = turn
    // It has ended already, if no later generation comes to light.
    if (cluster.heldEnds.has(driver.id)) {
      looks++
      turns.passed(turn)
      continue
    }
    const index = full.fitsNowhere(of.demand) ? undefined : choose(cluster, step, turn, workers)
    looks += workers.length + DEMAND_LOOKS + full.looks()
    if (index === undefined) {
      of.fullAt = cluster.capacity
      // Whoever of them came or woke meanwhile and is older finds the next room first.
      waiting.move(of, of.oldest)
      looks += explain(cluster, turn, step.now)
      if (!of.isPicky) full.add(of.demand)
      continue
    }
    cluster.driverCursor = (index + 1) % workers.length
    launchDriver(cluster, step, driver, workers[index] as WorkerEntry)
    launched++
    turns.passed(turn)
  }
  waiting.scan = 0
  return launched
}

function choose(
  cluster: ClusterState,
  step: Step,
  { of, driver }: Turn,
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

/** Notes why drivers of this demand wait. Returns how many Workers it examined. */
function explain(cluster: ClusterState, { of, driver }: Turn, now: Now): number {
  const { reason, looks } = lookForReason(cluster, driver.id, of.demand, now)
  const workers = of.isPicky ? failedWorkersOf(cluster, driver.id, now) : []
  of.reason = waitingText({ reason: reason ?? 'NO_ROOM', workers }, wantsText(of.demand))
  return looks
}
