import type { Place } from './place.js'
import type { Random } from './random.js'
import type { Fault } from './rates.js'
import type { World } from './world.js'

/** What befalls processes of people, and heals by itself. */
export interface Harm {
  readonly later: (meanMs: number, run: () => void) => true
  readonly cut: (these: readonly string[], those: readonly string[]) => boolean
  readonly freeze: (place: Place) => boolean
}

/** About as long as an apply takes. */
const APPLY_MS = 400
/** Until what was asked for is under way to a Worker, or has just arrived. */
const ORDER_MS = 10

/** What people do, at moments that may be bad ones. */
export class People {
  readonly #world: World
  readonly #harm: Harm

  constructor(world: World, harm: Harm) {
    this.#world = world
    this.#harm = harm
  }

  /** False: nobody can do it now, or it is no deed of people. */
  do(fault: Fault, random: Random): boolean {
    const { appliers } = this.#world
    switch (fault) {
      case 'apply':
        appliers.draw(random)
        return true
      case 'applyTwice':
        return this.#applyTwice(random)
      case 'killApplier':
        return this.#killApplier(random)
      case 'cutApplier':
        return this.#cutApplier(random)
      case 'askRestart':
        return this.#askRestart(random)
      case 'askRestartUnheard':
        return this.#askRestartUnheard(random)
      default:
        return this.#world.upgrades.do(fault, random)
    }
  }

  #applyTwice(random: Random): true {
    const { appliers } = this.#world
    const { file } = appliers.draw(random)
    return this.#harm.later(random.exponential(APPLY_MS), () => {
      if (random.chance(0.3)) appliers.apply(file, random.chance(0.5))
      else appliers.draw(random)
    })
  }

  /**
   * Somebody applies the same file afterwards, or another one. Sometimes the leader dies at that moment, too:
   * the next one does not know that the apply has died.
   */
  #killApplier(random: Random): true {
    const { appliers, masters } = this.#world
    const { place, file } = appliers.draw(random)
    const isSame = random.chance(0.5)
    const isWithLeader = random.chance(0.3)
    return this.#harm.later(APPLY_MS, () => {
      place.kill()
      if (isWithLeader) masters.find(({ leads }) => leads)?.kill()
      if (isSame) appliers.apply(file, random.chance(0.5))
      else appliers.draw(random)
    })
  }

  #cutApplier(random: Random): true {
    const { appliers, network, masters } = this.#world
    const { place } = appliers.draw(random)
    if (random.chance(0.5)) appliers.draw(random)
    return this.#harm.later(APPLY_MS, () => {
      const how = random.int(3)
      const names = masters.map(({ name }) => name)
      if (how === 0) network.breakConnections(place.name)
      else if (how === 1) this.#harm.cut([place.name], names)
      else this.#harm.freeze(place)
    })
  }

  /** Sometimes two people ask, or the Worker restarts, drains or stops at that moment anyway. */
  #askRestart(random: Random): boolean {
    const { submitters, workers } = this.#world
    const worker = random.pick(workers)
    const client = random.pick(submitters).process
    if (!client) return false
    void client.restartWorker(worker.name)
    const how = random.int(6)
    if (how > 3) return true
    return this.#harm.later(ORDER_MS, () => {
      if (how === 0) void random.pick(submitters).process?.restartWorker(worker.name)
      else if (how === 1) worker.restart()
      else if (how === 2) worker.process?.drain(random.pick([0, 1000]))
      else worker.process?.stop()
    })
  }

  /** The leader has passed the order on, or has not, and dies, or its link to the Worker breaks. */
  #askRestartUnheard(random: Random): boolean {
    const { submitters, workers, masters, network } = this.#world
    const worker = random.pick(workers)
    const client = random.pick(submitters).process
    const leader = masters.find(({ leads }) => leads)
    if (!client || !leader) return false
    void client.restartWorker(worker.name)
    const dies = random.chance(0.6)
    return this.#harm.later(ORDER_MS, () => {
      if (dies) leader.kill()
      else network.breakConnections(worker.name)
    })
  }
}
