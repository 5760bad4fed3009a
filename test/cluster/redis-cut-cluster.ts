import { freePort } from '../harness/free-port.js'
import { Machines } from '../harness/machines.js'
import type { ClusterNode } from '../harness/node-registry.js'
import { probe } from '../harness/probe.js'
import { RedisRoutes, routedRecovery } from '../harness/redis-routes.js'
import { type RedisServer, startRedis } from '../harness/redis-server.js'
import { TestCluster } from '../harness/test-cluster.js'
import { leadership } from '../tools/redis-cluster.js'
import { NodeLog } from './node-log.js'
import { successor } from './successor.js'

const MASTERS = ['m1', 'm2', 'm3'] as const
/**
 * All routes to the servers are in the process of the test, so a stall of that process is one of every route.
 * On a busy machine it has passed 1.5 s.
 */
export const LEASE_MS = 2500

/**
 * Three Masters, each under a launcher of its own, that reach a data store and three lock servers by routes
 * of their own.
 */
export class CutCluster implements AsyncDisposable {
  readonly name: string
  readonly data: RedisServer
  readonly locks: readonly RedisServer[]
  readonly cluster: TestCluster
  readonly #routes: ReadonlyMap<string, RedisRoutes>
  readonly #log: NodeLog

  private constructor(
    name: string,
    servers: { readonly data: RedisServer; readonly locks: readonly RedisServer[] },
    routes: ReadonlyMap<string, RedisRoutes>,
    cluster: TestCluster,
    log: NodeLog,
  ) {
    this.name = name
    this.data = servers.data
    this.locks = servers.locks
    this.#routes = routes
    this.cluster = cluster
    this.#log = log
  }

  static async start(name: string): Promise<CutCluster> {
    const data = await startRedis()
    const locks = await Promise.all(MASTERS.map(() => startRedis({ extra: ['--appendonly', 'no'] })))
    const routes = new Map<string, RedisRoutes>()
    const log = new NodeLog()
    try {
      const ports = { data: [data.port], locks: locks.map(({ port }) => port) }
      for (const master of MASTERS) routes.set(master, await RedisRoutes.start(ports))
      const options = {
        cluster: name,
        masters: MASTERS.length,
        workers: 1,
        cores: 4,
        memory: '4g',
        recovery: routedRecovery(ports, LEASE_MS),
        workerTimeout: '10s',
        orphanGrace: undefined,
        directory: undefined,
        // Launchers know each other's Masters by the file alone.
        places: await Promise.all(MASTERS.map(async () => ({ port: await freePort() }))),
        onLog: (_: string, line: string) => log.hear(line),
      }
      const machines = [
        ...MASTERS.map((master) => ({ name: master, nodes: [master], env: routes.get(master)!.env })),
        { name: 'workers', nodes: ['w1'], env: routes.get(MASTERS[0])!.env },
      ]
      return new CutCluster(
        name,
        { data, locks },
        routes,
        new TestCluster(await Machines.start(options, machines)),
        log,
      )
    } catch (error) {
      await stopServers(data, locks, routes)
      throw error
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      await this.cluster.stop()
    } finally {
      await stopServers(this.data, this.locks, this.#routes)
    }
  }

  get masters(): readonly ClusterNode[] {
    return this.cluster.nodes.filter(({ role }) => role === 'master')
  }

  routes({ name }: Pick<ClusterNode, 'name'>): RedisRoutes {
    return this.#routes.get(name)!
  }

  leadership(): ReturnType<typeof leadership> {
    return leadership(this.data, this.name)
  }

  /** The leader, once all three Masters are well. */
  complete(): Promise<ClusterNode> {
    return this.cluster.waitAlive({ standbys: MASTERS.length - 1 })
  }

  /** Another owner leads, ALIVE. Gives its node. */
  another(than: ClusterNode, epoch: number): Promise<ClusterNode> {
    return successor(this.cluster, () => this.leadership(), than, epoch)
  }

  /** The leader is killed while nobody but this one can be elected: it is. */
  async mustLead(node: ClusterNode): Promise<void> {
    const leader = await this.complete()
    const healings = this.masters
      .filter(({ name }) => name !== node.name)
      .map((other) => this.routes(other).suffer('data', { kind: 'silent' }))
    // A STANDBY that has noticed is no candidate.
    const others = this.masters.filter(({ name }) => name !== node.name && name !== leader.name)
    for (const { web } of others) {
      await this.cluster.waitUntil(
        'the other STANDBY to be cut off',
        async () => (await probe(`${web}/readyz`)).status !== 200,
      )
    }
    await this.cluster.kill(leader)
    await this.cluster.waitUntil(
      `${node.name} to lead`,
      async () => (await this.cluster.leader())?.name === node.name,
    )
    for (const heal of healings) heal()
    await this.complete()
  }

  /** Messages that a node has logged, in order. */
  said({ name }: Pick<ClusterNode, 'name'>): string[] {
    return this.#log.said({ name })
  }

  /** Why its leadership ended, once it has said so; `after`: how much it had said before. */
  revocation(node: Pick<ClusterNode, 'name'>, after = 0): Promise<string> {
    return this.cluster.waitUntil(`${node.name} to say why it was revoked`, () =>
      this.said(node)
        .slice(after)
        .find((line) => line.startsWith('RevokedLeadership')),
    )
  }

  /** Values of the lock on its servers; '' where it is free. */
  lockValues(): Promise<string[]> {
    return Promise.all(this.locks.map((lock) => lock.cli('GET', `{firesteel:${this.name}}:lock`)))
  }

  /**
   * Milliseconds that each lock server still keeps this value of the lock; undefined where it has none or
   * another.
   */
  lockRemaining(value: string): Promise<(number | undefined)[]> {
    const key = `{firesteel:${this.name}}:lock`
    return Promise.all(
      this.locks.map(async (lock) => {
        const [held, ms] = (await lock.cli('EVAL', REMAINING, '1', key)).split('\n')
        return held === value ? Number(ms) : undefined
      }),
    )
  }

  /** What the leader record says of the lock. */
  recordedLock(): Promise<string> {
    return this.data.cli('HGET', `{firesteel:${this.name}}:leader`, 'lock')
  }

  /** Ids under which the store itself holds drivers of this name. */
  async stored(driverName: string): Promise<string[]> {
    const values = await this.data.cli('HVALS', `{firesteel:${this.name}}:driver`)
    return values
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line) as { id: string; description: { name: string } })
      .filter(({ description }) => description.name === driverName)
      .map(({ id }) => id)
  }
}

async function stopServers(
  data: RedisServer,
  locks: readonly RedisServer[],
  routes: ReadonlyMap<string, RedisRoutes>,
): Promise<void> {
  for (const own of routes.values()) own.stop()
  await Promise.all([data, ...locks].map((server) => server.stop()))
}

/** Both at one moment. */
const REMAINING = `return {redis.call('GET', KEYS[1]) or '', redis.call('PTTL', KEYS[1])}`
