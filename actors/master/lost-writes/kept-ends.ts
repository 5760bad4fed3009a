import { innerLimits } from '../../../runtime/inner-limits.js'
import type { DriverStateChanged } from '../../messages/drivers.js'

/** What a Worker reported of a driver, and what may not count yet. */
export interface KeptEnd {
  readonly from: { readonly incarnation: string }
  readonly report: DriverStateChanged
}

/** As a Worker cuts it itself, so that so many take the room that they may. */
const withShortText = ({ from, report }: KeptEnd): KeptEnd => ({
  from: { incarnation: from.incarnation },
  report:
    report.message === undefined
      ? report
      : { ...report, message: report.message.slice(0, innerLimits.endMessageChars) },
})

const keyOf = ({ from, report }: KeptEnd): string => `${report.generation}/${from.incarnation}`

/**
 * Ends of drivers that wait for what others have to tell: the record of the driver (protocol 12.3), or a
 * later generation of it (protocol 12.4). They are not acknowledged, so their Workers keep them too.
 */
export class KeptEnds {
  readonly #most: number
  /** By driver, then by generation and Worker, because a Worker repeats them on each link. */
  readonly #ends = new Map<string, Map<string, KeptEnd>>()
  #size = 0

  constructor(most: number) {
    this.#most = most
  }

  get size(): number {
    return this.#size
  }

  has(driverId: string): boolean {
    return this.#ends.has(driverId)
  }

  /** False: there are too many, and this one is not kept. Its Worker reports it again on its next link. */
  keep(end: KeptEnd): boolean {
    const { driverId } = end.report
    const key = keyOf(end)
    const ofDriver = this.#ends.get(driverId) ?? new Map<string, KeptEnd>()
    if (!ofDriver.has(key)) {
      if (this.#size >= this.#most) return false
      this.#size++
    }
    this.#ends.set(driverId, ofDriver.set(key, withShortText(end)))
    return true
  }

  /** The first drivers of which it keeps ends. */
  drivers(most: number): string[] {
    const first: string[] = []
    for (const driverId of this.#ends.keys()) if (first.push(driverId) >= most) break
    return first
  }

  /** The end of the highest generation of this driver that this Worker has told. */
  newestOf(driverId: string, workerId: string): KeptEnd | undefined {
    let newest: KeptEnd | undefined
    for (const end of this.#ends.get(driverId)?.values() ?? []) {
      if (end.from.incarnation !== workerId) continue
      if (!newest || end.report.generation > newest.report.generation) newest = end
    }
    return newest
  }

  drop(end: KeptEnd): void {
    const ofDriver = this.#ends.get(end.report.driverId)
    if (!ofDriver?.delete(keyOf(end))) return
    this.#size--
    if (ofDriver.size === 0) this.#ends.delete(end.report.driverId)
  }

  /** All of them, for a record of this Master; `keep` takes them back in this order. */
  save(): KeptEnd[] {
    return [...this.#ends.values()].flatMap((ofDriver) => [...ofDriver.values()])
  }

  /** Removes and returns the ends of one driver, lower generations first. */
  take(driverId: string): KeptEnd[] {
    const ends = [...(this.#ends.get(driverId)?.values() ?? [])]
    this.#ends.delete(driverId)
    this.#size -= ends.length
    return ends.sort((a, b) => a.report.generation - b.report.generation)
  }

  /** Removes all of them, and returns the numbers of their changes by Worker. */
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
