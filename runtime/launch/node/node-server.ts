import type { Hono } from 'hono'
import { splitHostPort } from '../../addresses.js'
import { systemClock } from '../../clock.js'
import { FiresteelError, reasonOf } from '../../errors.js'
import type { NodeHealth } from '../../http/health.js'
import { createHttpServer, type HttpServer } from '../../http/server.js'
import { innerLimits } from '../../inner-limits.js'
import { limits } from '../../limits.js'
import { EventLoopWatch } from '../../metrics/event-loop-watch.js'
import type { MetricsSource } from '../../metrics/metrics-page.js'
import { NodeMetrics } from '../../metrics/node-metrics.js'
import type { Audit } from '../../observe/audit.js'
import type { Logger } from '../../observe/log.js'
import { ThrottledLog } from '../../observe/log-throttle.js'
import { createLogger, prepareLogger } from '../../observe/logger.js'
import type { Session, Sessions } from '../../pages/sessions.js'
import type { Position } from '../../persistence/engine.js'
import type { ActorSystem } from '../../system/actor-system.js'
import { logDeadLetters } from '../../system/dead-letters.js'
import type { Message } from '../../system/ref.js'
import { createSystem } from '../../system/system.js'
import { defectError } from '../../system-error.js'
import type { NodeSpans } from '../../telemetry/node-spans.js'
import type { NodeTracing } from '../../telemetry/otlp.js'
import { traceIdOf } from '../../telemetry/trace-context.js'
import type { TlsSource } from '../../tls/tls-source.js'
import { TraceRing } from '../../trace/ring.js'
import { acceptorKeys } from '../../transport/acceptor-keys.js'
import { Gateway, type GatewayOptions } from '../../transport/gateway.js'
import { type RefusalCode, refusalCodes } from '../../transport/handshake-message.js'
import {
  formatAddress,
  isNodeRole,
  type LocalIdentity,
  newIncarnation,
  type PeerIdentity,
  type Role,
} from '../../transport/identity.js'
import type { Link } from '../../transport/link.js'
import { type Listener, listen } from '../../transport/listen.js'
import { PeerComplaints } from '../../transport/peer-complaints.js'
import { isCodeSubject, roleOf } from '../../transport/token.js'
import { ToldTokens } from '../../transport/told-tokens.js'
import { dialedWebHost } from '../config/web-host.js'
import { openAudit } from './node-audit.js'
import { nodeSessions } from './node-sessions.js'
import type { NodePlace, NodeSpec } from './node-spec.js'
import { openNodeTls } from './node-tls.js'

export interface NodeServerOptions {
  readonly check: GatewayOptions['check']
  readonly isQuestion: (type: string) => boolean
  readonly admit: (peer: PeerIdentity, type: string) => boolean
  /** Path of the actor behind a peer. */
  readonly remotePath: (peer: PeerIdentity) => string
  /** Drivers, and Workers that have a token, dial Masters. Such a Worker dials others for code alone. */
  readonly isMaster: boolean
  /** True: a peer that has proved its key is refused all the same. Absent: as its token says. */
  readonly isOver?: (peer: Pick<PeerIdentity, 'role' | 'subject'>) => boolean
  /** Position in the envelopes that it sends. A Worker leads nothing and has none. */
  readonly position: () => Position | undefined
  /** A link that carries code. Absent: this node takes none. */
  readonly onCodeLink?: (link: Link) => void
  /** The highest leadership that it knows of, for its log. */
  readonly epoch: () => number
  /** That of the process before, which this one goes on as; default: a new one. */
  readonly incarnation?: string | undefined
}

/**
 * The common part of every node process: log, actor system, the port of its actors, HTTP, and the end of all
 * of them.
 */
export class NodeServer<M extends Message> {
  readonly log: Logger
  readonly system: ActorSystem
  /** Rejects when the node cannot go on; never resolves. */
  readonly failed: Promise<never>
  readonly linkDeadMs: number
  readonly metrics = new NodeMetrics(refusalCodes)
  /** Undefined: no TLS. */
  readonly tls: TlsSource | undefined
  readonly tokens = new ToldTokens(systemClock.wallMs)
  /** Undefined: it writes none. */
  readonly audit: Audit | undefined
  readonly #loop = new EventLoopWatch()
  readonly #spec: NodeSpec
  readonly #options: NodeServerOptions
  readonly #throttle: ThrottledLog
  readonly #complaints: PeerComplaints
  #incarnation: string
  #gateway: Gateway<M>
  /** Links that came before the node's actor exists. They wait for it. */
  #early: Link[] | undefined = []
  #listener: Listener | undefined
  #http: HttpServer | undefined
  #sessions: Sessions | undefined
  #laterTimer: NodeJS.Timeout | undefined
  #credentialTimer: NodeJS.Timeout | undefined
  readonly #codeLinks = new Set<Link>()
  #tracing: NodeTracing | undefined
  #health: NodeHealth = 'starting'
  #fail: (error: Error) => void = () => {}

  constructor(spec: NodeSpec, options: NodeServerOptions) {
    this.#spec = spec
    this.#options = options
    this.#incarnation = options.incarnation ?? newIncarnation(spec.name)
    this.linkDeadMs = Math.max(limits.linkDeadMs, 2 * spec.leaseMs)
    this.log = createLogger({
      ...spec.logging,
      fields: { role: spec.role, node: spec.name },
      moment: () => ({ epoch: options.epoch(), ...this.#handling() }),
    })
    this.#throttle = new ThrottledLog(this.log)
    this.audit = openAudit(spec, this.#throttle)
    this.#complaints = new PeerComplaints(this.#throttle, this.metrics)
    this.failed = new Promise<never>((_, reject) => {
      this.#fail = reject
    })
    this.failed.catch(() => {})
    this.system = createSystem({
      name: this.#systemName(spec.port),
      clock: systemClock,
      epoch: () => options.position()?.epoch ?? 0,
      seq: () => options.position()?.seq,
      ring: new TraceRing(spec.traceRing),
      onDeadLetter: logDeadLetters(this.#throttle),
      onFailure: ({ error, path, message, outcome }) => {
        this.log.error('an actor failed', { path, message, outcome, error })
        // Its supervisor restarted the actor. Every other end of an actor ends the node.
        if (outcome !== 'restarted')
          this.fail(defectError(`the actor ${path} failed: ${reasonOf(error)}`, error))
      },
    })
    this.#gateway = this.#newGateway()
    this.tls = spec.tls
      ? openNodeTls({ ...spec, tls: spec.tls }, this.log, this.metrics.tlsReloads)
      : undefined
  }

  /** The incarnation of the node's actor. `renew` begins another. */
  get incarnation(): string {
    return this.#incarnation
  }

  get gateway(): Gateway<M> {
    return this.#gateway
  }

  /** How this node names itself to peers now. */
  readonly identity = (): LocalIdentity => {
    const { cluster, advertise } = this.#spec
    const known = this.port > 0 && { advertise: formatAddress(advertise, this.port) }
    return { cluster, incarnation: this.#incarnation, ...known }
  }

  /**
   * Begins a new incarnation. Every link of the old one is closed, and its gateway reaches nobody any more.
   */
  renew(reason: string): void {
    const former = this.#gateway
    this.#incarnation = newIncarnation(this.#spec.name)
    this.#gateway = this.#newGateway()
    // Links that come before the new actor is served wait for it.
    this.#early ??= []
    former.closeAll(reason)
  }

  /**
   * The message that is being handled, as `firesteel trace` names it, and the trace of OpenTelemetry that it
   * belongs to. Lines of no message have none.
   */
  #handling(): { readonly trace?: number; readonly traceId?: string } {
    const { trace, context } = this.system.handling ?? {}
    if (trace === undefined) return {}
    return context === undefined ? { trace } : { trace, traceId: traceIdOf(context) }
  }

  #newGateway(): Gateway<M> {
    const { check, admit, isQuestion, remotePath } = this.#options
    return new Gateway<M>({
      system: this.system,
      check,
      admit,
      isQuestion,
      remotePath,
      onRejected: this.#complaints.dropped,
    })
  }

  fail(error: Error): void {
    this.#health = 'failed'
    this.#fail(error)
  }

  /** The answer of `/healthz`. */
  readonly health = (): NodeHealth => this.#health

  /** Logs why this process ends. Resolves when the whole log is written. */
  async abandon(reason: unknown): Promise<void> {
    this.#health = 'failed'
    this.#throttle.close()
    this.log.error('this node ends: it cannot go on', { error: reason })
    await this.log.close()
  }

  /** Where its spans go; undefined: it has no tracing.otlp. Rejects with OTLP_MISSING. */
  async openTracing(): Promise<NodeSpans | undefined> {
    const { otlp: url, cluster, role, name: node } = this.#spec
    if (url === null) return undefined
    const { openTracing } = await import('../../telemetry/otlp.js')
    const { log, incarnation } = this
    this.#tracing = await openTracing({ url, cluster, role, node, incarnation, log })
    return this.#tracing
  }

  /** Opens the port of the actors. Returns firesteel://host:port, as others reach it. */
  async listen(): Promise<string> {
    const { secret, host, port } = this.#spec
    this.#listener = await listen({
      host,
      port,
      identity: this.identity,
      keyFor: acceptorKeys(secret, this.#options.isMaster),
      refuses: this.#refuses,
      tls: this.tls,
      // A driver's event loop belongs to its user (protocol L4).
      deadMsFor: ({ role }) => (isNodeRole(role) ? this.linkDeadMs : limits.driverLinkDeadMs),
      onLink: (link) => this.admit(link),
      onRejected: (rejection) => {
        this.#complaints.turnedAway(rejection)
        const { address: from, code, detail } = rejection
        const kind = `link:${splitHostPort(from).host}:${code}`
        this.audit?.refused(kind, { event: 'link', from, outcome: 'refused', code, detail })
      },
      onInvalid: ({ peer, detail }) => this.#complaints.unreadable(peer, detail),
    })
    this.#credentialTimer = setInterval(() => this.#closeEnded(), limits.credentialLookMs).unref()
    this.system.name = this.#systemName(this.#listener.port)
    return `firesteel://${formatAddress(this.#spec.advertise, this.#listener.port)}`
  }

  readonly #refuses = (role: Role, subject?: string): RefusalCode | undefined => {
    const peer = { role, ...(subject !== undefined && { subject }) }
    const isOver = this.#options.isOver ?? (() => this.tokens.refuses(subject))
    return this.tokens.hasEnded(subject) || isOver(peer) ? 'CREDENTIAL_ENDED' : undefined
  }

  /** Who was let in before its credential ended. */
  #closeEnded(): void {
    for (const link of [...this.gateway.links, ...this.#codeLinks])
      if (this.#refuses(link.peer.role, link.peer.subject))
        link.close('its credential is not in force any more')
  }

  get port(): number {
    return this.#listener?.port ?? this.#spec.port
  }

  /** Of its pages. */
  get sessions(): Sessions {
    if (!this.#sessions) throw new FiresteelError('ASK_TIMEOUT', 'the node is starting')
    return this.#sessions
  }

  /** Somebody signed in to its pages, from there. */
  sessionBegan(from: string, { subject }: Pick<Session, 'subject'>): void {
    const who = { from, role: roleOf(subject), ...(subject !== undefined && { token: subject }) }
    this.log.info('a session of the pages began', who)
    this.audit?.done({ event: 'session', ...who, outcome: 'done' })
  }

  /** Of HTTP, once it is served. */
  get webPort(): number {
    return this.#http?.port ?? (this.#spec.web || 0)
  }

  /** A node that this one dialled sent what cannot be read. */
  readonly onUnreadable = (): void => this.metrics.dropped.add('unreadable')

  /**
   * Returns the URL; null: this node has no HTTP. `routes` and `metrics`, those of its role, are made later,
   * because no start of a node needs them. `friends` are the origins of other Masters' pages.
   */
  async serveHttp(
    routes: () => Promise<Hono>,
    metrics: () => Promise<MetricsSource>,
    friends: () => readonly string[] = () => [],
  ): Promise<string | null> {
    const { host, web, webHost = host, advertise } = this.#spec
    if (web === false) return null
    this.#http = await createHttpServer({
      host: webHost,
      port: web,
      tls: this.tls,
      routes: async () => this.#monitored(await routes(), await metrics()),
      allowedHosts: [advertise],
      friends,
      onError: (error) => this.log.error('an HTTP request failed', { error }),
      onRefused: (from, reason) =>
        this.#throttle.warn(`http:${from}`, 'an HTTP connection was refused', { address: from, reason }),
    })
    const url = `${this.tls ? 'https' : 'http'}://${formatAddress(dialedWebHost(this.#spec), this.#http.port)}`
    this.#sessions = nodeSessions(
      this.#spec,
      url,
      (subject) => this.#refuses('client', subject) !== undefined,
    )
    return url
  }

  async #monitored(routes: Hono, ofRole: MetricsSource): Promise<Hono> {
    const { role, monitoring } = this.#spec
    const { nodeMetricsPage } = await import('./node-metrics-page.js')
    const { system, metrics: node } = this
    const links = () => this.gateway.links
    const page = nodeMetricsPage({ role, system, node, loop: this.#loop, links, tls: this.tls }, ofRole)
    const { withMonitoring } = await import('../../http/monitoring.js')
    return withMonitoring(routes, page, monitoring)
  }

  /** The node's actor is served now. Admits the links that waited, and says where the node listens. */
  opened(address: string, web: string | null): NodePlace {
    this.admitEarly()
    if (this.#health === 'starting') this.#health = 'ok'
    this.#laterTimer = setTimeout(() => void this.#loadTheRest(), innerLimits.loadTheRestMs).unref()
    return { address, web, rest: null, port: this.port, webPort: this.#http?.port ?? 0 }
  }

  /**
   * Loads what the start did not need, so that neither the first request nor the first warning waits for it,
   * and nothing has to be read from a disk that fails later.
   */
  async #loadTheRest(): Promise<void> {
    try {
      prepareLogger()
      await this.#http?.prepare()
    } catch (error) {
      this.log.warn('a part of this program cannot be loaded', { error })
    }
  }

  /** Admits a link once the node's actor is served. */
  admit(link: Link): void {
    if (isCodeSubject(link.peer.subject)) this.#admitCode(link)
    else if (this.#early) this.#early.push(link)
    else this.gateway.attach(link)
  }

  #admitCode(link: Link): void {
    const { onCodeLink } = this.#options
    if (onCodeLink) {
      this.#codeLinks.add(link)
      link.whenEnded(() => this.#codeLinks.delete(link))
      onCodeLink(link)
    } else link.close('this node takes no code')
  }

  /** The node's actor is served: admits the links that waited. */
  admitEarly(): void {
    const early = this.#early ?? []
    this.#early = undefined
    for (const link of early) this.gateway.attach(link)
  }

  /** Stops accepting connections. Open links stay open. */
  async stopAccepting(): Promise<void> {
    await this.#listener?.close()
  }

  async close(reason: string): Promise<void> {
    clearTimeout(this.#laterTimer)
    clearInterval(this.#credentialTimer)
    this.#loop.close()
    this.tls?.close()
    await this.stopAccepting()
    this.gateway.closeAll(reason)
    await this.#http?.close()
    await this.system.shutdown()
    await this.#tracing?.close()
    await this.audit?.close()
    this.#throttle.close()
    await this.log.close()
  }

  #systemName(port: number): string {
    return `firesteel://${this.#spec.cluster}@${formatAddress(this.#spec.advertise, port)}`
  }
}
