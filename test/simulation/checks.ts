import { isEndedDriver } from '../../actors/messages/common.js'
import type { DriverStatusResponse } from '../../actors/messages/drivers.js'
import type { MasterStateResponse } from '../../actors/messages/status.js'
import type { WorkerEffect, WorkerInput } from '../../actors/worker/worker-events.js'
import type { CommitRequest, ElectRequest, Fence, Table } from '../../runtime/persistence/engine.js'
import { FORGED_EPOCH } from './garbage.js'
import type { Submission } from './history.js'
import type { MasterNode } from './nodes.js'
import type { SimChild } from './sim-children.js'
import type { SimMaster } from './sim-master.js'
import type { SimWorker } from './sim-worker.js'
import type { StoreModel } from './store-model.js'
import type { World } from './world.js'

/** A promise that did not hold. */
export class Violation extends Error {
  readonly invariant: string

  constructor(invariant: string, text: string) {
    super(`${invariant}: ${text}`)
    this.invariant = invariant
  }
}

interface Shadow {
  readonly epoch: number
  readonly owner: string
  readonly seq: number
  readonly mark: string
}

/** Every so many events the books of the leader are counted anew. */
const BOOKS_EVERY = 256
/** After a fall: rewindPatience, election, LostTail, registration. */
const COMING_BACK_MS = 20_000
/** More timers than that in one process are a leak. */
const TIMERS_MAX = 2000
const MAILBOX_MAX = 5000

/** S1 to S7 of the design, looked at after every event or where something takes effect. */
export class Checks {
  readonly #world: World
  /** What the store must hold as its fence, by what it has answered. */
  #shadow: Shadow = { epoch: 0, owner: '', seq: 0, mark: '' }
  #model!: StoreModel
  /** Whom each Worker incarnation has obeyed last. */
  readonly #obeyed = new Map<string, Fence>()
  /** Where each generation was launched: `EPOCH DRIVER/GENERATION`. */
  readonly #launched = new Map<string, string>()
  /** Acknowledged, not in the store now: the processes that still hold it. */
  readonly #atRisk = new Map<string, Set<SimMaster>>()
  /** All that was ever at risk. */
  readonly #missed = new Set<string>()
  /** Forgotten by the store and by every process that had it: not promised. */
  readonly excused = new Set<string>()
  falls = 0
  /** Nothing is excused that a living process could have given in time: for scripts that see to it. */
  strict = false
  /** How often a Worker became isolated. */
  isolations = 0
  #fellAtMs = Number.NEGATIVE_INFINITY

  constructor(world: World) {
    this.#world = world
  }

  fail(invariant: string, text: string): void {
    this.#world.note(new Violation(invariant, text))
  }

  afterEvent(): void {
    const { events } = this.#world
    this.#leases()
    if (events % BOOKS_EVERY !== 0) return
    this.#bounds()
    this.#books()
    this.#workersBooks()
    if (this.#atRisk.size > 0) this.#lookAtRisk()
  }

  /** A leader that runs has heard from its record within the lease (protocol 6). */
  #leases(): void {
    const { masters, leaseMs } = this.#world
    for (const { process, leads } of masters) {
      // Who has just woken notices with the first thing that it does.
      if (!leads || !process || process.place.awakeMs < 10) continue
      const silentMs = process.place.monotonicMs() - process.engine.confirmedAtMs
      if (silentMs > leaseMs)
        this.fail('lease', `${process.incarnation} leads, unconfirmed for ${silentMs} ms`)
    }
  }

  /** S1, S2 at the store: what it accepts must come from whom it was last given to, and follow what it holds. */
  watch(model: StoreModel): void {
    this.#model = model
    const elect = model.elect.bind(model)
    model.elect = (request: ElectRequest, nowMs: number) => {
      const before = this.#shadow
      const outcome = elect(request, nowMs)
      if (outcome.kind === 'elected' && before.owner !== outcome.owner) {
        const { epoch, owner, mark, base } = outcome
        if (epoch >= FORGED_EPOCH) this.fail('S6', `${owner} was elected at ${epoch}, as a stranger said`)
        if (epoch <= before.epoch)
          this.fail('S1', `${owner} was elected at ${epoch}, not above ${before.epoch}`)
        if (epoch <= request.heardEpoch)
          this.fail('S1', `${owner} was elected at ${epoch} and had heard of ${request.heardEpoch}`)
        const seen = request.seen ?? { epoch: 0, owner: '' }
        if (seen.epoch !== before.epoch || seen.owner !== before.owner)
          this.fail('S1', `${owner} was elected, and ${before.owner} had been meanwhile`)
        this.#shadow = { epoch, owner, mark, seq: base.seq }
        this.#world.store.remember()
      }
      return outcome
    }
    const commit = model.commit.bind(model)
    model.commit = (fence: Fence, request: CommitRequest, nowMs: number) => {
      const outcome = commit(fence, request, nowMs)
      if (outcome.kind === 'ok') this.#committed(fence, request)
      return outcome
    }
    const read = model.read.bind(model)
    model.read = (fence: Fence, mark: string | undefined, table: Table, cursor: string | undefined) => {
      const page = read(fence, mark, table, cursor)
      const { epoch, owner, mark: stored } = this.#shadow
      if (page.kind === 'page' && (fence.epoch !== epoch || fence.owner !== owner))
        this.fail('S2', `${fence.owner} (${fence.epoch}) was given a page; ${owner} (${epoch}) leads`)
      if (page.kind === 'page' && mark !== undefined && mark !== stored)
        this.fail('S2', `${fence.owner} (${fence.epoch}) was given a page of a store that has moved on`)
      return page
    }
    const touch = model.touch.bind(model)
    model.touch = (fence: Fence, lock: string, prev: string | undefined, nowMs: number) => {
      const outcome = touch(fence, lock, prev, nowMs)
      const { epoch, owner, mark } = this.#shadow
      if (outcome.kind === 'ok' && (fence.epoch !== epoch || fence.owner !== owner))
        this.fail('S1', `a touch of ${fence.owner} (${fence.epoch}) passed; ${owner} (${epoch}) leads`)
      if (outcome.kind === 'ok' && prev !== undefined && prev !== mark)
        this.fail('S2', `a touch of ${fence.owner} passed on a store that does not hold what it wrote`)
      return outcome
    }
  }

  #committed(fence: Fence, { n, prev, mark }: CommitRequest): void {
    const { epoch, owner, seq, mark: stored } = this.#shadow
    const who = `${fence.owner} (${fence.epoch})`
    if (fence.epoch !== epoch || fence.owner !== owner)
      this.fail('S1', `a commit of ${who} was accepted; ${owner} (${epoch}) leads`)
    if (prev !== stored || n !== seq + 1)
      this.fail('S2', `commit ${n} of ${who} was applied after ${seq}, ${prev} is not the mark ${stored}`)
    this.#shadow = { ...fence, seq: n, mark }
    this.#world.store.remember()
  }

  /** The store fell to a state that it held before. */
  storeFell(): void {
    this.falls++
    this.#fellAtMs = this.#world.timeline.nowMs
    const record = this.#model.leader()
    this.#shadow = record
      ? { epoch: record.epoch, owner: record.owner, seq: record.position.seq, mark: record.mark }
      : { epoch: 0, owner: '', seq: 0, mark: '' }
    for (const { driverIds } of this.#world.history.submissions.values()) {
      for (const id of driverIds) {
        if (this.#isStored(id) || this.excused.has(id)) continue
        const holders = new Set(this.#living().filter((master) => master.holds(id)))
        if (holders.size === 0) this.excused.add(id)
        else this.#putAtRisk(id, holders)
      }
    }
  }

  #putAtRisk(id: string, holders: Set<SimMaster>): void {
    this.#atRisk.set(id, holders)
    this.#missed.add(id)
  }

  masterDied({ process }: MasterNode): void {
    if (this.#atRisk.size === 0 || process === undefined) return
    for (const [id, holders] of this.#atRisk) {
      if (this.#isStored(id)) this.#atRisk.delete(id)
      else if (holders.delete(process) && holders.size === 0) {
        this.#atRisk.delete(id)
        // Another may have been given it meanwhile.
        const others = this.#living().filter((master) => master !== process && master.holds(id))
        if (others.length === 0) this.excused.add(id)
        else this.#putAtRisk(id, new Set(others))
      }
    }
  }

  #lookAtRisk(): void {
    for (const [id, holders] of this.#atRisk) {
      if (this.#isStored(id)) this.#atRisk.delete(id)
      else {
        for (const master of holders) if (!master.holds(id)) holders.delete(master)
        if (holders.size > 0) continue
        this.#atRisk.delete(id)
        // Its grace is over.
        this.excused.add(id)
      }
    }
  }

  /** S2, S3a: durable, and the only one for its key. */
  acknowledged({ key, driverIds }: Submission, driverId: string): void {
    const others = driverIds.filter((id) => id !== driverId)
    for (const other of others) {
      // Missing for a while: nobody can tell a process that is silent for longer than rewindPatience from a dead one.
      if (!this.excused.has(other) && (this.strict || !this.#missed.has(other)))
        this.fail('S3a', `the key ${key} is ${driverId}, and ${other} was acknowledged`)
    }
    if (this.#isStored(driverId)) return
    if (this.falls === 0) {
      this.fail('S2', `${driverId} was acknowledged, and the store does not hold it`)
      return
    }
    const holders = new Set(this.#living().filter((master) => master.holds(driverId)))
    if (holders.size > 0) this.#putAtRisk(driverId, holders)
    else this.excused.add(driverId)
  }

  unknownDriver(driverId: string): void {
    if (this.excused.has(driverId) || (!this.strict && this.#atRisk.has(driverId))) return
    if (!this.#isStored(driverId)) this.fail('S2', `${driverId} was acknowledged, and is unknown now`)
  }

  /** S1 at a Worker: it starts and stops nothing for a leadership that is over, or for a second owner of one epoch. */
  workerStepped(worker: SimWorker, input: WorkerInput, effects: readonly WorkerEffect[]): void {
    if (effects.some((effect) => effect.kind === 'log' && effect.text.startsWith('isolated')))
      this.isolations++
    if (input.kind !== 'message' || input.role !== 'node') return
    const { message, position, from } = input
    if (message.type === 'MasterInStandby' || message.type === 'RequestWorkerState') return
    const obeyed = this.#obeyed.get(worker.incarnation)
    const isStale =
      obeyed !== undefined &&
      (position.epoch < obeyed.epoch || (position.epoch === obeyed.epoch && from !== obeyed.owner))
    if (!isStale) {
      if (obeyed === undefined || position.epoch > obeyed.epoch)
        this.#obeyed.set(worker.incarnation, { epoch: position.epoch, owner: from })
    }
    for (const effect of effects) {
      const { kind } = effect
      if (isStale && (kind === 'startDriver' || kind === 'startExecutor' || kind === 'stopProcess'))
        this.fail('S1', `${worker.incarnation} obeyed ${message.type} of ${from} (${position.epoch})`)
      if (kind === 'startDriver') this.#launching(worker, position.epoch, effect.process)
    }
  }

  /** The guard is for Workers that cannot: one that runs has asked what must stop to end, W/6 before (protocol 8). */
  killedUnasked({ process, worker }: SimChild): void {
    const graceMs = this.#world.masterConfig.workerTimeoutMs / 6
    if (worker.alive && worker.awakeMs > graceMs + 100)
      this.fail('isolation', `${process} was killed by the guard, and ${worker.name} had not asked it to end`)
  }

  /** S3a: a generation has one Worker. */
  #launching({ incarnation }: SimWorker, epoch: number, process: string): void {
    const generation = `${epoch} ${process.slice(0, process.lastIndexOf('/'))}`
    const where = this.#launched.get(generation)
    if (where !== undefined && where !== incarnation)
      this.fail('S3a', `the generation ${generation} was launched on ${where} and on ${incarnation}`)
    this.#launched.set(generation, incarnation)
  }

  /** S3b, S4: what takes effect on a machine. */
  childStarted(child: SimChild): void {
    const { plan, workerId } = child
    const worker = this.#world.workers.find(({ process }) => process?.incarnation === workerId)
    let cores = 0
    let memoryMib = 0
    for (const other of this.#world.running) {
      if (other.workerId !== workerId) continue
      cores += other.cores
      memoryMib += other.memoryMib
    }
    if (worker && (cores > worker.offer.cores || memoryMib > worker.offer.memoryMib))
      this.fail(
        'S4',
        `${workerId} runs ${cores} cores, ${memoryMib} MiB, and has ${JSON.stringify(worker.offer)}`,
      )
    if (plan.kind === 'startDriver') this.#driverStarted(child, plan.launch.driverId)
  }

  #driverStarted(child: SimChild, driverId: string): void {
    const { plan, process, workerId } = child
    const runs = this.#world.history.runsOf(driverId)
    runs.starts.push({ process, workerId })
    if (plan.kind !== 'startDriver') return
    const { supervise, onIsolation } = plan.launch.description
    for (const other of this.#world.running) {
      if (other === child || other.plan.kind !== 'startDriver') continue
      if (other.plan.launch.driverId !== driverId) continue
      if (onIsolation === 'stop' || other.workerId === workerId)
        this.fail('S3b', `${process} started on ${workerId} while ${other.process} runs on ${other.workerId}`)
    }
    if (!supervise && this.falls === 0 && runs.starts.length > 1)
      this.fail('S3a', `${driverId} is not supervised and ran twice: ${JSON.stringify(runs.starts)}`)
  }

  /** L1, L3 after the faults: no Worker is missing, nothing waits that could run. */
  healed(): void {
    const leader = this.#world.masters.find(({ process }) => process?.seat.life && process.seat.leads)
    const state = leader?.process?.seat.snapshot()
    if (state?.state !== 'ALIVE') {
      this.fail('L2', 'no Master is ALIVE')
      return
    }
    const alive = new Set(state.workers.filter((worker) => worker.state === 'ALIVE').map(({ id }) => id))
    for (const { name, process } of this.#world.workers) {
      if (!process?.place.alive) continue
      const { incarnation, core } = process
      if (!alive.has(incarnation)) this.fail('L1', `${name} is not in the books`)
      const booked = state.workers.find(({ id }) => id === incarnation)?.coresUsed
      const { coresUsed } = core.status()
      if (booked !== coresUsed)
        this.fail('S4', `${name} has ${coresUsed} cores in use, the books say ${booked}`)
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
        if (room) this.fail('L1', `${driver.id} waits though there is room: ${driver.message}`)
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
      if (!isHeld) this.fail('orphan', `${process} runs on ${workerId}, and the books do not hold it`)
    }
  }

  /** The last word on an acknowledged submission. */
  finally({ description }: Submission, driverId: string, status: DriverStatusResponse): void {
    const runs = this.#world.history.runsOf(driverId)
    const isOver = isEndedDriver(status.state)
    if (runs.kill === 'acknowledged' && !isOver && this.falls === 0)
      this.fail('S2', `${driverId} was killed, acknowledged, and is ${status.state}`)
    if (status.state === 'RUNNING') this.#expectRunning(driverId, status)
    if (status.state === 'FINISHED' && !runs.exitCodes.includes(0))
      this.fail('S5', `${driverId} is FINISHED and never ended well`)
    const [ms] = description.args
    if (description.supervise || ms === undefined || Number(ms) > 10_000 || !isOver) return
    const undisturbed = this.falls === 0 && !this.#world.disturbed
    if (undisturbed && runs.exitCodes[0] === 0 && status.state !== 'FINISHED' && runs.kill === undefined)
      this.fail('S5', `${driverId} ended well and is ${status.state}: ${status.message}`)
  }

  #expectRunning(driverId: string, { generation, worker }: DriverStatusResponse): void {
    const isThere = [...this.#world.running].some(
      ({ plan, workerId }) =>
        plan.kind === 'startDriver' &&
        plan.launch.driverId === driverId &&
        plan.launch.generation === generation &&
        workerId === worker,
    )
    // Between two attempts, or on its way.
    const isSupervised = this.#world.history.drivers.get(driverId)?.exitCodes.length
    if (!isThere && !isSupervised)
      this.fail('L1', `${driverId} is RUNNING on ${worker} and has no process there`)
  }

  finallyUnknown(driverId: string, code: string): void {
    // The oldest of many ended ones: its key is kept.
    if (!this.excused.has(driverId) && !this.#isStored(driverId))
      this.fail('S2', `${driverId} was acknowledged; asked for it at the end: ${code}`)
  }

  /** S4 in the books: counted from scratch. */
  #books(): void {
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
          this.fail('S4', `the books of ${master.name} say ${coresUsed}/${cores} cores of ${id}`)
        let counted = 0
        for (const driver of state.activeDrivers)
          if (driver.worker === id) counted += driver.description.cores
        if (worker.state === 'ALIVE' && counted > coresUsed)
          this.fail('S4', `the drivers of ${id} have ${counted} cores, its books ${coresUsed}`)
      }
    }
  }

  /** S4 at a Worker: what runs holds its room until it is gone. */
  #workersBooks(): void {
    const running = new Map<string, number>()
    for (const { workerId, cores } of this.#world.running)
      running.set(workerId, (running.get(workerId) ?? 0) + cores)
    for (const { process } of this.#world.workers) {
      if (!process?.place.alive) continue
      const cores = running.get(process.incarnation) ?? 0
      const { coresUsed } = process.core.status()
      if (cores > coresUsed)
        this.fail('S4', `${process.incarnation} runs ${cores} cores, its books say ${coresUsed}`)
    }
  }

  /** No mailbox over its bound, no timers that nobody ends. */
  #bounds(): void {
    const { masters, workers, submitters } = this.#world
    for (const node of [...masters, ...workers, ...submitters]) {
      const { process } = node
      if (!process?.place.alive) continue
      if (process.place.timers > TIMERS_MAX)
        this.fail('timers', `${node.name} has ${process.place.timers} timers`)
    }
    for (const { process } of [...masters, ...workers]) {
      if (!process?.place.alive) continue
      for (const { path, mailbox } of process.system.actors())
        if (mailbox > MAILBOX_MAX) this.fail('mailbox', `${path} has ${mailbox} messages`)
    }
  }

  #living(): SimMaster[] {
    return this.#world.masters.flatMap(({ process }) => (process?.place.alive ? [process] : []))
  }

  /** Does the store know it, live or ended? */
  #isStored(driverId: string): boolean {
    const model = this.#model
    if (model.get('driver', driverId) !== undefined || model.get('ended', driverId) !== undefined) return true
    for (const [, json] of model.rows('key')) if (json.includes(`"${driverId}"`)) return true
    return false
  }
}

const largest = (workers: readonly { readonly cores: number }[]): number =>
  workers.reduce((most, { cores }) => Math.max(most, cores), 0)
