import { limits } from '../../runtime/limits.js'
import {
  type MasterStatePage,
  type RequestMasterState,
  type StateSection,
  stateSections,
} from '../messages/status.js'
import { headOf, type SnapshotRows, type StateHead } from './snapshot.js'

/*
 * The state of a Master in pages. A cursor names the last given row by its section and its number in the
 * cluster state. Each row is true at the moment of its page. A row that exists from the first page to the
 * last is given once; one that comes or goes meanwhile may be missing. An ended row moves from an active
 * section to a completed one. The active sections come first, so it is given at least once.
 */

export interface PageLimits {
  readonly statePageRows: number
  readonly statePageBytes: number
}

const SEPARATOR = ':'
const cursorOf = (epoch: number, section: StateSection, number: number): string =>
  [epoch, section, number].join(SEPARATOR)

interface Place {
  readonly section: StateSection
  readonly number: number
}

/**
 * Parses a cursor. Numbers of another leadership mean nothing: the reader restarts, and sees this by the
 * epoch.
 */
function placeOf(after: string | undefined, epoch: number): Place | undefined {
  if (after === undefined) return undefined
  const [of, section, number] = after.split(SEPARATOR)
  return Number(of) === epoch ? { section: section as StateSection, number: Number(number) } : undefined
}

/** The next page. It has at least one row if any are left, and a cursor if more follow. */
export function pageOf(
  head: StateHead,
  rows: SnapshotRows,
  { after, parts }: Pick<RequestMasterState, 'after' | 'parts'>,
  most: PageLimits = limits,
  isSeen?: (section: StateSection, row: object) => boolean,
): MasterStatePage {
  const { epoch } = head.position
  const place = placeOf(after, epoch)
  const page: Record<StateSection, object[]> = {
    workers: [],
    activeApps: [],
    executors: [],
    activeDrivers: [],
    completedApps: [],
    completedDrivers: [],
  }
  let count = 0
  let bytes = 0
  let last: string | undefined
  const first = place ? stateSections.indexOf(place.section) : 0
  for (const section of stateSections.slice(first)) {
    if (parts && !parts.includes(section)) continue
    const { rows: all, numbers } = rows[section]
    for (let at = section === place?.section ? behind(numbers, place.number) : 0; at < all.length; at++) {
      const row = all[at] as object
      if (isSeen && !isSeen(section, row)) continue
      const size = bytesOf(row)
      if (count > 0 && (count >= most.statePageRows || bytes + size > most.statePageBytes)) {
        return { ...headOf(head), ...page, next: last } as MasterStatePage
      }
      page[section].push(row)
      last = cursorOf(epoch, section, numbers[at] as number)
      count++
      bytes += size
    }
  }
  return { ...headOf(head), ...page } as unknown as MasterStatePage
}

/** Index of the first number above `number`. The numbers rise. */
function behind(numbers: readonly number[], number: number): number {
  let low = 0
  let high = numbers.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((numbers[middle] as number) > number) high = middle
    else low = middle + 1
  }
  return low
}

const sizes = new WeakMap<object, number>()

/** The size as JSON. It is kept, because rows never change and most are shown often. */
function bytesOf(row: object): number {
  const known = sizes.get(row)
  if (known !== undefined) return known
  const bytes = Buffer.byteLength(JSON.stringify(row))
  sizes.set(row, bytes)
  return bytes
}
