import { appendFileSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { TlsSource } from '../../runtime/tls/tls-source.js'
import { freePort } from '../harness/free-port.js'
import { type ClusterNode, waitUntil } from '../harness/index.js'
import { Machines } from '../harness/machines.js'
import { probe } from '../harness/probe.js'
import { RedisRoutes, routedRecovery } from '../harness/redis-routes.js'
import { TestCluster } from '../harness/test-cluster.js'
import { LinkProxy } from '../tools/link-proxy.js'
import { TestAuthority } from '../tools/test-authority.js'
import { type Shape, workerTimeoutMs } from './draw.js'
import { Servers } from './servers.js'

const MASTERS = ['m1', 'm2', 'm3'] as const
/** The resources of each Worker, as the cluster state counts them. */
const WORKER = { cores: 10, memory: '8g' }
const START_MS = 30_000
/** By which nodes are dialled: their own, and those of the proxies before the Masters. */
const HOSTS = ['127.0.0.1', 'localhost', ...MASTERS.map((_, index) => `127.0.3.${index + 1}`)]

/**
 * A cluster on machines of its own. Each launcher runs a Master and a Worker with the same number. Each
 * Master has its own routes to Redis and a proxy before its listener, so that faults can hit one Master and
 * not another.
 */
export class SoakContext implements AsyncDisposable {
  readonly name: string
  readonly shape: Shape
  readonly servers: Servers
  readonly machines: Machines
  readonly cluster: TestCluster
  /** What an attacker has stolen of a cluster with TLS. */
  readonly stolen: TlsSource | undefined
  readonly #authority: TestAuthority | undefined
  readonly #routes: Map<string, RedisRoutes>
  readonly #listeners: Map<string, LinkProxy>
  /** How often each node had been started at the last check. A node that we end counts as one start. */
  readonly #starts = new Map<string, number>()

  private constructor(parts: Parts, machines: Machines) {
    this.name = parts.name
    this.shape = parts.shape
    this.servers = parts.servers
    this.#routes = parts.routes
    this.#listeners = parts.listeners
    this.#authority = parts.authority
    const { tls } = machines
    this.stolen = tls && new TlsSource({ files: tls, use: { isNode: true } })
    this.machines = machines
    this.cluster = new TestCluster(machines)
  }

  /** `directory` holds everything, also the logs. */
  static async start(
    name: string,
    shape: Shape,
    directory: string,
    { wantsDisk, isSecure }: { readonly wantsDisk: boolean; readonly isSecure: boolean },
  ): Promise<SoakContext> {
    await mkdir(directory, { recursive: true })
    const parts: Parts = {
      name,
      shape,
      servers: await Servers.start(shape, directory, wantsDisk),
      authority: isSecure ? await TestAuthority.make() : undefined,
      routes: new Map(),
      listeners: new Map(),
    }
    try {
      for (const [index, master] of MASTERS.entries()) {
        parts.routes.set(master, await RedisRoutes.start(parts.servers.ports))
        parts.listeners.set(master, await LinkProxy.start(`127.0.3.${index + 1}`))
      }
      return new SoakContext(parts, await startMachines(parts, directory))
    } catch (error) {
      await stopParts(parts)
      throw error
    }
  }

  get masters(): readonly ClusterNode[] {
    return this.cluster.nodes.filter(({ role }) => role === 'master')
  }

  get workers(): readonly ClusterNode[] {
    return this.cluster.nodes.filter(({ role }) => role === 'worker')
  }

  async leader(): Promise<ClusterNode> {
    return this.cluster.waitAlive({ workers: 0, deadlineMs: START_MS })
  }

  async standbys(): Promise<ClusterNode[]> {
    const leader = await this.leader()
    return this.masters.filter(({ name }) => name !== leader.name)
  }

  routes({ name }: Pick<ClusterNode, 'name'>): RedisRoutes {
    return this.#routes.get(name)!
  }

  get allRoutes(): readonly RedisRoutes[] {
    return [...this.#routes.values()]
  }

  listener({ name }: Pick<ClusterNode, 'name'>): LinkProxy {
    return this.#listeners.get(name)!
  }

  get allListeners(): readonly LinkProxy[] {
    return [...this.#listeners.values()]
  }

  /**
   * Ends a node; its launcher starts it again. While a Master does not run, the proxy refuses connections, as
   * the kernel would.
   */
  async end(node: ClusterNode, signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    const { name, starts } = node
    const listener = this.#listeners.get(name)
    await listener?.refuse()
    this.#starts.set(name, starts + 1)
    await this.cluster.kill(node, signal)
    if (listener) void this.#openWhenUp(name)
  }

  /** Kills a machine's launcher with SIGKILL. Its nodes end by themselves. Rejects if a process is left. */
  async endLauncher(machine: string): Promise<void> {
    const nodes = this.cluster.nodes.filter(({ name }) => machineOf(name) === machine)
    for (const { name } of nodes) {
      await this.#listeners.get(name)?.refuse()
      this.#starts.delete(name)
    }
    await this.machines.killLauncher(machine)
  }

  async startMachine(machine: string): Promise<void> {
    const up = this.machines.startMachine(machine)
    for (const name of this.#listeners.keys()) if (machineOf(name) === machine) void this.#openWhenUp(name)
    await up
  }

  /** Nodes that started more often since the last check than we ended them. */
  unaskedDeaths(): string[] {
    return this.cluster.nodes.flatMap(({ name, starts }) => {
      const expected = this.#starts.get(name) ?? 1
      this.#starts.set(name, Math.max(starts, expected))
      return starts > expected
        ? [`${name} was started ${starts - expected} times more than it was ended`]
        : []
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      await this.cluster.stop()
    } finally {
      await stopParts({
        servers: this.servers,
        routes: this.#routes,
        listeners: this.#listeners,
        authority: this.#authority,
      })
    }
  }

  async #openWhenUp(name: string): Promise<void> {
    const listener = this.#listeners.get(name)!
    const { ca } = this.cluster
    const healthz = `http${ca === undefined ? '' : 's'}://127.0.0.1:${listener.place.web}/healthz`
    const isUp = async () => (await probe(healthz, 500, {}, ca)).status === 200
    // `untilWell` reports what is wrong.
    await waitUntil(`${name} to listen`, isUp, { deadlineMs: START_MS }).catch(() => undefined)
    await listener.open()
  }
}

interface Parts {
  readonly name: string
  readonly shape: Shape
  readonly servers: Servers
  readonly routes: Map<string, RedisRoutes>
  readonly listeners: Map<string, LinkProxy>
  readonly authority: TestAuthority | undefined
}

const machineOf = (node: string): string => `machine-${node.slice(1)}`

async function startMachines(
  { name, shape, servers, routes, listeners, authority }: Parts,
  directory: string,
): Promise<Machines> {
  const workers = Array.from({ length: shape.workers }, (_, index) => `w${index + 1}`)
  const machines = MASTERS.map((master) => ({
    name: machineOf(master),
    nodes: [master, ...workers.filter((worker) => machineOf(worker) === machineOf(master))],
    env: routes.get(master)!.env,
  }))
  return Machines.start(
    {
      cluster: name,
      masters: MASTERS.length,
      workers: workers.length,
      ...WORKER,
      recovery: routedRecovery(servers.ports, shape.leaseMs),
      workerTimeout: `${workerTimeoutMs(shape)}ms`,
      orphanGrace: undefined,
      tls: await authority?.files('node', { hosts: HOSTS }),
      directory,
      recordings: join(directory, 'recordings'),
      places: MASTERS.map((master) => listeners.get(master)!.place),
      workerPlaces: await Promise.all(workers.map(async () => ({ port: await freePort() }))),
      onLog: (machine, line) => appendFileSync(join(directory, `${machine}.log`), `${line}\n`),
    },
    machines,
  )
}

async function stopParts({
  routes,
  listeners,
  servers,
  authority,
}: Pick<Parts, 'routes' | 'listeners' | 'servers' | 'authority'>): Promise<void> {
  authority?.remove()
  for (const listener of listeners.values()) listener.stop()
  for (const own of routes.values()) own.stop()
  await servers.stop()
}
