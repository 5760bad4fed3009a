import { groupedBy } from '../../../runtime/grouped-by.js'
import { innerLimits } from '../../../runtime/inner-limits.js'
import { percentOf } from '../../../runtime/pages/words.js'
import type { DriverStatus, WorkerStatus } from '../../messages/status.js'
import type { MasterPageView } from './view.js'

/*
 * What the picture of a cluster shows: Workers, alone or in groups, what runs on them, and how much of it.
 * Pure, and bounded whatever the cluster is.
 */

const MOST_PLACES = innerLimits.topologyPlaces
const MOST_WORKS = innerLimits.topologyWorks

/** A Worker, or several that have something in common. */
export interface Place {
  readonly key: string
  readonly workers: readonly WorkerStatus[]
  /** Undefined: it is one Worker alone. */
  readonly group?: Group
}

export interface Group {
  readonly title: string
  /** Shows its Workers; undefined: they have nothing in common but that there is no room for them. */
  readonly value?: string
}

/** An application or a driver, or all others of the kind. */
export interface Work {
  readonly key: string
  readonly kind: 'application' | 'driver'
  readonly title: string
  /** Undefined: these are several. */
  readonly id?: string
  /** Of an application: its executors. */
  readonly count: number
}

/** So many executors or drivers of a work are at a place. */
export interface Run {
  readonly place: number
  readonly work: number
  readonly count: number
}

export interface Topology {
  /** By what Workers are grouped: the name of a label, or USE. */
  readonly by: string
  /** Labels by which they can be grouped. */
  readonly labels: readonly string[]
  /** The group whose Workers are shown; undefined: all are. */
  readonly within: string | undefined
  readonly places: readonly Place[]
  readonly works: readonly Work[]
  readonly runs: readonly Run[]
}

/** Groups by how much is in use, for Workers without labels. A label of this name cannot be chosen. */
export const USE = '-'

export interface Asked {
  readonly by: string | null
  readonly within: string | null
}

export function topologyOf(view: MasterPageView, asked: Asked): Topology {
  const { workers } = view.state
  const labels = labelNames(workers)
  const by = asked.by !== null && (labels.includes(asked.by) || asked.by === USE) ? asked.by : labels[0]
  const grouping = by ?? USE
  const labelOf = (worker: WorkerStatus): string =>
    grouping === USE ? useOf(worker) : (worker.labels[grouping] ?? '')
  const within = asked.within ?? undefined
  const meant = inOrder(within === undefined ? workers : workers.filter((one) => labelOf(one) === within))
  const places =
    meant.length <= MOST_PLACES
      ? alone(meant, grouping, labelOf)
      : within === undefined
        ? grouped(meant, grouping, labelOf)
        : firstAlone(meant)
  return { by: grouping, labels, within, places, ...worksAt(view, places) }
}

/** The label that most Workers have comes first. */
function labelNames(workers: readonly WorkerStatus[]): string[] {
  const counts = new Map<string, number>()
  for (const { labels } of workers)
    for (const name of Object.keys(labels)) counts.set(name, (counts.get(name) ?? 0) + 1)
  return [...counts]
    .sort(([a, most], [b, other]) => other - most || (a < b ? -1 : 1))
    .slice(0, innerLimits.topologyLabels)
    .map(([name]) => name)
}

const isAlive = ({ state }: WorkerStatus): boolean => state === 'ALIVE'

/** Live ones first. */
const inOrder = (workers: readonly WorkerStatus[]): WorkerStatus[] => [
  ...workers.filter(isAlive),
  ...workers.filter((worker) => !isAlive(worker)),
]

function useOf(worker: WorkerStatus): string {
  if (!isAlive(worker)) return 'gone'
  const percent = percentOf(worker.coresUsed, worker.cores)
  if (percent === 0) return 'idle'
  return percent >= 100 ? 'full' : percent >= 50 ? 'half or more in use' : 'less than half in use'
}

export const groupTitle = (by: string, value: string): string =>
  by === USE ? value : value === '' ? `no ${by}` : `${by}=${value}`

/** Neighbours have the same label. */
function alone(
  workers: readonly WorkerStatus[],
  by: string,
  labelOf: (worker: WorkerStatus) => string,
): Place[] {
  const ordered = by === USE ? workers : workers.toSorted((a, b) => compareValues(labelOf(a), labelOf(b)))
  return ordered.map((worker) => ({ key: worker.id, workers: [worker] }))
}

/** Without the label comes last. */
const compareValues = (a: string, b: string): number =>
  a === b ? 0 : a === '' ? 1 : b === '' ? -1 : a < b ? -1 : 1

function grouped(
  workers: readonly WorkerStatus[],
  by: string,
  labelOf: (worker: WorkerStatus) => string,
): Place[] {
  const groups = groupedBy(workers, (worker) => [labelOf(worker)])
  const bySize = [...groups].sort(([, a], [, b]) => b.length - a.length)
  const shown = bySize.slice(0, bySize.length > MOST_PLACES ? MOST_PLACES - 1 : MOST_PLACES)
  const places = shown
    .sort(([a], [b]) => compareValues(a, b))
    .map(([value, members]) => ({
      key: `group ${value}`,
      workers: members,
      group: { title: groupTitle(by, value), value },
    }))
  const rest = bySize.slice(shown.length).flatMap(([, members]) => members)
  return rest.length === 0 ? places : [...places, others(rest)]
}

function firstAlone(workers: readonly WorkerStatus[]): Place[] {
  const shown = workers.slice(0, MOST_PLACES - 1)
  return [
    ...shown.map((worker) => ({ key: worker.id, workers: [worker] })),
    others(workers.slice(shown.length)),
  ]
}

const others = (workers: readonly WorkerStatus[]): Place => ({
  key: 'others',
  workers,
  group: { title: 'all others' },
})

/** What runs at these places. Of each kind the largest are shown, and the others are one. */
function worksAt(
  { state }: MasterPageView,
  places: readonly Place[],
): { works: readonly Work[]; runs: readonly Run[] } {
  const placeOf = new Map<string, number>()
  for (const [at, { workers }] of places.entries()) for (const { id } of workers) placeOf.set(id, at)
  const counted = state.activeApps.map(({ id, description, executors }) => {
    const at = new Map<number, number>()
    for (const { workerId } of executors) add(at, placeOf.get(workerId), 1)
    return { id, title: description.name, at, count: sumOf(at) }
  })
  const drivers = state.activeDrivers.map((driver) => {
    const at = new Map<number, number>()
    if (driver.worker !== null) add(at, placeOf.get(driver.worker), 1)
    return { id: driver.id, title: nameOf(driver), at, count: sumOf(at) }
  })
  const shown = [...largest(counted, 'application'), ...largest(drivers, 'driver')]
  // What runs above stands above, so that few lines cross.
  const height = ({ at, count }: Placed): number =>
    [...at].reduce((sum, [place, runs]) => sum + place * runs, 0) / Math.max(1, count)
  const ordered = shown.toSorted((a, b) => height(a) - height(b))
  return {
    works: ordered.map(({ at: _, ...work }) => work),
    runs: ordered.flatMap(({ at }, work) => [...at].map(([place, count]) => ({ place, work, count }))),
  }
}

const nameOf = ({ description }: DriverStatus): string => description.name

interface Counted {
  readonly id: string
  readonly title: string
  readonly at: ReadonlyMap<number, number>
  readonly count: number
}

interface Placed extends Work {
  readonly at: ReadonlyMap<number, number>
}

function add(at: Map<number, number>, place: number | undefined, count: number): void {
  if (place !== undefined) at.set(place, (at.get(place) ?? 0) + count)
}

const sumOf = (at: ReadonlyMap<number, number>): number =>
  [...at.values()].reduce((sum, count) => sum + count, 0)

function largest(all: readonly Counted[], kind: Work['kind']): Placed[] {
  const running = all.filter(({ count }) => count > 0).sort((a, b) => b.count - a.count)
  const shown = running.slice(0, running.length > MOST_WORKS ? MOST_WORKS - 1 : MOST_WORKS)
  const rest = running.slice(shown.length)
  const placed: Placed[] = shown.map((one) => ({ ...one, key: one.id, kind }))
  if (rest.length === 0) return placed
  const at = new Map<number, number>()
  for (const one of rest) for (const [place, count] of one.at) add(at, place, count)
  return [
    ...placed,
    { key: `other ${kind}s`, kind, title: `${rest.length} other ${kind}s`, at, count: sumOf(at) },
  ]
}
