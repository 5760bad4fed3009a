import { formatHostPort } from '../../../runtime/addresses.js'
import { takeAwaited, takeOrphans } from '../application-executors.js'
import type { ClusterState } from '../cluster-state.js'
import { takeBackDeployment } from '../deployments.js'
import { takeBackDrain } from '../drains.js'
import { meetKeptEnds } from '../driver-reports.js'
import { endApplicationAs, endDriverAs } from '../ending.js'
import type {
  ApplicationRecord,
  DeploymentRecord,
  DrainRecord,
  DriverRecord,
  EndedRecord,
  KeyRecord,
  RecordTable,
  TokenRecord,
  WorkerRecord,
} from '../records.js'
import { restoreApplication, restoreWorker } from '../recovery.js'
import type { Step } from '../step.js'
import { giveUp } from '../superseding.js'
import { takeBackToken } from '../tokens.js'
import type { WorkerEntry } from '../worker-entry.js'
import { isBelievedOfLostWrites } from './belief.js'
import type { LostWrite } from './lost-write.js'
import { isNewer } from './newer.js'
import { takeBackDriver } from './take-back-driver.js'
import { takeBackKey } from './take-back-key.js'

/*
 * Takes in what the store forgot and a Master still has (protocol 12). Only what has ended since is deleted.
 */

/** Commits the records whose id the cluster state does not hold, or of which it holds an older record. */
export function takeBackLostWrites(cluster: ClusterState, step: Step, records: readonly LostWrite[]): void {
  let taken = 0
  for (const { table, id, value } of records) if (takeBack(cluster, step, table, id, value)) taken++
  if (taken === 0) return
  cluster.dirty = true
  step.log('warn', 'STORE_REWOUND: records that the store forgot are back', { taken, of: records.length })
}

function takeBack(cluster: ClusterState, step: Step, table: RecordTable, id: string, value: object): boolean {
  switch (table) {
    case 'worker':
      return worker(cluster, step, value as WorkerRecord)
    case 'app':
      return application(cluster, step, value as ApplicationRecord)
    case 'driver':
      return takeBackDriver(cluster, step, value as DriverRecord)
    case 'ended':
      return ended(cluster, step, value as EndedRecord)
    case 'drain':
      return takeBackDrain(cluster, step, value as DrainRecord)
    case 'deployment':
      return takeBackDeployment(cluster, step, value as DeploymentRecord)
    case 'token':
      return takeBackToken(cluster, step, value as TokenRecord)
    case 'key':
      return takeBackKey(cluster, step, id, value as KeyRecord)
  }
}

function worker(cluster: ClusterState, step: Step, record: WorkerRecord): boolean {
  const held = cluster.workers.get(record.id)
  if (held) return workerItself(step, held, record)
  // Two Workers had one address. The one that has answered, or whose record is newer, came later and stays.
  const other = cluster.workersByAddress.get(formatHostPort(record))
  if (other && (other.answered || !isNewer(record, other.record))) return false
  restoreWorker(cluster, step, record)
  takeAwaited(cluster, step, cluster.workers.get(record.id)!)
  step.put('worker', record.id, record)
  return true
}

/** The store may have forgotten that a Worker restarts, or that it is back. One that has answered is back. */
function workerItself(step: Step, held: WorkerEntry, record: WorkerRecord): boolean {
  if (held.answered || !isNewer(record, held.record)) return false
  held.record = record
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

/** An end outranks an older record of the same id. */
function ended(cluster: ClusterState, step: Step, record: EndedRecord): boolean {
  if (record.kind === 'driver') {
    if (cluster.endedDrivers.has(record.id)) return false
    const held = cluster.drivers.get(record.id)
    // A leader that did not know of the end may have launched it since.
    if (held) giveUp(cluster, step, held)
    endDriverAs(cluster, step, record)
    meetKeptEnds(cluster, step, record.id)
  } else {
    if (cluster.endedApps.has(record.id)) return false
    endApplicationAs(cluster, step, record)
  }
  return true
}
