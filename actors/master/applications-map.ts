import type { ApplicationEntry } from './application-entry.js'
import { NumberedMap } from './numbered-map.js'

type Index = Map<string, Set<ApplicationEntry>>

const none: ReadonlySet<ApplicationEntry> = new Set()

/** The applications of a cluster state by id, and by who speaks for them: one peer may have many of them. */
export class ApplicationsMap extends NumberedMap<ApplicationEntry> {
  readonly #byEndpoint: Index = new Map()
  readonly #byDriver: Index = new Map()

  /** Those that the peer with this incarnation registered, in the order of registration. */
  ofEndpoint(incarnation: string): ReadonlySet<ApplicationEntry> {
    return this.#byEndpoint.get(incarnation) ?? none
  }

  /** Those of all generations of this cluster driver. */
  ofDriver(driverId: string): ReadonlySet<ApplicationEntry> {
    return this.#byDriver.get(driverId) ?? none
  }

  override load(
    entries: Iterable<readonly [number: number, id: string, value: ApplicationEntry]>,
    last: number,
  ): void {
    super.load(entries, last)
    for (const app of this.values()) this.#add(app)
  }

  override set(id: string, app: ApplicationEntry): this {
    this.#remove(this.get(id))
    this.#add(app)
    return super.set(id, app)
  }

  override delete(id: string): boolean {
    this.#remove(this.get(id))
    return super.delete(id)
  }

  override clear(): void {
    this.#byEndpoint.clear()
    this.#byDriver.clear()
    super.clear()
  }

  #add(app: ApplicationEntry): void {
    const { endpoint, driver } = app.record
    addTo(this.#byEndpoint, endpoint, app)
    if (driver) addTo(this.#byDriver, driver.id, app)
  }

  #remove(app: ApplicationEntry | undefined): void {
    if (!app) return
    const { endpoint, driver } = app.record
    removeFrom(this.#byEndpoint, endpoint, app)
    if (driver) removeFrom(this.#byDriver, driver.id, app)
  }
}

function addTo(index: Index, key: string, app: ApplicationEntry): void {
  const found = index.get(key)
  if (found) found.add(app)
  else index.set(key, new Set([app]))
}

function removeFrom(index: Index, key: string, app: ApplicationEntry): void {
  const found = index.get(key)
  found?.delete(app)
  if (found?.size === 0) index.delete(key)
}
