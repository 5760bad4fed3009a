import type { ClusterState } from './cluster-state.js'

/* What a person means by an id: the id, a name, or the beginning of one id. */

/** Of each kind the ids that it may mean. */
export interface Meant {
  readonly apps: readonly string[]
  readonly drivers: readonly string[]
  readonly workers: readonly string[]
}

interface Candidate {
  readonly kind: keyof Meant
  readonly id: string
  readonly name: string
  readonly isLive: boolean
}

function* candidates({
  apps,
  drivers,
  workers,
  endedApps,
  endedDrivers,
}: ClusterState): Generator<Candidate> {
  for (const { id, record } of workers.values())
    yield { kind: 'workers', id, name: record.name, isLive: true }
  for (const { id, record } of apps.values())
    yield { kind: 'apps', id, name: record.description.name, isLive: true }
  for (const { id, record } of drivers.values())
    yield { kind: 'drivers', id, name: record.description.name, isLive: true }
  for (const { id, description } of endedApps.values())
    yield { kind: 'apps', id, name: description.name, isLive: false }
  for (const { id, description } of endedDrivers.values())
    yield { kind: 'drivers', id, name: description.name, isLive: false }
}

/**
 * An id means itself. A name means what lives under it, else what ended last under it. Anything else means
 * the ids that begin so, at most `most` of them.
 */
export function meantBy(cluster: ClusterState, text: string, most: number): Meant {
  if (isId(cluster, text)) return { apps: [text], drivers: [text], workers: [text] }
  const all = [...candidates(cluster)]
  const named = all.filter(({ name }) => name === text)
  const live = named.filter(({ isLive }) => isLive)
  if (live.length > 0) return byKind(live.slice(0, most))
  if (named.length > 0) return byKind(named.slice(-1))
  return byKind(all.filter(({ id }) => id.startsWith(text)).slice(0, most))
}

const isId = ({ apps, drivers, workers, endedApps, endedDrivers }: ClusterState, text: string): boolean =>
  [apps, drivers, workers, endedApps, endedDrivers].some((of) => of.has(text))

function byKind(candidates: readonly Candidate[]): Meant {
  const of = (wanted: keyof Meant) => candidates.filter(({ kind }) => kind === wanted).map(({ id }) => id)
  return { apps: of('apps'), drivers: of('drivers'), workers: of('workers') }
}
