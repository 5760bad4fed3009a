import { innerLimits } from '../../runtime/inner-limits.js'
import type { ClusterState } from './cluster-state.js'
import { MovingRoom, moveDrivers } from './drain-moves.js'
import { judgeHeldEnds } from './driver-reports.js'
import { scheduleDrivers } from './driver-scheduling.js'
import { endGone, killLeaving } from './ending.js'
import { scheduleExecutors } from './executor-scheduling.js'
import { takeNextContents } from './replacing.js'
import type { Step } from './step.js'

/** The most launches of one pass, so that a step stays one commit (protocol 4.1). The next pass does more. */
const LAUNCHES_PER_PASS = innerLimits.launchesPerPass

/** Drivers go first, with strict precedence; then executors, FIFO over the applications (Spark 4.1). */
export function schedule(cluster: ClusterState, step: Step): void {
  cluster.clean()
  killLeaving(cluster, step)
  endGone(cluster, step)
  if (!cluster.alive) return
  judgeHeldEnds(cluster, step)
  const workers = [...cluster.workers.values()].filter((worker) => worker.schedulable)
  const moving = new MovingRoom(cluster, workers, step.now.monotonicMs)
  takeNextContents(cluster, step)
  const launched = scheduleDrivers(cluster, step, workers, LAUNCHES_PER_PASS)
  moveDrivers(cluster, step, moving)
  scheduleExecutors(cluster, step, workers, LAUNCHES_PER_PASS - launched)
  moving.release()
}
