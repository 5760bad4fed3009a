import type { WorkerMessage } from '../../actors/messages/catalogue.js'
import { isQuestion } from '../../actors/messages/catalogue.js'
import { workerOffer } from '../../actors/messages/samples.js'
import type { ChildListener, Children } from '../../actors/worker/children.js'
import type { LogStreams } from '../../actors/worker/log-streams.js'
import { ProcessCauses } from '../../actors/worker/process-causes.js'
import { ProcessSpans } from '../../actors/worker/process-spans.js'
import type { SavedWorker } from '../../actors/worker/restart/saved-worker.js'
import type { WorkFolders } from '../../actors/worker/work-folders.js'
import { WorkerCore } from '../../actors/worker/worker-core.js'
import type { WorkerEffect, WorkerInput } from '../../actors/worker/worker-events.js'
import { workerTimes } from '../../actors/worker/worker-identity.js'
import {
  type WorkerActorMessage,
  type WorkerSelfMessage,
  WorkerShell,
} from '../../actors/worker/worker-shell.js'
import { limits } from '../../runtime/limits.js'
import type { ActorSystem } from '../../runtime/system/actor-system.js'
import type { Ref } from '../../runtime/system/ref.js'
import { createSystem } from '../../runtime/system/system.js'
import { Dialer } from '../../runtime/transport/dialer.js'
import { Gateway } from '../../runtime/transport/gateway.js'
import type { PeerIdentity } from '../../runtime/transport/identity.js'
import type { Place } from './place.js'
import { SimChildren } from './sim-children.js'
import type { SimWorld, WorkerOffer } from './sim-world.js'

/** What one process of a Worker leaves to the next in a planned restart. */
export interface LeftWorker {
  readonly incarnation: string
  readonly saved: SavedWorker
  readonly children: SimChildren
}

/** Longer than what is under way to a Worker's mailbox takes. */
const UNDER_WAY_MS = 30

/** One process of a Worker: the shipped core and shell, over simulated sockets, processes and time. */
export class SimWorker {
  readonly place: Place
  readonly incarnation: string
  readonly offer: WorkerOffer
  readonly core: WorkerCore
  readonly children: SimChildren
  readonly system: ActorSystem
  readonly #world: SimWorld
  readonly #actor: Ref<WorkerActorMessage>
  readonly #dialer: Dialer
  readonly startedAtMs: number
  /** SIGTERM: it stops what runs, and ends. */
  isStopping = false
  isDraining = false
  /** It has announced its restart. */
  isLeaving = false
  #onRestartNoted: () => void = () => undefined
  #onSaved: (saved: SavedWorker) => void = () => undefined
  readonly #dialled = new WeakMap<PeerIdentity, string>()

  constructor(
    world: SimWorld,
    place: Place,
    port: number,
    offer: WorkerOffer,
    onRestartAsked: () => void,
    left?: LeftWorker,
  ) {
    this.#world = world
    this.place = place
    this.startedAtMs = world.timeline.nowMs
    this.offer = offer
    const listener = this.#listener()
    const former = left?.children.adopt(place, listener) ? left : undefined
    this.incarnation = former?.incarnation ?? world.incarnation(place.name)
    const log = world.logOf(place.name)
    this.core = this.#makeCore(port, former?.saved)
    this.system = createSystem({
      name: `firesteel://${world.cluster}@${place.machine.host}:${port}`,
      clock: place,
      timers: place,
      epoch: () => 0,
      firstId: 1,
      onFailure: ({ error, path }) => world.defect(`${place.name}: the actor ${path} failed`, error),
    })
    const gateway = new Gateway<WorkerMessage>({
      system: this.system,
      check: world.check('worker'),
      isQuestion: (type) => isQuestion('worker', type),
      remotePath: ({ role }) => (role === 'node' ? '/user/Master' : '/user/ClientEndpoint'),
      onRejected: (peer, reason) => world.rejected(place, peer, reason),
    })
    this.#dialer = this.#makeDialer(port, gateway)
    this.children = former?.children ?? new SimChildren(world, place, this.incarnation, listener)
    const nothing = (): void => {}
    const parts = {
      core: this.core,
      gateway,
      causes: new ProcessCauses(),
      tokensInForce: () => {},
      keepCode: () => {},
      spans: new ProcessSpans(undefined, 'sim'),
      children: this.children as unknown as Children,
      folders: { clean: async () => {}, stampEnd: async () => {} } as unknown as WorkFolders,
      logs: {
        request: nothing,
        stop: nothing,
        stopAllOf: nothing,
        workEnded: nothing,
      } as unknown as LogStreams,
      dialer: this.#dialer,
      addressOf: (peer: PeerIdentity) => this.#dialled.get(peer),
      // Instead of a command line: what the simulated program does.
      driverPlan: async (effect: object) => effect as never,
      executorPlan: async (effect: object) => effect as never,
      clock: place,
      log,
      onDrained: () => this.stop(),
      // Its last reports leave before.
      onRestartNoted: () => this.#onRestartNoted(),
      onSaved: (saved: SavedWorker) => this.#onSaved(saved),
      onRestartAsked,
      onStopped: () => place.later(20, () => place.kill()),
    }
    this.#actor = this.system.spawn<WorkerActorMessage>(
      'Worker',
      (context) => new WorkerShell(parts, context),
    )
    gateway.serve(this.#actor)
    place.settle = () => this.system.idle()
    world.network.listen(port, {
      place,
      identity: () => this.#identity(port),
      deadMsFor: () => world.linkDeadMs,
      onLink: (link) => gateway.attach(link),
    })
    this.#inform({ type: 'Start' })
  }

  /** SIGTERM where `drainOnStop` is set. */
  drain(deadlineMs: number): void {
    this.isDraining = true
    this.#inform({ type: 'Drain', deadlineMs, reason: 'it is being stopped' })
  }

  stop(): void {
    if (this.isLeaving) return
    this.isStopping = true
    this.children.isStopping = true
    this.#inform({ type: 'Stop' })
  }

  /**
   * A planned restart (protocol 8.6): tells the leader, saves what the core knows, leaves it to the guard,
   * and ends. `onLeft` is called just before.
   */
  handOver(onLeft: (left: LeftWorker) => void): void {
    // A node that stops, or leaves already, goes on with that.
    if (this.isStopping || this.isLeaving) return
    this.isLeaving = true
    const { restartMs } = this.core.times
    const { place, children, incarnation } = this
    const untilMs = this.#world.timeline.nowMs + restartMs
    let isNoted = false
    const noted = (): void => {
      if (isNoted) return
      isNoted = true
      children.pause()
      place.later(UNDER_WAY_MS, () => this.#inform({ type: 'SaveCore' }))
    }
    this.#onRestartNoted = () => void place.later(0, noted)
    this.#onSaved = (saved) => {
      const left = { incarnation, saved: JSON.parse(JSON.stringify(saved)) as SavedWorker, children }
      place.later(0, () => {
        children.outlive(Math.max(0, untilMs - this.#world.timeline.nowMs))
        onLeft(left)
        place.kill()
      })
    }
    this.#inform({ type: 'AnnounceRestart', forMs: restartMs + limits.guardMarginMs })
    place.later(limits.restartNotedMs, () => {
      if (isNoted) return
      isNoted = true
      this.isLeaving = false
      this.#inform({ type: 'RestartRefused', reason: 'no leader has written down that it restarts' })
    })
  }

  #listener(): ChildListener {
    return {
      started: (process, pid) => this.#inform({ type: 'ProcessStarted', process, pid }),
      startFailed: (process, failure) => this.#inform({ type: 'ProcessStartFailed', process, failure }),
      ended: (process, end) => this.#inform({ type: 'ProcessEnded', process, end }),
    }
  }

  #identity(port: number) {
    const { cluster } = this.#world
    return { cluster, incarnation: this.incarnation, advertise: `${this.place.machine.host}:${port}` }
  }

  /** The shipped core. The checks see its inputs and outputs. */
  #makeCore(port: number, saved: SavedWorker | undefined): WorkerCore {
    const { place, incarnation, offer } = this
    const identity = {
      ...workerOffer,
      ...offer,
      incarnation,
      name: place.name,
      host: place.machine.host,
      port,
      isSupervised: true as const,
      orphanGraceMs: this.#world.shape.ownGraceMs,
    }
    const now = { monotonicMs: place.monotonicMs(), bootMs: place.bootMs(), wallMs: place.wallMs() }
    const { workerTimeoutMs, ownTimeoutMs = workerTimeoutMs } = this.#world.shape
    const core = new WorkerCore(identity, workerTimes(ownTimeoutMs), this.#world.masterAddresses, now, saved)
    const step = core.step.bind(core)
    core.step = (input: WorkerInput, at): WorkerEffect[] => {
      const effects = step(input, at)
      this.#world.checks.work.workerStepped(this, input, effects)
      return effects
    }
    return core
  }

  #makeDialer(port: number, gateway: Gateway<WorkerMessage>): Dialer {
    const { key, linkDeadMs, network, random } = this.#world
    return new Dialer({
      identity: this.#identity(port),
      role: 'node',
      tls: undefined,
      key,
      deadMs: linkDeadMs,
      clock: this.place,
      timers: this.place,
      random: random.fork().next,
      dialWith: network.dialFrom(this.place),
      onLink: (address, link) => {
        this.#dialled.set(link.peer, address)
        gateway.attach(link)
      },
    })
  }

  #inform(message: WorkerSelfMessage): void {
    this.system.tell(this.#actor, message)
  }
}
