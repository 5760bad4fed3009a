import { addressesOf, type ResourceAddresses, type ResourceAmounts } from '../messages/common.js'
import type { Demand } from './resources.js'

/** What placement sees of a Worker. */
export interface Candidate {
  readonly id: string
  readonly coresFree: number
  readonly memoryFreeMib: number
  readonly resourcesFree: ResourceAddresses
}

const amountsFit = (free: ResourceAddresses, amounts: ResourceAmounts, times = 1): boolean =>
  Object.entries(amounts).every(([name, amount]) => addressesOf(free, name).length >= amount * times)

export function fits(worker: Candidate, demand: Demand): boolean {
  return (
    worker.coresFree >= demand.cores &&
    worker.memoryFreeMib >= demand.memoryMib &&
    amountsFit(worker.resourcesFree, demand.resources)
  )
}

const always = (): boolean => true

/**
 * Driver placement (Spark 4.2): from a start that moves with each driver, the first Worker that fits.
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
  /** Cores the application may still get. */
  readonly coresLeft: number
  /** Cores of each executor; absent: one executor per Worker and pass takes all it is given there. */
  readonly coresPerExecutor: number | undefined
  readonly memoryMib: number
  readonly resources: ResourceAmounts
  /** Executors the application may still get. */
  readonly executorsLeft: number
}

/** Most cores free first, ties by id descending (Spark 4.0's CORES_FREE_DESC). */
export function byCoresFree(a: Candidate, b: Candidate): number {
  return b.coresFree - a.coresFree || (a.id < b.id ? 1 : a.id > b.id ? -1 : 0)
}

/**
 * Executor placement (Spark 4.4): cores to give on each of `workers`, in their order. Whole executors only, so that
 * spreading never leaves each Worker below one executor's size (SPARK-8881).
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
  const give = (index: number): void => {
    if (!single || assigned[index] === 0) {
      opened[index]!++
      openedTotal++
    }
    assigned[index]! += step
    left -= step
  }

  let open = workers.map((_, index) => index).filter(canTake)
  while (open.length > 0) {
    for (const index of open) {
      if (spreadOut) {
        if (canTake(index)) give(index)
      } else {
        while (canTake(index)) give(index)
      }
    }
    open = open.filter(canTake)
  }
  return assigned
}
