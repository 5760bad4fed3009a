import type { WorkerEffect, WorkerInput } from '../../actors/worker/worker-events.js'
import type { Fence } from '../../runtime/persistence/engine.js'
import { LIAR } from './liar.js'
import type { SimChild } from './sim-children.js'
import type { SimWorker } from './sim-worker.js'
import type { Fail } from './violation.js'
import type { World } from './world.js'

/** S1, S3, S4 where they take effect: at Workers and the processes that they start. */
export class WorkWatch {
  readonly #world: World
  readonly #fail: Fail
  /** Whom each Worker incarnation has obeyed last. */
  readonly #obeyed = new Map<string, Fence>()
  /** Where each generation was launched: `EPOCH DRIVER/GENERATION`. */
  readonly #launched = new Map<string, string>()
  /** The newest generation that a Worker incarnation has started, by `WORKER DRIVER`. */
  readonly #started = new Map<string, { readonly generation: number; readonly attempt: number }>()
  /** How often a Worker became isolated. */
  isolations = 0

  constructor(world: World, fail: Fail) {
    this.#world = world
    this.#fail = fail
  }

  /** S1 at a Worker: it starts and stops nothing for a leadership that is over, or for a second owner of one epoch. */
  workerStepped(worker: SimWorker, input: WorkerInput, effects: readonly WorkerEffect[]): void {
    if (effects.some((effect) => effect.kind === 'log' && effect.text.startsWith('isolated')))
      this.isolations++
    if (effects.some((effect) => effect.kind === 'log' && effect.text.startsWith('forgets the leadership')))
      this.#obeyed.delete(worker.incarnation)
    if (input.kind !== 'message' || input.role !== 'node') return
    const { message, position, from } = input
    if (from.startsWith(LIAR)) {
      if (effects.some(({ kind }) => kind !== 'refuse' && kind !== 'log'))
        this.#fail('S6', `${worker.incarnation} did something at the word of ${from}: ${message.type}`)
      return
    }
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
        this.#fail('S1', `${worker.incarnation} obeyed ${message.type} of ${from} (${position.epoch})`)
      if (kind === 'startDriver') this.#launching(worker, position.epoch, effect.process)
    }
    if (!isStale) this.#world.checks.starts.launched(worker, from, message)
  }

  /** The guard is for Workers that cannot: one that runs has asked what must stop to end, W/6 before (protocol 8). */
  killedUnasked({ process, worker }: SimChild): void {
    const graceMs = this.#world.masterConfig.workerTimeoutMs / 6
    if (worker.alive && worker.awakeMs > graceMs + 100)
      this.#fail(
        'isolation',
        `${process} was killed by the guard, and ${worker.name} had not asked it to end`,
      )
  }

  /** S3a: a generation has one Worker. */
  #launching({ incarnation }: SimWorker, epoch: number, process: string): void {
    const generation = `${epoch} ${process.slice(0, process.lastIndexOf('/'))}`
    const where = this.#launched.get(generation)
    if (where !== undefined && where !== incarnation)
      this.#fail('S3a', `the generation ${generation} was launched on ${where} and on ${incarnation}`)
    this.#launched.set(generation, incarnation)
  }

  /** S3a, R6: nothing at or below a generation is started twice by one Worker. */
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
    if (plan.kind === 'startDriver') this.#driverStarted(child, plan.launch.driverId)
  }

  #driverStarted(child: SimChild, driverId: string): void {
    const { plan, process, workerId } = child
    const runs = this.#world.history.runsOf(driverId)
    runs.starts.push({ process, workerId })
    if (plan.kind !== 'startDriver') return
    const { generation, description } = plan.launch
    const { supervise, onIsolation } = description
    this.#rises(`${workerId} ${driverId}`, generation, plan.attempt)
    for (const other of this.#world.running) {
      if (other === child || other.plan.kind !== 'startDriver') continue
      if (other.plan.launch.driverId !== driverId) continue
      // A number that was given before: whoever knew of it was not heard (docs/failure-model.md).
      const isForgotten = this.#world.checks.debts.falls > 0 && generation <= other.plan.launch.generation
      if ((onIsolation === 'stop' && !isForgotten) || other.workerId === workerId)
        this.#fail(
          'S3b',
          `${process} started on ${workerId} while ${other.process} runs on ${other.workerId}`,
        )
    }
    if (!supervise && this.#world.checks.debts.falls === 0 && runs.starts.length > 1)
      this.#fail('S3a', `${driverId} is not supervised and ran twice: ${JSON.stringify(runs.starts)}`)
  }
}
