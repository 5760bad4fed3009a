import { innerLimits } from '../../runtime/inner-limits.js'
import type { ClusterState } from './cluster-state.js'
import type { Move } from './drain-move.js'
import type { DriverEntry } from './driver-entry.js'
import { FullDemands } from './full-demands.js'
import { placeDriver } from './placement.js'
import { type Demand, takeAddresses } from './resources.js'
import type { Step } from './step.js'
import type { WorkerEntry } from './worker-entry.js'

/*
 * Supervised drivers leave a drained Worker. A driver is told to end once another Worker has room for it, and
 * is launched there when its end is known. Until then that room is kept free. So a service is away for as
 * long as its own end and start take, and where there is no room it runs on until the deadline.
 */

/** The driver's generation there must end, and its end is not its own. */
export function tellMove(step: Step, { id, record: { workerId, generation } }: DriverEntry): void {
  if (workerId === null) return
  const message = { type: 'KillDriver', workerId, driverId: id, generation, drained: true } as const
  step.tell(workerId, message)
}

const isLeaving = ({ from, generation }: Move, { record }: DriverEntry): boolean =>
  record.workerId === from && record.generation === generation

/** It runs elsewhere and can be relied on: moves that wait for it may go on. */
function isOver(cluster: ClusterState, move: Move): boolean {
  const driver = cluster.drivers.get(move.driverId)
  if (!driver || driver.record.wanted === 'KILL') return true
  if (driver.queued || isLeaving(move, driver)) return false
  return driver.isReady
}

function forgetOver(cluster: ClusterState): void {
  for (const move of [...cluster.moves.values()])
    if (isOver(cluster, move)) cluster.moves.delete(move.driverId)
}

export function forgetMovesFrom(cluster: ClusterState, workerId: string): void {
  for (const move of [...cluster.moves.values()])
    if (move.from === workerId) cluster.moves.delete(move.driverId)
}

/** A drained Worker has reported: what was told to leave is told again. */
export function driversMove(cluster: ClusterState, step: Step, worker: WorkerEntry): void {
  for (const move of cluster.moves.values()) {
    if (move.from !== worker.id) continue
    const driver = cluster.drivers.get(move.driverId)
    if (driver && isLeaving(move, driver)) tellMove(step, driver)
  }
}

const demandOf = ({ record: { description } }: DriverEntry): Demand => {
  const { cores, memoryMib, resources, on } = description
  return { cores, memoryMib, resources, ...(on && { on }) }
}

/** Room on other Workers for drivers that leave, held for the time of one pass. */
export class MovingRoom {
  readonly #cluster: ClusterState
  readonly #workers: readonly WorkerEntry[]
  readonly #nowMs: number
  readonly #held: (readonly [WorkerEntry, string])[] = []
  readonly #full = new FullDemands()

  constructor(cluster: ClusterState, workers: readonly WorkerEntry[], nowMs: number) {
    this.#cluster = cluster
    this.#workers = workers
    this.#nowMs = nowMs
    if (cluster.moves.size === 0) return
    forgetOver(cluster)
    for (const move of cluster.moves.values()) {
      const driver = cluster.drivers.get(move.driverId)
      if (driver && isLeaving(move, driver)) this.take(driver)
    }
  }

  /** False: no Worker has room for it. */
  take(driver: DriverEntry): boolean {
    const demand = demandOf(driver)
    if (this.#full.fitsNowhere(demand)) return false
    const { launchFailures } = this.#cluster
    const index = placeDriver(this.#workers, demand, 0, ({ id }) => {
      const standing = launchFailures.standing(driver.id, id, this.#nowMs)
      return standing === 'fresh' || standing === 'due'
    })
    if (index === undefined) {
      if (!driver.hasFailed) this.#full.add(demand)
      return false
    }
    const worker = this.#workers[index] as WorkerEntry
    const { cores, memoryMib, resources: amounts } = demand
    const resources = takeAddresses(worker.resourcesFree, amounts)!
    const key = `moving/${driver.id}`
    worker.hold(key, { cores, memoryMib, resources })
    this.#held.push([worker, key])
    return true
  }

  release(): void {
    for (const [worker, key] of this.#held) worker.release(key)
  }
}

const MOVES_AT_ONCE = innerLimits.drainMoves

/** Tells further drivers of drained Workers to leave, as far as there is room for them. */
export function moveDrivers(cluster: ClusterState, step: Step, room: MovingRoom): void {
  if (cluster.drains.size === 0) return
  forgetOver(cluster)
  for (const worker of cluster.workers.values()) {
    if (cluster.moves.size >= MOVES_AT_ONCE) return
    if (worker.drain && worker.state === 'ALIVE' && worker.answered && worker.linked)
      moveFrom(cluster, step, worker, room)
  }
}

function moveFrom(cluster: ClusterState, step: Step, worker: WorkerEntry, room: MovingRoom): void {
  for (const key of worker.holdings.keys()) {
    if (cluster.moves.size >= MOVES_AT_ONCE) return
    const { driver } = cluster.ownerOf(worker.id, key)
    if (!driver || cluster.moves.has(driver.id)) continue
    const { wanted, description, generation } = driver.record
    if (wanted !== 'RUN' || !description.supervise) continue
    if (awaitsReady(cluster, worker.id)) return
    if (!room.take(driver)) continue
    cluster.moves.set(driver.id, { driverId: driver.id, from: worker.id, generation })
    driver.record = driver.withEvent(step.now.wallMs, `leaves ${worker.id}, which is drained`)
    step.put('driver', driver.id, driver.record)
    tellMove(step, driver)
  }
}

/** A driver that says when it is ready is waited for before the next one leaves. */
function awaitsReady(cluster: ClusterState, from: string): boolean {
  for (const move of cluster.moves.values()) {
    const driver = cluster.drivers.get(move.driverId)
    if (move.from === from && driver?.saysReady) return true
  }
  return false
}
