import { type DeploymentFile, drawFile } from './deployment-file.js'
import { Place } from './place.js'
import type { Random } from './random.js'
import { SimApplier } from './sim-applier.js'
import type { SimWorld } from './sim-world.js'

/** Between an apply that was refused and the same once more. */
const AGAIN_MS = 500

/** People who apply deployment files: each apply is a process of its own, on a machine of its own. */
export class Appliers {
  readonly #world: SimWorld
  readonly all: SimApplier[] = []
  /** The file that somebody has begun to apply last. */
  #last: DeploymentFile | undefined

  constructor(world: SimWorld) {
    this.#world = world
  }

  apply(file: DeploymentFile, prune: boolean): SimApplier {
    const world = this.#world
    const n = this.all.length + 1
    const place = new Place(`p${n}`, world.machine(`10.0.5.${n}`))
    place.onTurn = world.touched
    world.touched(place)
    this.#last = file
    const applier = new SimApplier(world, place, file, prune)
    this.all.push(applier)
    world.tell(place.name, `applies ${file.text}${prune ? ' and prunes' : ''}`)
    return applier
  }

  /** Some file, often the one that was applied last. */
  draw(random: Random): SimApplier {
    const file = this.#last && random.chance(0.3) ? this.#last : drawFile(random)
    return this.apply(file, random.chance(0.5))
  }

  /**
   * Somebody applies the last file until it is done. Undefined: nothing was applied in this history.
   */
  finish(): { readonly by: () => SimApplier | undefined } | undefined {
    const file = this.#last
    if (!file) return undefined
    let by: SimApplier | undefined
    const again = (): void => {
      const applier = this.apply(file, true)
      applier.place.onDeath(() => {
        if (applier.end?.kind === 'refused') this.#world.timeline.after(AGAIN_MS, again)
        else by = applier
      })
    }
    again()
    return { by: () => by }
  }
}
