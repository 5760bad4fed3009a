import { parseActorAddress } from '../../runtime/addresses.js'
import type { Clock } from '../../runtime/clock.js'
import { FiresteelError } from '../../runtime/errors.js'
import { innerLimits } from '../../runtime/inner-limits.js'
import { limits } from '../../runtime/limits.js'
import type { Log } from '../../runtime/observe/log.js'
import { RecordCache } from '../../runtime/persistence/record-cache.js'
import type { ActorSystem } from '../../runtime/system/actor-system.js'
import type { Cancel, TimerSource } from '../../runtime/system/timers.js'
import { DialError, type DialOptions } from '../../runtime/transport/dial.js'
import { Dialer } from '../../runtime/transport/dialer.js'
import type { Gateway } from '../../runtime/transport/gateway.js'
import { type LocalIdentity, MASTER_SUBJECT } from '../../runtime/transport/identity.js'
import type { Link } from '../../runtime/transport/link.js'
import type { ProbeResult } from '../election/election-events.js'
import { Hearsay } from '../election/hearsay.js'
import type { MasterMessage } from '../messages/catalogue.js'
import type { Position } from '../messages/common.js'
import type { MasterConfig } from './master-config.js'
import type { MasterEvent } from './master-event.js'
import { MasterIncarnation } from './master-incarnation.js'
import type { MasterRecovery } from './master-recovery.js'

/** What a seat needs of the node it is in: one incarnation and one gateway at a time. */
export interface MasterHostFrame {
  readonly system: ActorSystem
  readonly gateway: Gateway<MasterMessage>
  readonly incarnation: string
  readonly identity: () => LocalIdentity
  readonly linkDeadMs: number
  readonly log: Log
  renew(reason: string): void
  admit(link: Link): void
  admitEarly(): void
  fail(error: Error): void
}

export interface MasterHostOptions {
  readonly frame: MasterHostFrame
  readonly recovery: MasterRecovery
  /** firesteel://host:port of this Master. */
  readonly address: string
  /** Of all Masters known so far. */
  readonly masters: readonly string[]
  /** Highest position heard of in earlier processes of this node. */
  readonly observed: Position
  readonly config: Omit<MasterConfig, 'address' | 'masters'>
  readonly key: Buffer
  readonly clock: Clock
  readonly timers: TimerSource
  /** In [0, 1). */
  readonly random: () => number
  readonly newWriteId: () => string
  readonly dialWith: (options: DialOptions) => Promise<Link>
  readonly tell: (event: MasterEvent) => void
  /** It knows who leads. */
  readonly onStandby: () => void
}

/**
 * A Master's place among Masters: life after life of its actor in one process, the links to the other Masters, and
 * what outlives a life. Sockets, store and time come from outside, so that the simulator has the same.
 */
export class MasterHost {
  readonly #options: MasterHostOptions
  readonly #recordCache = new RecordCache(limits.recordCacheGraceMs)
  readonly #store = { wasFit: false }
  readonly #masters: Set<string>
  readonly #dialer: Dialer
  #cancelIntroduction: Cancel = () => {}
  #current: MasterIncarnation | undefined
  /** Of all its lives. */
  readonly #hearsay: Hearsay
  #handedOverAtMs = Number.NEGATIVE_INFINITY
  #succeeded: () => void = () => {}
  #stopping = false

  constructor(options: MasterHostOptions) {
    this.#options = options
    this.#masters = new Set([...options.masters, options.address])
    this.#hearsay = new Hearsay(options.observed)
    this.#dialer = this.#openDialer()
  }

  get current(): MasterIncarnation | undefined {
    return this.#current
  }

  get leads(): boolean {
    return this.#current?.leads ?? false
  }

  /** What this process would give of records that a store forgot. */
  get recordCache(): RecordCache {
    return this.#recordCache
  }

  /** The first life. */
  begin(): void {
    this.#live()
  }

  /** Whoever waited is let in by now. */
  join(): void {
    this.#dialOthers()
    this.#introduceLater()
  }

  snapshot() {
    if (!this.#current) throw new FiresteelError('NOT_LEADER', 'the Master is starting')
    return this.#current.shell.snapshot()
  }

  /** What it is at this moment, without its rows. */
  head() {
    if (!this.#current) throw new FiresteelError('NOT_LEADER', 'the Master is starting')
    return this.#current.shell.head()
  }

  /** More Masters, from the launcher or from others. */
  learn(addresses: readonly string[]): void {
    const before = this.#masters.size
    for (const address of addresses) {
      if (this.#masters.size < MASTERS_MAX) this.#masters.add(address)
    }
    if (this.#masters.size === before) return
    this.#current?.mastersKnown([...this.#masters])
    this.#dialOthers()
  }

  /** A leader hands over first and stays until another leads, so that nobody is without a hint (protocol 13). */
  async stop(): Promise<void> {
    this.#stopping = true
    const succeeded = new Promise<void>((resolve) => {
      this.#succeeded = resolve
    })
    const handedOver = (await this.#current?.resign('the Master stops')) ?? false
    if (handedOver) await this.#within(succeeded, limits.handOverLingerMs)
  }

  close(): void {
    this.#stopping = true
    this.#cancelIntroduction()
    this.#dialer.closeAll('the Master stops')
  }

  /** One incarnation, from STANDBY to the end of its leadership. */
  #live(handedOver = false): void {
    const { frame, recovery, config, address, clock, timers, random, newWriteId, tell } = this.#options
    const { system, gateway, incarnation, log } = frame
    this.#current = new MasterIncarnation({
      system,
      gateway,
      incarnation,
      recovery,
      recordCache: this.#recordCache,
      store: this.#store,
      config: { ...config, address, masters: [...this.#masters] },
      hearsay: this.#hearsay,
      holdOffMs: handedOver ? limits.handOverHoldOffMs : 0,
      clock,
      timers,
      random,
      log,
      newWriteId,
      mayHandOver: () => clock.monotonicMs() - this.#handedOverAtMs >= limits.handOverEveryMs,
      probe: async (host, port) => (await this.#probeMaster(host, port, '')) === 'gone',
      probeMaster: (at, owner) => {
        const { host, port } = parseActorAddress(at)
        return this.#probeMaster(host, port, owner)
      },
      onMastersObserved: (addresses) => this.learn(addresses),
      onEpoch: (epoch, leads) => this.#epoch(epoch, leads),
      onAlive: () => tell({ event: 'ready' }),
      onUnrecoverable: (error) => frame.fail(error),
      onRevoked: (handedOver) => void this.#revoked(handedOver),
      onSucceeded: () => this.#succeeded(),
    })
  }

  #epoch(epoch: number, leads: boolean): void {
    const { tell, onStandby } = this.#options
    tell({ event: 'epoch', epoch, leads })
    if (leads) return
    tell({ event: 'ready' })
    onStandby()
  }

  /** The leadership is over, whatever the reason: a fresh STANDBY takes its place, under a new incarnation. */
  async #revoked(handedOver: boolean): Promise<void> {
    const { frame, clock } = this.#options
    const current = this.#current
    if (!current || this.#stopping) return
    if (handedOver) this.#handedOverAtMs = clock.monotonicMs()
    // An agent of a CUSTOM module keeps what it has heard to itself.
    this.#hearsay.claim(current.observed)
    frame.renew('its leadership is over')
    await current.end()
    if (this.#stopping) return
    this.#live(handedOver)
    frame.admitEarly()
    this.#dialer.retryNow()
  }

  #openDialer(): Dialer {
    const { frame, key, clock, timers, random, dialWith } = this.#options
    const { log, linkDeadMs, identity } = frame
    return new Dialer({
      identity,
      role: 'node',
      subject: MASTER_SUBJECT,
      key,
      deadMs: linkDeadMs,
      clock,
      timers,
      random,
      dialWith,
      onLink: (_, link) => frame.admit(link),
      onRefused: (address, { code, message }) =>
        log.error('another Master refuses this one', { address, code, reason: message }),
      onInvalid: (address, { detail, count }) =>
        log.warn('a Master sent what cannot be read', { address, detail, count }),
    })
  }

  /** Of two Masters the smaller address dials (protocol R0). */
  #dialOthers(): void {
    for (const address of this.#masters) if (address > this.#options.address) this.#dialer.open(address)
  }

  #introduceLater(): void {
    this.#cancelIntroduction = this.#options.timers.after(limits.introduceMs, () => {
      this.#introduceLater()
      this.#introduce()
    })
  }

  /** Who should dial this Master and has not may not know of it: one link, which that one's own soon replaces. */
  #introduce(): void {
    const { frame, address: own, key, dialWith } = this.#options
    const linked = new Set<string>()
    for (const { peer } of frame.gateway.links) linked.add(`firesteel://${peer.advertise}`)
    for (const address of this.#masters) {
      if (address >= own || linked.has(address)) continue
      const { identity, gateway, linkDeadMs: deadMs } = frame
      const at = parseActorAddress(address)
      dialWith({ ...at, identity, role: 'node', subject: MASTER_SUBJECT, key, deadMs }).then(
        (link) => (gateway === frame.gateway ? frame.admit(link) : link.close('too late')),
        () => {},
      )
    }
  }

  /** `gone`: the kernel refuses, or another process answers. Silence or a failed handshake proves nothing (protocol 9). */
  async #probeMaster(host: string, port: number, owner: string): Promise<ProbeResult> {
    const { frame, config, key, dialWith } = this.#options
    const identity = { cluster: config.cluster, incarnation: `${frame.incarnation}-probe` }
    try {
      const link = await dialWith({ host, port, identity, role: 'node', key })
      const { incarnation } = link.peer
      link.close('a probe')
      return owner !== '' && incarnation !== owner ? 'gone' : 'alive'
    } catch (error) {
      return error instanceof DialError && error.refused ? 'gone' : 'unknown'
    }
  }

  #within(work: Promise<void>, ms: number): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.#options.timers.after(ms, resolve)
      void work.then(() => {
        cancel()
        resolve()
      })
    })
  }
}

const MASTERS_MAX = innerLimits.masters
