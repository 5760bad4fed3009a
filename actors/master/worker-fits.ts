import { innerLimits } from '../../runtime/inner-limits.js'
import { addressesOf, labelsFit, type ResourceAddresses } from '../messages/common.js'
import type {
  Holder,
  MissingLabel,
  Shortage,
  Wait,
  WorkerFit,
  WorkerVerdict,
} from '../messages/explanation.js'
import { workerVerdicts } from '../messages/explanation.js'
import type { ClusterState } from './cluster-state.js'
import { failedWorkerOf } from './failed-launches.js'
import { fits } from './placement.js'
import type { Demand } from './resources.js'
import type { Now } from './step.js'
import type { WorkerEntry } from './worker-entry.js'
import { timeoutOf } from './worker-timeout.js'

/* What keeps each Worker from being given a launch. Pure. */

const SHOWN = innerLimits.explainedWorkers
const NAMED = innerLimits.explainedShortages

/** What wants a launch: a driver, or an application for an executor. */
export interface Wanting {
  readonly id: string
  readonly demand: Demand
}

export type Fits = Pick<Wait, 'counts' | 'workers'>

/** There is a link to it. After an election it may not have said anything to this leadership over it. */
export const isReached = ({ peers }: ClusterState, { linked, id }: WorkerEntry): boolean =>
  linked || peers.has(id)

/** The first reason that holds. What can never change comes first: it says most. */
export function verdictOf(
  cluster: ClusterState,
  worker: WorkerEntry,
  { id, demand }: Wanting,
  now: Now,
): WorkerVerdict {
  if (worker.state === 'DEAD') return 'DEAD'
  if (!labelsFit(worker.labels, demand.on)) return 'NO_LABEL'
  if (!fits(worker.whole, demand)) return 'TOO_SMALL'
  if (worker.drain) return 'DRAINING'
  if (worker.stopping) return 'STOPPING'
  if (!isReached(cluster, worker)) return 'UNREACHABLE'
  if (!worker.schedulable) return 'NOT_REPORTED'
  if (!fits(worker, demand)) return 'NO_ROOM'
  switch (cluster.launchFailures.standing(id, worker.id, now.monotonicMs)) {
    case 'fresh':
    case 'due':
      return 'FITS'
    case 'resting':
      return 'RESTING'
    case 'retry':
    case 'excluded':
      return 'EXCLUDED'
  }
}

interface Judged {
  readonly worker: WorkerEntry
  readonly verdict: WorkerVerdict
  readonly rank: number
  /** Which part of the demand is missing; 0: none. */
  readonly missing: number
}

/** All Workers are counted. The nearest to a launch are shown: those of which the least is missing. */
export function fitsOf(cluster: ClusterState, wanting: Wanting, now: Now): Fits {
  const counts: Record<string, number> = {}
  const nearest: Judged[] = []
  for (const worker of cluster.workers.values()) {
    const verdict = verdictOf(cluster, worker, wanting, now)
    counts[verdict] = (counts[verdict] ?? 0) + 1
    const judged = {
      worker,
      verdict,
      rank: workerVerdicts.indexOf(verdict),
      missing: missingOf(worker, verdict, wanting.demand),
    }
    insert(nearest, judged)
  }
  return { counts, workers: nearest.map((judged) => fitOf(cluster, judged, wanting, now)) }
}

/** Keeps the list short and in order. Of equal ones the older Worker stays first. */
function insert(nearest: Judged[], judged: Judged): void {
  const isNearer = (other: Judged) => judged.rank - other.rank || judged.missing - other.missing
  if (nearest.length >= SHOWN && isNearer(nearest.at(-1) as Judged) >= 0) return
  const at = nearest.findIndex((other) => isNearer(other) < 0)
  nearest.splice(at < 0 ? nearest.length : at, 0, judged)
  if (nearest.length > SHOWN) nearest.pop()
}

function missingOf(worker: WorkerEntry, verdict: WorkerVerdict, demand: Demand): number {
  if (verdict !== 'NO_ROOM' && verdict !== 'TOO_SMALL') return 0
  const missing = shortagesOf(worker, verdict, demand)
  return missing.reduce((sum, { wanted, free, whole }) => {
    const has = verdict === 'NO_ROOM' ? free : whole
    return sum + (wanted - has) / wanted
  }, 0)
}

function shortagesOf(worker: WorkerEntry, verdict: WorkerVerdict, demand: Demand): Shortage[] {
  const { record, coresFree, memoryFreeMib } = worker
  const resource = (what: string, wanted: number): Shortage => ({
    what,
    wanted,
    // Only counted where it is wanted.
    free: amount(worker.resourcesFree, what),
    whole: amount(record.resources, what),
  })
  const all: Shortage[] = [
    { what: 'cores', wanted: demand.cores, free: coresFree, whole: record.cores },
    { what: 'memoryMib', wanted: demand.memoryMib, free: memoryFreeMib, whole: record.memoryMib },
    ...Object.entries(demand.resources).map(([what, wanted]) => resource(what, wanted)),
  ]
  const has = ({ free, whole }: Shortage) => (verdict === 'TOO_SMALL' ? whole : free)
  return all.filter((each) => has(each) < each.wanted).slice(0, NAMED)
}

const amount = (addresses: ResourceAddresses, what: string): number => addressesOf(addresses, what).length

function labelsMissing({ labels }: WorkerEntry, { on = {} }: Demand): MissingLabel[] {
  return Object.entries(on)
    .filter(([label, wanted]) => !Object.hasOwn(labels, label) || labels[label] !== wanted)
    .slice(0, NAMED)
    .map(([label, wanted]) => {
      const found = Object.hasOwn(labels, label) ? labels[label] : undefined
      return { label, wanted, ...(found !== undefined && { found }) }
    })
}

function fitOf(
  cluster: ClusterState,
  { worker, verdict }: Judged,
  { id, demand }: Wanting,
  now: Now,
): WorkerFit {
  const isShort = verdict === 'NO_ROOM' || verdict === 'TOO_SMALL'
  const failed = cluster.launchFailures.get(id, worker.id)
  return {
    workerId: worker.id,
    host: worker.record.host,
    verdict,
    short: isShort ? shortagesOf(worker, verdict, demand) : [],
    labels: verdict === 'NO_LABEL' ? labelsMissing(worker, demand) : [],
    ...(failed && { failed: failedWorkerOf(cluster, worker, { subject: id, record: failed }, now) }),
    holders: verdict === 'NO_ROOM' ? holdersOf(worker) : [],
    ...(verdict === 'UNREACHABLE' && silenceOf(cluster, worker, now)),
    ...(verdict === 'DEAD' && { heardAtMs: worker.lastHeartbeatWallMs }),
  }
}

/** What has most of it: applications and drivers, by the part of it that they have. */
function holdersOf({ holdings, record }: WorkerEntry): Holder[] {
  const byId = new Map<string, Holder>()
  for (const [key, { cores, memoryMib }] of holdings) {
    const id = key.slice(0, key.lastIndexOf('/'))
    const before = byId.get(id)
    byId.set(id, {
      id,
      cores: cores + (before?.cores ?? 0),
      memoryMib: memoryMib + (before?.memoryMib ?? 0),
    })
  }
  const part = ({ cores, memoryMib }: Holder) => Math.max(cores / record.cores, memoryMib / record.memoryMib)
  return [...byId.values()].sort((a, b) => part(b) - part(a)).slice(0, innerLimits.namedHolders)
}

/** When it was heard last, and when it counts as dead at the latest if it is not heard again. */
export function silenceOf(cluster: ClusterState, worker: WorkerEntry, now: Now) {
  const leftMs = timeoutOf(cluster, worker) - cluster.silentMs(worker, now)
  return { heardAtMs: worker.lastHeartbeatWallMs, deadAtMs: now.wallMs + Math.max(0, leftMs) }
}
