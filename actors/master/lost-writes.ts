import { comparePositions } from '../../runtime/persistence/engine.js'
import { type Position, summaryOfDriver } from '../messages/common.js'
import type { RequestLostTail } from '../messages/masters.js'
import { takeOrphans } from './application-executors.js'
import { isBelievedOfLostWrites } from './belief.js'
import type { ClusterState } from './cluster-state.js'
import type { DriverEntry } from './driver-entry.js'
import { endApplicationAs, endDriver, endDriverAs } from './ending.js'
import type {
  ApplicationRecord,
  DriverRecord,
  EndedDriver,
  EndedRecord,
  KeyRecord,
  RecordTable,
  WorkerRecord,
} from './records.js'
import { bindDriver, restoreApplication, restoreWorker } from './recovery.js'
import { isAdopted } from './reports.js'
import type { Step } from './step.js'
import { meetKeptEnds } from './submission.js'
import { giveUp, outranks, supersede } from './superseding.js'

/* What the store forgot and a Master still has (protocol 12): taken in, nothing is deleted but what has ended since. */

export interface LostWrite {
  readonly table: RecordTable
  readonly id: string
  /** Valid for its table. */
  readonly value: object
}

/** Commits the records whose id the cluster state do not hold, or hold as an older write. */
export function takeBackLostWrites(cluster: ClusterState, step: Step, records: readonly LostWrite[]): void {
  let taken = 0
  for (const { table, id, value } of records) if (takeBack(cluster, step, table, id, value)) taken++
  if (taken === 0) return
  cluster.dirty = true
  step.log('warn', 'STORE_REWOUND: records that the store forgot are back', { taken, of: records.length })
}

/**
 * The next piece, `from` a Master or of the own record cache. With much in the commit queue it waits until this one is durable, so that a
 * tail of any size holds up no other write for long and leaves the commit queue room.
 */
export function askForMore(
  cluster: ClusterState,
  step: Step,
  from: string | undefined,
  { queuedBytes = 0 }: { readonly queuedBytes?: number },
): void {
  const { base, earlier } = cluster.leadership
  const isAhead = queuedBytes >= cluster.config.slices.lostWriteAheadBytes
  if (from === undefined) {
    if (isAhead) step.gated.push({ kind: 'nextTail' })
    else step.free.push({ kind: 'nextTail' })
    return
  }
  const message: RequestLostTail = { type: 'RequestLostTail', base, earlier: [...earlier], more: true }
  if (isAhead) step.tell(from, message)
  else step.tellNow(from, message)
}

function takeBack(cluster: ClusterState, step: Step, table: RecordTable, id: string, value: object): boolean {
  switch (table) {
    case 'worker':
      return worker(cluster, step, value as WorkerRecord)
    case 'app':
      return application(cluster, step, value as ApplicationRecord)
    case 'driver':
      return driver(cluster, step, value as DriverRecord)
    case 'ended':
      return ended(cluster, step, value as EndedRecord)
    case 'key':
      return key(cluster, step, id, value as KeyRecord)
  }
}

const start: Position = { epoch: 0, seq: 0 }
const isNewer = (one: { at?: Position | undefined }, other: { at?: Position | undefined }): boolean =>
  comparePositions(one.at ?? start, other.at ?? start) > 0

function worker(cluster: ClusterState, step: Step, record: WorkerRecord): boolean {
  if (cluster.workers.has(record.id)) return false
  // Its address tells which process came later: one that has answered, or was written later, has followed it.
  const other = cluster.workersByAddress.get(`${record.host}:${record.port}`)
  if (other && (other.answered || !isNewer(record, other.record))) return false
  restoreWorker(cluster, step, record)
  step.put('worker', record.id, record)
  return true
}

function application(cluster: ClusterState, step: Step, record: ApplicationRecord): boolean {
  if (cluster.endedApps.has(record.id)) return false
  const held = cluster.apps.get(record.id)
  if (!isBelievedOfLostWrites(record.execIds, held?.foundExecIds ?? 0)) return false
  if (!held) {
    restoreApplication(cluster, step, record, 0)
    takeOrphans(cluster, step, cluster.apps.get(record.id)!)
    step.put('app', record.id, record)
    return true
  }
  const execIds = Math.max(record.execIds, held.record.execIds)
  const isLater = isNewer(record, held.record)
  if (!isLater && execIds === held.record.execIds) return false
  held.record = { ...(isLater ? record : held.record), execIds }
  // Ids up to the ceiling may have been used.
  held.nextExecId = Math.max(held.nextExecId, execIds)
  step.put('app', held.id, held.record)
  return true
}

function driver(cluster: ClusterState, step: Step, record: DriverRecord): boolean {
  const ended = cluster.endedDrivers.get(record.id)
  if (ended) return keyOfEnded(cluster, step, record, ended)
  // It has ended, and so many after it that no more is known of it.
  if (cluster.keys.get(record.key)?.driverId === record.id) return false
  const held = cluster.drivers.get(record.id)
  if (!isBelievedOfLostWrites(record.generation, held?.foundGeneration ?? 0)) return false
  const later = cluster.driversByKey.get(record.key)
  if (!held && later) return submittedAgain(cluster, step, record, later)
  if (held && isAdopted(held)) {
    if (!outranks(record, held.record)) return giveBackName(cluster, step, held, record)
  } else if (held && !isNewer(record, held.record)) {
    return record.wanted === 'KILL' && held.record.wanted !== 'KILL' && wantKill(cluster, step, held)
  }
  const { workerId, generation } = record
  const same = held?.record.workerId === workerId && held.record.generation === generation
  if (held && same) {
    held.record = record
    if (record.wanted === 'KILL') return wantKill(cluster, step, held)
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

/** A Worker brought it back, and it ended before its record came: its key was known to nobody. */
function keyOfEnded(
  cluster: ClusterState,
  step: Step,
  record: DriverRecord,
  { endedAtMs }: EndedDriver,
): boolean {
  if (cluster.driversByKey.has(record.key)) return false
  return key(cluster, step, record.key, { driverId: record.id, digest: record.digest, endedAtMs })
}

/** Its submitter heard that it is lost, and submitted it again with its key, which is one driver: this one ends. */
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

/** A Worker brought it back before this record came: it gets its key again, so that nobody submits it twice. */
function giveBackName(cluster: ClusterState, step: Step, held: DriverEntry, record: DriverRecord): boolean {
  const { key, digest, submittedAtMs } = record
  // Unless it was submitted again meanwhile: then both run, and a retry is the later one.
  if (!cluster.driversByKey.has(key)) {
    cluster.driversByKey.delete(held.record.key)
    cluster.driversByKey.set(key, held)
    held.record = { ...held.record, key, digest, submittedAtMs }
  }
  if (record.wanted === 'KILL') return wantKill(cluster, step, held)
  step.put('driver', held.id, held.record)
  return true
}

/** A kill was acknowledged: whatever was written later, it stays. */
function wantKill(cluster: ClusterState, step: Step, held: DriverEntry): boolean {
  held.record = { ...held.record, wanted: 'KILL' }
  const { workerId, generation } = held.record
  if (workerId === null) {
    endDriver(cluster, step, held, { state: 'KILLED', message: 'killed before it started' })
    return true
  }
  step.put('driver', held.id, held.record)
  step.tell(workerId, { type: 'KillDriver', workerId, driverId: held.id, generation })
  return true
}

/** This Worker has reported already: its answer, ends first, tells what has become of what the cluster state hold only now. */
function askAgain(cluster: ClusterState, step: Step, workerId: string | null): void {
  const worker = workerId === null ? undefined : cluster.workers.get(workerId)
  if (worker?.answered) step.tell(worker.id, { type: 'ReconnectWorker', workerId: worker.id })
}

/** An end outranks the older life of the same id. */
function ended(cluster: ClusterState, step: Step, record: EndedRecord): boolean {
  if (record.kind === 'driver') {
    if (cluster.endedDrivers.has(record.id)) return false
    const held = cluster.drivers.get(record.id)
    // It may have been launched since, by one who did not know.
    if (held) giveUp(cluster, step, held)
    endDriverAs(cluster, step, record)
    meetKeptEnds(cluster, step, record.id)
  } else {
    if (cluster.endedApps.has(record.id)) return false
    endApplicationAs(cluster, step, record)
  }
  return true
}

function key(cluster: ClusterState, step: Step, id: string, record: KeyRecord): boolean {
  if (cluster.keys.has(id) || cluster.driversByKey.get(id)?.id === record.driverId) return false
  cluster.keys.set(id, record)
  step.put('key', id, record)
  return true
}
