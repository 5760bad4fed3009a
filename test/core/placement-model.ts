/*
 * Spark's placement (Spark 4.2 to 4.4) as a person would play it on a table: one step of cores at a time,
 * every sum taken again from the list of what lies there. Slow on purpose, and it shares nothing with the
 * Master.
 */

export interface ModelHolding {
  readonly cores: number
  readonly memoryMib: number
  readonly resources: Readonly<Record<string, readonly string[]>>
}

export interface ModelWorker {
  readonly id: string
  readonly schedulable: boolean
  readonly offers: ModelHolding
  readonly holds: readonly ModelHolding[]
}

export interface ModelDemand {
  readonly cores: number
  readonly memoryMib: number
  readonly resources: Readonly<Record<string, number>>
}

export interface ModelDriver extends ModelDemand {
  readonly id: string
  /** Queued, and not held back. */
  readonly waits: boolean
}

export interface ModelApp {
  readonly id: string
  /** It has answered, and its link stands. */
  readonly answers: boolean
  readonly maxCores: number | undefined
  readonly coresPerExecutor: number | undefined
  readonly memoryMib: number
  readonly resources: Readonly<Record<string, number>>
  readonly limit: number | undefined
  /** Cores of each executor that it has. */
  readonly has: readonly number[]
}

export interface ModelCluster {
  readonly workers: readonly ModelWorker[]
  readonly drivers: readonly ModelDriver[]
  readonly apps: readonly ModelApp[]
  readonly spreadOut: boolean
  readonly defaultCores: number | undefined
  readonly cursor: number
}

export interface ModelLaunch {
  readonly kind: 'driver' | 'executor'
  /** Of the driver, or of the application. */
  readonly id: string
  readonly worker: string
  readonly cores: number
  readonly memoryMib: number
  readonly resources: Readonly<Record<string, readonly string[]>>
}

/** Of one resource, whatever its name: every object is born with a `constructor`. */
export const own = (resources: ModelHolding['resources'], name: string): readonly string[] =>
  (Object.hasOwn(resources, name) ? resources[name] : undefined) ?? []

const total = (numbers: readonly number[]): number => numbers.reduce((sum, each) => sum + each, 0)

/** A Worker that holds more than it offers has nothing, never less. */
export function freeOf(worker: ModelWorker): ModelHolding {
  const { offers, holds } = worker
  const resources: Record<string, string[]> = {}
  for (const [name, addresses] of Object.entries(offers.resources)) {
    resources[name] = addresses.filter(
      (address) => !holds.some((holding) => own(holding.resources, name).includes(address)),
    )
  }
  return {
    cores: Math.max(0, offers.cores - total(holds.map(({ cores }) => cores))),
    memoryMib: Math.max(0, offers.memoryMib - total(holds.map(({ memoryMib }) => memoryMib))),
    resources,
  }
}

export function hasCapacity(free: ModelHolding, { cores, memoryMib, resources }: ModelDemand): boolean {
  const few = Object.entries(resources).filter(([name, amount]) => own(free.resources, name).length < amount)
  return free.cores >= cores && free.memoryMib >= memoryMib && few.length === 0
}

export interface ModelOrder {
  readonly coresLeft: number
  readonly coresPerExecutor: number | undefined
  readonly memoryMib: number
  readonly resources: Readonly<Record<string, number>>
  readonly executorsLeft: number
}

interface Given {
  readonly at: number
  readonly cores: number
  readonly opens: boolean
}

/** Spark 4.4: may this Worker take one more step, with all that has been given? */
function mayTake(
  free: readonly ModelHolding[],
  order: ModelOrder,
  given: readonly Given[],
  at: number,
): boolean {
  const { coresLeft, coresPerExecutor, memoryMib, resources, executorsLeft } = order
  const step = coresPerExecutor ?? 1
  const toAssign = Math.min(coresLeft, total(free.map(({ cores }) => cores)))
  if (toAssign - total(given.map(({ cores }) => cores)) < step) return false
  const here = given.filter((one) => one.at === at)
  if (free[at]!.cores - total(here.map(({ cores }) => cores)) < step) return false
  if (coresPerExecutor === undefined && here.length > 0) return true
  const executors = here.filter(({ opens }) => opens).length
  if (free[at]!.memoryMib - executors * memoryMib < memoryMib) return false
  for (const [name, amount] of Object.entries(resources)) {
    if (own(free[at]!.resources, name).length - executors * amount < amount) return false
  }
  return given.filter(({ opens }) => opens).length < executorsLeft
}

/** Cores for each Worker, in their order. */
export function modelCores(free: readonly ModelHolding[], order: ModelOrder, spreadOut: boolean): number[] {
  const given: Given[] = []
  const give = (at: number): void => {
    const first = !given.some((one) => one.at === at)
    given.push({
      at,
      cores: order.coresPerExecutor ?? 1,
      opens: order.coresPerExecutor !== undefined || first,
    })
  }
  let before = -1
  while (given.length > before) {
    before = given.length
    for (const at of free.keys()) {
      while (mayTake(free, order, given, at)) {
        give(at)
        if (spreadOut) break
      }
    }
  }
  return [...free.keys()].map((at) => total(given.filter((one) => one.at === at).map(({ cores }) => cores)))
}

/** Would this Worker alone, with nothing given elsewhere, have room for a step beyond `assigned`? */
export function couldTakeMore(free: ModelHolding, order: ModelOrder, assigned: number): boolean {
  const step = order.coresPerExecutor ?? 1
  const steps = assigned / step
  const executors = order.coresPerExecutor === undefined ? Math.min(1, steps) : steps
  const opens = order.coresPerExecutor !== undefined || steps === 0
  if (free.cores < assigned + step) return false
  if (!opens) return true
  const few = Object.entries(order.resources).filter(
    ([name, amount]) => own(free.resources, name).length < (executors + 1) * amount,
  )
  return free.memoryMib >= (executors + 1) * order.memoryMib && few.length === 0
}

/** One whole pass: drivers first, then executors, FIFO over the applications (4.1 to 4.3). */
export function modelSchedule(cluster: ModelCluster): { launches: ModelLaunch[]; cursor: number } {
  const launches: ModelLaunch[] = []
  let workers = cluster.workers
  const launch = (kind: ModelLaunch['kind'], id: string, worker: string, demand: ModelDemand): void => {
    const free = freeOf(workers.find((one) => one.id === worker)!)
    const resources: Record<string, readonly string[]> = {}
    for (const [name, amount] of Object.entries(demand.resources)) {
      resources[name] = own(free.resources, name).slice(0, amount)
    }
    const holding = { cores: demand.cores, memoryMib: demand.memoryMib, resources }
    launches.push({ kind, id, worker, ...holding })
    workers = workers.map((one) => (one.id === worker ? { ...one, holds: [...one.holds, holding] } : one))
  }
  const usable = (): ModelWorker[] => workers.filter(({ schedulable }) => schedulable)
  let cursor = cluster.cursor
  for (const driver of cluster.drivers.filter(({ waits }) => waits)) {
    const count = usable().length
    const round = [...Array(count).keys()].map((visited) => (cursor + visited) % count)
    const at = round.find((index) => hasCapacity(freeOf(usable()[index]!), driver))
    if (at === undefined) continue
    cursor = (at + 1) % count
    launch('driver', driver.id, usable()[at]!.id, driver)
  }
  for (const app of cluster.apps.filter(({ answers }) => answers)) {
    const { coresPerExecutor, memoryMib, resources } = app
    const allowed = app.maxCores ?? cluster.defaultCores ?? Number.POSITIVE_INFINITY
    const coresLeft = allowed - total(app.has)
    const executorsLeft = (app.limit ?? Number.POSITIVE_INFINITY) - app.has.length
    const each = { cores: coresPerExecutor ?? 1, memoryMib, resources }
    if (coresLeft < each.cores || executorsLeft <= 0) continue
    const fitting = usable().filter((worker) => hasCapacity(freeOf(worker), each))
    fitting.sort((a, b) => freeOf(b).cores - freeOf(a).cores || (a.id < b.id ? 1 : -1))
    const order = { coresLeft, coresPerExecutor, memoryMib, resources, executorsLeft }
    const assigned = modelCores(fitting.map(freeOf), order, cluster.spreadOut)
    for (const [index, cores] of assigned.entries()) {
      const executors = coresPerExecutor === undefined ? Math.min(1, cores) : cores / coresPerExecutor
      for (let n = 0; n < executors; n++) {
        launch('executor', app.id, fitting[index]!.id, { ...each, cores: coresPerExecutor ?? cores })
      }
    }
  }
  return { launches, cursor }
}
