import { addressesOf, type ResourceAddresses, type ResourceAmounts } from '../../actors/messages/common.js'
import type { MasterStateResponse } from '../../actors/messages/status.js'
import { LIAR } from './liar.js'
import { type Fail, Violation } from './violation.js'
import type { WatchedWorld } from './watched-world.js'

/** Work that came back after lost writes and does not fit is refused by its Worker, and placed again. */
const OVER_MS = 20_000

/**
 * S4, L1: compares the states of Masters and Workers with each other and with what runs, counted from
 * scratch.
 */
export class StateAudit {
  readonly #world: WatchedWorld
  readonly #fail: Fail
  /** Since when a cluster state gives out more than there is, by `MASTER WORKER`. */
  readonly #overSinceMs = new Map<string, number>()

  constructor(world: WatchedWorld, fail: Fail) {
    this.#world = world
    this.#fail = fail
  }

  look(): void {
    this.#masters()
    this.#workers()
  }

  /**
   * L1, L3 after the faults: no Worker is missing, and nothing waits that could run. Work under way may
   * report that for a moment.
   */
  unhealed(): Violation | undefined {
    const [first] = this.#unhealed()
    return first
  }

  *#unhealed(): Generator<Violation, void, undefined> {
    const leader = this.#world.masters.find(
      ({ process }) => process?.masterHost.current && process.masterHost.leads,
    )
    const state = leader?.process?.masterHost.snapshot()
    if (state?.state !== 'ALIVE') {
      yield new Violation('L2', 'no Master is ALIVE')
      return
    }
    const alive = new Set(state.workers.filter((worker) => worker.state === 'ALIVE').map(({ id }) => id))
    for (const { name, process } of this.#world.workers) {
      if (!process?.place.alive) continue
      const { incarnation, core } = process
      if (!alive.has(incarnation)) yield new Violation('L1', `${name} is not in the books`)
      const accounted = state.workers.find(({ id }) => id === incarnation)
      const { coresUsed, resourcesUsed } = core.status()
      if (accounted?.coresUsed !== coresUsed)
        yield new Violation(
          'S4',
          `${name} has ${coresUsed} cores in use, the books say ${accounted?.coresUsed}`,
        )
      const gpus = addressesOf(resourcesUsed, 'gpu').length
      const countedGpus = accounted ? addressesOf(accounted.resourcesUsed, 'gpu').length : 0
      if (countedGpus !== gpus)
        yield new Violation('S4', `${name} has ${gpus} custom resources in use, the books say ${countedGpus}`)
    }
    yield* this.#orphans(state)
    yield* this.#tasks()
    for (const { id, worker, message, description } of state.activeDrivers) {
      const hasCapacity = state.workers.some(
        ({ state: is, cores, coresUsed, memoryMib, memoryMibUsed, resources, resourcesUsed }) =>
          is === 'ALIVE' &&
          cores - coresUsed >= description.cores &&
          memoryMib - memoryMibUsed >= description.memoryMib &&
          hasAddresses(resources, resourcesUsed, description.resources),
      )
      // A Worker on which it failed lately is not used for up to five minutes, and the message says until
      // when.
      if (worker === null && hasCapacity && !message.includes('next try there from'))
        yield new Violation('L1', `${id} waits though there is room: ${message}`)
    }
  }

  /** No new tasks have come for long: if an executor runs, no task is left. */
  *#tasks(): Generator<Violation, void, undefined> {
    for (const { name, process } of this.#world.applications) {
      if (!process?.place.alive || !process.left) continue
      const { appId, left } = process
      const hasExecutor = [...this.#world.running].some(
        ({ plan }) => plan.kind === 'startExecutor' && plan.launch.appId === appId,
      )
      if (hasExecutor) yield new Violation('L1', `${left} tasks of ${name} (${appId}) are left`)
    }
  }

  /** Nothing runs that is missing in the cluster state of its Master. */
  *#orphans({ activeDrivers, activeApps }: MasterStateResponse): Generator<Violation, void, undefined> {
    for (const { process, plan, workerId } of this.#world.running) {
      const isHeld =
        plan.kind === 'startDriver'
          ? activeDrivers.some(
              ({ id, generation, worker }) =>
                id === plan.launch.driverId && generation === plan.launch.generation && worker === workerId,
            )
          : activeApps.some(
              ({ id, executors }) =>
                id === plan.launch.appId &&
                executors.some(
                  ({ execId, workerId: at }) => execId === plan.launch.execId && at === workerId,
                ),
            )
      if (!isHeld)
        yield new Violation(
          'orphan',
          `${process} runs on ${workerId}, and the cluster state does not hold it`,
        )
    }
  }

  /** S4 in the cluster state, counted from scratch. */
  #masters(): void {
    for (const master of this.#world.masters) {
      if (!master.leads || !master.process) continue
      const state = master.process.masterHost.snapshot()
      if (state.state !== 'ALIVE') continue
      for (const worker of state.workers) {
        // A liar's numbers are its own claim.
        if (worker.state === 'UNKNOWN' || worker.id.startsWith(LIAR)) continue
        const { id, cores, coresUsed, memoryMib, memoryMibUsed } = worker
        const isOver = coresUsed > cores || memoryMibUsed > memoryMib
        if (coresUsed < 0 || memoryMibUsed < 0 || this.#isOverTooLong(`${master.name} ${id}`, isOver))
          this.#fail('S4', `the books of ${master.name} say ${coresUsed}/${cores} cores of ${id}`)
        let counted = 0
        // What has ended holds nothing, whether its end counts yet or not (protocol 12.4).
        for (const driver of state.activeDrivers)
          if (driver.worker === id && !driver.message.startsWith('it has ended'))
            counted += driver.description.cores
        if (worker.state === 'ALIVE' && counted > coresUsed)
          this.#fail('S4', `the drivers of ${id} have ${counted} cores, its books ${coresUsed}`)
      }
    }
  }

  /**
   * While records come back, a Worker may be counted with its old and its new work. It refuses what is too
   * much.
   */
  #isOverTooLong(where: string, isOver: boolean): boolean {
    const { timeline, checks } = this.#world
    if (!isOver) {
      this.#overSinceMs.delete(where)
      return false
    }
    const sinceMs = this.#overSinceMs.get(where) ?? timeline.nowMs
    this.#overSinceMs.set(where, sinceMs)
    return checks.debts.falls === 0 || timeline.nowMs - sinceMs > OVER_MS
  }

  /** S4 at a Worker: running work holds its capacity until it is gone. */
  #workers(): void {
    const running = new Map<string, number>()
    for (const { workerId, cores } of this.#world.running)
      running.set(workerId, (running.get(workerId) ?? 0) + cores)
    for (const { process } of this.#world.workers) {
      if (!process?.place.alive) continue
      const cores = running.get(process.incarnation) ?? 0
      const { coresUsed } = process.core.status()
      if (cores > coresUsed)
        this.#fail('S4', `${process.incarnation} runs ${cores} cores, its books say ${coresUsed}`)
    }
  }
}

const hasAddresses = (
  offered: ResourceAddresses,
  used: ResourceAddresses,
  wanted: ResourceAmounts,
): boolean =>
  Object.entries(wanted).every(
    ([name, amount]) => addressesOf(offered, name).length - addressesOf(used, name).length >= amount,
  )
