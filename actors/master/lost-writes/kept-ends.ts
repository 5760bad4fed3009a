import type { DriverStateChanged } from '../../messages/drivers.js'

/** What a Worker told of a driver that the cluster state does not hold. */
export interface KeptEnd {
  readonly from: { readonly incarnation: string }
  readonly report: DriverStateChanged
}

/**
 * Ends of drivers that the cluster state does not hold, while a Master may still give their records back (protocol 12.3). Nobody has
 * acknowledged them: their Workers keep them too.
 */
export class KeptEnds {
  readonly #most: number
  /** By driver, then by generation and Worker: a Worker tells them again on each link. */
  readonly #ends = new Map<string, Map<string, KeptEnd>>()
  #size = 0

  constructor(most: number) {
    this.#most = most
  }

  /** Where there are too many it is not kept here: its Worker tells it again on its next link. */
  keep(end: KeptEnd): void {
    const { driverId, generation } = end.report
    const key = `${generation}/${end.from.incarnation}`
    const ofDriver = this.#ends.get(driverId) ?? new Map<string, KeptEnd>()
    if (!ofDriver.has(key)) {
      if (this.#size >= this.#most) return
      this.#size++
    }
    this.#ends.set(driverId, ofDriver.set(key, end))
  }

  /** Those of one driver, lower generations first. They are the caller's now. */
  take(driverId: string): KeptEnd[] {
    const ends = [...(this.#ends.get(driverId)?.values() ?? [])]
    this.#ends.delete(driverId)
    this.#size -= ends.length
    return ends.sort((a, b) => a.report.generation - b.report.generation)
  }

  /** All of them, by Worker: the numbers of their changes. */
  takeAll(): Map<string, number[]> {
    const changes = new Map<string, number[]>()
    for (const ofDriver of this.#ends.values()) {
      for (const { from, report } of ofDriver.values()) {
        const ofWorker = changes.get(from.incarnation)
        if (ofWorker) ofWorker.push(report.change)
        else changes.set(from.incarnation, [report.change])
      }
    }
    this.#ends.clear()
    this.#size = 0
    return changes
  }
}
