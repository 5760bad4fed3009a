import { limits } from '../../runtime/limits.js'
import type { DriverDescription } from '../messages/common.js'
import type { ClusterState } from './cluster-state.js'
import { codeRefusal, keepCodeOf } from './code.js'
import { driverDigest } from './driver-digest.js'
import type { DriverEntry } from './driver-entry.js'
import { forgetFailuresOf } from './launch-timers.js'
import type { Step } from './step.js'

/*
 * New content for a driver (protocol 9): the old one is told to end, and whatever its end is, the next
 * generation has the new content. So generations go on to fence what the driver writes.
 */

export interface NextContent {
  readonly key: string
  readonly description: DriverDescription
}

/** It is in the record before anything ends. Returns why it cannot be. */
export function replaceDriver(
  cluster: ClusterState,
  step: Step,
  driver: DriverEntry,
  { key, description }: NextContent,
) {
  const refusal = codeRefusal(cluster, description)
  if (refusal) return refusal
  const bytes = Buffer.byteLength(JSON.stringify([driver.record.description, description]))
  if (bytes > limits.recordBytes - limits.recordRestBytes)
    return {
      type: 'Failure',
      code: 'FIRESTEEL_RECORD_TOO_LARGE',
      message: `The old and the new content of ${driver.id} have ${bytes} bytes together, which no record holds.`,
      help: 'Kill it, and apply the file again.',
    } as const
  driver.record = {
    ...driver.withEvent(step.now.wallMs, 'its content is replaced'),
    replacement: { key, digest: driverDigest(description), description },
  }
  step.put('driver', driver.id, driver.record)
  cluster.replacing.add(driver.id)
  cluster.dirty = true
  keepCodeOf(cluster, step, description)
  tellReplaced(step, driver)
  return undefined
}

/** Its Worker reports the end, and the driver is placed again. */
export function tellReplaced(step: Step, { id, record }: DriverEntry): void {
  const { workerId, generation } = record
  if (workerId !== null) step.tell(workerId, { type: 'KillDriver', workerId, driverId: id, generation })
}

/** What has ended, and may be launched now, gets its new content. Call it before drivers are placed. */
export function takeNextContents(cluster: ClusterState, step: Step): void {
  if (cluster.replacing.size === 0) return
  const drivers = [...cluster.replacing].flatMap((id) => cluster.drivers.get(id) ?? [])
  cluster.replacing.clear()
  for (const driver of drivers.sort((a, b) => a.number - b.number)) {
    if (!driver.record.replacement) continue
    if (driver.queued && driver.notBeforeMs <= step.now.monotonicMs) takeNextContent(cluster, step, driver)
    else cluster.replacing.add(driver.id)
  }
}

function takeNextContent(cluster: ClusterState, step: Step, driver: DriverEntry): void {
  const {
    replacement,
    life: _,
    restart: __,
    program: ___,
    ...record
  } = driver.withEvent(step.now.wallMs, 'it has its new content')
  if (!replacement) return
  if (cluster.driversByKey.get(record.key) === driver) cluster.driversByKey.delete(record.key)
  cluster.driversByKey.set(replacement.key, driver)
  forgetFailuresOf(cluster, step, driver.id)
  driver.hasFailed = false
  driver.renew({ ...record, ...replacement })
  step.put('driver', driver.id, driver.record)
}
