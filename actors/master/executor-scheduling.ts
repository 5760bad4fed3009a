import { innerLimits } from '../../runtime/inner-limits.js'
import { addressesOf, type ResourceAddresses, type ResourceAmounts } from '../messages/common.js'
import type { ApplicationEntry, Begun } from './application-entry.js'
import type { ClusterState } from './cluster-state.js'
import { executorDemand, standingsToTry } from './failed-launches.js'
import { FullDemands } from './full-demands.js'
import { launchExecutor } from './launching.js'
import { byCoresFree, fits, placeExecutors } from './placement.js'
import type { Demand } from './resources.js'
import type { Step } from './step.js'
import { coresLeft, executorsLeft } from './waiting.js'
import type { WorkerEntry } from './worker-entry.js'

/** The cost of sorting a suitable Worker and placing on it, in examined Workers. */
const PLACE_LOOKS = innerLimits.placeLooks
const APPLICATION_LOOKS = innerLimits.applicationLooks

/** The state of one pass: what it may still do, and what it knows. */
interface Pass {
  readonly cluster: ClusterState
  readonly step: Step
  readonly workers: readonly WorkerEntry[]
  readonly full: FullDemands
  coresFree: number
  launchesLeft: number
  looksLeft: number
}

/**
 * Gives executors to applications, FIFO over them (Spark 4.1). A pass is bounded in examined Workers and
 * launches, and the next one continues where it stopped. An application that got all that fitted is tried
 * again when there may be more capacity.
 */
export function scheduleExecutors(
  cluster: ClusterState,
  step: Step,
  workers: readonly WorkerEntry[],
  most: number,
): void {
  const pass: Pass = {
    cluster,
    step,
    workers,
    full: new FullDemands(),
    coresFree: workers.reduce((sum, worker) => sum + worker.coresFree, 0),
    launchesLeft: most,
    looksLeft: cluster.config.slices.executorLooks,
  }
  for (const app of inTurn(cluster)) {
    if (pass.coresFree === 0) break
    if (!app.answered || !app.linked) continue
    if (app.fullAt === cluster.capacity) continue
    if (pass.launchesLeft > 0 && pass.looksLeft > 0) {
      placeFor(pass, app)
      if (pass.launchesLeft > 0) {
        app.fullAt = cluster.capacity
        continue
      }
    }
    // The next pass begins with this application, so that none is skipped for ever because of many before it.
    cluster.appScan = cluster.apps.numberOf(app.id) - 1
    cluster.goOn()
    return
  }
  cluster.appScan = 0
}

/** Applications after the place where the last pass stopped, then those before it. */
function* inTurn({ apps, appScan }: ClusterState): Generator<ApplicationEntry> {
  if (appScan === 0) {
    yield* apps.values()
    return
  }
  for (const app of apps.values()) if (apps.numberOf(app.id) > appScan) yield app
  for (const app of apps.values()) if (apps.numberOf(app.id) <= appScan) yield app
}

function placeFor(pass: Pass, app: ApplicationEntry): void {
  const { cluster, step, workers, full } = pass
  const demand = executorDemand(app)
  pass.looksLeft -= APPLICATION_LOOKS + app.executors.size
  if (coresLeft(cluster, app) < demand.cores || executorsLeft(cluster, app) <= 0) return
  const fitsNowhere = full.fitsNowhere(demand)
  pass.looksLeft -= full.looks()
  if (fitsNowhere) return
  const usable = workers
    .filter((worker) => fits(worker, demand))
    .map((worker) => new Offer(worker, demand, app.begunAt(worker.id, cluster.capacity)))
    .sort(byCoresFree)
  pass.looksLeft -= workers.length + PLACE_LOOKS * usable.length
  if (usable.length === 0) {
    full.add(demand)
  } else if (cluster.launchFailures.has(app.id)) {
    const standingOf = ({ id }: Offer) => cluster.launchFailures.standing(app.id, id, step.now.monotonicMs)
    for (const standing of standingsToTry(cluster, step.now, app.id, demand)) {
      pass.looksLeft -= workers.length
      placeOn(
        pass,
        app,
        usable.filter((offer) => standingOf(offer) === standing),
      )
    }
  } else {
    placeOn(pass, app, usable)
  }
}

/** A Worker as it was before this application got the first executors of a placement that continues. */
class Offer {
  readonly worker: WorkerEntry
  readonly begun: Begun
  readonly id: string
  readonly coresFree: number
  readonly memoryFreeMib: number

  readonly #amounts: ResourceAmounts
  #resourcesFree: ResourceAddresses | undefined

  constructor(worker: WorkerEntry, { resources }: Demand, begun: Begun) {
    this.worker = worker
    this.#amounts = resources
    this.begun = begun
    this.id = worker.id
    this.coresFree = worker.coresFree + begun.cores
    this.memoryFreeMib = worker.memoryFreeMib + begun.memoryMib
  }

  /** A placement asks for it once for each executor, and nothing changes meanwhile. */
  get resourcesFree(): ResourceAddresses {
    this.#resourcesFree ??= this.#asBefore()
    return this.#resourcesFree
  }

  #asBefore(): ResourceAddresses {
    const { resourcesFree } = this.worker
    if (this.begun.executors === 0) return resourcesFree
    const before = (name: string, amount: number) => [
      ...addressesOf(resourcesFree, name),
      ...Array.from({ length: this.begun.executors * amount }, () => 'given'),
    ]
    return Object.fromEntries(
      Object.entries(this.#amounts).map(([name, amount]) => [name, before(name, amount)]),
    )
  }
}

/**
 * Computes the whole placement each time, from the state when it began. So the result is that of one single
 * pass, however few executors one pass launches.
 */
function placeOn(pass: Pass, app: ApplicationEntry, offers: readonly Offer[]): void {
  const { cluster, step } = pass
  const { executor } = app.record.description
  const demand = {
    coresLeft: offers.reduce((sum, { begun }) => sum + begun.cores, coresLeft(cluster, app)),
    coresPerExecutor: executor.cores,
    memoryMib: executor.memoryMib,
    resources: executor.resources,
    executorsLeft: offers.reduce((sum, { begun }) => sum + begun.executors, executorsLeft(cluster, app)),
  }
  for (const [index, cores] of placeExecutors(offers, demand, cluster.config.spreadOut).entries()) {
    const { worker, begun } = offers[index] as Offer
    const each = executor.cores ?? cores
    // An executor without a size takes all that its Worker gives.
    const most = executor.cores === undefined && begun.executors > 0 ? 0 : cores
    for (let given = begun.cores; given < most; given += each) {
      if (pass.launchesLeft === 0) return
      launchExecutor(cluster, step, app, worker, each)
      pass.launchesLeft--
      pass.coresFree -= each
      app.begin(worker.id, each, cluster.capacity)
    }
  }
}
