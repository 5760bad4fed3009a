import { Hono } from 'hono'
import { addHealth, type NodeHealth } from '../../runtime/http/health.js'
import { JsonPage } from '../../runtime/http/json-page.js'
import { JsonRows } from '../../runtime/http/json-text.js'
import { addressesOf, type ResourceAddresses, type ResourceAmounts } from '../messages/common.js'
import type {
  ApplicationStatus,
  DriverStatus,
  MasterStateResponse,
  WorkerStatus,
} from '../messages/status.js'
import type { Leadership } from './leadership-history.js'

/* `/json/` of a Master with Spark's keys and shapes (JsonProtocol), and one additional key, `firesteel`. */

/** Spark's ResourceInformation, in a stable order. */
export const resourcesJson = (resources: ResourceAddresses) =>
  Object.entries(resources)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, addresses]) => ({ name, addresses }))

/** Spark's ResourceRequirement. */
export const requirementsJson = (amounts: ResourceAmounts) =>
  Object.entries(amounts)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, amount]) => ({ name, amount }))

function freeResources(all: ResourceAddresses, used: ResourceAddresses): ResourceAddresses {
  return Object.fromEntries(
    Object.entries(all).map(([name, addresses]) => {
      const taken = new Set(addressesOf(used, name))
      return [name, addresses.filter((address) => !taken.has(address))]
    }),
  )
}

/** Joins the addresses of several Workers under one name, as Spark does. */
function mergedResources(workers: readonly WorkerStatus[], of: (worker: WorkerStatus) => ResourceAddresses) {
  const merged: Record<string, string[]> = {}
  for (const worker of workers) {
    for (const [name, addresses] of Object.entries(of(worker))) {
      if (!Object.hasOwn(merged, name)) merged[name] = []
      for (const address of addresses) merged[name]!.push(address)
    }
  }
  return resourcesJson(merged)
}

const sum = <T>(items: readonly T[], of: (item: T) => number): number =>
  items.reduce((total, item) => total + of(item), 0)

export const workerJson = (worker: WorkerStatus) => ({
  id: worker.id,
  host: worker.host,
  port: worker.port,
  webuiaddress: worker.web ?? '',
  cores: worker.cores,
  coresused: worker.coresUsed,
  coresfree: worker.cores - worker.coresUsed,
  memory: worker.memoryMib,
  memoryused: worker.memoryMibUsed,
  memoryfree: worker.memoryMib - worker.memoryMibUsed,
  resources: resourcesJson(worker.resources),
  resourcesused: resourcesJson(worker.resourcesUsed),
  resourcesfree: resourcesJson(freeResources(worker.resources, worker.resourcesUsed)),
  state: worker.state,
  lastheartbeat: worker.lastHeartbeatMs,
})

export const applicationJson = (app: ApplicationStatus, nowMs: number) => {
  const { executor, name, user } = app.description
  const requirements = requirementsJson(executor.resources)
  return {
    id: app.id,
    starttime: app.submittedAtMs,
    name,
    cores: app.coresGranted,
    user,
    memoryperexecutor: executor.memoryMib,
    memoryperslave: executor.memoryMib,
    resourcesperexecutor: requirements,
    resourcesperslave: requirements,
    submitdate: new Date(app.submittedAtMs).toUTCString(),
    state: app.state,
    duration: Math.max(0, (app.endedAtMs ?? nowMs) - app.submittedAtMs),
  }
}

/** Spark knows no RESTARTING and no KILLING. In both it shows RUNNING until the driver's end. */
const sparkState = (state: DriverStatus['state']) =>
  state === 'RESTARTING' || state === 'KILLING' ? 'RUNNING' : state

export const driverJson = (driver: DriverStatus) => ({
  id: driver.id,
  starttime: String(driver.submittedAtMs),
  state: sparkState(driver.state),
  cores: driver.description.cores,
  memory: driver.description.memoryMib,
  resources: requirementsJson(driver.description.resources),
  submitdate: new Date(driver.submittedAtMs).toUTCString(),
  worker: driver.worker ?? 'None',
  // In Spark this is the third argument of the Worker's command, which is what the user wants to run.
  mainclass: driver.description.main,
})

const isoTime = (ms: number): string => new Date(ms).toISOString()

const leadershipJson = ({ epoch, address, sinceMs, isOlder, end }: Leadership) => ({
  epoch,
  leader: address,
  since: isoTime(sinceMs),
  sinceatleast: isOlder === true,
  until: end ? isoTime(end.atMs) : null,
  end: end?.how ?? null,
  reason: end?.reason ?? '',
})

/** The complete `/json/`. Sums cover ALIVE Workers only, as in Spark. */
export function masterJson(
  state: MasterStateResponse,
  nowMs: number,
  leaderships: readonly Leadership[] = [],
) {
  const alive = state.workers.filter((worker) => worker.state === 'ALIVE')
  return {
    url: state.address,
    workers: new JsonRows(state.workers, workerJson),
    aliveworkers: alive.length,
    cores: sum(alive, (worker) => worker.cores),
    coresused: sum(alive, (worker) => worker.coresUsed),
    memory: sum(alive, (worker) => worker.memoryMib),
    memoryused: sum(alive, (worker) => worker.memoryMibUsed),
    resources: mergedResources(alive, (worker) => worker.resources),
    resourcesused: mergedResources(alive, (worker) => worker.resourcesUsed),
    activeapps: new JsonRows(state.activeApps, (app) => applicationJson(app, nowMs)),
    completedapps: new JsonRows(state.completedApps, (app) => applicationJson(app, nowMs)),
    activedrivers: new JsonRows(state.activeDrivers, driverJson),
    completeddrivers: new JsonRows(state.completedDrivers, driverJson),
    status: state.state,
    firesteel: {
      cluster: state.cluster,
      epoch: state.position.epoch,
      leader: state.leader,
      since: state.sinceMs === null ? null : isoTime(state.sinceMs),
      leaderships: leaderships.map(leadershipJson),
    },
  }
}

/** Percent, rounded down; 100 if there is nothing to use. */
const percent = (used: number, all: number): number => (all === 0 ? 100 : Math.floor((100 * used) / all))

/** It waits for a Worker: for its first one, or because it has lost its Worker. */
const isWaiting = ({ state }: DriverStatus): boolean => state === 'SUBMITTED' || state === 'RELAUNCHING'

/** `/json/clusterutilization` (SPARK-46883). */
export function clusterUtilization(state: MasterStateResponse) {
  const alive = state.workers.filter((worker) => worker.state === 'ALIVE')
  const cores = sum(alive, (worker) => worker.cores)
  const coresused = sum(alive, (worker) => worker.coresUsed)
  const memory = sum(alive, (worker) => worker.memoryMib)
  const memoryused = sum(alive, (worker) => worker.memoryMibUsed)
  return {
    waitingDrivers: state.activeDrivers.filter(isWaiting).length,
    cores,
    coresused,
    coresutilization: percent(coresused, cores),
    memory,
    memoryused,
    memoryutilization: percent(memoryused, memory),
  }
}

/** `/readyz`: ALIVE, or a STANDBY whose store can be reached. */
export const isReady = (state: Pick<MasterStateResponse, 'state' | 'stale'>): boolean =>
  state.state === 'ALIVE' || (state.state === 'STANDBY' && !state.stale)

/** `/leader`, for load balancers: true only for the ALIVE Master. */
export const isLeader = (state: Pick<MasterStateResponse, 'state'>): boolean => state.state === 'ALIVE'

const statusCode = (good: boolean): 200 | 503 => (good ? 200 : 503)

export interface MasterView {
  /** The whole state. It is asked for seldom and must not change afterwards. */
  readonly snapshot: () => MasterStateResponse
  /** The present state of the Master, for each probe. */
  readonly head: () => Pick<MasterStateResponse, 'state' | 'stale' | 'leader'>
  /** Which Masters have led, oldest first. */
  readonly leaderships: () => readonly Leadership[]
  readonly health: () => NodeHealth
  readonly wallMs: () => number
}

/** All that a Master answers over HTTP. `/json/KEY` is that key alone. */
export function masterRoutes({ snapshot, head, leaderships, health, wallMs }: MasterView): Hono {
  const routes = new Hono()
  const page = new JsonPage(() => Object.entries(masterJson(snapshot(), wallMs(), leaderships())))
  const utilization = new JsonPage(() => Object.entries(clusterUtilization(snapshot())))
  for (const path of ['/json', '/json/']) routes.get(path, () => page.answer())
  routes.get('/json/clusterutilization', () => utilization.answer())
  routes.get('/json/:key', (context) => page.answer(context.req.param('key')))
  addHealth(routes, health)
  routes.get('/readyz', (context) => {
    const state = head()
    return context.json({ status: state.state, stale: state.stale }, statusCode(isReady(state)))
  })
  routes.get('/leader', (context) => {
    const state = head()
    return context.json({ status: state.state, leader: state.leader }, statusCode(isLeader(state)))
  })
  return routes
}
