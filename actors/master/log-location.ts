import { innerLimits } from '../../runtime/inner-limits.js'
import { limits } from '../../runtime/limits.js'
import type { LogLocation, LogPlace, RequestLogLocation } from '../messages/status.js'
import type { ClusterState, PeerInfo } from './cluster-state.js'
import type { ReplyToken, Step } from './step.js'
import { unknownId } from './submission.js'
import type { WorkerEntry } from './worker-entry.js'

/**
 * Where an output lies: on the Worker that runs it, or ran it. The output of a driver may lie on several. A
 * Worker that was restarted has a new id and still has its files, so it is found by its name.
 */
export function logLocation(
  cluster: ClusterState,
  step: Step,
  from: PeerInfo,
  message: RequestLogLocation,
  reply: ReplyToken,
): void {
  const { id } = message
  const homes = homesOf(cluster, id)
  const places = placesOf(cluster, homes)
  const newest = places.at(-1)
  if (newest) {
    const location: LogLocation = { type: 'LogLocation', id, ...newest, ...grantFor(from, step) }
    step.reply(reply, id.includes('/') ? location : { ...location, places })
  } else if (homes.length > 0 || cluster.drivers.has(id)) {
    const why = homes.length > 0 ? `its worker ${homes.at(-1)} is gone` : 'it has not been placed yet'
    step.reply(reply, {
      type: 'Failure',
      code: 'FIRESTEEL_NOT_ALLOWED',
      message: `${id} has no output: ${why}`,
    })
  } else {
    step.reply(reply, unknownId(id))
  }
}

/** A client with a token needs it at the Worker. The shell signs it. */
function grantFor({ role, subject }: PeerInfo, { now }: Step): Pick<LogLocation, 'grant'> {
  if (role !== 'client' || subject === undefined) return {}
  return { grant: { subject, untilMs: now.wallMs + innerLimits.logGrantMs, mac: '' } }
}

/** A Worker on which something ran, for pages. */
export interface LogHome {
  readonly workerId: string
  /** The Worker that has its files now; undefined: none that can be asked. */
  readonly nowId: string | undefined
}

/** Where the output of a driver or executor lies, the newest last. */
export function logHomes(cluster: ClusterState, id: string): LogHome[] {
  const homes = homesOf(cluster, id).slice(-limits.driverHomes)
  return homes.map((workerId) => {
    const worker = workerNow(cluster, workerId)
    return { workerId, nowId: worker?.state === 'DEAD' ? undefined : worker?.id }
  })
}

/** Ids of the Workers on which it ran, the newest last. */
function homesOf(cluster: ClusterState, id: string): string[] {
  const live = cluster.drivers.get(id)?.record
  const ended = cluster.endedDrivers.get(id)
  const { homes = [] } = live ?? ended ?? {}
  const last =
    live?.workerId ??
    // It waits: its last output is where it failed last.
    cluster.launchFailures.of(id)[0]?.workerId ??
    ended?.worker ??
    cluster.executorHomes.get(id)
  return last ? [...homes.filter((home) => home !== last), last] : [...homes]
}

/** Each Worker once, at the place of its newest id. */
function placesOf(cluster: ClusterState, homes: readonly string[]): LogPlace[] {
  const found = new Map<string, LogPlace>()
  for (const home of homes) {
    const worker = workerNow(cluster, home)
    if (!worker) continue
    found.delete(worker.id)
    found.set(worker.id, { workerId: worker.id, worker: `firesteel://${worker.address}` })
  }
  return [...found.values()].slice(-limits.driverHomes)
}

/** The incarnation of a Worker that lives now. Its id is its name and a random part. */
function workerNow(cluster: ClusterState, id: string): WorkerEntry | undefined {
  const known = cluster.workers.get(id)
  if (known && known.state !== 'DEAD') return known
  const name = id.slice(0, Math.max(0, id.lastIndexOf('-')))
  for (const worker of cluster.workers.values()) {
    if (worker.state !== 'DEAD' && worker.record.name === name) return worker
  }
  return known
}
