import type { MasterHostNode } from '../../actors/master/master-host.js'
import { isPeerMaster } from '../../actors/master/peer-masters.js'
import { isAdmitted } from '../../actors/master/routes.js'
import type { MasterMessage } from '../../actors/messages/catalogue.js'
import { isQuestion } from '../../actors/messages/catalogue.js'
import type { Log } from '../../runtime/observe/log.js'
import type { ActorSystem } from '../../runtime/system/actor-system.js'
import type { Message } from '../../runtime/system/ref.js'
import { createSystem } from '../../runtime/system/system.js'
import { Gateway } from '../../runtime/transport/gateway.js'
import type { LocalIdentity } from '../../runtime/transport/identity.js'
import type { Link } from '../../runtime/transport/link.js'
import type { Place } from './place.js'
import type { SimWorld } from './sim-world.js'

const paths = { master: '/user/Master', worker: '/user/Worker', client: '/user/ClientEndpoint' }

/** What a Master node stands on, without sockets. */
export class SimNode implements MasterHostNode {
  readonly system: ActorSystem
  readonly linkDeadMs: number
  readonly log: Log
  readonly identity = (): LocalIdentity => ({
    cluster: this.#world.cluster,
    incarnation: this.#incarnation,
    advertise: this.#advertise,
  })
  readonly #world: SimWorld
  readonly #place: Place
  readonly #advertise: string
  readonly #position: () => { epoch: number; seq: number } | undefined
  /** Gets every message that leaves. */
  readonly #leaves: (message: Message) => void
  /** Gets every incarnation, before anybody else. */
  readonly #began: (incarnation: string) => void
  /** Sends without the checks. */
  sendAnyhow!: Gateway<MasterMessage>['send']
  #incarnation: string
  #gateway: Gateway<MasterMessage>
  #early: Link[] | undefined = []

  constructor(
    world: SimWorld,
    place: Place,
    advertise: string,
    position: () => { epoch: number; seq: number } | undefined,
    leaves: (message: Message) => void,
    began: (incarnation: string) => void,
  ) {
    this.#world = world
    this.#leaves = leaves
    this.#began = began
    this.#place = place
    this.#advertise = advertise
    this.#position = position
    this.#incarnation = world.incarnation(place.name)
    began(this.#incarnation)
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
    this.#began(this.#incarnation)
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
      check: this.#world.check('master'),
      isQuestion: (type) => isQuestion('master', type),
      admit: ({ role }, type) => isAdmitted(role, type),
      remotePath: (peer) =>
        isPeerMaster(peer) ? paths.master : peer.role === 'node' ? paths.worker : paths.client,
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
