import type { FormatRange } from '../../runtime/persistence/store-format.js'
import { isWithin } from '../../runtime/version-range.js'
import type { Random } from './random.js'
import type { Fault } from './rates.js'
import type { World } from './world.js'

/** What two releases know of the formats of a store. */
export const older: FormatRange = { min: 1, max: 1 }
export const newer: FormatRange = { min: 1, max: 2 }

/** About as long as a Master takes to hand over and to start again. */
const RESTART_MS = 500

/** A rolling upgrade, there and back: its Masters one by one, and its end, at moments that may be bad. */
export class Upgrades {
  readonly #world: World
  #isPlayed = false

  constructor(world: World) {
    this.#world = world
  }

  /** There are two releases in this history. */
  get isPlayed(): boolean {
    return this.#isPlayed
  }

  /** All Masters are of the older release. */
  begin(): void {
    this.#isPlayed = true
    for (const master of this.#world.masters) master.formats = older
  }

  /** False: nobody can do it now, or it is no part of an upgrade. */
  do(fault: Fault, random: Random): boolean {
    const { masters } = this.#world
    switch (fault) {
      case 'upgradeMaster': {
        const waiting = masters.filter(({ formats }) => formats !== newer)
        if (!this.#isPlayed || waiting.length === 0) return false
        random.pick(waiting).changeTo(newer)
        return true
      }
      case 'downgradeMaster': {
        const done = masters.filter(({ formats }) => formats === newer)
        // One who heeds the page does not go back once the store is raised. One in five does not heed it.
        if (done.length === 0 || (!this.#mayGoBack && random.chance(0.8))) return false
        random.pick(done).changeTo(older)
        return true
      }
      case 'finishUpgrade':
        return this.#finish(random)
      default:
        return false
    }
  }

  /** The upgrade goes on to its end: a Master of the older release might not be able to lead. */
  complete(): void {
    if (!this.#isPlayed) return
    for (const master of this.#world.masters) {
      if (master.formats === newer && master.process?.formats === newer) continue
      master.formats = newer
      master.kill()
    }
  }

  /** Some are in haste: they ask while the last Masters restart. */
  #finish(random: Random): boolean {
    const { masters, submitters, timeline } = this.#world
    if (!this.#isPlayed) return false
    const submitter = random.pick(submitters)
    const masterCount = random.chance(0.5) ? masters.length : undefined
    const isHasty = random.chance(0.5)
    if (isHasty)
      for (const master of masters) if (master.formats !== newer && master.place) master.changeTo(newer)
    timeline.after(isHasty ? random.exponential(RESTART_MS) : 0, () => {
      const client = submitter.process
      if (!client?.place.alive) return
      // What is decided before and after it may share its commit.
      client.submit({})
      client.finishUpgrade(masterCount).catch(() => {})
      client.submit({})
      this.#world.touched(client.place)
    })
    return true
  }

  get #mayGoBack(): boolean {
    return isWithin(older, this.#world.store.model.leader()?.format ?? older.max)
  }
}
