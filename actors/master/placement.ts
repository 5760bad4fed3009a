import {
  addressesOf,
  type Labels,
  labelsFit,
  type ResourceAddresses,
  type ResourceAmounts,
} from '../messages/common.js'
import type { Demand } from './resources.js'

/** What placement needs to know about a Worker. */
export interface Candidate {
  readonly id: string
  readonly coresFree: number
  readonly memoryFreeMib: number
  readonly resourcesFree: ResourceAddresses
  readonly labels?: Labels
}

const amountsFit = (free: ResourceAddresses, amounts: ResourceAmounts, times = 1): boolean =>
  Object.entries(amounts).every(([name, amount]) => addressesOf(free, name).length >= amount * times)

export function fits(worker: Candidate, demand: Demand): boolean {
  return (
    worker.coresFree >= demand.cores &&
    worker.memoryFreeMib >= demand.memoryMib &&
    amountsFit(worker.resourcesFree, demand.resources) &&
    labelsFit(worker.labels ?? {}, demand.on)
  )
}

const always = (): boolean => true

/**
 * Driver placement (Spark 4.2): the first Worker that fits, from a start that moves with each driver.
 * Returns an index into `workers`, or undefined.
 */
export function placeDriver(
  workers: readonly Candidate[],
  demand: Demand,
  start: number,
  mayUse: (worker: Candidate) => boolean = always,
): number | undefined {
  for (let visited = 0; visited < workers.length; visited++) {
    const index = (start + visited) % workers.length
    const worker = workers[index]!
    if (fits(worker, demand) && mayUse(worker)) return index
  }
  return undefined
}

export interface ExecutorDemand {
  /** Cores that the application may still get. */
  readonly coresLeft: number
  /** Cores of each executor; absent: one executor per Worker and pass takes all cores given there. */
  readonly coresPerExecutor: number | undefined
  readonly memoryMib: number
  readonly resources: ResourceAmounts
  /** Executors that the application may still get. */
  readonly executorsLeft: number
}

/** Most free cores first, ties by id descending (Spark 4.0's CORES_FREE_DESC). */
export function byCoresFree(a: Candidate, b: Candidate): number {
  return b.coresFree - a.coresFree || (a.id < b.id ? 1 : a.id > b.id ? -1 : 0)
}

/**
 * Executor placement (Spark 4.4): the cores to give on each of `workers`, in their order. It gives whole
 * executors only, so that spreading never leaves each Worker below one executor's size (SPARK-8881).
 */
export function placeExecutors(
  workers: readonly Candidate[],
  demand: ExecutorDemand,
  spreadOut: boolean,
): number[] {
  const step = demand.coresPerExecutor ?? 1
  const single = demand.coresPerExecutor === undefined
  const assigned = workers.map(() => 0)
  const opened = workers.map(() => 0)
  let openedTotal = 0
  const offered = workers.reduce((sum, worker) => sum + worker.coresFree, 0)
  let left = Math.min(demand.coresLeft, offered)

  /** How often this Worker can certainly be given `step` more cores, apart from the others. */
  const certain = (index: number): number => {
    if (single && assigned[index] === 0) return 1
    const worker = workers[index]!
    const byCores = Math.floor((worker.coresFree - assigned[index]!) / step)
    if (single) return byCores
    const byMemory = Math.floor(worker.memoryFreeMib / demand.memoryMib) - opened[index]!
    return Object.keys(demand.resources).length > 0 ? 1 : Math.min(byCores, byMemory)
  }
  /**
   * The same for each of these Workers. It never counts cores one by one, because a Worker may claim any
   * number.
   */
  const certainOfAll = (indices: readonly number[]): number => {
    const executors = single ? Number.MAX_SAFE_INTEGER : demand.executorsLeft - openedTotal
    const rounds = Math.floor(Math.min(left / step, executors) / indices.length)
    return Math.max(
      1,
      indices.reduce((least, index) => Math.min(least, certain(index)), rounds),
    )
  }
  const canTake = (index: number): boolean => {
    const worker = workers[index]!
    if (left < step || worker.coresFree - assigned[index]! < step) return false
    if (single && assigned[index]! > 0) return true
    const executors = opened[index]! + 1
    return (
      openedTotal < demand.executorsLeft &&
      worker.memoryFreeMib >= executors * demand.memoryMib &&
      amountsFit(worker.resourcesFree, demand.resources, executors)
    )
  }
  const give = (index: number, times: number): void => {
    const executors = single ? Number(assigned[index] === 0) : times
    opened[index]! += executors
    openedTotal += executors
    assigned[index]! += times * step
    left -= times * step
  }

  let open = workers.map((_, index) => index).filter(canTake)
  while (open.length > 0) {
    const rounds = spreadOut ? certainOfAll(open) : 1
    for (const index of open) {
      if (spreadOut) {
        if (canTake(index)) give(index, rounds)
      } else {
        while (canTake(index)) give(index, certainOfAll([index]))
      }
    }
    open = open.filter(canTake)
  }
  return assigned
}
