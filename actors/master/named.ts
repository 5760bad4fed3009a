import type { ClusterState } from './cluster-state.js'

/* What a person means by an id: the id, a name, or the beginning of one id. */

/** Of each kind the ids that it may mean. */
export interface Meant {
  readonly apps: readonly string[]
  readonly drivers: readonly string[]
  readonly workers: readonly string[]
}

type Found = readonly [kind: keyof Meant, id: string]

/**
 * An id means itself. A name means what lives under it, else what ended last under it. Anything else means
 * the ids that begin so, at most `most` of them.
 */
export function meantBy(cluster: ClusterState, text: string, most: number): Meant {
  if (isId(cluster, text)) return { apps: [text], drivers: [text], workers: [text] }
  const search = new Search(text, most)
  const { workers, apps, drivers, endedApps, endedDrivers } = cluster
  for (const { id, record } of workers.values()) search.live('workers', id, record.name)
  for (const { id, record } of apps.values()) search.live('apps', id, record.description.name)
  for (const { id, record } of drivers.values()) search.live('drivers', id, record.description.name)
  for (const { id, description } of endedApps.values()) search.ended('apps', id, description.name)
  for (const { id, description } of endedDrivers.values()) search.ended('drivers', id, description.name)
  return search.found()
}

/** Keeps what it may mean, and nothing of all the others: there may be very many. */
class Search {
  readonly #text: string
  readonly #most: number
  readonly #live: Found[] = []
  #lastEnded: Found | undefined
  readonly #begun: Found[] = []

  constructor(text: string, most: number) {
    this.#text = text
    this.#most = most
  }

  live(kind: keyof Meant, id: string, name: string): void {
    if (name === this.#text && this.#live.length < this.#most) this.#live.push([kind, id])
    this.#begins(kind, id)
  }

  ended(kind: keyof Meant, id: string, name: string): void {
    if (name === this.#text) this.#lastEnded = [kind, id]
    this.#begins(kind, id)
  }

  found(): Meant {
    if (this.#live.length > 0) return byKind(this.#live)
    return byKind(this.#lastEnded ? [this.#lastEnded] : this.#begun)
  }

  #begins(kind: keyof Meant, id: string): void {
    if (this.#begun.length < this.#most && id.startsWith(this.#text)) this.#begun.push([kind, id])
  }
}

const isId = ({ apps, drivers, workers, endedApps, endedDrivers }: ClusterState, text: string): boolean =>
  [apps, drivers, workers, endedApps, endedDrivers].some((of) => of.has(text))

function byKind(found: readonly Found[]): Meant {
  const of = (wanted: keyof Meant) => found.filter(([kind]) => kind === wanted).map(([, id]) => id)
  return { apps: of('apps'), drivers: of('drivers'), workers: of('workers') }
}
