import { randomBytes } from 'node:crypto'
import { formatHostPort, parseActorAddress } from '../../runtime/addresses.js'
import { backoffMs } from '../../runtime/backoff.js'
import { type Clock, systemClock } from '../../runtime/clock.js'
import { FiresteelError, reasonOf } from '../../runtime/errors.js'
import { limits } from '../../runtime/limits.js'
import { type Log, silentLog } from '../../runtime/observe/log.js'
import type { Envelope } from '../../runtime/system/envelope.js'
import { defectError } from '../../runtime/system-error.js'
import type { TraceContext } from '../../runtime/telemetry/trace-context.js'
import { activeContext } from '../../runtime/telemetry/tracing-api.js'
import { systemTimers } from '../../runtime/timers.js'
import { dial } from '../../runtime/transport/dial.js'
import type { DialerOptions } from '../../runtime/transport/dialer.js'
import { type Gateway, type LinkMessage, peerOf } from '../../runtime/transport/gateway.js'
import { IncarnationKey } from '../../runtime/transport/incarnation-key.js'
import type { Link } from '../../runtime/transport/link.js'
import { unseal } from '../../runtime/transport/sealed.js'
import type { ClientMessage, FromLauncher } from '../messages/catalogue.js'
import type { LogLocation, RequestLog, StopLog } from '../messages/status.js'
import type { RequestTrace, TraceChunk } from '../messages/trace.js'
import { pagesOf } from './answer-pages.js'
import { CLIENT_ACTOR, MASTER_PATH } from './client-actor.js'
import { ClientTransport } from './client-transport.js'
import { type Credential, isTokenOver, type LauncherCredential } from './credential.js'
import { dialProblem } from './dial-problem.js'
import type { FoundCluster } from './find-cluster.js'
import { LogReader } from './log-reader.js'
import { type DialEffect, type KnownMaster, type Leader, MasterLinks } from './master-links.js'
import { RequestPlan } from './request-plan.js'
import type { AnswerTo, MasterRequest } from './request-types.js'

/** `timers`, `random` and `dialWith` are for its links. The simulator gives its own. */
export interface MasterClientOptions
  extends Pick<FoundCluster, 'cluster' | 'masters' | 'absent'>,
    Pick<DialerOptions, 'timers' | 'random' | 'dialWith'> {
  readonly credential: Credential | LauncherCredential
  /** Default: one that is named after a key of its own. */
  readonly incarnation?: string
  /** Deadline of a request without one; default 30 s. */
  readonly masterTimeoutMs?: number
  readonly log?: Log
  readonly clock?: Clock
  /** The span that a request belongs to. Default: the caller's, if an SDK of OpenTelemetry is registered. */
  readonly context?: () => TraceContext | undefined
  /** Called whenever a Master says that it leads. */
  readonly onLeader?: () => void
  /** What the leader says without being asked. */
  readonly onMessage?: (message: ClientMessage) => void
}

export interface RequestOptions {
  readonly timeoutMs?: number
  readonly signal?: AbortSignal
}

const WORKER_PATH = '/user/Worker'

type Incoming = ClientMessage | LinkMessage

/** Sends requests to the leader, through failovers (protocol 15). Used by commands and the library. */
export class MasterClient {
  readonly #options: MasterClientOptions
  readonly #incarnation: string
  readonly #own: IncarnationKey | undefined
  readonly #clock: Clock
  readonly #timers: NonNullable<DialerOptions['timers']>
  readonly #transport: ClientTransport
  readonly #gateway: Gateway<ClientMessage>
  readonly #links: MasterLinks
  readonly #workers = new Set<string>()
  /** Address of a Worker -> the link to it. */
  readonly #workerLinks = new Map<string, Promise<Link>>()
  readonly #logs = new Map<string, LogReader>()
  /** Called whenever the leader may have changed, or this client ends. */
  readonly #waiters = new Set<() => void>()
  /** The first refusal of a Master. */
  #refusal: FiresteelError | undefined
  #fatal: FiresteelError | undefined
  #closed = false

  /** Dials at once. It throws nothing: problems show in the requests. */
  constructor(options: MasterClientOptions) {
    const { cluster, masters, credential, log = silentLog, timers = systemTimers, random, dialWith } = options
    this.#options = options
    this.#own = options.incarnation === undefined ? new IncarnationKey('client') : undefined
    this.#incarnation = this.#own?.incarnation ?? options.incarnation ?? ''
    this.#clock = options.clock ?? systemClock
    this.#timers = timers
    this.#links = new MasterLinks(masters)
    this.#transport = new ClientTransport({
      cluster,
      incarnation: this.#incarnation,
      own: this.#own,
      credential,
      log,
      clock: this.#clock,
      timers,
      ...(random && { random }),
      ...(dialWith && { dialWith }),
      epoch: () => this.#links.epoch,
      context: options.context ?? activeContext,
      remotePath: ({ incarnation }) => (this.#workers.has(incarnation) ? WORKER_PATH : MASTER_PATH),
      onDefect: (error) => {
        log.error('the client failed', { error })
        this.#die(defectError(reasonOf(error), error))
      },
      onFailed: (address, error) => {
        this.#links.dialFailed(address, dialProblem(error), error.refused)
        this.#dieIfUnrecoverable()
      },
      onRefused: (address, error) => {
        const isForGood = isTokenOver(credential, error)
        if (isForGood || !this.#refusal) this.#refusal = error
        this.#links.refused(address, error.message, isForGood)
        this.#dieIfUnrecoverable()
      },
    })
    this.#gateway = this.#transport.gateway
    const self = this.#transport.system.spawn<Incoming>(CLIENT_ACTOR, () => ({
      receive: (message, envelope) => this.#receive(message, envelope),
    }))
    this.#gateway.serve(self)
    this.#open(this.#links.start())
  }

  /** Addresses of all Masters known so far. */
  get masters(): readonly string[] {
    return this.#links.addresses
  }

  /** The incarnation of this client, as the cluster knows it. */
  get incarnation(): string {
    return this.#incarnation
  }

  /** The leader, if it is linked. */
  get leader(): Leader | undefined {
    return this.#links.leader
  }

  /** Every address with its problem, for people. */
  describe(): string {
    return this.#links.describe()
  }

  /** Every known Master, leading or not, and the link to it. */
  get knownMasters(): readonly KnownMaster[] {
    return this.#links.masters
  }

  /**
   * Sends a request to the leader and returns the answer. Until the deadline it retries after NOT_LEADER,
   * BUSY, STORE_FULL, STORE_UNAVAILABLE and, once per epoch, after an unknown outcome. Then it rejects with
   * NO_MASTER, OUTCOME_UNKNOWN or the last refusal. It rejects at once with any other refusal of a Master,
   * SECRET_WRONG, CLUSTER_MISMATCH, VERSION_UNSUPPORTED, or the signal's reason. The state of a Master and
   * its launchers come in pages; this asks for all of them.
   */
  async request<R extends MasterRequest>(message: R, options: RequestOptions = {}): Promise<AnswerTo<R>> {
    const { timeoutMs = this.#options.masterTimeoutMs ?? limits.masterTimeoutMs, signal } = options
    const deadlineMs = this.#clock.monotonicMs() + timeoutMs
    const pages = pagesOf(message)
    for (;;) {
      const answer = await this.#requestUntil(pages?.request ?? message, deadlineMs, timeoutMs, signal)
      const whole = pages ? pages.add(answer as never) : answer
      if (whole) return whole as AnswerTo<R>
    }
  }

  async #requestUntil(
    message: MasterRequest,
    deadlineMs: number,
    timeoutMs: number,
    signal: AbortSignal | undefined,
  ): Promise<ClientMessage> {
    const plan = new RequestPlan(message.type)
    for (let tries = 0; ; tries++) {
      const leader = await this.#waitForLeader(plan, deadlineMs, signal)
      if (!leader) throw plan.expired(timeoutMs, this.#links.describe(), this.#links.advice)
      plan.sending(leader.epoch)
      try {
        const answer = await this.#ask(leader, message, deadlineMs, signal)
        if (leader.epoch >= this.#links.epoch) return answer
        plan.overtaken()
      } catch (error) {
        if (signal?.aborted || plan.failed(error) === 'final') throw error
      }
      const leftMs = deadlineMs - this.#clock.monotonicMs()
      const retryMs = backoffMs(tries, limits.requestRetryFirstMs, limits.requestRetryMs)
      // If another Master already leads, there is nothing to wait for.
      if (this.#links.epoch <= leader.epoch) await this.#pause(Math.min(retryMs, leftMs), signal)
      // A request sent at the last moment gets no answer in time, which would turn a refusal into an unknown
      // outcome.
      const isLast = leftMs <= retryMs && this.#links.epoch <= leader.epoch
      if (isLast && !this.#fatal && !signal?.aborted)
        throw plan.expired(timeoutMs, this.#links.describe(), this.#links.advice)
    }
  }

  /**
   * Asks one linked process, whether it leads or not. Rejects with LINK_CLOSED, ASK_TIMEOUT, or the code of
   * its refusal.
   */
  ask(incarnation: string, message: RequestTrace, options: RequestOptions = {}): Promise<TraceChunk> {
    return this.#gateway.ask<TraceChunk>(incarnation, message, options)
  }

  /** False: no leader is linked, so it was not sent. */
  tell(message: FromLauncher): boolean {
    const { leader } = this.#links
    return leader !== undefined && this.#gateway.send(leader.incarnation, message)
  }

  /** Links to the Worker at `address`, once; returns its incarnation. Rejects with the errors of dial(). */
  async linkWorker(address: string, timeoutMs: number): Promise<string> {
    return (await this.#linkTo(address, timeoutMs)).peer.incarnation
  }

  /** A Worker keeps one link to each client, so all streams of a client share it. */
  #linkTo(address: string, timeoutMs?: number): Promise<Link> {
    const known = this.#workerLinks.get(address)
    if (known) return known
    const linking = this.#dialWorker(address, timeoutMs)
    this.#workerLinks.set(address, linking)
    const forget = (): void => {
      if (this.#workerLinks.get(address) === linking) this.#workerLinks.delete(address)
    }
    linking.then((link) => link.whenEnded(forget), forget)
    return linking
  }

  /**
   * What this client proves to the Worker at `host:port`. One with a token of its own knows other keys than
   * the Masters do, and only a leader can tell them. Without a leader it is taken for one that knows the
   * same.
   */
  async credentialAt(worker: string): Promise<Credential | LauncherCredential> {
    const { credential } = this.#options
    if (credential.role !== 'client' || this.leader === undefined) return credential
    const question = { type: 'RequestWorkerCredential', worker } as const
    const answer = await this.request(question, { timeoutMs: limits.traceAskMs }).catch(() => undefined)
    if (!answer?.credential) return credential
    const key = Buffer.from(unseal(answer.credential, credential.key, worker), 'base64')
    return { ...credential, key }
  }

  async #dialWorker(address: string, timeoutMs: number | undefined): Promise<Link> {
    const { cluster } = this.#options
    const { host, port } = parseActorAddress(address)
    const credential = await this.credentialAt(formatHostPort({ host, port }))
    const identity = { cluster, incarnation: this.#incarnation, own: this.#own }
    const link = await dial({
      host,
      port,
      identity,
      ...credential,
      ...(timeoutMs !== undefined && { timeoutMs }),
    })
    this.#workers.add(link.peer.incarnation)
    this.#gateway.attach(link)
    return link
  }

  /**
   * The output of a driver or executor, from the Worker at `address` (LogLocation.worker). Rejects with the
   * errors of dial(). The iterator throws the Worker's refusal, or LINK_CLOSED.
   */
  async workerStream(
    address: string,
    request: Omit<RequestLog, 'type' | 'stream'>,
    signal?: AbortSignal,
  ): Promise<LogReader> {
    const { credential } = this.#options
    const isToken = credential.role === 'client' && credential.subject !== undefined
    // A Worker does not know whose work is whose: the leader says so, by way of this client.
    const asked = { ...(signal && { signal }) }
    const location = isToken
      ? await this.request({ type: 'RequestLogLocation', id: request.id }, asked)
      : undefined
    const link = await this.#linkTo(address)
    const worker = link.peer.incarnation
    const stream = randomBytes(8).toString('hex')
    const grant = grantFor(location, address)
    const requestLog: RequestLog = { type: 'RequestLog', stream, ...request, ...(grant && { grant }) }
    const stopLog: StopLog = { type: 'StopLog', stream }
    const reader = new LogReader(() => {
      this.#logs.delete(stream)
      this.#gateway.send(worker, stopLog)
      signal?.removeEventListener('abort', abort)
    })
    const abort = (): void => void reader.return()
    signal?.addEventListener('abort', abort, { once: true })
    link.whenEnded(({ detail }) =>
      reader.fail(
        new FiresteelError('LINK_CLOSED', `The link to the Worker ended: ${detail}.`, { place: address }),
      ),
    )
    this.#logs.set(stream, reader)
    if (signal?.aborted) abort()
    else this.#gateway.send(worker, requestLog)
    return reader
  }

  /** Releases every handle. Requests under way reject. */
  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    this.#fatal ??= new FiresteelError('ACTOR_STOPPED', 'The client was closed.')
    this.#wake()
    this.#transport.dialer.closeAll('this client ends')
    this.#gateway.closeAll('the client ends')
    await this.#transport.system.shutdown()
    this.#transport.throttle.close()
  }

  #receive(message: Incoming, envelope: Envelope): void {
    switch (message.type) {
      case 'LinkUp': {
        const { incarnation } = message.peer
        if (this.#workers.has(incarnation)) return
        this.#links.linkUp(incarnation, this.#transport.addressOf(incarnation))
        return
      }
      case 'LinkDown': {
        const { incarnation } = message.peer
        if (!this.#workers.delete(incarnation)) this.#links.linkDown(incarnation)
        return
      }
      case 'LogChunk':
        this.#logs.get(message.stream)?.take(message)
        return
      default:
        this.#fromMaster(message, envelope)
    }
  }

  #fromMaster(message: ClientMessage, envelope: Envelope): void {
    const from = peerOf(envelope)?.incarnation
    if (from === undefined || this.#workers.has(from)) return
    const decision = this.#links.observed(from, { epoch: envelope.epoch, seq: envelope.seq ?? 0 }, message)
    if (decision === 'stale') return
    this.#open(this.#links.learn(message))
    if (decision === 'leader') {
      this.#options.onLeader?.()
      this.#wake()
    } else if (from === this.#links.leader?.incarnation) this.#options.onMessage?.(message)
  }

  #open(effects: readonly DialEffect[]): void {
    for (const { address } of effects) {
      try {
        this.#transport.dialer.open(address)
      } catch (error) {
        // A Master named an unreadable address. It is noted and not tried again.
        this.#links.dialFailed(address, reasonOf(error))
      }
    }
  }

  /**
   * A later leadership ends the wait, because the answer of the former leader would be ignored (protocol R8).
   */
  async #ask(
    leader: Leader,
    message: MasterRequest,
    deadlineMs: number,
    signal: AbortSignal | undefined,
  ): Promise<ClientMessage> {
    const overtaken = new AbortController()
    const look = (): void => {
      if (this.#fatal) overtaken.abort(this.#fatal)
      else if (this.#links.epoch > leader.epoch) overtaken.abort(laterLeader())
    }
    const abort = (): void => overtaken.abort(signal?.reason)
    this.#waiters.add(look)
    signal?.addEventListener('abort', abort, { once: true })
    try {
      const timeoutMs = Math.max(1, Math.min(limits.askMs, deadlineMs - this.#clock.monotonicMs()))
      return await this.#gateway.ask(leader.incarnation, message, { timeoutMs, signal: overtaken.signal })
    } finally {
      this.#waiters.delete(look)
      signal?.removeEventListener('abort', abort)
    }
  }

  /** Undefined at the deadline. */
  async #waitForLeader(
    plan: RequestPlan,
    deadlineMs: number,
    signal: AbortSignal | undefined,
  ): Promise<Leader | undefined> {
    for (;;) {
      signal?.throwIfAborted()
      if (this.#fatal) throw this.#fatal
      const leftMs = deadlineMs - this.#clock.monotonicMs()
      if (leftMs <= 0) return undefined
      const { leader } = this.#links
      if (leader && plan.mayTry(leader.epoch)) return leader
      await this.#pause(leftMs, signal)
    }
  }

  /** Ends early if another Master leads, or this client ends. */
  #pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
    if (ms <= 0 || signal?.aborted) return Promise.resolve()
    return new Promise((resolve) => {
      const done = (): void => {
        cancel()
        this.#waiters.delete(done)
        signal?.removeEventListener('abort', done)
        resolve()
      }
      const cancel = this.#timers.after(ms, done)
      signal?.addEventListener('abort', done, { once: true })
      this.#waiters.add(done)
    })
  }

  #dieIfUnrecoverable(): void {
    const { absent } = this.#options
    if (absent && this.#links.isAbsent) this.#die(absent)
    if (this.#refusal && this.#links.isUnrecoverable) this.#die(this.#refusal)
  }

  #die(error: FiresteelError): void {
    this.#fatal ??= error
    this.#wake()
  }

  #wake(): void {
    for (const waiter of [...this.#waiters]) waiter()
  }
}

function laterLeader(): FiresteelError {
  return new FiresteelError('OUTCOME_UNKNOWN', 'Another Master leads since the request was sent.')
}

/** As the Worker at this address sees it signed. */
function grantFor(location: LogLocation | undefined, address: string): LogLocation['grant'] {
  const place = [location, ...(location?.places ?? [])].find((place) => place?.worker === address)
  return location?.grant && { ...location.grant, ...(place?.mac !== undefined && { mac: place.mac }) }
}
