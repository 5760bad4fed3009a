import { deadlineMs } from '../../actors/election/lease.js'
import { isEndedDriver } from '../../actors/messages/common.js'
import type { DriverStatusResponse } from '../../actors/messages/drivers.js'
import { Debts } from './debts.js'
import { DeployWatch } from './deploy-watch.js'
import { DrainWatch } from './drain-watch.js'
import { FormatWatch } from './format-watch.js'
import type { Submission } from './history.js'
import { ReadWatch } from './read-watch.js'
import { RestartWatch } from './restart-watch.js'
import { StartWatch } from './start-watch.js'
import { StateAudit } from './state-audit.js'
import type { StoreModel } from './store-model.js'
import { StoreWatch } from './store-watch.js'
import { type Fail, Violation } from './violation.js'
import type { WatchedWorld } from './watched-world.js'
import { WorkWatch } from './work-watch.js'

/** The cluster state is counted anew once in this many events. */
const AUDIT_EVERY = 256
/** More timers in one process are a leak. */
const TIMERS_MAX = 2000
const MAILBOX_MAX = 5000
/** Its clock is read a little after its timer was set. */
const TIMER_LATE_MS = 10

/** Checks S1 to S7 after every event, or where something takes effect. */
export class Checks {
  readonly debts: Debts
  readonly work: WorkWatch
  readonly starts: StartWatch
  readonly drains: DrainWatch
  readonly deployments: DeployWatch
  readonly restarts: RestartWatch
  readonly clusterState: StateAudit
  readonly formats: FormatWatch
  readonly reads: ReadWatch
  readonly fail: Fail
  readonly #world: WatchedWorld
  readonly #model: StoreModel
  readonly #store: StoreWatch

  constructor(world: WatchedWorld, model: StoreModel, note: (violation: Violation) => void) {
    this.#world = world
    this.#model = model
    this.fail = (invariant, text) => note(new Violation(invariant, text))
    this.debts = new Debts(world, model, this.fail)
    this.work = new WorkWatch(world, this.fail)
    this.starts = new StartWatch(world, this.fail)
    this.drains = new DrainWatch(world, model, this.fail)
    this.deployments = new DeployWatch(world, model, this.fail)
    this.restarts = new RestartWatch(world, this.fail)
    this.clusterState = new StateAudit(world, this.fail)
    this.formats = new FormatWatch(model, this.fail)
    this.reads = new ReadWatch(model, this.fail)
    this.#store = new StoreWatch(model, {
      fail: this.fail,
      elected: (owner, writeId) => {
        this.formats.elected(owner)
        this.reads.elected(writeId)
      },
      workerRemoved: (id) => this.work.workerRemoved(id),
      committed: (fence, request) => {
        this.formats.committed(fence, request)
        this.drains.committed({ epoch: fence.epoch, seq: request.n }, request)
        this.deployments.committed(request)
      },
      changed: () => world.store.remember(),
    })
  }

  afterEvent(): void {
    this.#leases()
    if (this.#world.events % AUDIT_EVERY !== 0) return
    this.#bounds()
    this.clusterState.look()
    this.drains.look()
    this.debts.look()
  }

  /** The store returned to an earlier state. */
  storeFell(): void {
    this.#store.fell(this.#model.leader())
    this.debts.storeFell()
    this.drains.storeFell()
    this.deployments.storeFell()
    this.formats.storeFell()
  }

  /** The final status of an acknowledged submission. */
  finally({ description }: Submission, driverId: string, status: DriverStatusResponse): void {
    const runs = this.#world.history.runsOf(driverId)
    const isOver = isEndedDriver(status.state)
    if (runs.kill === 'acknowledged' && !isOver && this.debts.falls === 0)
      this.fail('S2', `${driverId} was killed, acknowledged, and is ${status.state}`)
    if (status.state === 'KILLED' && runs.kill === undefined && this.debts.falls === 0)
      this.fail('S5', `${driverId} is KILLED, and nobody asked for it: ${status.message}`)
    if (status.state === 'RUNNING') this.#expectRunning(driverId, status)
    // A kill while its Worker was stopped as well: its exit code may be any.
    if (status.state === 'FINISHED' && !runs.exitCodes.includes(0) && runs.kill === undefined)
      this.fail('S5', `${driverId} is FINISHED and never ended well`)
    if (description.supervise && status.state === 'ERROR')
      this.fail('L1', `${driverId} is supervised, and is ERROR: ${status.message}`)
    const [ms] = description.args
    if (description.supervise || ms === undefined || Number(ms) > 10_000 || !isOver) return
    const undisturbed = this.debts.falls === 0 && !this.#world.disturbed
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

  /** The renewals of a running leader reach it before its deadline (protocol 6). */
  #leases(): void {
    const { masters, leaseMs } = this.#world
    for (const { process, leads } of masters) {
      // A process that has just woken notices it with the first thing that it does.
      if (!leads || !process || process.place.awakeMs < 10) continue
      const { confirmedAtMs } = process.engine
      const nowMs = process.place.monotonicMs()
      if (nowMs > deadlineMs(confirmedAtMs, leaseMs) + TIMER_LATE_MS)
        this.fail('lease', `${process.incarnation} leads, unconfirmed for ${nowMs - confirmedAtMs} ms`)
    }
  }

  /** No mailbox is over its bound, and no timers remain for ever. */
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
}
