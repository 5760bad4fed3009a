import { limits } from '../../runtime/limits.js'
import { DialError, type DialOptions } from '../../runtime/transport/dial.js'
import {
  currentIdentity,
  type LocalIdentity,
  type PeerIdentity,
  type Role,
} from '../../runtime/transport/identity.js'
import type { Link } from '../../runtime/transport/link.js'
import { ownProtocols } from '../../runtime/transport/protocol-range.js'
import type { Place } from './place.js'
import type { Random } from './random.js'
import { type Parcel, SimLink } from './sim-link.js'
import type { Timeline } from './timeline.js'

export interface Listening {
  readonly place: Place
  readonly identity: () => LocalIdentity
  /** After this silence of a peer of this role a link is dead. */
  readonly deadMsFor: (role: Role) => number
  readonly onLink: (link: Link) => void
}

/** One direction of a connection. */
class Way {
  readonly #network: Network
  readonly #to: SimLink
  readonly #from: Place
  /** Messages that the network holds while it is cut, in order. */
  readonly #held: Parcel[] = []
  #lastArrivalMs = 0
  #broken = false

  constructor(network: Network, from: Place, to: SimLink) {
    this.#network = network
    this.#from = from
    this.#to = to
  }

  get from(): Place {
    return this.#from
  }

  get to(): Place {
    return this.#to.place
  }

  send(parcel: Parcel): void {
    if (this.#broken) return
    if (this.#held.length > 0 || this.#network.isCut(this.#from, this.#to.place)) this.#held.push(parcel)
    else this.#carry(parcel)
  }

  /** The network is whole again: TCP repeats what was not acknowledged. */
  healed(): void {
    for (const parcel of this.#held.splice(0)) this.#carry(parcel)
  }

  /** Nothing more arrives, not even what is under way. */
  break(): void {
    this.#broken = true
    this.#held.length = 0
  }

  #arrive(parcel: Parcel): void {
    if (parcel.kind === 'envelope') this.#network.onArrival?.(this.#from, this.to, parcel.envelope)
    this.#to.arrive(parcel)
  }

  #carry(parcel: Parcel): void {
    const { timeline } = this.#network
    const atMs = Math.max(this.#lastArrivalMs, timeline.nowMs + this.#network.delayMs(this.#from, this.to))
    this.#lastArrivalMs = atMs
    timeline.at(atMs, () => {
      if (this.#broken) return
      // Cut while under way: it waits, and later messages wait behind it.
      if (this.#held.length > 0 || this.#network.isCut(this.#from, this.to)) this.#held.push(parcel)
      else if (parcel.kind === 'ping') this.to.happensQuietly(() => this.#arrive(parcel))
      else this.to.happens(() => this.#arrive(parcel))
    })
  }
}

interface Connection {
  readonly ends: readonly [SimLink, SimLink]
  readonly ways: readonly [Way, Way]
}

export interface NetworkOptions {
  readonly timeline: Timeline
  readonly random: Random
  readonly cluster: string
}

/**
 * Hosts and the connections between them. Handshakes always succeed; other tests cover peers without a key.
 */
export class Network {
  readonly timeline: Timeline
  /** Called for every envelope that arrives. */
  onArrival: ((from: Place, to: Place, envelope: object) => void) | undefined
  /** Called for every frame of tasks that its receiver cannot read. */
  onUnreadable: (place: Place, error: unknown) => void = () => {}
  /** Mean time of a message on its way. */
  meanDelayMs = 0.3
  readonly #random: Random
  readonly #cluster: string
  readonly #listening = new Map<string, Listening>()
  readonly #connections = new Set<Connection>()
  /** `from to`, by name of process or host. */
  readonly #cuts = new Set<string>()
  readonly #slow = new Map<string, number>()
  /** By `from to`. */
  readonly #slowWays = new Map<string, number>()
  /** Hosts without power or network. They send nothing, not even that they are gone. */
  readonly #dark = new Set<string>()
  readonly #names = new Map<string, string>()
  readonly #watched = new WeakSet<Place>()
  #port = 40_000
  #id = 0

  constructor({ timeline, random, cluster }: NetworkOptions) {
    this.timeline = timeline
    this.#random = random
    this.#cluster = cluster
  }

  listen(port: number, listening: Listening): void {
    const { place } = listening
    const address = `${place.machine.host}:${port}`
    this.#listening.set(address, listening)
    this.#names.set(place.machine.host, place.name)
    place.onDeath(() => {
      if (this.#listening.get(address) === listening) this.#listening.delete(address)
    })
  }

  isCut(from: { readonly name: string }, to: { readonly name: string }): boolean {
    if (this.#dark.size > 0 && (this.#dark.has(from.name) || this.#dark.has(to.name))) return true
    return this.#cuts.size > 0 && this.#cuts.has(`${from.name} ${to.name}`)
  }

  darken(name: string): void {
    this.#dark.add(name)
  }

  lighten(name: string): void {
    this.#dark.delete(name)
    this.#flush()
  }

  healAll(): void {
    this.#cuts.clear()
    this.#dark.clear()
    this.#slow.clear()
    this.#slowWays.clear()
    this.#flush()
  }

  /** Nothing arrives at the second from the first any more. Cut both directions for a partition. */
  cut(from: string, to: string): void {
    this.#cuts.add(`${from} ${to}`)
  }

  heal(from: string, to: string): void {
    this.#cuts.delete(`${from} ${to}`)
    this.#flush()
  }

  slow(name: string, ms: number): void {
    if (ms > 0) this.#slow.set(name, ms)
    else this.#slow.delete(name)
  }

  /** One direction always takes this much longer. Later messages wait in order. */
  slowWay(from: string, to: string, ms: number): void {
    if (ms > 0) this.#slowWays.set(`${from} ${to}`, ms)
    else this.#slowWays.delete(`${from} ${to}`)
  }

  delayMs(from: { readonly name: string }, to: { readonly name: string }): number {
    const extraMs = (this.#slow.get(from.name) ?? 0) + (this.#slow.get(to.name) ?? 0)
    const wayMs = this.#slowWays.size > 0 ? (this.#slowWays.get(`${from.name} ${to.name}`) ?? 0) : 0
    return 0.05 + this.#random.exponential(this.meanDelayMs) + extraMs * this.#random.next() + wayMs
  }

  /** Every connection of a process breaks, as by a firewall that sends RST. */
  breakConnections(name: string): void {
    for (const connection of [...this.#connections]) {
      const { ends } = connection
      if (ends.every(({ place }) => place.name !== name)) continue
      this.#forget(connection)
      for (const end of ends) end.place.happens(() => end.finish({ kind: 'reset', detail: 'broken' }))
    }
  }

  /** `dialWith` of this process. */
  dialFrom(place: Place): (options: DialOptions) => Promise<Link> {
    return (options) =>
      new Promise((resolve, reject) => {
        const { signal } = options
        const fail = (text: string, refused: boolean): void => {
          reject(new DialError('LINK_CLOSED', text, { place: `${options.host}:${options.port}` }, refused))
        }
        signal?.addEventListener('abort', () => fail('given up', false), { once: true })
        this.#dial(place, options, resolve as unknown as (link: SimLink) => void, fail)
      })
  }

  #dial(
    place: Place,
    options: DialOptions,
    resolve: (link: SimLink) => void,
    fail: (text: string, refused: boolean) => void,
  ): void {
    const address = `${options.host}:${options.port}`
    const give = place.after(options.timeoutMs ?? limits.dialMs, () => fail('no answer', false))
    const target = this.#listening.get(address)
    const there = target?.place ?? { name: this.#names.get(options.host) ?? options.host }
    const wayMs = this.delayMs(place, there)
    this.timeline.after(wayMs, () => {
      if (!place.alive || this.isCut(place, there)) return
      const listening = this.#listening.get(address)
      if (listening === undefined) {
        if (this.isCut(there, place)) return
        this.timeline.after(wayMs, () =>
          place.happens(() => {
            give()
            fail('connection refused', true)
          }),
        )
        return
      }
      // Its kernel accepts, but the handshake waits for its process.
      listening.place.happens(() => {
        if (!place.alive || this.isCut(listening.place, place) || options.signal?.aborted) return
        const [near, far] = this.#connect(place, listening, options)
        listening.onLink(far as unknown as Link)
        this.timeline.after(this.delayMs(listening.place, place), () =>
          place.happens(() => {
            give()
            resolve(near)
          }),
        )
      })
    })
  }

  #connect(place: Place, listening: Listening, options: DialOptions): readonly [SimLink, SimLink] {
    const id = ++this.#id
    const here = currentIdentity(options.identity)
    const there = listening.identity()
    const { role } = options
    const from = `${place.machine.host}:${this.#port++}`
    const onUnreadable = this.onUnreadable
    const near = new SimLink({
      place,
      id,
      onUnreadable,
      deadMs: options.deadMs ?? limits.linkDeadMs,
      // The listening side proved the same key.
      peer: { ...this.#peer(there, role, options.subject, `${options.host}:${options.port}`), dialled: true },
    })
    const far = new SimLink({
      place: listening.place,
      id,
      onUnreadable,
      deadMs: listening.deadMsFor(role),
      peer: this.#peer(here, role, options.subject, from),
    })
    const ways = [new Way(this, place, far), new Way(this, listening.place, near)] as const
    near.way = ways[0]
    far.way = ways[1]
    const connection = { ends: [near, far], ways } as const
    this.#connections.add(connection)
    this.#watch(place)
    this.#watch(listening.place)
    near.whenEnded(() => this.#ended(connection))
    far.whenEnded(() => this.#ended(connection))
    return [near, far]
  }

  #flush(): void {
    for (const { ways } of this.#connections) {
      for (const way of ways) if (!this.isCut(way.from, way.to)) way.healed()
    }
  }

  #watch(place: Place): void {
    if (this.#watched.has(place)) return
    this.#watched.add(place)
    place.onDeath(() => {
      for (const connection of [...this.#connections]) {
        for (const [index, end] of connection.ends.entries())
          if (end.place === place) this.#died(connection, index)
      }
    })
  }

  #peer(
    { incarnation, advertise }: LocalIdentity,
    role: Role,
    subject: string | undefined,
    address: string,
  ): PeerIdentity {
    return {
      role,
      incarnation,
      cluster: this.#cluster,
      nodeMajor: 20,
      protocol: ownProtocols.max,
      address,
      ...(subject !== undefined && { subject }),
      ...(advertise !== undefined && { advertise }),
    }
  }

  /**
   * Its kernel closes its connections. Unread data makes that a reset, which overtakes what was under way.
   */
  #died(connection: Connection, end: number): void {
    const { ends, ways } = connection
    const way = ways[end]!
    const isReset = this.#random.chance(0.3)
    if (isReset && !this.isCut(way.from, way.to)) {
      way.break()
      const survivor = ends[1 - end]!
      this.timeline.after(this.delayMs(way.from, way.to), () =>
        way.to.happens(() => survivor.finish({ kind: 'reset', detail: 'its process died' })),
      )
    } else way.send({ kind: 'end', how: 'closed-by-peer' })
  }

  #ended(connection: Connection): void {
    if (connection.ends.some((end) => end.isOpen && end.place.alive)) return
    this.#forget(connection)
  }

  #forget(connection: Connection): void {
    this.#connections.delete(connection)
    for (const way of connection.ways) way.break()
  }
}
