import { nodeNames } from '../harness/deployment-file.js'
import { HostNetwork } from '../harness/host-network.js'
import type { ClusterNode } from '../harness/index.js'
import { Machines } from '../harness/machines.js'
import { type RedisServer, startRedisAt } from '../harness/redis-server.js'
import { TestCluster } from '../harness/test-cluster.js'
import type { Field } from '../soak/field.js'
import { type Leadership, leadership } from '../tools/redis-cluster.js'
import { NodeLog } from './node-log.js'
import { successor } from './successor.js'

export const MASTERS = nodeNames('m', 3)
export const WORKERS = nodeNames('w', 2)
export const STORE = 'redis'
export const LEASE_MS = 1500
/**
 * Links are dead after 5 s of silence, and a leader that is deaf waits for two leases more. Workers must not
 * feel isolated by then, which they do after half of this; nor on a busy machine, where a succession takes
 * 5 s.
 */
const PATIENT_MS = 30_000
/** Each has its host to itself. */
const REDIS_PORT = 6379
const PORTS = { master: { port: 7077, web: 8080 }, worker: { port: 7078, web: 8081 } }

export interface HostsOptions {
  /** Hosts of lock servers; none: the data store holds the lock. */
  readonly locks?: readonly string[]
  /** Default: so long that no fault of a leader isolates a Worker. */
  readonly workerTimeoutMs?: number
}

/** Of a hand-over that waits until links are dead and for two leases. */
const ELECTED_MS = 30_000

interface Parts {
  readonly network: HostNetwork
  readonly servers: RedisServer[]
  readonly log: NodeLog
}

/**
 * Three Masters, two Workers, a data store and lock servers, each on a host of its own; clients are on
 * another.
 */
export class HostsCluster implements Field, AsyncDisposable {
  readonly name: string
  readonly shape = { workers: WORKERS.length }
  readonly network: HostNetwork
  readonly log: NodeLog
  readonly data: RedisServer
  readonly machines: Machines
  readonly cluster: TestCluster
  readonly servers = { primary: async (): Promise<RedisServer> => this.data }
  readonly #parts: Parts

  private constructor(name: string, parts: Parts, machines: Machines) {
    this.name = name
    this.network = parts.network
    this.log = parts.log
    this.data = parts.servers[0]!
    this.machines = machines
    this.cluster = new TestCluster(machines)
    this.#parts = parts
  }

  static async start(name: string, options: HostsOptions = {}): Promise<HostsCluster> {
    const { locks = [], workerTimeoutMs: silenceMs = PATIENT_MS } = options
    const network = await HostNetwork.start([...MASTERS, ...WORKERS, STORE, ...locks])
    const parts: Parts = { network, servers: [], log: new NodeLog() }
    try {
      for (const host of [STORE, ...locks]) {
        const place = { host: network.address(host), prefix: network.prefix(host) }
        parts.servers.push(await startRedisAt(place, { port: REDIS_PORT }))
      }
      return new HostsCluster(name, parts, await startMachines(name, parts, silenceMs))
    } catch (error) {
      await stopParts(parts)
      throw error
    }
  }

  get workers(): readonly ClusterNode[] {
    return this.cluster.nodes.filter(({ role }) => role === 'worker')
  }

  /** No test ends one. */
  unaskedDeaths(): string[] {
    return this.cluster.nodes
      .filter(({ starts }) => starts > 1)
      .map(({ name, starts }) => `${name} was started ${starts} times`)
  }

  leadership(): Promise<Leadership> {
    return leadership(this.data, this.name)
  }

  /** The leader, once all Masters and Workers are well. */
  complete(): Promise<ClusterNode> {
    return this.cluster.waitAlive({ standbys: MASTERS.length - 1 })
  }

  /** Another owner leads, ALIVE. Gives its node. */
  another(than: ClusterNode, epoch: number): Promise<ClusterNode> {
    return successor(this.cluster, () => this.leadership(), than, epoch, { deadlineMs: ELECTED_MS })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      await this.network.heal()
      await this.cluster.stop()
    } finally {
      await stopParts(this.#parts)
    }
  }
}

function startMachines(name: string, { network, servers, log }: Parts, silenceMs: number): Promise<Machines> {
  const [data, ...locks] = servers
  const places = (hosts: readonly string[], ports: { port: number; web: number }) =>
    hosts.map((host) => ({ host: network.address(host), ...ports }))
  return Machines.start(
    {
      cluster: name,
      masters: MASTERS.length,
      workers: WORKERS.length,
      cores: 10,
      memory: '8g',
      recovery: {
        mode: 'REDIS',
        redis: data!.url,
        lease: `${LEASE_MS}ms`,
        ...(locks.length > 0 && { election: locks.map(({ url }) => url) }),
      },
      workerTimeout: `${silenceMs}ms`,
      orphanGrace: undefined,
      directory: undefined,
      places: places(MASTERS, PORTS.master),
      workerPlaces: places(WORKERS, PORTS.worker),
      onLog: (_, line) => log.hear(line),
    },
    [...MASTERS, ...WORKERS].map((host) => ({
      name: host,
      nodes: [host],
      env: {},
      prefix: network.prefix(host),
    })),
  )
}

async function stopParts({ servers, network }: Parts): Promise<void> {
  try {
    await Promise.all(servers.map((server) => server.stop()))
  } finally {
    await network[Symbol.asyncDispose]()
  }
}
