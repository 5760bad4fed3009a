import type { FromWorker } from '../../actors/messages/catalogue.js'
import { addressesOf, isEndedDriver, type ResourceAmounts } from '../../actors/messages/common.js'
import type { DriverStateChanged, LaunchDriver } from '../../actors/messages/drivers.js'
import type { LaunchExecutor } from '../../actors/messages/executors.js'
import type { HeartbeatAck } from '../../actors/messages/workers.js'
import type { WorkerEffect, WorkerInput } from '../../actors/worker/worker-events.js'
import { limits } from '../../runtime/limits.js'
import type { Fence } from '../../runtime/persistence/engine.js'
import { LIAR } from './liar.js'
import { reporting } from './received-ends.js'
import type { SimChild } from './sim-child.js'
import type { WatchedWorker } from './sim-world.js'
import type { Fail } from './violation.js'
import type { WatchedWorld } from './watched-world.js'

/** More than a history launches, however often a liar is believed as far as possible. */
const COUNTED = 1000 * limits.launchRise

/** S1, S3, S4 where they take effect: at Workers and the processes that they start. */
export class WorkWatch {
  readonly #world: WatchedWorld
  readonly #fail: Fail
  /** The leadership that each Worker incarnation obeyed last. */
  readonly #obeyed = new Map<string, Fence>()
  /** Where each generation was launched: `EPOCH DRIVER/GENERATION`. */
  readonly #launched = new Map<string, string>()
  /** The newest generation that a Worker incarnation has started, by `WORKER DRIVER`. */
  readonly #started = new Map<string, { readonly generation: number; readonly attempt: number }>()
  /** The newest generation of a driver that any Worker started. */
  readonly #newest = new Map<string, number>()
  /** Workers that a leader gave up: their work is launched elsewhere, however it ended there. */
  readonly #removed = new Set<string>()
  /** True time of the last heartbeat that a leader handled, by `OWNER WORKER`. */
  readonly #heartbeats = new Map<string, { readonly sentAtMs: number; readonly atMs: number }>()
  /** Who launched each executor, and where, by `APP/EXEC`. */
  readonly #executors = new Map<string, string>()
  /** How often a Worker became isolated. */
  isolations = 0

  constructor(world: WatchedWorld, fail: Fail) {
    this.#world = world
    this.#fail = fail
  }

  /**
   * S1 at a Worker: it starts and stops nothing for a leadership that is over, or for a second owner of one
   * epoch.
   */
  workerStepped(worker: WatchedWorker, input: WorkerInput, effects: readonly WorkerEffect[]): void {
    for (const effect of effects) {
      if (effect.kind === 'log' && effect.text.startsWith('isolated')) this.isolations++
      else if (effect.kind === 'tell') this.#told(worker.incarnation, effect.message)
      else if (effect.kind === 'extendDriver') this.#promised(worker, effect.validUntilBootMs)
      else if (effect.kind === 'log' && effect.text.startsWith('this Worker forgets the leadership'))
        this.#obeyed.delete(worker.incarnation)
    }
    if (input.kind === 'restartRefused') this.#world.checks.restarts.refused(worker)
    if (input.kind !== 'message' || input.role !== 'node') return
    const { message, position, from } = input
    if (from.startsWith(LIAR)) {
      if (effects.some(({ kind }) => kind !== 'refuse' && kind !== 'log'))
        this.#fail('S6', `${worker.incarnation} did something at the word of ${from}: ${message.type}`)
      return
    }
    if (message.type === 'MasterInStandby') return
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
        this.#fail('S1', `${worker.incarnation} obeyed ${message.type} of ${from} (${position.epoch})`)
      if (kind === 'startDriver') this.#launching(worker, position.epoch, effect.process)
    }
    if (isStale) return
    this.#world.checks.starts.launched(worker, from, message)
    this.#world.checks.restarts.told(worker, message, effects)
    this.#world.checks.drains.obeyed(worker, position, message, effects)
  }

  /**
   * The guard acts for Workers that cannot. A running Worker has told such drivers to end W/6 before
   * (protocol 8).
   */
  killedUnasked({ process, worker, workerId }: SimChild): void {
    const its = this.#world.workers.find((node) => node.process?.incarnation === workerId)?.process
    const graceMs = its?.core.times.isolationKillMs ?? this.#world.masterConfig.workerTimeoutMs / 6
    if (worker.alive && worker.awakeMs > graceMs + 100)
      this.#fail(
        'isolation',
        `${process} was killed by the guard, and ${worker.name} had not asked it to end`,
      )
  }

  #told(workerId: string, message: FromWorker): void {
    const { ends } = this.#world.history
    if (message.type === 'WorkerSchedulerStateResponse' || message.type === 'WorkerLatestState')
      reporting(message, ends.length)
    else if (message.type === 'DriverStateChanged' && this.#isForGood(message)) {
      const { driverId, generation } = message
      ends.push({ driverId, generation, workerId })
    }
  }

  /** Whether this driver will not run again, by any message that says so. */
  #isForGood({ driverId, generation, state, ...why }: DriverStateChanged): boolean {
    if (!isEndedDriver(state) || why.noRoom || why.notStarted || why.decided !== undefined) return false
    if (generation < this.#newestOf(driverId)) return false
    return (
      this.#world.history.isSupervised(driverId) === false ||
      (state === 'FINISHED' && !why.isolated && !why.stopped && !why.drained)
    )
  }

  /** The newest generation that a Worker has started. */
  #newestOf(driverId: string): number {
    return this.#newest.get(driverId) ?? 0
  }

  /**
   * S5: a leader does not launch a driver that has ended, once the driver's Worker has reported to it,
   * whatever the store forgot. Exceptions: that Worker was given up before, or another generation followed.
   */
  launchDecided({ driverId, generation }: LaunchDriver, received: ReadonlyMap<string, number>): void {
    if (generation > COUNTED)
      this.#fail('S3a', `a liar has brought the generation of ${driverId} to ${generation}`)
    for (const [index, end] of this.#world.history.ends.entries()) {
      if (end.driverId !== driverId || index >= (received.get(end.workerId) ?? 0)) continue
      if (this.#removed.has(end.workerId)) continue
      if (end.generation < this.#newestOf(driverId)) continue
      // Whatever the end of its former content is, the next one follows (protocol 9).
      if (this.#world.checks.deployments.isReplaced(driverId)) continue
      this.#fail(
        'S5',
        `${driverId} ended on ${end.workerId} as generation ${end.generation}, which that has told; it is launched as ${generation}`,
      )
    }
  }

  /**
   * S3a: an executor id is given out once (protocol 10), unless the store forgot how many there were. The
   * same leader repeats it to the same Worker.
   */
  executorLaunched(owner: string, { appId, execId, workerId }: LaunchExecutor): void {
    const key = `${appId}/${execId}`
    if (execId > COUNTED) this.#fail('S3a', `a liar has brought the executors of ${appId} to ${execId}`)
    const given = `${owner} to ${workerId}`
    const former = this.#executors.get(key) ?? given
    if (former !== given && this.#world.checks.debts.falls === 0)
      this.#fail('S3a', `the executor ${key} was given by ${former}, and by ${given}`)
    this.#executors.set(key, given)
  }

  workerRemoved(id: string): void {
    this.#removed.add(id)
  }

  /** A leader has handled a heartbeat: the Worker's silence counts from here. */
  heartbeatHandled(owner: string, { workerId, sentAtMs }: HeartbeatAck): void {
    const key = `${owner} ${workerId}`
    // Some are acknowledged once more, when the store has what they say.
    if (this.#heartbeats.get(key)?.sentAtMs === sentAtMs) return
    this.#heartbeats.set(key, { sentAtMs, atMs: this.#world.timeline.nowMs })
  }

  /**
   * S3b: until when this Worker lets its `stop` drivers live. The present leader may give them to another
   * Worker when it has received nothing for W. The first must be over before the other begins.
   */
  #promised({ incarnation, place }: WatchedWorker, validUntilBootMs: number): void {
    const { timeline, store, masters } = this.#world
    const leader = store.model.leader()
    if (leader === undefined) return
    // One that gave up relaunches nothing; the next one counts from its own election. So does one that is
    // frozen past its deadline and gives up when it wakes: a store that fell may name it once more.
    const leading = masters.find(({ mayAct, process }) => mayAct && process?.incarnation === leader.owner)
    if (!leading?.process) return
    const waitsMs = leading.process.waitsForMs(incarnation)
    if (waitsMs === undefined) return
    const receivedMs = this.#heartbeats.get(`${leader.owner} ${incarnation}`)?.atMs ?? 0
    const silentSinceMs = Math.max(receivedMs, leading.process.electedAtMs)
    const untilMs = timeline.nowMs + (validUntilBootMs - place.bootMs()) / place.machine.rate
    // The clocks of both may be 1 % wrong.
    const overMs = untilMs - (silentSinceMs + 0.97 * waitsMs)
    if (overMs > 0)
      this.#fail(
        'S3b',
        `${incarnation} lets its drivers live ${overMs.toFixed(0)} ms longer than ${leader.owner} may wait for it`,
      )
  }

  /** S3a: a generation has one Worker. */
  #launching({ incarnation }: WatchedWorker, epoch: number, process: string): void {
    const generation = `${epoch} ${process.slice(0, process.lastIndexOf('/'))}`
    const where = this.#launched.get(generation)
    if (where !== undefined && where !== incarnation)
      this.#fail('S3a', `the generation ${generation} was launched on ${where} and on ${incarnation}`)
    this.#launched.set(generation, incarnation)
  }

  /** S3a, R6: a Worker starts nothing twice at or below a generation. */
  #rises(where: string, generation: number, attempt: number): void {
    const last = this.#started.get(where)
    if (last && (generation < last.generation || (generation === last.generation && attempt <= last.attempt)))
      this.#fail('S3a', `${where} started ${generation}/${attempt} after ${last.generation}/${last.attempt}`)
    this.#started.set(where, { generation, attempt })
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
      this.#fail(
        'S4',
        `${workerId} runs ${cores} cores, ${memoryMib} MiB, and has ${JSON.stringify(worker.offer)}`,
      )
    this.#ownAddresses(child)
    if (plan.kind === 'startDriver') this.#driverStarted(child, plan.launch.driverId)
  }

  /** S4: each address of a custom resource exists, and has one user. */
  #ownAddresses(child: SimChild): void {
    const { workerId } = child
    const worker = this.#world.workers.find(({ process }) => process?.incarnation === workerId)
    for (const [name, addresses] of Object.entries(child.resources)) {
      for (const address of addresses) {
        if (worker && !addressesOf(worker.offer.resources, name).includes(address))
          this.#fail('S4', `${child.process} was given ${name} ${address}, which ${workerId} does not have`)
        for (const other of this.#world.running) {
          if (other === child || other.workerId !== workerId) continue
          if (addressesOf(other.resources, name).includes(address))
            this.#fail(
              'S4',
              `${child.process} and ${other.process} both have ${name} ${address} of ${workerId}`,
            )
        }
      }
    }
    const wanted = amountsOf(child)
    for (const [name, amount] of Object.entries(wanted)) {
      const given = addressesOf(child.resources, name).length
      if (given !== amount) this.#fail('S4', `${child.process} wants ${amount} ${name} and has ${given}`)
    }
  }

  #driverStarted(child: SimChild, driverId: string): void {
    const { plan, process, workerId } = child
    const runs = this.#world.history.runsOf(driverId)
    runs.starts.push({ process, workerId })
    if (plan.kind !== 'startDriver') return
    const { generation, description } = plan.launch
    this.#newest.set(driverId, Math.max(generation, this.#newestOf(driverId)))
    const { supervise, onIsolation } = description
    this.#world.history.describes(driverId, supervise)
    this.#rises(`${workerId} ${driverId}`, generation, plan.attempt)
    for (const other of this.#world.running) {
      if (other === child || other.plan.kind !== 'startDriver') continue
      if (other.plan.launch.driverId !== driverId) continue
      // A number that was given before: the process that knew of it was not reached (docs/failure-model.md).
      const isForgotten = this.#world.checks.debts.falls > 0 && generation <= other.plan.launch.generation
      if ((onIsolation === 'stop' && !isForgotten) || other.workerId === workerId)
        this.#fail(
          'S3b',
          `${process} started on ${workerId} while ${other.process} runs on ${other.workerId}`,
        )
    }
    const isReplaced = this.#world.checks.deployments.isReplaced(driverId)
    if (!supervise && this.#world.checks.debts.falls === 0 && runs.starts.length > 1 && !isReplaced)
      this.#fail('S3a', `${driverId} is not supervised and ran twice: ${JSON.stringify(runs.starts)}`)
  }
}

const amountsOf = ({ plan }: SimChild): ResourceAmounts =>
  plan.kind === 'startDriver' ? plan.launch.description.resources : plan.launch.application.executor.resources
