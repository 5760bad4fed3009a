import { parseActorAddress } from '../../runtime/addresses.js'
import type { Clock } from '../../runtime/clock.js'
import { FiresteelError } from '../../runtime/errors.js'
import { innerLimits } from '../../runtime/inner-limits.js'
import { limits } from '../../runtime/limits.js'
import type { Log } from '../../runtime/observe/log.js'
import { RecordCache } from '../../runtime/persistence/record-cache.js'
import type { ActorSystem } from '../../runtime/system/actor-system.js'
import { type Cancel, type TimerSource, within } from '../../runtime/timers.js'
import type { TlsSource } from '../../runtime/tls/tls-source.js'
import type { TracedMessage } from '../../runtime/trace/merged-trace.js'
import { type MessageSearch, newestMessages } from '../../runtime/trace/newest-messages.js'
import { messagesOfTrace, relatedMessages } from '../../runtime/trace/related-messages.js'
import type { NewestMessages } from '../../runtime/trace/ring.js'
import { DialError, type DialOptions } from '../../runtime/transport/dial.js'
import { Dialer } from '../../runtime/transport/dialer.js'
import type { Gateway } from '../../runtime/transport/gateway.js'
import { type LocalIdentity, MASTER_SUBJECT } from '../../runtime/transport/identity.js'
import type { Link } from '../../runtime/transport/link.js'
import type { ProbeResult } from '../election/election-events.js'
import { Hearsay } from '../election/hearsay.js'
import type { MasterMessage } from '../messages/catalogue.js'
import type { Position } from '../messages/common.js'
import { periodicMessages, questionMessages } from '../messages/trace.js'
import type { Peer } from './access.js'
import { isAboutApplication, isAboutDriver } from './committed.js'
import { type Leadership, LeadershipHistory } from './leadership-history.js'
import type { MasterConfig } from './master-config.js'
import type { MasterEvent, MasterListener } from './master-event.js'
import { MasterIncarnation } from './master-incarnation.js'
import { MasterMetrics } from './master-metrics.js'
import type { MasterOptions } from './master-options.js'
import type { MasterRecovery } from './master-recovery.js'
import type { NewCore } from './replay/flight-recorder.js'

/** Of one driver, failover or trace, for its page. */
const MOST_MESSAGES = innerLimits.pageTraceMessages

/** What names a driver or an application, and is no part of what happened to it. */
const untold: ReadonlySet<string> = new Set([...questionMessages, ...periodicMessages])

/** What a MasterHost needs from its node, which has one incarnation and one gateway at a time. */
export interface MasterHostNode {
  readonly system: ActorSystem
  readonly gateway: Gateway<MasterMessage>
  readonly incarnation: string
  readonly identity: () => LocalIdentity
  readonly linkDeadMs: number
  /** Absent: no TLS. */
  readonly tls?: TlsSource | undefined
  readonly log: Log
  renew(reason: string): void
  admit(link: Link): void
  admitEarly(): void
  fail(error: Error): void
  /** A frame of another Master could not be read. */
  readonly onUnreadable?: () => void
}

export interface MasterHostOptions {
  readonly node: MasterHostNode
  readonly recovery: MasterRecovery
  /** `firesteel://host:port` of this Master. */
  readonly address: string
  /** Addresses of all Masters known so far. */
  readonly masters: readonly string[]
  /** The highest position observed in earlier processes of this node. */
  readonly observed: Position
  readonly config: Omit<MasterConfig, 'address' | 'masters'>
  readonly key: Buffer
  readonly clock: Clock
  readonly timers: TimerSource
  /** In [0, 1). */
  readonly random: () => number
  readonly newWriteId: () => string
  readonly dialWith: (options: DialOptions) => Promise<Link>
  /** Of all its incarnations. */
  readonly listener: MasterListener
  readonly pageTicket?: MasterOptions['pageTicket']
  readonly secrets?: MasterOptions['secrets']
  readonly onDecided?: MasterOptions['onDecided']
  readonly onSecretAnswer?: MasterOptions['onSecretAnswer']
  readonly spans?: MasterOptions['spans']
  /** Makes the cores of its incarnations. Absent: none that is recorded. */
  readonly newCore?: NewCore
}

/**
 * A Master's process among the Masters: one incarnation of its actor after another, the links to the other
 * Masters, and what outlives an incarnation. Sockets, store and time are passed in, so that the simulator
 * runs the same code.
 */
export class MasterHost {
  readonly metrics = new MasterMetrics()
  readonly #options: MasterHostOptions
  readonly #leaderships = new LeadershipHistory()
  readonly #recordCache = new RecordCache(limits.recordCacheGraceMs)
  readonly #store = { wasFit: false }
  readonly #masters: Set<string>
  readonly #forgotten = new Set<string>()
  readonly #dialer: Dialer
  #cancelIntroduction: Cancel = () => {}
  #current: MasterIncarnation | undefined
  /** Shared by all its incarnations. */
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

  /** The records that this process could give back to a store that forgot them. */
  get recordCache(): RecordCache {
    return this.#recordCache
  }

  /** Starts the first incarnation. */
  begin(): void {
    this.#start()
  }

  /** Links to the other Masters. Waiting connections have been admitted before. */
  join(): void {
    this.#dialOthers()
    this.#introduceLater()
  }

  snapshot() {
    return this.#shell.shown.snapshot()
  }

  /** For metrics. */
  gauges() {
    return this.#shell.shown.gauges()
  }

  /** The present state, without rows. */
  head() {
    return this.#shell.shown.head()
  }

  get #shell() {
    if (!this.#current) throw new FiresteelError('NOT_LEADER', 'the Master is starting')
    return this.#current.shell
  }

  /** What is in use; undefined: this Master does not lead. */
  usage() {
    return this.#current?.shell.shown.usage()
  }

  /** The newest election of this Master and what it led to, without what actors tell themselves. */
  failover(): readonly TracedMessage[] {
    const { ring } = this.#options.node.system
    let elected: object | undefined
    ring?.snapshot(({ message }) => {
      if (message.type === 'ElectedLeader') elected = message
      return false
    })
    if (!ring || !elected) return []
    return relatedMessages(ring, (message) => message === elected, { most: MOST_MESSAGES, toOthers: true })
  }

  /** What this Master said and heard about a driver or an application, for its page. */
  messagesOf(id: string): readonly TracedMessage[] {
    const { ring } = this.#options.node.system
    const isAbout = id.startsWith('driver-') ? isAboutDriver : isAboutApplication
    return ring
      ? relatedMessages(ring, (message) => !untold.has(message.type) && isAbout(message, id), {
          most: MOST_MESSAGES,
        })
      : []
  }

  /** Undefined: this Master keeps no trace. */
  newestMessages(search: MessageSearch): NewestMessages | undefined {
    const { ring } = this.#options.node.system
    return ring && newestMessages(ring, search)
  }

  /** What this Master said and heard in one trace. */
  messagesOfTrace(trace: number): readonly TracedMessage[] {
    const { ring } = this.#options.node.system
    return ring ? messagesOfTrace(ring, trace, MOST_MESSAGES) : []
  }

  /** Which Masters have led, as far as this process has seen it, oldest first. */
  leaderships(): readonly Leadership[] {
    return this.#leaderships.entries
  }

  /** All that is known of one thing, as far as this Master's cluster state has it. */
  detailed(id: string) {
    return this.#current?.shell.shown.detailed(id) ?? {}
  }

  /** What an application says of its tasks. */
  taskStream(appId: string) {
    return this.#current?.shell.taskStreams.of(appId)
  }

  /** At the handshake of a peer that has proved its key: true, it is not in force any more. */
  isOver(peer: Peer): boolean {
    return this.#current?.shell.shown.isOver(peer) ?? false
  }

  /** Where an output lies. */
  logHomes(id: string) {
    return this.#current?.shell.shown.logHomes(id) ?? []
  }

  /** These Masters were taken out of the deployment. Peers that have not heard of it may still name them. */
  forget(addresses: readonly string[]): void {
    const before = this.#masters.size
    for (const address of addresses) {
      if (address === this.#options.address) continue
      this.#forgotten.add(address)
      this.#masters.delete(address)
      this.#dialer.close(address, 'it is no Master any more')
    }
    if (this.#masters.size < before) this.#current?.mastersKnown([...this.#masters])
  }

  /** Adds Masters that the launcher names. */
  learn(addresses: readonly string[]): void {
    for (const address of addresses) this.#forgotten.delete(address)
    this.#hear(addresses)
  }

  /** Adds Masters that peers name. */
  #hear(addresses: readonly string[]): void {
    const before = this.#masters.size
    for (const address of addresses) {
      if (this.#masters.size < MASTERS_MAX && !this.#forgotten.has(address)) this.#masters.add(address)
    }
    if (this.#masters.size === before) return
    this.#current?.mastersKnown([...this.#masters])
    this.#dialOthers()
  }

  /**
   * Stops. A leader hands over first and stays until another is ALIVE: peers learn from it where to go, and
   * neither its end nor the process that may follow it takes processors from the recovery (protocol 13).
   */
  async stop(): Promise<void> {
    this.#stopping = true
    const succeeded = new Promise<void>((resolve) => {
      this.#succeeded = resolve
    })
    const handedOver = (await this.#current?.resign('the Master stops')) ?? false
    if (handedOver) await within(succeeded, limits.handOverLingerMs, this.#options.timers)
  }

  close(): void {
    this.#stopping = true
    this.#cancelIntroduction()
    this.#dialer.closeAll('the Master stops')
  }

  /** One incarnation, from STANDBY to the end of its leadership. */
  #start(handedOver = false): void {
    const { node, recovery, config, address, clock, timers, random, newWriteId } = this.#options
    const { pageTicket, secrets, onDecided, onSecretAnswer, spans, newCore } = this.#options
    const { system, gateway, incarnation, log } = node
    this.#current = new MasterIncarnation({
      system,
      gateway,
      incarnation,
      recovery,
      recordCache: this.#recordCache,
      store: this.#store,
      metrics: this.metrics,
      config: { ...config, address, masters: [...this.#masters] },
      hearsay: this.#hearsay,
      // It has handed over because it hears too few Workers: any other Master leads better.
      holdOffMs: handedOver ? config.leaseMs : 0,
      clock,
      timers,
      random,
      log,
      newWriteId,
      mayHandOver: () => clock.monotonicMs() - this.#handedOverAtMs >= limits.handOverEveryMs,
      probe: async (host, port, join) => (await this.#probe(host, port, '', this.#keyAt(join))) === 'gone',
      probeMaster: (at, owner) => {
        const { host, port } = parseActorAddress(at)
        return this.#probe(host, port, owner)
      },
      listener: (event) => this.#observed(event),
      ...(pageTicket && { pageTicket }),
      secrets,
      onDecided,
      onSecretAnswer,
      spans,
      ...(newCore && { newCore: (config) => newCore(config, incarnation) }),
    })
  }

  #observed(event: MasterEvent): void {
    const { clock, address } = this.#options
    this.metrics.observed(event, clock.monotonicMs())
    this.#leaderships.observed(event, address, clock.wallMs())
    switch (event.event) {
      case 'mastersObserved':
        this.#hear(event.addresses)
        break
      case 'tokensInForce':
        // Its node acts on it.
        break
      case 'revoked':
        void this.#revoked(event.handedOver)
        break
      case 'succeeded':
        this.#succeeded()
        break
      case 'unrecoverable':
        this.#options.node.fail(event.error)
        break
      case 'elected':
      case 'alive':
      case 'leaderObserved':
      case 'leaderGone':
      case 'hindered':
        // For the node, and for what its pages tell.
        break
    }
    this.#options.listener(event)
  }

  /** The leadership has ended, for whatever reason. A new STANDBY begins, under a new incarnation. */
  async #revoked(handedOver: boolean): Promise<void> {
    const { node, clock } = this.#options
    const current = this.#current
    if (!current || this.#stopping) return
    if (handedOver) this.#handedOverAtMs = clock.monotonicMs()
    // The agent of a CUSTOM module does not share `hearsay`, so its position is taken over here.
    this.#hearsay.claim(current.observed)
    node.renew('its leadership is over')
    await current.end()
    if (this.#stopping) return
    this.#start(handedOver)
    node.admitEarly()
    this.#dialer.retryNow()
  }

  #openDialer(): Dialer {
    const { node, key, clock, timers, random, dialWith } = this.#options
    const { log, linkDeadMs, identity, tls } = node
    return new Dialer({
      identity,
      role: 'node',
      subject: MASTER_SUBJECT,
      key,
      tls,
      deadMs: linkDeadMs,
      clock,
      timers,
      random,
      dialWith,
      onLink: (_, link) => node.admit(link),
      onRefused: (address, { code, message }) =>
        log.error('another Master refuses this one', { address, code, reason: message }),
      onInvalid: (address, { detail, count }) => {
        node.onUnreadable?.()
        log.warn('a Master sent what cannot be read', { address, detail, count })
      },
    })
  }

  /** Dials the other Masters. Of two Masters the one with the smaller address dials (protocol R0). */
  #dialOthers(): void {
    for (const address of this.#masters) if (address > this.#options.address) this.#dialer.open(address)
  }

  #introduceLater(): void {
    this.#cancelIntroduction = this.#options.timers.after(limits.introduceMs, () => {
      this.#introduceLater()
      this.#introduce()
    })
  }

  /**
   * A Master that should dial this one may not know its address. This opens one link, which its own link
   * replaces.
   */
  #introduce(): void {
    const { node, address: own, key, dialWith } = this.#options
    const linked = new Set<string>()
    for (const { peer } of node.gateway.links) linked.add(`firesteel://${peer.advertise}`)
    for (const address of this.#masters) {
      if (address >= own || linked.has(address)) continue
      const { identity, gateway, tls, linkDeadMs: deadMs } = node
      const at = parseActorAddress(address)
      dialWith({ ...at, identity, role: 'node', subject: MASTER_SUBJECT, key, tls, deadMs }).then(
        (link) => (gateway === node.gateway ? node.admit(link) : link.close('too late')),
        () => {},
      )
    }
  }

  #keyAt(join: string | undefined): Buffer | undefined {
    return join === undefined ? undefined : this.#options.secrets?.nodeKeyAt(join)
  }

  /**
   * `gone`: the kernel refuses, or another process answers. Silence or a failed handshake proves nothing
   * (protocol 9).
   */
  async #probe(host: string, port: number, owner: string, key = this.#options.key): Promise<ProbeResult> {
    const { node, config, dialWith } = this.#options
    const identity = { cluster: config.cluster, incarnation: `${node.incarnation}-probe` }
    try {
      const link = await dialWith({ host, port, identity, role: 'node', key, tls: node.tls })
      const { incarnation } = link.peer
      link.close('a probe')
      return owner !== '' && incarnation !== owner ? 'gone' : 'alive'
    } catch (error) {
      return error instanceof DialError && error.refused ? 'gone' : 'unknown'
    }
  }
}

/** The most Masters that a message names. */
const MASTERS_MAX = innerLimits.masters
