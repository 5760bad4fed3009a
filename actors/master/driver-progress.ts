import type { DriverLife, DriverProgress } from '../messages/driver-life.js'
import { exitedText } from '../messages/driver-life-text.js'
import type { DriverProgressed } from '../messages/drivers.js'
import type { ClusterState, PeerInfo } from './cluster-state.js'
import type { DriverEntry } from './driver-entry.js'
import type { Step } from './step.js'

/* How drivers fare, as their Workers say it. Their ends are in submission.ts. */

/**
 * Only the accepted generation on its own Worker counts. An end that it has not told yet is written, so that
 * `maxRestarts` counts it under every leader. All else is written when the record is.
 */
export function driverProgressed(
  cluster: ClusterState,
  step: Step,
  from: Pick<PeerInfo, 'incarnation'>,
  { driverId, generation, progress }: DriverProgressed,
): void {
  const driver = cluster.drivers.get(driverId)
  if (driver?.record.workerId !== from.incarnation || driver.record.generation !== generation) return
  if (noteProgress(driver, progress)) step.put('driver', driver.id, driver.record)
  // Others that leave a drained Worker may wait until it is ready.
  if (cluster.moves.size > 0) cluster.dirty = true
}

/** True: a process has ended since, which should be written. */
export function noteProgress(driver: DriverEntry, progress: DriverProgress): boolean {
  driver.progress = progress
  return noteLife(driver, progress.life, progress.phase === 'resting' ? nextText(progress) : '')
}

/** The same for a generation that has ended. `next` is what follows the end of its process. */
export function noteLife(driver: DriverEntry, life: DriverLife, next = ''): boolean {
  const { lastExit } = life
  const isNew = lastExit !== undefined && lastExit.atMs !== driver.life.lastExit?.atMs
  const record = isNew ? driver.withEvent(lastExit.atMs, `${exitedText(lastExit)}${next}`) : driver.record
  if (isNew || life.starts !== driver.life.starts) driver.record = { ...record, life }
  return isNew
}

const nextText = ({ nextStartAtMs }: DriverProgress): string =>
  nextStartAtMs === undefined ? '' : `; starts again at ${new Date(nextStartAtMs).toISOString()}`
