import type { Buffer } from 'node:buffer'
import { electionOverLock } from '../../actors/election/election-agent.js'
import { isFellow } from '../../actors/master/fellows.js'
import { type MasterMessage, nodeOnly } from '../../actors/messages/catalogue.js'
import { MasterSeat, type SeatFrame } from '../../runtime/launch/master-seat.js'
import type { Log } from '../../runtime/observe/log.js'
import type { ActorSystem } from '../../runtime/system/actor-system.js'
import { createSystem } from '../../runtime/system/system.js'
import { Gateway } from '../../runtime/transport/gateway.js'
import type { LocalIdentity } from '../../runtime/transport/identity.js'
import type { Link } from '../../runtime/transport/link.js'
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
  #incarnation: string
  #gateway: Gateway<MasterMessage>
  #early: Link[] | undefined = []

  constructor(
    world: World,
    place: Place,
    advertise: string,
    position: () => { epoch: number; seq: number } | undefined,
  ) {
    this.#world = world
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
    return new Gateway<MasterMessage>({
      system: this.system,
      violation: this.#world.violation('master'),
      admit: ({ role }, type) => role === 'node' || !nodeOnly.has(type),
      remotePath: (peer) =>
        isFellow(peer) ? paths.master : peer.role === 'node' ? paths.worker : paths.client,
      onRejected: (peer, reason) => this.#world.rejected(this.#place, peer, reason),
    })
  }
}

/** One process of a Master: the shipped seat, over simulated sockets, store, locks and time. */
export class SimMaster {
  readonly place: Place
  readonly address: string
  readonly seat: MasterSeat
  readonly engine: SimEngine
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
    const frame = new SimFrame(world, place, advertise, () => this.seat?.life?.shell.position)
    this.#frame = frame
    const engine = new SimEngine(place, store, leaseMs / 4)
    this.engine = engine
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

  /** SIGTERM: hands over, then ends. */
  async stop(): Promise<void> {
    await this.seat.stop()
    this.seat.close()
    this.#frame.gateway.closeAll('the Master stops')
    this.place.later(1, () => this.place.kill())
  }
}
