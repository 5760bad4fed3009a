import { randomBytes } from 'node:crypto'
import { monarchy } from '../../actors/election/monarchy.js'
import type { MasterConfig } from '../../actors/master/books.js'
import { masterRoutes } from '../../actors/master/json.js'
import { type MasterActorMessage, type MasterShell, master } from '../../actors/master/master.js'
import { recordViolations } from '../../actors/master/records.js'
import { type MasterMessage, nodeOnly, violation } from '../../actors/messages/catalogue.js'
import type { AgentMessage } from '../../actors/messages/election.js'
import { systemClock } from '../clock.js'
import { FiresteelError } from '../errors.js'
import { createHttpServer, type HttpServer } from '../http/server.js'
import { limits } from '../limits.js'
import type { Log } from '../observe/log.js'
import { ThrottledLog } from '../observe/log-throttle.js'
import { createLogger } from '../observe/logger.js'
import { BlackHoleEngine } from '../persistence/black-hole.js'
import type { PersistenceEngine } from '../persistence/engine.js'
import { FileSystemEngine } from '../persistence/file-system/file-system-engine.js'
import type { ActorSystem } from '../system/actor-system.js'
import type { Ref } from '../system/ref.js'
import { createSystem } from '../system/system.js'
import { TraceRing } from '../trace/ring.js'
import { DialError, dial } from '../transport/dial.js'
import { Gateway } from '../transport/gateway.js'
import { formatAddress, type PeerIdentity, type Role } from '../transport/identity.js'
import { deriveKey } from '../transport/keys.js'
import { type Listener, listen } from '../transport/listen.js'
import type { MasterSpec, NodeEvent, RunningNode, StartNode } from './node-spec.js'

const WORKER = '/user/Worker'
const CLIENT = '/user/ClientEndpoint'

/** Starts a Master node in this process: its actors, ports and store. Rejects with a coded error. */
export const startMasterNode: StartNode<MasterSpec> = async (spec, tell) => {
  const node = new MasterNode(spec, tell)
  await node.start()
  return node
}

class MasterNode implements RunningNode {
  readonly failed: Promise<never>
  readonly #spec: MasterSpec
  readonly #tell: (event: NodeEvent) => void
  readonly #log: ReturnType<typeof createLogger>
  readonly #incarnation: string
  readonly #system: ActorSystem
  readonly #gateway: Gateway<MasterMessage>
  readonly #throttle: ThrottledLog
  #fail: (error: Error) => void = () => {}
  #engine: PersistenceEngine | undefined
  #listener: Listener | undefined
  #http: HttpServer | undefined
  #shell: MasterShell | undefined
  #agent: Ref<AgentMessage> | undefined
  #stopping = false

  constructor(spec: MasterSpec, tell: (event: NodeEvent) => void) {
    this.#spec = spec
    this.#tell = tell
    this.#incarnation = `${spec.name}-${randomBytes(8).toString('hex')}`
    this.#log = createLogger({ ...spec.logging, component: 'master', node: spec.name })
    this.#throttle = new ThrottledLog(this.#log)
    this.failed = new Promise<never>((_, reject) => {
      this.#fail = reject
    })
    this.failed.catch(() => {})
    this.#system = createSystem({
      name: `firesteel://${spec.cluster}@${spec.advertise}:${spec.port}`,
      clock: systemClock,
      epoch: () => this.#shell?.position.epoch ?? 0,
      seq: () => this.#shell?.position.seq,
      ring: new TraceRing(spec.traceRing),
      onFailure: ({ error, path }) => {
        this.#log.error('an actor failed', { path, error })
        this.#fail(new FiresteelError('INTERNAL', `the actor ${path} failed`, { cause: error }))
      },
    })
    this.#gateway = new Gateway<MasterMessage>({
      system: this.#system,
      violation: (message) => violation('master', message),
      admit: ({ role }, type) => role === 'node' || !nodeOnly.has(type),
      remotePath: ({ role }) => (role === 'node' ? WORKER : CLIENT),
      onRejected: ({ incarnation, address }, reason) =>
        this.#throttle.warn(`message:${incarnation}`, 'a message was dropped', {
          from: incarnation,
          address,
          reason,
        }),
    })
  }

  async start(): Promise<void> {
    const { spec } = { spec: this.#spec }
    try {
      this.#engine = openEngine(spec, this.#log)
      let links: Parameters<Gateway<MasterMessage>['attach']>[0][] | undefined = []
      this.#listener = await this.#listen((link) => {
        if (links) links.push(link)
        else this.#gateway.attach(link)
      })
      const address = `firesteel://${formatAddress(spec.advertise, this.#listener.port)}`
      this.#system.name = `firesteel://${spec.cluster}@${formatAddress(spec.advertise, this.#listener.port)}`
      this.#http = await this.#serveHttp()
      const web = `http://${formatAddress(spec.advertise, this.#http.port)}`
      this.#spawn(this.#engine, this.#masterConfig(address, web))
      for (const link of links) this.#gateway.attach(link)
      links = undefined
      const ports = { port: this.#listener.port, webPort: this.#http.port }
      this.#tell({ event: 'listening', address, web, rest: null, ...ports })
    } catch (error) {
      await this.#release()
      throw error
    }
  }

  /** Refuses new work, empties the lane, leaves, closes: the next one need not wait (protocol 13). */
  async stop(): Promise<void> {
    if (this.#stopping) return
    this.#stopping = true
    await this.#listener?.close()
    await this.#shell?.drained()
    if (this.#agent) {
      const resigned = new Promise<void>((resolve) => {
        this.#resigned = resolve
      })
      this.#system.tell(this.#agent, { type: 'ResignLeadership' })
      await resigned
    }
    await this.#release()
  }

  #resigned: () => void = () => {}

  async #release(): Promise<void> {
    this.#stopping = true
    this.#gateway.closeAll('the Master stops')
    await this.#http?.close()
    await this.#listener?.close()
    await this.#system.shutdown()
    await this.#engine?.close()
    this.#throttle.close()
    await this.#log.close()
  }

  #listen(onLink: Parameters<typeof listen>[0]['onLink']): Promise<Listener> {
    const { cluster, secret, host, port, leaseMs } = this.#spec
    const linkDeadMs = Math.max(limits.linkDeadMs, 2 * leaseMs)
    return listen({
      host,
      port,
      identity: { cluster, incarnation: this.#incarnation },
      keyFor: doorKeys(secret),
      // A driver's loop belongs to its user (L4).
      deadMsFor: ({ role }) => (role === 'node' ? linkDeadMs : limits.driverLinkDeadMs),
      onLink,
      onRejected: ({ address, code, detail }) =>
        this.#throttle.warn(`door:${hostOf(address)}`, 'a connection was refused', { address, code, detail }),
      onInvalid: ({ peer, detail }) => this.#invalid(peer, detail),
    })
  }

  #invalid(peer: PeerIdentity, detail: string): void {
    this.#throttle.warn(`frame:${peer.incarnation}`, 'a peer sent what cannot be read', {
      from: peer.incarnation,
      address: peer.address,
      detail,
    })
  }

  #serveHttp(): Promise<HttpServer> {
    const { host, web, advertise } = this.#spec
    const state = () => {
      if (!this.#shell) throw new FiresteelError('NOT_LEADER', 'the Master is starting')
      return this.#shell.snapshot()
    }
    return createHttpServer({
      host,
      port: web,
      routes: masterRoutes(state, () => systemClock.wallMs()),
      allowedHosts: [advertise],
      onError: (error) => this.#log.error('an HTTP request failed', { error }),
    })
  }

  #masterConfig(address: string, web: string): MasterConfig {
    const { cluster, scheduling } = this.#spec
    return {
      cluster,
      address,
      web,
      rest: null,
      masters: [address],
      spreadOut: scheduling.spreadOut,
      defaultCores: scheduling.defaultCores ?? undefined,
      maxExecutorRetries: scheduling.maxExecutorRetries,
      workerTimeoutMs: scheduling.workerTimeoutMs,
      orphanGraceMs: scheduling.orphanGraceMs,
      relaunchOnRefused: scheduling.relaunchOnRefused,
      applicationTimeoutMs: limits.applicationTimeoutMs,
      applicationGraceMs: limits.applicationGraceMs,
      recoveryQuietMs: limits.recoveryQuietMs,
      recoveryMaxMs: limits.recoveryMaxMs,
      guardMarginMs: limits.guardMarginMs,
      adoptGraceMs: limits.adoptGraceMs,
      executorIdBlock: limits.executorIdBlock,
      retainedEnded: limits.retainedEnded,
      retainedKeys: limits.retainedKeys,
      keyRetentionMs: limits.keyRetentionMs,
    }
  }

  #spawn(engine: PersistenceEngine, config: MasterConfig): void {
    const newMark = () => randomBytes(9).toString('base64url')
    const log = this.#log
    const ref = this.#system.spawn<MasterActorMessage>(
      'Master',
      master(
        {
          gateway: this.#gateway,
          engine,
          config,
          clock: systemClock,
          log,
          newMark,
          agent: () => this.#agent,
          probe: (host, port) => this.#probe(host, port),
          onElected: (epoch) => this.#tell({ event: 'epoch', epoch }),
          onAlive: () => this.#tell({ event: 'ready' }),
          onRevoked: (reason, heardEpoch) => this.#revoked(reason, heardEpoch),
        },
        (shell) => {
          this.#shell = shell
        },
      ),
    )
    this.#gateway.serve(ref)
    this.#agent = this.#system.spawn(
      'LeaderElectionAgent',
      monarchy({
        master: ref,
        engine,
        owner: this.#incarnation,
        address: config.address,
        leaseMs: this.#spec.leaseMs,
        heardEpoch: this.#spec.heardEpoch ?? 0,
        clock: systemClock,
        random: Math.random,
        newMark,
        log: log.child({ component: 'election' }),
        onResigned: () => this.#resigned(),
      }),
    )
  }

  /** Its launcher starts it again, as a fresh STANDBY above the epoch it has heard of. */
  #revoked(reason: string, heardEpoch: number): void {
    if (this.#stopping) return
    this.#tell({ event: 'epoch', epoch: heardEpoch })
    this.#fail(new FiresteelError('NOT_LEADER', `the leadership was revoked: ${reason}`))
  }

  /** True only where the kernel refuses: silence or a handshake that fails proves nothing (protocol 9). */
  async #probe(host: string, port: number): Promise<boolean> {
    const { cluster, secret } = this.#spec
    try {
      const link = await dial({
        host,
        port,
        identity: { cluster, incarnation: `${this.#incarnation}-probe` },
        role: 'node',
        key: deriveKey(secret, 'node'),
      })
      link.close('a probe')
      return false
    } catch (error) {
      return error instanceof DialError && error.refused
    }
  }
}

const hostOf = (address: string): string => address.slice(0, address.lastIndexOf(':'))

/** Executors dial their driver, never a Master: there is no key for their role here (protocol 16). */
function doorKeys(secret: string): (role: Role, subject?: string) => Buffer | undefined {
  // Derived once: a whole cluster may dial at the same moment.
  const node = deriveKey(secret, 'node')
  const client = deriveKey(secret, 'client')
  return (role, subject) => {
    if (role === 'node') return node
    if (role === 'client') return client
    return role === 'driver' ? deriveKey(secret, role, subject) : undefined
  }
}

function openEngine({ recovery, cluster }: MasterSpec, log: Log): PersistenceEngine {
  switch (recovery.mode) {
    case 'NONE':
      return new BlackHoleEngine(() => systemClock.wallMs())
    case 'FILESYSTEM':
      return new FileSystemEngine({
        directory: recovery.directory,
        cluster,
        schemas: recordViolations,
        nowMs: () => systemClock.wallMs(),
        onWarning: (place, reason) => log.warn('STORE_UNREADABLE: set aside', { place, reason }),
      })
    case 'REDIS':
    case 'CUSTOM':
      throw new FiresteelError(
        'CONFIG_CONFLICT',
        `recovery.mode ${recovery.mode} is not in this release; NONE and FILESYSTEM are.`,
      )
  }
}
