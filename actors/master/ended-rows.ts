import { type DriverLife, restartsOf } from '../messages/driver-life.js'
import type { ApplicationStatus, ApplicationView, DriverStatus } from '../messages/status.js'
import type { NumberedMap, Rows } from './numbered-map.js'
import type { EndedApplication, EndedDriver, EndedRecord } from './records.js'

/*
 * Rows of what has ended, of which there may be very many. A record never changes, so its row is made once,
 * and the list of them only when one came or went.
 */

const applications = new WeakMap<EndedApplication, ApplicationStatus>()
const drivers = new WeakMap<EndedDriver, DriverStatus>()

export function endedApplicationStatus(ended: EndedApplication): ApplicationStatus {
  const known = applications.get(ended)
  if (known) return known
  const { kind: _, at: __, executorEnds: ___, ...fields } = ended
  const row = { ...fields, coresGranted: 0 }
  applications.set(ended, row)
  return row
}

export function endedDriverStatus(ended: EndedDriver): DriverStatus {
  const known = drivers.get(ended)
  if (known) return known
  const { kind: _, at: __, life, events: ___, homes: ____, ...fields } = ended
  const row = { ...fields, ...(life && lifeOf(life)) }
  drivers.set(ended, row)
  return row
}

const views = new WeakMap<ApplicationStatus, ApplicationView>()

/** What has ended has no executors any more. */
function viewOf(row: ApplicationStatus): ApplicationView {
  const known = views.get(row)
  if (known) return known
  const view = { ...row, executors: [] }
  views.set(row, view)
  return view
}

const viewLists = new WeakMap<readonly ApplicationStatus[], readonly ApplicationView[]>()

/** `rows` are those of `endedRows`, so the same list is mostly asked for again. */
export function endedViews(rows: readonly ApplicationStatus[]): readonly ApplicationView[] {
  const known = viewLists.get(rows)
  if (known) return known
  const list = rows.map(viewOf)
  viewLists.set(rows, list)
  return list
}

/** Makes what is shown of it. All rows together would be too much for the turn of the first reader. */
export function prepareEnded(record: EndedRecord): void {
  if (record.kind === 'driver') endedDriverStatus(record)
  else viewOf(endedApplicationStatus(record))
}

/** What a row says of the lives of a driver. */
export const lifeOf = (life: DriverLife) => ({
  ...(restartsOf(life) > 0 && { restarts: restartsOf(life) }),
  ...(life.lastExit && { lastExit: life.lastExit }),
})

const lists = new WeakMap<object, { readonly version: number; readonly list: Rows<unknown> }>()

/** The rows of all entries. `rowOf` must always be the same for one map. */
export function endedRows<E, T>(entries: NumberedMap<E>, rowOf: (entry: E) => T): Rows<T> {
  const known = lists.get(entries)
  if (known?.version === entries.version) return known.list as Rows<T>
  const list = { rows: Array.from(entries.values(), rowOf), numbers: [...entries.numbers] }
  lists.set(entries, { version: entries.version, list })
  return list
}
