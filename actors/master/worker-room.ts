import { limits } from '../../runtime/limits.js'
import type { ClusterState } from './cluster-state.js'
import type { WorkerRecord } from './records.js'
import { type Holding, namesIn } from './resources.js'
import type { HoldingKey, WorkerEntry } from './worker-entry.js'

/*
 * How much the cluster state takes in of what peers say that Workers run. Each executor and driver takes a
 * core, and all Workers together may offer `limits.clusterCores`. So what is within the cores of its Worker
 * is always taken. A Worker that has restarted with a smaller offer still runs what it ran: there is some
 * room for that, of all Workers together.
 */

/** A Worker holds each address once, and there is no name of a resource without an address. */
const NAMES_HELD = 2 * limits.resourceAddressesInAll

/**
 * The room for what one message says. What is beyond the cores of all Workers is counted once for it, because
 * a report may name hundreds of executors, and there may be thousands of Workers.
 */
export class WorkerRoom {
  readonly #cluster: ClusterState
  #beyond: number | undefined

  constructor(cluster: ClusterState) {
    this.#cluster = cluster
  }

  /** False: this Worker cannot run that as well. Else the caller lets it hold that at once. */
  takes(worker: WorkerEntry, key: HoldingKey, { resources }: Pick<Holding, 'resources'>): boolean {
    const former = worker.holdings.get(key)
    const names = worker.namesHeld - (former ? namesIn(former.resources) : 0) + namesIn(resources)
    if (names > NAMES_HELD) return false
    if (former || worker.holdings.size < worker.record.cores) return true
    this.#beyond ??= heldBeyondCores(this.#cluster)
    if (this.#beyond >= limits.heldBeyondCores) return false
    this.#beyond++
    return true
  }
}

function heldBeyondCores({ workers }: ClusterState): number {
  let beyond = 0
  for (const { holdings, record } of workers.values()) beyond += Math.max(0, holdings.size - record.cores)
  return beyond
}

/** Why this Worker may not offer so many cores; undefined: it may. */
export function coresRefusal(
  { workers }: ClusterState,
  { id, host, port, cores }: Pick<WorkerRecord, 'id' | 'host' | 'port' | 'cores'>,
): string | undefined {
  if (cores > limits.workerCores) return `cores is ${cores}; a Worker may offer ${limits.workerCores}`
  let others = 0
  for (const { record: other, state } of workers.values()) {
    // It takes the place of a former process at its address.
    const isFormer = other.id === id || (other.port === port && other.host === host)
    if (!isFormer && state !== 'DEAD') others += other.cores
  }
  if (others + cores <= limits.clusterCores) return undefined
  return `cores is ${cores}, and the others offer ${others}; all Workers together may offer ${limits.clusterCores}`
}
