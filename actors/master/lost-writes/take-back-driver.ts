import { summaryOfDriver } from '../../messages/common.js'
import type { ClusterState } from '../cluster-state.js'
import type { DriverEntry } from '../driver-entry.js'
import { meetKeptEnds } from '../driver-reports.js'
import { endDriver, endDriverAs, keyOfEnded } from '../ending.js'
import { tellRestartDriver } from '../launching.js'
import type { DriverRecord, EndedDriver } from '../records.js'
import { bindDriver } from '../recovery.js'
import { tellReplaced } from '../replacing.js'
import { isAdopted } from '../reports.js'
import type { Step } from '../step.js'
import { contentOf } from '../submitted-content.js'
import { outranks, supersede } from '../superseding.js'
import { isBelievedOfLostWrites } from './belief.js'
import { isNewer } from './newer.js'
import { takeBackKey } from './take-back-key.js'

/**
 * Takes back a driver that the store forgot, or of which it holds an older record. Later launches, kills and
 * ends may be known already.
 */
export function takeBackDriver(cluster: ClusterState, step: Step, record: DriverRecord): boolean {
  const ended = cluster.endedDrivers.get(record.id)
  if (ended) return takeBackItsKey(cluster, step, record, ended)
  // The driver has ended. So many others ended after it that only its key is left.
  if (cluster.keys.get(record.key)?.driverId === record.id) return false
  const held = cluster.drivers.get(record.id)
  if (!isBelievedOfLostWrites(record.generation, held?.foundGeneration ?? 0)) return false
  const later = cluster.driversByKey.get(record.key)
  if (!held && later) return submittedAgain(cluster, step, record, later)
  if (held && isAdopted(held)) {
    if (!outranks(record, held.record)) return giveBackName(cluster, step, held, record)
  } else if (held && !isNewer(record, held.record)) {
    if (record.wanted !== 'KILL') return wantRestart(step, held, record)
    return held.record.wanted !== 'KILL' && wantKill(cluster, step, held, record)
  }
  const { workerId, generation } = record
  const same = held?.record.workerId === workerId && held.record.generation === generation
  if (held && same) {
    held.record = record
    if (record.wanted === 'KILL') return wantKill(cluster, step, held, record)
    if (record.replacement) {
      cluster.replacing.add(held.id)
      tellReplaced(step, held)
    } else tellRestartDriver(step, held)
  } else {
    if (held) supersede(cluster, step, held, record)
    bindDriver(cluster, step, cluster.restoreDriver(record))
  }
  step.put('driver', record.id, cluster.drivers.get(record.id)!.record)
  if (same) return true
  meetKeptEnds(cluster, step, record.id)
  if (cluster.drivers.get(record.id)?.record.workerId === workerId) askAgain(cluster, step, workerId)
  return true
}

/**
 * A Worker brought this driver back, and it ended before its record came. So its key was unknown until now.
 */
function takeBackItsKey(
  cluster: ClusterState,
  step: Step,
  record: DriverRecord,
  ended: EndedDriver,
): boolean {
  if (cluster.driversByKey.has(record.key)) return false
  return takeBackKey(cluster, step, record.key, keyOfEnded(record, ended))
}

/**
 * The submitter was told that this driver is lost, and submitted it again with its key. One key means one
 * driver, so this one ends.
 */
function submittedAgain(
  cluster: ClusterState,
  step: Step,
  record: DriverRecord,
  later: DriverEntry,
): boolean {
  const { id, submittedAtMs, description, generation, workerId } = record
  endDriverAs(cluster, step, {
    kind: 'driver',
    id,
    submittedAtMs,
    endedAtMs: step.now.wallMs,
    endCause: 'SUBMITTED_AGAIN',
    message: `the store had lost it; submitted again as ${later.id}`,
    description: summaryOfDriver(description),
    state: 'KILLED',
    generation,
    worker: workerId,
    exitCode: null,
    signal: null,
  })
  if (workerId) step.tell(workerId, { type: 'KillDriver', workerId, driverId: id, generation })
  return true
}

/**
 * A Worker brought this driver back before its record came. It gets its key again, so that a retry makes no
 * second driver.
 */
function giveBackName(cluster: ClusterState, step: Step, held: DriverEntry, record: DriverRecord): boolean {
  const { submittedAtMs, replacement } = record
  // The record may be from before it had the content that runs. The key of other content is not its own.
  const named = [record, replacement].find((one) => one?.digest === held.record.digest)
  // If it was submitted again meanwhile, both run, and the key belongs to the later one.
  if (named && !cluster.driversByKey.has(named.key)) {
    cluster.driversByKey.delete(held.record.key)
    cluster.driversByKey.set(named.key, held)
    const content = contentOf(named === record ? record : { digest: named.digest })
    held.record = { ...held.record, ...content, key: named.key, submittedAtMs }
  }
  if (record.wanted === 'KILL') return wantKill(cluster, step, held, record)
  if (!wantRestart(step, held, record)) step.put('driver', held.id, held.record)
  return true
}

/**
 * A restart was acknowledged, so it holds whatever was written later, while that generation runs. Its Worker
 * knows which restarts it has heard of.
 */
function wantRestart(step: Step, held: DriverEntry, { restart }: DriverRecord): boolean {
  const { generation, workerId, restart: known, wanted } = held.record
  if (restart?.generation !== generation || known?.generation === generation) return false
  if (workerId === null || wanted === 'KILL') return false
  held.record = { ...held.record, restart }
  step.put('driver', held.id, held.record)
  tellRestartDriver(step, held)
  return true
}

/** A kill was acknowledged, so it holds whatever was written later. */
function wantKill(
  cluster: ClusterState,
  step: Step,
  held: DriverEntry,
  { killAsked }: DriverRecord,
): boolean {
  held.record = { ...held.record, wanted: 'KILL', ...(killAsked && { killAsked }) }
  const { workerId, generation } = held.record
  if (workerId === null) {
    endDriver(cluster, step, held, {
      state: 'KILLED',
      endCause: 'KILLED_BEFORE_START',
      message: 'killed before it started',
    })
    return true
  }
  step.put('driver', held.id, held.record)
  step.tell(workerId, { type: 'KillDriver', workerId, driverId: held.id, generation })
  return true
}

/** This Worker reported before the driver was known. A new report, ends first, says what became of it. */
function askAgain(cluster: ClusterState, step: Step, workerId: string | null): void {
  const worker = workerId === null ? undefined : cluster.workers.get(workerId)
  if (worker?.answered) step.tell(worker.id, { type: 'ReconnectWorker', workerId: worker.id })
}
