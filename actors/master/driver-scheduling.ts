import type { Books } from './books.js'
import type { DriverEntry } from './driver-entry.js'
import { launchDriver } from './launching.js'
import { fits, placeDriver } from './placement.js'
import type { Demand } from './resources.js'
import type { Step } from './step.js'
import type { DemandClass } from './waiting-drivers.js'
import type { WorkerEntry } from './worker-entry.js'

/** Looks at a Worker in one pass, so that a turn stays short whatever is asked for: some 2 ms. */
const LOOKS_PER_PASS = 100_000
/** Demands that found no room, by which larger ones are known to find none. */
const SMALLEST_KEPT = 32

interface Candidate {
  readonly of: DemandClass
  readonly driver: DriverEntry
}

/**
 * Places waiting drivers, oldest first (Spark 4.1). Of those that ask for the same the first that finds no room speaks
 * for all, until there is more room. Gives how many were launched; what is left to look at makes the books dirty.
 */
export function scheduleDrivers(
  books: Books,
  step: Step,
  workers: readonly WorkerEntry[],
  most: number,
): number {
  const nowMs = step.now.monotonicMs
  const open = candidates(books, nowMs)
  const smallest: Demand[] = []
  let looks = 0
  let launched = 0
  for (let first = open.pop(); first; first = open.pop()) {
    if (launched >= most || looks >= LOOKS_PER_PASS) {
      // The next pass begins here, so that nobody is passed over for ever because much comes before it.
      books.driverScan = first.driver.number - 1
      books.goOn()
      return launched
    }
    const { of, driver } = first
    const index = smallest.some((demand) => isWithin(demand, of.demand))
      ? undefined
      : placeDriver(workers, of.demand, books.driverCursor)
    looks += workers.length + 1
    if (index === undefined) {
      of.fullAt = books.room
      looks += explain(books, of)
      if (smallest.length < SMALLEST_KEPT) smallest.push(of.demand)
      continue
    }
    books.driverCursor = (index + 1) % workers.length
    launchDriver(books, step, driver, workers[index] as WorkerEntry)
    launched++
    const next = of.next(driver.number, nowMs)
    if (next) insert(open, { of, driver: next }, books.driverScan)
  }
  books.driverScan = 0
  return launched
}

/** The oldest driver of each demand that may find room, the first to be tried last. */
function candidates(books: Books, nowMs: number): Candidate[] {
  const found: Candidate[] = []
  for (const of of books.waiting.classes) {
    if (of.fullAt === books.room) continue
    const driver = of.next(0, nowMs)
    if (driver) found.push({ of, driver })
  }
  return found.sort((a, b) => turnOf(b, books.driverScan) - turnOf(a, books.driverScan))
}

/** Those behind the place where the last pass stopped come first. */
const turnOf = ({ driver }: Candidate, scan: number): number =>
  driver.number > scan ? driver.number : driver.number + Number.MAX_SAFE_INTEGER / 2

function insert(open: Candidate[], candidate: Candidate, scan: number): void {
  const turn = turnOf(candidate, scan)
  let low = 0
  let high = open.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (turnOf(open[middle] as Candidate, scan) > turn) low = middle + 1
    else high = middle
  }
  open.splice(low, 0, candidate)
}

/** Is all of `small` also asked for by `large`? Custom resources are compared one by one only where they are few. */
function isWithin(small: Demand, large: Demand): boolean {
  if (small.cores > large.cores || small.memoryMib > large.memoryMib) return false
  return Object.entries(small.resources).every(
    ([name, amount]) => Object.hasOwn(large.resources, name) && (large.resources[name] as number) >= amount,
  )
}

/** Why its drivers wait. Gives the number of looks it took. */
function explain(books: Books, of: DemandClass): number {
  const { cores, memoryMib, resources } = of.demand
  const custom = Object.entries(resources).map(([name, amount]) => `, ${amount} ${name}`)
  const wants = `${cores} cores, ${memoryMib} MiB${custom.join('')}`
  let looks = 0
  let alive = false
  for (const { state, record } of books.workers.values()) {
    looks++
    if (state !== 'ALIVE') continue
    alive = true
    const whole = { id: record.id, coresFree: record.cores, memoryFreeMib: record.memoryMib }
    if (!fits({ ...whole, resourcesFree: record.resources }, of.demand)) continue
    of.reason = `waits: no Worker has ${wants} free now`
    return looks
  }
  of.reason = alive ? `waits: no Worker is as large as ${wants}` : 'waits: no Worker is alive'
  return looks
}
