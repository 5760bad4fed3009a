import { violation, type WorkerMessage } from '../../actors/messages/catalogue.js'
import { workerRoutes } from '../../actors/worker/json.js'
import { startWorker, type Worker } from '../../actors/worker/worker.js'
import { newIncarnation } from '../../actors/worker/worker-config.js'
import { systemClock } from '../clock.js'
import { FiresteelError } from '../errors.js'
import { createHttpServer, type HttpServer } from '../http/server.js'
import { limits } from '../limits.js'
import { ThrottledLog } from '../observe/log-throttle.js'
import { createLogger } from '../observe/logger.js'
import type { ActorSystem } from '../system/actor-system.js'
import { createSystem } from '../system/system.js'
import { TraceRing } from '../trace/ring.js'
import { Gateway } from '../transport/gateway.js'
import { formatAddress, type Role } from '../transport/identity.js'
import { deriveKey } from '../transport/keys.js'
import type { Link } from '../transport/link.js'
import { type Listener, listen } from '../transport/listen.js'
import type { NodeEvent, RunningNode, StartNode, WorkerSpec } from './node-spec.js'

const MASTER = '/user/Master'
const CLIENT = '/user/ClientEndpoint'

/** What anybody with the client's key may ask of a Worker; the rest is for Masters. */
const forClients: ReadonlySet<string> = new Set<WorkerMessage['type']>([
  'RequestWorkerState',
  'RequestLog',
  'StopLog',
])

/** Starts a Worker node in this process: its actors, ports and work folder. Rejects with a coded error. */
export const startWorkerNode: StartNode<WorkerSpec> = async (spec, tell) => {
  const node = new WorkerNode(spec, tell)
  await node.start()
  return node
}

class WorkerNode implements RunningNode {
  readonly failed: Promise<never>
  readonly #spec: WorkerSpec
  readonly #tell: (event: NodeEvent) => void
  readonly #incarnation: string
  readonly #log: ReturnType<typeof createLogger>
  readonly #throttle: ThrottledLog
  readonly #system: ActorSystem
  readonly #gateway: Gateway<WorkerMessage>
  #fail: (error: Error) => void = () => {}
  #listener: Listener | undefined
  #http: HttpServer | undefined
  #worker: Worker | undefined
  #saidReady = false
  #stopped: Promise<void> | undefined

  constructor(spec: WorkerSpec, tell: (event: NodeEvent) => void) {
    this.#spec = spec
    this.#tell = tell
    this.#incarnation = newIncarnation(spec.name)
    this.#log = createLogger({ ...spec.logging, component: 'worker', node: spec.name })
    this.#throttle = new ThrottledLog(this.#log)
    this.failed = new Promise<never>((_, reject) => {
      this.#fail = reject
    })
    this.failed.catch(() => {})
    this.#system = createSystem({
      name: `firesteel://${spec.cluster}@${formatAddress(spec.advertise, spec.port)}`,
      clock: systemClock,
      // A Worker leads nothing.
      epoch: () => 0,
      ring: new TraceRing(spec.traceRing),
      onFailure: ({ error, path }) => {
        this.#log.error('an actor failed', { path, error })
        this.#fail(new FiresteelError('INTERNAL', `the actor ${path} failed`, { cause: error }))
      },
    })
    this.#gateway = this.#openGateway()
  }

  async start(): Promise<void> {
    const { cluster, advertise } = this.#spec
    try {
      // Who dials before the Worker is there waits for it.
      let early: Link[] | undefined = []
      this.#listener = await this.#listen((link) => {
        if (early) early.push(link)
        else this.#gateway.attach(link)
      })
      const { port } = this.#listener
      this.#system.name = `firesteel://${cluster}@${formatAddress(advertise, port)}`
      this.#http = await this.#serveHttp()
      const web = `http://${formatAddress(advertise, this.#http.port)}`
      this.#worker = await this.#startWorker(port, web)
      for (const link of early) this.#gateway.attach(link)
      early = undefined
      const address = `firesteel://${formatAddress(advertise, port)}`
      this.#tell({ event: 'listening', address, port, web, webPort: this.#http.port, rest: null })
    } catch (error) {
      await this.stop()
      throw error
    }
  }

  stop(): Promise<void> {
    this.#stopped ??= this.#stopInOrder()
    return this.#stopped
  }

  /** Children first, while the Masters can still be told. */
  async #stopInOrder(): Promise<void> {
    await this.#worker?.stop()
    await this.#listener?.close()
    this.#gateway.closeAll('the Worker stops')
    await this.#http?.close()
    await this.#system.shutdown()
    this.#throttle.close()
    await this.#log.close()
  }

  #openGateway(): Gateway<WorkerMessage> {
    return new Gateway<WorkerMessage>({
      system: this.#system,
      violation: (message) => violation('worker', message),
      admit: ({ role }, type) => {
        // The Master has it in its books: that is what ready means.
        if (role === 'node' && type === 'RegisteredWorker') this.#ready()
        return role === 'node' || forClients.has(type)
      },
      remotePath: ({ role }) => (role === 'node' ? MASTER : CLIENT),
      onRejected: ({ incarnation, address }, reason) =>
        this.#throttle.warn(`message:${incarnation}`, 'a message was dropped', {
          from: incarnation,
          address,
          reason,
        }),
    })
  }

  #ready(): void {
    if (this.#saidReady) return
    this.#saidReady = true
    this.#tell({ event: 'ready' })
  }

  #listen(onLink: (link: Link) => void): Promise<Listener> {
    const { cluster, secret, host, port } = this.#spec
    return listen({
      host,
      port,
      identity: { cluster, incarnation: this.#incarnation },
      keyFor: (role) => keyOf(secret, role),
      deadMsFor: ({ role }) => (role === 'node' ? this.#linkDeadMs : limits.driverLinkDeadMs),
      onLink,
      onRejected: ({ address, code, detail }) =>
        this.#throttle.warn(`door:${hostOf(address)}`, 'a connection was refused', { address, code, detail }),
      onInvalid: ({ peer, detail }) =>
        this.#throttle.warn(`frame:${peer.incarnation}`, 'a peer sent what cannot be read', {
          from: peer.incarnation,
          address: peer.address,
          detail,
        }),
    })
  }

  get #linkDeadMs(): number {
    return Math.max(limits.linkDeadMs, 2 * this.#spec.leaseMs)
  }

  #serveHttp(): Promise<HttpServer> {
    const { host, web, advertise } = this.#spec
    const state = () => {
      if (!this.#worker) throw new FiresteelError('ASK_TIMEOUT', 'the Worker is starting')
      return this.#worker.status()
    }
    return createHttpServer({
      host,
      port: web,
      routes: workerRoutes(state),
      allowedHosts: [advertise],
      onError: (error) => this.#log.error('an HTTP request failed', { error }),
    })
  }

  #startWorker(port: number, web: string): Promise<Worker> {
    const { name, cluster, secret, host, advertise, cores, memoryMib, resources, labels } = this.#spec
    const { masters, workerTimeoutMs, orphanGraceMs, workDirectory } = this.#spec
    return startWorker({
      system: this.#system,
      gateway: this.#gateway,
      clock: systemClock,
      log: this.#log,
      config: {
        name,
        cluster,
        secret,
        host,
        port,
        advertise,
        web,
        cores,
        memoryMib,
        resources: Object.fromEntries(Object.entries(resources).map(([key, list]) => [key, [...list]])),
        labels,
        workDir: workDirectory,
        masters,
        workerTimeoutMs,
        orphanGraceMs,
        applicationTimeoutMs: limits.applicationTimeoutMs,
        linkDeadMs: this.#linkDeadMs,
        incarnation: this.#incarnation,
      },
    })
  }
}

const hostOf = (address: string): string => address.slice(0, address.lastIndexOf(':'))

/** Masters probe, commands read logs; nobody else has business here. */
function keyOf(secret: string, role: Role): Buffer | undefined {
  return role === 'node' || role === 'client' ? deriveKey(secret, role) : undefined
}
