import type { MasterMessage, WorkerMessage } from '../../actors/messages/catalogue.js'
import { workerOffer } from '../../actors/messages/samples.js'
import { parseActorAddress } from '../../runtime/addresses.js'
import { limits } from '../../runtime/limits.js'
import { MASTER_SUBJECT } from '../../runtime/transport/identity.js'
import type { Machine } from './machine.js'
import { Place } from './place.js'
import type { Random } from './random.js'
import type { WatchedWorld } from './watched-world.js'

/** Prefix of the incarnations of liars. */
export const LIAR = 'liar-'
const HOST = '10.0.6.7'
const ADDRESS = `firesteel://${HOST}:7077`
/** The second largest number that JSON carries exactly. */
const ABSURD = Number.MAX_SAFE_INTEGER - 1
/** The largest one. No schema accepts its successor. */
const LAST = Number.MAX_SAFE_INTEGER

type Lie = MasterMessage | WorkerMessage

/**
 * A node that lies. It has a node's key and no access to the store, and its messages are well-formed. It
 * claims an address at which a Master would listen and nobody may ever connect: only liars name that address.
 */
export class Liar {
  readonly #world: WatchedWorld
  readonly #machine: Machine
  #listens: Place | undefined
  #number = 0

  constructor(world: WatchedWorld) {
    this.#world = world
    this.#machine = world.machine(HOST)
  }

  /** One visit to a Master or Worker, with some of all lies. */
  visit(random: Random): boolean {
    const { masterAddresses, workers } = this.#world
    const ofWorkers = workers.map(({ machine }) => `firesteel://${machine.host}:7078`)
    if (random.chance(0.3)) this.claimNumbers(random)
    else this.#dial(random.pick([...masterAddresses, ...ofWorkers]), random, 6)
    return true
  }

  /** Tells everything to every process, over as many links. */
  visitAll(random: Random): void {
    const { masterAddresses, workers } = this.#world
    for (const address of masterAddresses) this.#dial(address, random, 40)
    for (const { machine } of workers) this.#dial(`firesteel://${machine.host}:7078`, random, 20)
  }

  /**
   * As a Worker, too small for any work, it tells every Master numbers that only count up (generations,
   * executor ids).
   */
  claimNumbers(random: Random): void {
    const { masterAddresses } = this.#world
    for (const address of masterAddresses)
      this.#link(address, undefined, (incarnation) => this.#asWorkerThatCounts(random, incarnation))
  }

  /**
   * To the leader it registers Workers and leaves, to the other Masters it is as many Workers, and to all of
   * them a STANDBY that hears more Workers than there are.
   */
  inflateWorkers(leader: string): void {
    for (const address of this.#world.masterAddresses) {
      if (address === leader) this.#link(address, undefined, (id) => this.#asWorkerOfNobody(id))
      else for (let n = 0; n < 10; n++) this.#link(address, undefined, () => [])
      const proof = '0'.repeat(64)
      const heard = { workersHeard: ABSURD, hostsHeard: ABSURD, storeReachable: true, proof } as const
      this.#link(address, MASTER_SUBJECT, () => [
        { message: { type: 'MasterInStandby', masters: [] } },
        { message: { type: 'StandbyPulse', ...heard } },
      ])
    }
  }

  #dial(address: string, random: Random, lies: number): void {
    const toWorker = address.endsWith(':7078')
    const asMaster = toWorker || random.chance(0.5)
    const subject = !toWorker && asMaster ? MASTER_SUBJECT : undefined
    this.#link(address, subject, (incarnation) =>
      Array.from({ length: lies }, () => {
        const epoch = random.pick([this.#epoch, this.#epoch + 1, this.#epoch + 3, FAR, ABSURD])
        const message = toWorker
          ? this.#toWorker(random)
          : random.pick(asMaster ? this.#asMaster() : this.#asWorker(epoch, incarnation))
        return { message, epoch }
      }),
    )
  }

  /** A new link over which this is sent. */
  #link(
    address: string,
    subject: string | undefined,
    lies: (incarnation: string) => Iterable<{ readonly message: Lie; readonly epoch?: number }>,
  ): void {
    const { network, cluster, key } = this.#world
    this.#listen()
    const place = new Place('liar', this.#machine)
    const incarnation = `${LIAR}${++this.#number}`
    const toWorker = address.endsWith(':7078')
    const identity = { cluster, incarnation, advertise: `${HOST}:7077` }
    const options = {
      ...parseActorAddress(address),
      identity,
      role: 'node',
      tls: undefined,
      key,
      subject,
    } as const
    void network
      .dialFrom(place)(options)
      .then(
        (link) => {
          let id = 0
          for (const { message, epoch = 0 } of lies(incarnation)) {
            const to = toWorker ? '/user/Worker' : '/user/Master'
            link.send({ from: '/user/Master', to, message, id: ++id, trace: id, epoch, seq: 1 })
          }
          place.later(500, () => place.kill())
        },
        () => place.kill(),
      )
  }

  #listen(): void {
    if (this.#listens) return
    const place = new Place('liar', this.#machine)
    this.#listens = place
    this.#world.network.listen(7077, {
      place,
      identity: () => ({ cluster: this.#world.cluster, incarnation: `${LIAR}0`, advertise: `${HOST}:7077` }),
      deadMsFor: () => this.#world.linkDeadMs,
      onLink: () => this.#world.checks.fail('S6', 'an address was dialled that only a liar has named'),
    })
  }

  get #epoch(): number {
    return this.#world.store.model.leader()?.epoch ?? 1
  }

  get #owner(): string {
    return this.#world.store.model.leader()?.owner ?? 'nobody'
  }

  #asWorker(epoch: number, incarnation: string): Lie[] {
    return [
      { type: 'PositionSeen', position: { epoch, seq: ABSURD }, owner: incarnation },
      { type: 'PositionSeen', position: { epoch: this.#epoch, seq: ABSURD }, owner: this.#owner },
      { type: 'StaleEpoch', epoch, owner: incarnation },
    ]
  }

  *#asWorkerThatCounts(random: Random, id: string): Generator<{ readonly message: Lie }, void, undefined> {
    const offer = { ...workerOffer, host: HOST, port: 7079, cores: 1, memoryMib: 1 }
    yield { message: { type: 'RegisterWorker', ...offer, id, name: 'liar' } }
    const { history, applications } = this.#world
    const launchedAt = { epoch: this.#epoch, seq: 1, owner: 'nobody' }
    const part = { resources: {}, cores: 1, memoryMib: 1, launchedAt }
    const executors = applications.flatMap(({ process }) =>
      process?.appId ? [{ appId: process.appId, execId: LAST, state: 'RUNNING' as const, ...part }] : [],
    )
    const submissions = [...history.submissions.values()].filter(({ driverIds }) => driverIds.length > 0)
    const drivers = submissions.slice(-8).map(({ driverIds, description }) => ({
      driverId: driverIds.at(-1) as string,
      generation: LAST,
      attempt: 1,
      state: 'RUNNING' as const,
      description,
      ...part,
    }))
    let change = 0
    for (const { driverId } of drivers) {
      const generation = random.pick([LAST, LAST, limits.launchRise])
      const end = { state: 'FAILED', noRoom: true, attempt: 1, change: ++change } as const
      yield { message: { type: 'DriverStateChanged', workerId: id, driverId, generation, ...end } }
    }
    yield { message: { type: 'WorkerLatestState', id, executors, drivers } }
  }

  /** Each has an address of its own, which takes connections, so that no probe is ever refused. */
  *#asWorkerOfNobody(id: string): Generator<{ readonly message: Lie }, void, undefined> {
    const port = 8000 + this.#number
    this.#world.network.listen(port, {
      place: new Place('liar', this.#machine),
      identity: () => ({ cluster: this.#world.cluster, incarnation: id, advertise: `${HOST}:${port}` }),
      deadMsFor: () => this.#world.linkDeadMs,
      onLink: () => {},
    })
    const offer = { ...workerOffer, host: HOST, port, cores: 1, memoryMib: 1 }
    yield { message: { type: 'RegisterWorker', ...offer, id, name: id } }
    yield { message: { type: 'WorkerLatestState', id, executors: [], drivers: [] } }
  }

  #asMaster(): Lie[] {
    return [
      { type: 'MasterChanged', master: ADDRESS, web: null, masters: [ADDRESS] },
      { type: 'MasterInStandby', masters: [ADDRESS], leader: ADDRESS },
      { type: 'LeaderPulse', workers: 1, workersHeard: 1 },
      { type: 'RequestLostTail', base: { epoch: ABSURD, seq: ABSURD }, earlier: [] },
      { type: 'HandOver' },
      { type: 'Released', to: ADDRESS },
      { type: 'TailTaken' },
    ]
  }

  #toWorker(random: Random): Lie {
    const { workers } = this.#world
    const workerId = random.pick(workers).process?.incarnation ?? 'w-0'
    return random.pick<Lie>([
      { type: 'MasterChanged', master: ADDRESS, web: null, masters: [ADDRESS] },
      { type: 'MasterInStandby', masters: [ADDRESS] },
      { type: 'RegisteredWorker', workerId, duplicate: false },
      { type: 'HeartbeatAck', workerId, sentAtMs: 0 },
    ])
  }
}

/** More than any process believes, and less than what cannot be counted. */
const FAR = 2 * limits.epochRise
