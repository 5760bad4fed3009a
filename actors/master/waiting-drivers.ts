import { DemandOrder, NO_DRIVER } from './demand-order.js'
import type { DriverEntry, DriverQueue, DriverQueues } from './driver-entry.js'
import { type Demand, demandKey } from './resources.js'

/** Waiting drivers that ask for the same: where one finds no room, none of them does. */
export class DemandClass implements DriverQueue {
  readonly key: string
  readonly demand: Demand
  /** Oldest first. */
  readonly drivers: DriverEntry[] = []
  /**
   * The number of the one that has its turn next. The passes go round over it, as over the demands, so that
   * drivers that rest keep no younger one from its turn. Only `WaitingDrivers` changes it, within its order.
   */
  place = NO_DRIVER
  /** The value of `ClusterState.capacity` when no Worker had the capacity for it. */
  fullAt = -1
  /** Why its drivers wait, as far as it is known. */
  reason: string | undefined
  /** True: it is for one driver whose launches have failed. */
  readonly isPicky: boolean

  constructor(key: string, demand: Demand, isPicky: boolean) {
    this.key = key
    this.demand = demand
    this.isPicky = isPicky
  }

  /** The number of its oldest driver. */
  get oldest(): number {
    return this.drivers[0]?.number ?? NO_DRIVER
  }

  /** The oldest driver after `number` that may be launched now. */
  next(number: number, nowMs: number): DriverEntry | undefined {
    for (let at = this.placeOf(number + 1); at < this.drivers.length; at++) {
      const driver = this.drivers[at] as DriverEntry
      if (driver.notBeforeMs <= nowMs) return driver
    }
    return undefined
  }

  /** Index of the first driver with this number or a higher one. */
  placeOf(number: number): number {
    let low = 0
    let high = this.drivers.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((this.drivers[middle] as DriverEntry).number < number) low = middle + 1
      else high = middle
    }
    return low
  }
}

/** A queue as a record of this Master has it. */
export interface SavedQueue {
  readonly key: string
  readonly demand: Demand
  readonly isPicky: boolean
  readonly fullAt: number
  /** Absent in recordings of before. */
  readonly place?: number
  readonly reason: string | undefined
  /** Ids, in their order. */
  readonly drivers: readonly string[]
}

/**
 * The drivers that wait for a Worker, by demand. Tens of thousands may have the same demand; a pass examines
 * the Workers once for all of them.
 */
export class WaitingDrivers implements DriverQueues {
  readonly #classes = new Map<string, DemandClass>()
  /** The same, by the drivers that have their turns next. */
  readonly order = new DemandOrder<DemandClass>()
  /** The search for room goes on behind the driver with this number; 0: at the oldest. */
  scan = 0
  #size = 0

  get size(): number {
    return this.#size
  }

  get classes(): Iterable<DemandClass> {
    return this.#classes.values()
  }

  /** Its queues in their order, for a record of this Master. */
  save(): SavedQueue[] {
    return [...this.#classes.values()].map(({ key, demand, isPicky, fullAt, place, reason, drivers }) => ({
      key,
      demand,
      isPicky,
      fullAt,
      place,
      reason,
      drivers: drivers.map(({ id }) => id),
    }))
  }

  load({ key, demand, isPicky, fullAt, place, reason }: SavedQueue, drivers: readonly DriverEntry[]): void {
    const demandClass = new DemandClass(key, demand, isPicky)
    demandClass.fullAt = fullAt
    demandClass.reason = reason
    this.order.change(demandClass, () => {
      for (const driver of drivers) demandClass.drivers.push(driver)
      demandClass.place = place ?? demandClass.oldest
    })
    for (const driver of drivers) driver.waitsIn = demandClass
    this.#classes.set(key, demandClass)
    this.#size += drivers.length
  }

  add(driver: DriverEntry): void {
    if (driver.waitsIn) return
    const { cores, memoryMib, resources, on } = driver.record.description
    const demand = { cores, memoryMib, resources, ...(on && { on }) }
    // A driver that failed somewhere has its own order of Workers, so it shares no queue.
    const key = driver.hasFailed ? driver.id : demandKey(demand)
    let demandClass = this.#classes.get(key)
    if (!demandClass) {
      demandClass = new DemandClass(key, demand, driver.hasFailed)
      this.#classes.set(key, demandClass)
    }
    const { drivers } = demandClass
    // Most drivers go to the end; one that is placed again is among the oldest.
    drivers.splice(demandClass.placeOf(driver.number), 0, driver)
    driver.waitsIn = demandClass
    this.#size++
    this.awake(driver)
  }

  /**
   * This driver may be launched now. Its demand has its turn there again, unless the passes have gone by that
   * place and have yet to come to where the demand is: they would leave out who has its turn there.
   */
  awake({ number, waitsIn }: DriverEntry): void {
    const of = waitsIn && this.#classes.get(waitsIn.key)
    if (!of || number >= of.place) return
    if (of.place === NO_DRIVER || number > this.scan || of.place <= this.scan) this.move(of, number)
  }

  /** The driver with this number, which is one of this demand, has the next turn of it. */
  move(of: DemandClass, number: number): void {
    this.order.change(of, () => {
      of.place = number
    })
  }

  remove(driver: DriverEntry): void {
    const { waitsIn } = driver
    if (!waitsIn) return
    driver.waitsIn = undefined
    const at = waitsIn.placeOf(driver.number)
    if (waitsIn.drivers[at] !== driver) return
    const demandClass = this.#classes.get(waitsIn.key) as DemandClass
    const { drivers } = demandClass
    drivers.splice(at, 1)
    if (demandClass.place === driver.number) this.move(demandClass, drivers[at]?.number ?? demandClass.oldest)
    this.#size--
    if (drivers.length === 0) this.#classes.delete(demandClass.key)
  }
}
