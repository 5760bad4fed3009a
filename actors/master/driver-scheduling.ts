import { waitingText, wantsText } from '../messages/launch-failure-text.js'
import type { Books } from './books.js'
import type { DriverEntry } from './driver-entry.js'
import { failedWorkersOf, standingsToTry } from './failed-launches.js'
import { launchDriver } from './launching.js'
import { placeDriver } from './placement.js'
import { type Demand, isWithin, SMALLEST_KEPT } from './resources.js'
import type { Now, Step } from './step.js'
import { lookForReason } from './waiting.js'
import type { DemandClass } from './waiting-drivers.js'
import type { WorkerEntry } from './worker-entry.js'

/** Looks at a Worker in one pass, so that a turn stays short whatever is asked for: some 2 ms. */
const LOOKS_PER_PASS = 100_000

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
      : choose(books, step, first, workers)
    looks += workers.length + 1
    if (index === undefined) {
      of.fullAt = books.room
      looks += explain(books, first, step.now)
      if (!of.isPicky && smallest.length < SMALLEST_KEPT) smallest.push(of.demand)
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

function choose(
  books: Books,
  step: Step,
  { of, driver }: Candidate,
  workers: readonly WorkerEntry[],
): number | undefined {
  if (!of.isPicky) return placeDriver(workers, of.demand, books.driverCursor)
  const { monotonicMs } = step.now
  for (const standing of standingsToTry(books, step.now, driver.id, of.demand)) {
    const index = placeDriver(
      workers,
      of.demand,
      books.driverCursor,
      ({ id }) => books.launchFailures.standing(driver.id, id, monotonicMs) === standing,
    )
    if (index !== undefined) return index
  }
  return undefined
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

/** Why its drivers wait. Gives the number of looks it took. */
function explain(books: Books, { of, driver }: Candidate, now: Now): number {
  const { reason, looks } = lookForReason(books, driver.id, of.demand, now)
  const workers = of.isPicky ? failedWorkersOf(books, driver.id, now) : []
  of.reason = waitingText({ reason: reason ?? 'NO_ROOM', workers }, wantsText(of.demand))
  return looks
}
