import type { Position, RecoveryState } from '../messages/common.js'
import type {
  ApplicationStatus,
  DriverStatus,
  MasterStateResponse,
  WorkerStatus,
} from '../messages/status.js'
import type { ApplicationEntry } from './application-entry.js'
import type { Books } from './books.js'
import type { DriverEntry } from './driver-entry.js'
import type { MasterConfig } from './master-config.js'
import type { EndedApplication, EndedDriver } from './records.js'
import type { Now } from './step.js'
import type { WorkerEntry } from './worker-entry.js'

/** Three missed heartbeats (protocol 19). */
const SUSPECT_HEARTBEATS = 3

export interface SnapshotSource {
  readonly config: MasterConfig
  readonly state: RecoveryState
  readonly books: Books | undefined
  readonly position: Position
  readonly stale: boolean
  readonly masters: MasterStateResponse['masters']
  /** Address of the Master that leads, as far as this one knows. */
  readonly leader: string | null
}

/** What commands and pages see of a Master. */
export function snapshot(source: SnapshotSource, now: Now): MasterStateResponse {
  const { config, state, books, position, stale, masters, leader } = source
  return {
    type: 'MasterStateResponse',
    cluster: config.cluster,
    address: config.address as `firesteel://${string}`,
    web: config.web,
    rest: config.rest,
    state,
    position,
    leader,
    sinceMs: books?.leadership.sinceMs ?? null,
    stale,
    masters,
    workers: books ? [...books.workers.values()].map((worker) => workerStatus(worker, config, now)) : [],
    activeApps: books ? [...books.apps.values()].map(applicationStatus) : [],
    completedApps: books ? [...books.endedApps.values()].map(endedApplicationStatus) : [],
    activeDrivers: books ? [...books.drivers.values()].map(driverStatus) : [],
    completedDrivers: books ? [...books.endedDrivers.values()].map(endedDriverStatus) : [],
  }
}

function workerStatus(worker: WorkerEntry, config: MasterConfig, now: Now): WorkerStatus {
  const { id, name, host, port, web, cores, memoryMib, resources, labels } = worker.record
  const silentMs = now.monotonicMs - worker.lastHeartbeatMs
  return {
    id,
    name,
    host,
    port,
    web,
    state: worker.state,
    suspect: worker.state !== 'DEAD' && silentMs > (SUSPECT_HEARTBEATS * config.workerTimeoutMs) / 12,
    cores,
    coresUsed: worker.coresUsed,
    memoryMib,
    memoryMibUsed: worker.memoryUsedMib,
    resources,
    resourcesUsed: worker.resourcesUsed,
    labels,
    lastHeartbeatMs: worker.lastHeartbeatWallMs,
  }
}

function applicationStatus(app: ApplicationEntry): ApplicationStatus {
  return {
    id: app.id,
    description: app.record.description,
    state: app.state,
    submittedAtMs: app.record.submittedAtMs,
    endedAtMs: null,
    coresGranted: app.coresGranted,
    executors: [...app.executors.values()].map(({ execId, workerId, cores, memoryMib, state }) => ({
      execId,
      workerId,
      cores,
      memoryMib,
      state,
    })),
    driver: app.record.driver?.id ?? null,
    endpoint: app.record.endpoint,
    message: app.executors.size === 0 ? 'waits: no executor has been placed' : '',
  }
}

function endedApplicationStatus(ended: EndedApplication): ApplicationStatus {
  const { kind: _, at: __, ...fields } = ended
  return { ...fields, coresGranted: 0, executors: [] }
}

function driverStatus(driver: DriverEntry): DriverStatus {
  const { id, submittedAtMs, description, state, generation, workerId } = driver.record
  return {
    id,
    description,
    state,
    submittedAtMs,
    endedAtMs: null,
    generation,
    worker: workerId,
    exitCode: null,
    signal: null,
    message: driver.message,
  }
}

function endedDriverStatus(ended: EndedDriver): DriverStatus {
  const { kind: _, at: __, ...fields } = ended
  return fields
}
