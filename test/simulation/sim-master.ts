import type { Buffer } from 'node:buffer'
import { electionOverLock } from '../../actors/election/election-agent.js'
import { isFellow } from '../../actors/master/fellows.js'
import { type MasterMessage, nodeOnly } from '../../actors/messages/catalogue.js'
import type { DriverDescription } from '../../actors/messages/common.js'
import type { LaunchDriver } from '../../actors/messages/drivers.js'
import { MasterSeat, type SeatFrame } from '../../runtime/launch/master-seat.js'
import type { Log } from '../../runtime/observe/log.js'
import type { ActorSystem } from '../../runtime/system/actor-system.js'
import type { Message } from '../../runtime/system/ref.js'
import { createSystem } from '../../runtime/system/system.js'
import { Gateway } from '../../runtime/transport/gateway.js'
import type { LocalIdentity } from '../../runtime/transport/identity.js'
import type { Link } from '../../runtime/transport/link.js'
import { Gate } from './gate.js'
import type { Place } from './place.js'
import { SimEngine, SimPresence } from './sim-engine.js'
import { SimLock } from './sim-lock.js'
import type { World } from './world.js'

const paths = { master: '/user/Master', worker: '/user/Worker', client: '/user/ClientEndpoint' }

/** What a Master node stands on, without sockets. */
class SimFrame implements SeatFrame {
  readonly system: ActorSystem
  readonly linkDeadMs: number
  readonly log: Log
  readonly identity = (): LocalIdentity => ({
    cluster: this.#world.cluster,
    incarnation: this.#incarnation,
    advertise: this.#advertise,
  })
  readonly #world: World
  readonly #place: Place
  readonly #advertise: string
  readonly #position: () => { epoch: number; seq: number } | undefined
  /** Sees what leaves. */
  readonly #leaves: (message: Message) => void
  /** Past the checks. */
  sendAnyhow!: Gateway<MasterMessage>['send']
  #incarnation: string
  #gateway: Gateway<MasterMessage>
  #early: Link[] | undefined = []

  constructor(
    world: World,
    place: Place,
    advertise: string,
    position: () => { epoch: number; seq: number } | undefined,
    leaves: (message: Message) => void,
  ) {
    this.#world = world
    this.#leaves = leaves
    this.#place = place
    this.#advertise = advertise
    this.#position = position
    this.#incarnation = world.incarnation(place.name)
    this.linkDeadMs = world.linkDeadMs
    this.log = world.logOf(place.name)
    this.system = createSystem({
      name: `firesteel://${world.cluster}@${advertise}`,
      clock: place,
      timers: place,
      epoch: () => this.#position()?.epoch ?? 0,
      seq: () => this.#position()?.seq,
      firstId: 1,
      onFailure: ({ error, path }) => world.defect(`${place.name}: the actor ${path} failed`, error),
    })
    const answer = this.system.answer.bind(this.system)
    this.system.answer = (to, message) => {
      leaves(message)
      return answer(to, message)
    }
    this.#gateway = this.#newGateway()
  }

  get incarnation(): string {
    return this.#incarnation
  }

  get gateway(): Gateway<MasterMessage> {
    return this.#gateway
  }

  renew(reason: string): void {
    const former = this.#gateway
    this.#incarnation = this.#world.incarnation(this.#place.name)
    this.#gateway = this.#newGateway()
    this.#early ??= []
    former.closeAll(reason)
  }

  admit(link: Link): void {
    if (this.#early) this.#early.push(link)
    else this.#gateway.attach(link)
  }

  admitEarly(): void {
    const early = this.#early ?? []
    this.#early = undefined
    for (const link of early) this.#gateway.attach(link)
  }

  fail(error: Error): void {
    this.#world.defect(`${this.#place.name}: the Master failed`, error)
  }

  #newGateway(): Gateway<MasterMessage> {
    const gateway = new Gateway<MasterMessage>({
      system: this.system,
      violation: this.#world.violation('master'),
      admit: ({ role }, type) => role === 'node' || !nodeOnly.has(type),
      remotePath: (peer) =>
        isFellow(peer) ? paths.master : peer.role === 'node' ? paths.worker : paths.client,
      onRejected: (peer, reason) => this.#world.rejected(this.#place, peer, reason),
    })
    const send = gateway.send.bind(gateway)
    this.sendAnyhow = send
    gateway.send = (to, message, cause) => {
      this.#leaves(message)
      return send(to, message, cause)
    }
    return gateway
  }
}

/** One process of a Master: the shipped seat, over simulated sockets, store, locks and time. */
export class SimMaster {
  readonly place: Place
  readonly address: string
  readonly seat: MasterSeat
  readonly engine: SimEngine
  readonly gate: Gate
  readonly #frame: SimFrame

  constructor(
    world: World,
    place: Place,
    port: number,
    heardEpoch: number,
    onEpoch: (epoch: number) => void,
  ) {
    const { network, store, locks, leaseMs } = world
    this.place = place
    const advertise = `${place.machine.host}:${port}`
    this.address = `firesteel://${advertise}`
    const engine = new SimEngine(place, store, leaseMs / 4)
    this.engine = engine
    this.gate = new Gate(world.checks, this)
    const frame = new SimFrame(
      world,
      place,
      advertise,
      () => this.seat?.life?.shell.position,
      (message) => this.gate.leaves(message),
    )
    this.#frame = frame
    const presence = new SimPresence(place, store, leaseMs / 4, () => !network.isCut(place, store))
    const lock = new SimLock(place, locks, leaseMs, world.random.fork())
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
    this.seat = new MasterSeat({
      frame,
      recovery: {
        engine,
        agent: (context) => electionOverLock(context, { lock, presence, reconnections, connectedAtMs }),
        storeReachable: () => engine.reachable(),
        close: () => engine.close(),
      },
      address: this.address,
      masters: world.masterAddresses,
      heard: { epoch: heardEpoch, seq: 0 },
      config: world.masterConfig,
      key: world.key as Buffer,
      clock: place,
      timers: place,
      random: world.random.fork().next,
      newMark: () => world.random.hex(12),
      dialWith: network.dialFrom(place),
      tell: (event) => {
        if (event.event === 'epoch') onEpoch(event.epoch)
      },
      onStandby: () => {},
    })
    place.settle = () => frame.system.idle()
    network.listen(port, {
      place,
      identity: frame.identity,
      deadMsFor: () => world.linkDeadMs,
      onLink: (link) => frame.admit(link),
    })
    this.seat.begin()
    frame.admitEarly()
    this.seat.join()
  }

  get incarnation(): string {
    return this.#frame.incarnation
  }

  get system(): ActorSystem {
    return this.#frame.system
  }

  /** Does this process owe it to a store that forgot it: it has acknowledged it, or has it in its image? */
  holds(driverId: string): boolean {
    const { image } = this.seat
    if (image.position(this.place.bootMs()) === undefined) return false
    if (this.gate.acknowledged.has(driverId)) return true
    const nowhere = { epoch: 0, seq: 0 }
    const puts = image.tail({ base: nowhere, earlier: [] }, this.place.bootMs())
    return puts.some(
      ({ table, id, json }) =>
        id === driverId ||
        (table === 'key' && (JSON.parse(json) as { driverId: string }).driverId === driverId),
    )
  }

  /** What no leader would say: a launch for more than the Worker has. */
  confuse(workerId: string, cores: number, n: number): void {
    const description: DriverDescription = {
      name: 'confused',
      main: '/bin/simulated',
      args: [],
      cwd: '/',
      cores,
      memoryMib: 1,
      resources: {},
      supervise: false,
      onIsolation: 'run',
      env: {},
      nodeOptions: [],
    }
    const driverId = `driver-20260101000000-0-${n}`
    const launch = { workerId, driverId, generation: 1, description, resources: {} }
    this.#frame.sendAnyhow(workerId, { type: 'LaunchDriver', ...launch } as LaunchDriver)
  }

  /** SIGTERM: hands over, then ends. */
  async stop(): Promise<void> {
    await this.seat.stop()
    this.seat.close()
    this.#frame.gateway.closeAll('the Master stops')
    this.place.later(1, () => this.place.kill())
  }
}
