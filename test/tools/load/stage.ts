import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { findCluster } from '../../../actors/client/find-cluster.js'
import { MasterClient } from '../../../actors/client/master-client.js'
import { driverDescription } from '../../../actors/messages/samples.js'
import { type ClusterNode, createTestCluster, type TestCluster } from '../../harness/index.js'
import { type RedisServer, startRedis } from '../../harness/redis-server.js'
import { TestAuthority } from '../test-authority.js'
import { TaskFlow } from './flow.js'
import { type Beat, parseBeats } from './generations.js'
import { Submissions } from './submissions.js'
import { WorkerAudit } from './worker-audit.js'

const MASTERS = 3
const WORKERS = 2
/** Cores that each Worker offers: capacity for executors, the service and short drivers. */
const CORES = 8
const FLOW_CORES = 2
const TASK_MS = 4
const READY_MS = 60_000
const SERVICE = 'service'

/** The resources of one case: a Redis, a cluster and work of its own. */
export class Stage implements AsyncDisposable {
  readonly name: string
  readonly redis: RedisServer
  readonly cluster: TestCluster
  readonly client: MasterClient
  readonly submissions: Submissions
  readonly workers: WorkerAudit
  readonly #flowFile: string
  readonly #beatFile: string
  readonly #authority: TestAuthority | undefined
  #flow: TaskFlow | undefined

  private constructor(
    name: string,
    redis: RedisServer,
    cluster: TestCluster,
    authority: TestAuthority | undefined,
  ) {
    this.#authority = authority
    this.name = name
    this.redis = redis
    this.cluster = cluster
    this.client = newClient(cluster)
    this.submissions = new Submissions(this.client, cluster.directory)
    this.workers = new WorkerAudit(this.client, () =>
      cluster.nodes.filter(({ role }) => role === 'worker').map(({ address }) => address),
    )
    this.#flowFile = join(cluster.directory, 'flow')
    this.#beatFile = join(cluster.directory, 'beats')
  }

  /** Everything runs when it resolves. */
  static async open(name: string, isSecure = false): Promise<Stage> {
    const authority = isSecure ? await TestAuthority.make() : undefined
    const redis = await startRedis({ appendfsync: 'always' })
    let stage: Stage | undefined
    try {
      const tls = await authority?.files('node')
      const shape = { masters: MASTERS, workers: WORKERS, cores: CORES, ...(tls && { tls }) }
      const cluster = await createTestCluster({ ...shape, redis: redis.url, cluster: name })
      stage = new Stage(name, redis, cluster, authority)
      await stage.#begin()
      return stage
    } catch (error) {
      await (stage ?? { [Symbol.asyncDispose]: () => redis.stop() })[Symbol.asyncDispose]()
      throw error
    }
  }

  get flow(): TaskFlow {
    if (this.#flow === undefined) throw new Error('the tasks do not flow yet')
    return this.#flow
  }

  get masters(): readonly ClusterNode[] {
    return this.cluster.nodes.filter(({ role }) => role === 'master')
  }

  /** Waits until three Masters are linked, both STANDBYs and all Workers ready. Gives the leader. */
  async ready(): Promise<ClusterNode> {
    const deadlineMs = READY_MS
    const leader = await this.cluster.waitAlive({ workers: WORKERS, standbys: MASTERS - 1, deadlineMs })
    await this.cluster.waitUntil(
      'three Masters to be linked',
      async () => {
        const { masters } = await this.client.request({ type: 'RequestMasterState' })
        const linked = masters.filter(({ state }) => state === 'ALIVE' || state === 'STANDBY')
        if (linked.length === MASTERS) return true
        throw new Error(JSON.stringify(masters))
      },
      { deadlineMs, everyMs: 20 },
    )
    return leader
  }

  async beats(): Promise<Beat[]> {
    return parseBeats(await readFile(this.#beatFile, 'utf8'))
  }

  /** How often the tasks ran: id -> times. */
  async flowEffects(): Promise<Map<number, number>> {
    const counts = new Map<number, number>()
    for (const line of (await readFile(this.#flowFile, 'utf8')).split('\n').slice(0, -1)) {
      counts.set(Number(line), (counts.get(Number(line)) ?? 0) + 1)
    }
    return counts
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#flow?.end()
    await this.client.close()
    try {
      await this.cluster.stop()
    } finally {
      this.#authority?.remove()
      await this.redis.stop()
    }
  }

  async #begin(): Promise<void> {
    await this.ready()
    await this.client.request({
      type: 'RequestSubmitDriver',
      key: SERVICE,
      description: {
        ...driverDescription,
        name: SERVICE,
        main: fileURLToPath(new URL('./service.js', import.meta.url)),
        args: [this.#beatFile],
        cwd: this.cluster.directory,
        supervise: true,
      },
    })
    await this.cluster.waitUntil('the service to run', async () => (await this.beats()).length > 0)
    const { address, secret, ca } = this.cluster
    const order = { address, secret, ca, file: this.#flowFile, cores: FLOW_CORES, taskMs: TASK_MS }
    this.#flow = await TaskFlow.start(order)
    await this.submissions.start()
  }
}

export function newClient({ address, secret, ca, directory }: TestCluster): MasterClient {
  const tls = ca === undefined ? undefined : { ca }
  return new MasterClient(findCluster({ address, secret, tls, env: {}, cwd: directory }))
}
