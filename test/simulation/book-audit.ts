import type { MasterStateResponse } from '../../actors/messages/status.js'
import type { Fail } from './violation.js'
import type { World } from './world.js'

/** After a fall: rewindPatience, election, LostTail, registration. */
const COMING_BACK_MS = 20_000

/** S4, L1: the books of Masters and Workers against each other and against what runs, counted from scratch. */
export class BookAudit {
  readonly #world: World
  readonly #fail: Fail
  #fellAtMs = Number.NEGATIVE_INFINITY

  constructor(world: World, fail: Fail) {
    this.#world = world
    this.#fail = fail
  }

  storeFell(): void {
    this.#fellAtMs = this.#world.timeline.nowMs
  }

  look(): void {
    this.#masters()
    this.#workers()
  }

  /** L1, L3 after the faults: no Worker is missing, nothing waits that could run. */
  healed(): void {
    const leader = this.#world.masters.find(({ process }) => process?.seat.life && process.seat.leads)
    const state = leader?.process?.seat.snapshot()
    if (state?.state !== 'ALIVE') {
      this.#fail('L2', 'no Master is ALIVE')
      return
    }
    const alive = new Set(state.workers.filter((worker) => worker.state === 'ALIVE').map(({ id }) => id))
    for (const { name, process } of this.#world.workers) {
      if (!process?.place.alive) continue
      const { incarnation, core } = process
      if (!alive.has(incarnation)) this.#fail('L1', `${name} is not in the books`)
      const booked = state.workers.find(({ id }) => id === incarnation)?.coresUsed
      const { coresUsed } = core.status()
      if (booked !== coresUsed)
        this.#fail('S4', `${name} has ${coresUsed} cores in use, the books say ${booked}`)
    }
    this.#orphans(state)
    for (const driver of state.activeDrivers) {
      const waits = driver.worker === null && !driver.message.includes('no worker')
      if (waits && driver.description.cores <= largest(state.workers)) {
        const room = state.workers.some(
          ({ state: is, cores, coresUsed, memoryMib, memoryMibUsed }) =>
            is === 'ALIVE' &&
            cores - coresUsed >= driver.description.cores &&
            memoryMib - memoryMibUsed >= driver.description.memoryMib,
        )
        if (room) this.#fail('L1', `${driver.id} waits though there is room: ${driver.message}`)
      }
    }
  }

  /** Nothing runs that the books do not hold, where they hold it. */
  #orphans({ activeDrivers, activeApps }: MasterStateResponse): void {
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
      if (!isHeld) this.#fail('orphan', `${process} runs on ${workerId}, and the books do not hold it`)
    }
  }

  /** S4 in the books: counted from scratch. */
  #masters(): void {
    // While records come back a Worker may be booked for what it had and for what it got: it refuses what is too much.
    const isSettled = this.#world.timeline.nowMs - this.#fellAtMs > COMING_BACK_MS
    for (const master of this.#world.masters) {
      if (!master.leads || !master.process) continue
      const state = master.process.seat.snapshot()
      if (state.state !== 'ALIVE') continue
      for (const worker of state.workers) {
        if (worker.state === 'UNKNOWN') continue
        const { id, cores, coresUsed, memoryMib, memoryMibUsed } = worker
        if (
          coresUsed < 0 ||
          memoryMibUsed < 0 ||
          (isSettled && (coresUsed > cores || memoryMibUsed > memoryMib))
        )
          this.#fail('S4', `the books of ${master.name} say ${coresUsed}/${cores} cores of ${id}`)
        let counted = 0
        for (const driver of state.activeDrivers)
          if (driver.worker === id) counted += driver.description.cores
        if (worker.state === 'ALIVE' && counted > coresUsed)
          this.#fail('S4', `the drivers of ${id} have ${counted} cores, its books ${coresUsed}`)
      }
    }
  }

  /** S4 at a Worker: what runs holds its room until it is gone. */
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

const largest = (workers: readonly { readonly cores: number }[]): number =>
  workers.reduce((most, { cores }) => Math.max(most, cores), 0)
