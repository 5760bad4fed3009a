import type { Buffer } from 'node:buffer'
import { electionOverLock } from '../../actors/election/election-agent.js'
import { QuorumLock } from '../../actors/election/quorum-lock.js'
import { MasterCore } from '../../actors/master/master-core.js'
import { MasterHost } from '../../actors/master/master-host.js'
import { timeoutOf, timeoutOfUnknown } from '../../actors/master/worker-timeout.js'
import type { DriverDescription } from '../../actors/messages/common.js'
import type { LaunchDriver } from '../../actors/messages/drivers.js'
import { driverDescription } from '../../actors/messages/samples.js'
import { isFiresteelError } from '../../runtime/errors.js'
import type { FormatRange } from '../../runtime/persistence/store-format.js'
import type { ActorSystem } from '../../runtime/system/actor-system.js'
import { replayingRecorder } from '../tools/replaying-sink.js'
import type { KnownFormats } from './format-watch.js'
import { Gate } from './gate.js'
import type { Place } from './place.js'
import { SimEngine, SimPresence } from './sim-engine.js'
import { SimNode } from './sim-node.js'
import { SimQuorum } from './sim-quorum.js'
import type { SimWorld } from './sim-world.js'

const INPUTS_PER_SEGMENT = 40

/** What a process has from its node. */
export interface MastersNode {
  readonly observedEpoch: number
  readonly formats: FormatRange
  readonly onEpoch: (epoch: number) => void
}

/** One process of a Master: the shipped MasterHost, over simulated sockets, store, locks and time. */
export class SimMaster {
  readonly place: Place
  readonly address: string
  readonly masterHost: MasterHost
  /** True time at which it learned that it is the leader, which may be long after the store made it that. */
  electedAtMs = Number.NEGATIVE_INFINITY
  readonly engine: SimEngine
  readonly gate: Gate
  readonly #node: SimNode
  #core: MasterCore | undefined

  /** Those of a store that its release knows. */
  readonly formats: FormatRange
  /** Its release does not know the format of the store, so the process has ended. */
  isRefused = false

  constructor(world: SimWorld, place: Place, port: number, node: MastersNode) {
    const { observedEpoch, formats, onEpoch } = node
    this.formats = formats
    const known: KnownFormats = { formats, stored: undefined }
    const { network, store, locks, leaseMs } = world
    this.place = place
    const advertise = `${place.machine.host}:${port}`
    this.address = `firesteel://${advertise}`
    const { cluster, checks } = world
    const engine = new SimEngine({ place, server: store, timeoutMs: leaseMs / 4, cluster, known, checks })
    this.engine = engine
    this.gate = new Gate(world.checks, this)
    const standing = new SimNode(
      world,
      place,
      advertise,
      () => this.masterHost?.current?.shell.position,
      (message) => this.gate.leaves(message),
      (incarnation) => checks.formats.began(incarnation, known),
    )
    const fail = standing.fail.bind(standing)
    standing.fail = (error) => {
      const isTooOld = isFiresteelError(error, 'VERSION_UNSUPPORTED') && checks.formats.isTooOld(formats)
      if (!isTooOld) fail(error)
      this.isRefused = true
      place.later(0, () => place.kill())
    }
    this.#node = standing
    const presence = new SimPresence(place, store, leaseMs / 4, () => !network.isCut(place, store))
    const quorum = new SimQuorum(place, locks, leaseMs)
    const values = world.random.fork()
    const lock = new QuorumLock({ quorum, leaseMs, timers: place, newValue: () => values.hex(32) })
    let connectedAtMs = place.monotonicMs()
    const listeners = new Set<() => void>()
    const reconnected = (): void => {
      place.later(network.delayMs(place, store), () => {
        connectedAtMs = place.monotonicMs()
        for (const listener of [...listeners]) listener()
      })
    }
    const stops = [
      store.onReconnected(reconnected),
      ...locks.map((server) => server.onReconnected(reconnected)),
    ]
    place.onDeath(() => {
      for (const stop of stops) stop()
    })
    const reconnections = {
      onReconnected: (listener: () => void) => {
        listeners.add(listener)
        return () => void listeners.delete(listener)
      },
    }
    // One Master is enough: all of them lead in turn, and each history would take two fifths longer.
    const recorder = this.address === world.masterAddresses[0] && this.#recorder(world)
    this.masterHost = new MasterHost({
      node: standing,
      recovery: {
        engine,
        agent: (context) => electionOverLock(context, { lock, presence, reconnections, connectedAtMs }),
        storeReachable: () => engine.reachable(),
        close: () => engine.close(),
      },
      address: this.address,
      masters: world.masterAddresses,
      observed: { epoch: observedEpoch, seq: 0 },
      config: { ...world.masterConfig, workerTimeoutMs: this.#timeoutMs(world), formats },
      key: world.key as Buffer,
      clock: place,
      timers: place,
      random: world.random.fork().next,
      newWriteId: () => world.random.hex(12),
      dialWith: network.dialFrom(place),
      newCore: (config, incarnation) => {
        const core = recorder ? recorder.newCore(config, incarnation) : new MasterCore(config)
        this.gate.watch(core)
        this.#core = core
        return core
      },
      listener: (event) => {
        if (event.event === 'elected') this.electedAtMs = world.timeline.nowMs
        if (event.event === 'elected' || event.event === 'leaderObserved') onEpoch(event.epoch)
      },
    })
    place.settle = () => standing.system.idle()
    network.listen(port, {
      place,
      identity: standing.identity,
      deadMsFor: () => world.linkDeadMs,
      onLink: (link) => standing.admit(link),
    })
    this.masterHost.begin()
    standing.admitEarly()
    this.masterHost.join()
  }

  /** Of every second Master, so that each leader may follow one with another W. */
  #timeoutMs({ shape, masterAddresses }: SimWorld): number {
    const { workerTimeoutMs, otherTimeoutMs = workerTimeoutMs } = shape
    return masterAddresses.indexOf(this.address) % 2 === 1 ? otherTimeoutMs : workerTimeoutMs
  }

  /** Silence after which it gives up this Worker; undefined: it does not lead. */
  waitsForMs(workerId: string): number | undefined {
    const cluster = this.#core?.cluster
    const worker = cluster?.workers.get(workerId)
    return cluster && (worker ? timeoutOf(cluster, worker) : timeoutOfUnknown(cluster))
  }

  /** What it decides is replayed, from states that are saved often. */
  #recorder({ checks }: SimWorld) {
    const fail = (text: string) => checks.fail('replay', `${this.place.name}: ${text}`)
    return replayingRecorder({ inputsPerSegment: INPUTS_PER_SEGMENT, clock: this.place, fail })
  }

  get incarnation(): string {
    return this.#node.incarnation
  }

  get system(): ActorSystem {
    return this.#node.system
  }

  /**
   * Whether this process must give it back to a store that forgot it: it acknowledged it, or has it in its
   * record cache.
   */
  holds(driverId: string): boolean {
    const { recordCache } = this.masterHost
    if (recordCache.position(this.place.bootMs()) === undefined) return false
    if (this.gate.acknowledged.has(driverId)) return true
    const nowhere = { epoch: 0, seq: 0 }
    const puts = recordCache.lostWrites({ base: nowhere, earlier: [] }, this.place.bootMs())
    return puts.some(
      ({ table, id, json }) =>
        id === driverId ||
        (table === 'key' && (JSON.parse(json) as { driverId: string }).driverId === driverId),
    )
  }

  /** Sends what no leader would: a launch for more than the Worker has. */
  confuse(workerId: string, cores: number, n: number): void {
    const description: DriverDescription = {
      ...driverDescription,
      name: 'confused',
      main: '/bin/simulated',
      cores,
      memoryMib: 1,
    }
    const driverId = `driver-20260101000000-0-${n}`
    const launch = { workerId, driverId, generation: 1, description, resources: {} }
    this.#node.sendAnyhow(workerId, { type: 'LaunchDriver', ...launch } as LaunchDriver)
  }

  /** SIGTERM: hands over, then ends. */
  async stop(): Promise<void> {
    await this.masterHost.stop()
    this.masterHost.close()
    this.#node.gateway.closeAll('the Master stops')
    this.place.later(1, () => this.place.kill())
  }
}
