import type { Labels } from '../../../actors/messages/common.js'
import { confinementText } from '../../../actors/messages/confinement-text.js'
import type { DriverExit } from '../../../actors/messages/driver-life.js'
import { labelsText } from '../../../actors/messages/launch-failure-text.js'
import type { LaunchFailure, Waiting } from '../../../actors/messages/launch-failures.js'
import type {
  ApplicationView,
  DriverStatus,
  MasterStateResponse,
  WorkerStatus,
} from '../../../actors/messages/status.js'
import type { Confinement } from '../../../actors/messages/workers.js'
import { formatMasterAddress } from '../../addresses.js'
import { FiresteelError } from '../../errors.js'
import { printable } from '../../observe/printable.js'

/* What `status` shows. Pure, made from a Master's snapshot. */

const isoTime = (ms: number | null): string | null => (ms === null ? null : new Date(ms).toISOString())

export const workerRow = (worker: WorkerStatus) => ({
  id: worker.id,
  name: worker.name,
  address: formatMasterAddress(worker),
  state: worker.state,
  ...(worker.suspect ? { suspect: true } : {}),
  cores: worker.cores,
  coresUsed: worker.coresUsed,
  memoryMib: worker.memoryMib,
  memoryMibUsed: worker.memoryMibUsed,
  ...(worker.drain && { drain: drainJson(worker.drain) }),
})

const drainJson = (drain: NonNullable<WorkerStatus['drain']>) => ({
  since: isoTime(drain.sinceMs),
  deadlineAt: isoTime(drain.deadlineAtMs),
  reason: drain.reason ?? null,
  by: drain.by ?? null,
  executors: drain.executors,
  drivers: drain.drivers,
})

/** Who submitted it: a token, or `secret` for whoever has the secret of the cluster. */
const ownerJson = ({ owner }: Pick<DriverStatus, 'owner'>) => (owner ? { owner: owner.name } : {})

export const applicationRow = (app: ApplicationView) => ({
  id: app.id,
  name: app.description.name,
  state: app.state,
  cores: app.coresGranted,
  executors: app.executors.length,
  ...ownerJson(app),
  ...(app.waiting && { waiting: waitingJson(app.waiting) }),
})

/** Why it has fewer executors than it wants, and where it failed: host, path or output, reason. */
const waitingJson = ({ reason, workers }: Waiting) => ({
  reason,
  workers: workers.map(({ workerId, host, failure, failures, excluded, retryAtMs }) => ({
    id: workerId,
    host,
    ...failureJson(failure),
    failures,
    excluded,
    retryAt: isoTime(retryAtMs),
  })),
})

function failureJson(failure: LaunchFailure) {
  const { kind, message } = failure
  switch (kind) {
    case 'start':
      return { kind, code: failure.code, path: failure.place ?? null, message }
    case 'exit':
      return { kind, exitStatus: failure.exitStatus, output: failure.output, message }
    case 'room':
      return { kind, message }
  }
}

export const driverRow = (driver: DriverStatus) => ({
  id: driver.id,
  name: driver.description.name,
  state: driver.state,
  worker: driver.worker,
  generation: driver.generation,
  supervise: driver.description.supervise,
  ...ownerJson(driver),
  pid: driver.pid ?? null,
  ...(driver.ready !== undefined && { ready: driver.ready }),
  restarts: driver.restarts ?? 0,
  lastExit: driver.lastExit ? exitJson(driver.lastExit) : null,
  nextStartAt: isoTime(driver.nextStartAtMs ?? null),
})

/** `outOfMemory` null: it ended for another reason, also where somebody killed it. */
const exitJson = (exit: DriverExit) => ({
  at: isoTime(exit.atMs),
  code: exit.code,
  signal: exit.signal,
  generation: exit.generation,
  attempt: exit.attempt,
  outOfMemory: exit.outOfMemory ? { usedMib: null, ...exit.outOfMemory } : null,
  ...(exit.killerUnknown && { killerUnknown: true }),
  ...(exit.told && { told: true }),
})

const applicationsOf = (state: MasterStateResponse) => [...state.activeApps, ...state.completedApps]
const driversOf = (state: MasterStateResponse) => [...state.activeDrivers, ...state.completedDrivers]

const deploymentJson = (deployment: NonNullable<MasterStateResponse['deployment']>) => ({
  number: deployment.number,
  state: deployment.state,
  by: deployment.by,
  startedAt: isoTime(deployment.startedAtMs),
  endedAt: isoTime(deployment.endedAtMs ?? null),
})

/** `status --json`. */
export const statusJson = (state: MasterStateResponse) => ({
  cluster: state.cluster,
  epoch: state.position.epoch,
  leader: state.leader,
  ...(state.stale ? { stale: true } : {}),
  ...(state.deployment && { deployment: deploymentJson(state.deployment) }),
  ...(state.store && { store: state.store }),
  masters: state.masters,
  workers: state.workers.map(workerRow),
  applications: applicationsOf(state).map((app) => withMessage(applicationRow(app), app)),
  drivers: driversOf(state).map((driver) => withMessage(driverRow(driver), driver)),
})

/** Why it waits, where it failed, or how it ended. */
const withMessage = <R extends object>(row: R, { message }: { readonly message: string }) =>
  message === '' ? row : { ...row, message }

/** `status ID --json`: the row of the list with everything that is known. Throws UNKNOWN_ID. */
export function oneStatusJson(state: MasterStateResponse, id: string): Record<string, unknown> {
  const app = applicationsOf(state).find((candidate) => candidate.id === id)
  if (app) {
    return {
      ...applicationRow(app),
      user: app.description.user,
      coresWanted: app.description.maxCores ?? null,
      on: app.description.executor.on ?? {},
      submittedAt: isoTime(app.submittedAtMs),
      endedAt: isoTime(app.endedAtMs),
      driver: app.driver,
      message: app.message,
      executorList: app.executors.map(({ execId, workerId, cores, memoryMib, state: of }) => ({
        id: `${app.id}/${execId}`,
        worker: workerId,
        cores,
        memoryMib,
        state: of,
      })),
    }
  }
  const driver = driversOf(state).find((candidate) => candidate.id === id)
  if (driver) {
    return {
      ...driverRow(driver),
      main: driver.description.main,
      cores: driver.description.cores,
      memoryMib: driver.description.memoryMib,
      on: driver.description.on ?? {},
      submittedAt: isoTime(driver.submittedAtMs),
      endedAt: isoTime(driver.endedAtMs),
      exitCode: driver.exitCode,
      signal: driver.signal,
      message: driver.message,
      events: (driver.events ?? []).map(({ atMs, text }) => ({ at: isoTime(atMs), text })),
    }
  }
  const worker = state.workers.find((candidate) => candidate.id === id || candidate.name === id)
  if (worker) {
    return {
      ...workerRow(worker),
      web: worker.web,
      resources: worker.resources,
      resourcesUsed: worker.resourcesUsed,
      labels: worker.labels,
      ...(worker.confinement && { confinement: worker.confinement }),
      lastHeartbeat: isoTime(worker.lastHeartbeatMs),
    }
  }
  throw new FiresteelError('UNKNOWN_ID', `No application, driver or Worker is ${JSON.stringify(id)}.`)
}

/** `status ID` for people: one key per line. */
export function oneStatusText(state: MasterStateResponse, id: string): string {
  // Its message says what it waits for.
  const entries = Object.entries(oneStatusJson(state, id))
    .filter(([key]) => key !== 'waiting' && key !== 'events')
    .map(([key, value]) => [key, partText(key, value)] as const)
    .filter(([, value]) => value !== null && value !== '')
  const width = Math.max(...entries.map(([key]) => key.length))
  const shown = (value: unknown): string =>
    printable(typeof value === 'object' ? JSON.stringify(value) : String(value))
  const lines = entries.map(([key, value]) => `${key.padEnd(width)}  ${shown(value)}`)
  return `${[...lines, ...eventLines(state)].join('\n')}\n`
}

function partText(key: string, value: unknown): unknown {
  if (key === 'confinement') return confinementText(value as Confinement)
  return isLabels(key) ? labelsText(value as Labels) : value
}

/** `on` names those that its Workers must have. */
const isLabels = (key: string): boolean => key === 'on' || key === 'labels'

/** What happened to the one driver of this state, oldest first. */
function eventLines(state: MasterStateResponse): string[] {
  const events = driversOf(state).flatMap((driver) => driver.events ?? [])
  if (events.length === 0) return []
  return ['', 'Events:', ...events.map(({ atMs, text }) => printable(`${isoTime(atMs)}  ${text}`))]
}
