import type { Submission } from './history.js'
import type { SimMaster } from './sim-master.js'
import type { StoreModel } from './store-model.js'
import type { Fail } from './violation.js'
import type { WatchedWorld } from './watched-world.js'

/**
 * S2, S3a: acknowledged submissions, and the processes that must give them back to a store that forgot them.
 */
export class Debts {
  readonly #world: WatchedWorld
  readonly #model: StoreModel
  readonly #fail: Fail
  /** Acknowledged, and not in the store now: the processes that still hold it. */
  readonly #atRisk = new Map<string, Set<SimMaster>>()
  /** Every submission that was at risk at any time. */
  readonly #missed = new Set<string>()
  /** Forgotten by the store and by every process that had it, which nothing promises to survive. */
  readonly #excused = new Set<string>()
  /** How often the store lost writes. */
  falls = 0
  /** Excuse nothing that a living process could have given back in time; for scripts that ensure it. */
  strict = false

  constructor(world: WatchedWorld, model: StoreModel, fail: Fail) {
    this.#world = world
    this.#model = model
    this.#fail = fail
  }

  storeFell(): void {
    this.falls++
    for (const { driverIds } of this.#world.history.submissions.values()) {
      for (const id of driverIds) {
        if (this.#isStored(id) || this.#excused.has(id)) continue
        const holders = new Set(this.#living().filter((master) => master.holds(id)))
        if (holders.size === 0) this.#excused.add(id)
        else this.#putAtRisk(id, holders)
      }
    }
  }

  #putAtRisk(id: string, holders: Set<SimMaster>): void {
    this.#atRisk.set(id, holders)
    this.#missed.add(id)
  }

  masterDied(process: SimMaster): void {
    for (const [id, holders] of this.#atRisk) {
      if (this.#isStored(id)) this.#atRisk.delete(id)
      else if (holders.delete(process) && holders.size === 0) {
        this.#atRisk.delete(id)
        // Another process may have got it meanwhile.
        const others = this.#living().filter((master) => master !== process && master.holds(id))
        if (others.length === 0) this.#excused.add(id)
        else this.#putAtRisk(id, new Set(others))
      }
    }
  }

  /** Called now and then: what came back is not at risk any more. */
  look(): void {
    for (const [id, holders] of this.#atRisk) {
      if (this.#isStored(id)) this.#atRisk.delete(id)
      else {
        for (const master of holders) if (!master.holds(id)) holders.delete(master)
        if (holders.size > 0) continue
        this.#atRisk.delete(id)
        // Its grace is over.
        this.#excused.add(id)
      }
    }
  }

  /** S2, S3a: durable, and the only one for its key. */
  acknowledged({ key, driverIds }: Submission, driverId: string): void {
    const others = driverIds.filter((id) => id !== driverId)
    for (const other of others) {
      // Missing for a while. Nobody can tell a process that is silent for longer than rewindPatience from a
      // dead one.
      if (!this.#excused.has(other) && (this.strict || !this.#missed.has(other)))
        this.#fail('S3a', `the key ${key} is ${driverId}, and ${other} was acknowledged`)
    }
    if (this.#isStored(driverId)) return
    if (this.falls === 0) {
      this.#fail('S2', `${driverId} was acknowledged, and the store does not hold it`)
      return
    }
    const holders = new Set(this.#living().filter((master) => master.holds(driverId)))
    if (holders.size > 0) this.#putAtRisk(driverId, holders)
    else this.#excused.add(driverId)
  }

  unknownDriver(driverId: string): void {
    if (this.#excused.has(driverId) || (!this.strict && this.#atRisk.has(driverId))) return
    if (!this.#isStored(driverId)) this.#fail('S2', `${driverId} was acknowledged, and is unknown now`)
  }

  finallyUnknown(driverId: string, code: string): void {
    // One of many old ended ones. Its key is kept.
    if (!this.#excused.has(driverId) && !this.#isStored(driverId))
      this.#fail('S2', `${driverId} was acknowledged; asked for it at the end: ${code}`)
  }

  #living(): SimMaster[] {
    return this.#world.masters.flatMap(({ process }) => (process?.place.alive ? [process] : []))
  }

  /** Whether the store knows it, live or ended. */
  #isStored(driverId: string): boolean {
    const model = this.#model
    if (model.get('driver', driverId) !== undefined || model.get('ended', driverId) !== undefined) return true
    for (const [, json] of model.rows('key')) if (json.includes(`"${driverId}"`)) return true
    return false
  }
}
