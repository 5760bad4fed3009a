import { join } from 'node:path'
import { freePort } from '../harness/free-port.js'
import type { RedisPorts } from '../harness/redis-routes.js'
import {
  type RedisServer,
  type RedisServerOptions,
  type SentinelGroup,
  startRedis,
  startSentinels,
} from '../harness/redis-server.js'
import { waitUntil } from '../harness/wait-until.js'
import type { Shape } from './draw.js'
import { SmallDisk } from './small-disk.js'

const SETTLE_MS = 60_000
const SENTINEL_DOWN_MS = 700

/** A store that stands still for so long, by its disk or for want of a processor, says so. */
const STANDSTILL_MS = 100
const DATA_SETTINGS = ['--latency-monitor-threshold', String(STANDSTILL_MS)]
/** The settings that docs/operating.md asks for under Sentinel. */
const SENTINEL_SETTINGS = ['--min-replicas-to-write', '1', '--min-replicas-max-lag', '2']

/** The Redis servers of one cluster. */
export class Servers {
  readonly data: readonly RedisServer[]
  readonly locks: readonly RedisServer[]
  readonly sentinels: SentinelGroup | undefined
  /** The disk of the data, or why the machine allows none. */
  readonly disk: SmallDisk | string

  private constructor(
    data: readonly RedisServer[],
    locks: readonly RedisServer[],
    sentinels: SentinelGroup | undefined,
    disk: SmallDisk | string,
  ) {
    this.data = data
    this.locks = locks
    this.sentinels = sentinels
    this.disk = disk
  }

  /** `directory`: where a disk may be mounted. */
  static async start({ store, locks }: Shape, directory: string, wantsDisk: boolean): Promise<Servers> {
    const disk =
      store === 'server' && wantsDisk
        ? await SmallDisk.mount(join(directory, 'disk'))
        : 'only under a single server, and where it is drawn'
    const started: RedisServer[] = []
    const start = async (options: RedisServerOptions): Promise<RedisServer> => {
      const server = await startRedis({ ...options, port: await freePort() })
      started.push(server)
      return server
    }
    try {
      const isSentinel = store === 'sentinel'
      const settings = { extra: [...DATA_SETTINGS, ...(isSentinel ? SENTINEL_SETTINGS : [])] }
      const primary = await start({ ...settings, ...(disk instanceof SmallDisk && { dir: disk.path }) })
      const replicas = isSentinel ? [await start({ ...settings, replicaOf: primary })] : []
      const lockServers: RedisServer[] = []
      for (let i = 0; i < locks; i++) lockServers.push(await start({ extra: ['--appendonly', 'no'] }))
      const sentinels = isSentinel
        ? await startSentinels({ primaryPort: primary.port, downAfterMs: SENTINEL_DOWN_MS })
        : undefined
      return new Servers([primary, ...replicas], lockServers, sentinels, disk)
    } catch (error) {
      for (const server of started) await server.stop()
      if (disk instanceof SmallDisk) await disk.unmount()
      throw error
    }
  }

  get ports(): RedisPorts {
    const portsOf = (servers: readonly RedisServer[]): number[] => servers.map(({ port }) => port)
    const { sentinels } = this
    return {
      data: portsOf(this.data),
      locks: portsOf(this.locks),
      sentinel: sentinels && {
        name: sentinels.name,
        ports: sentinels.hosts.map((host) => Number(host.split(':')[1])),
      },
    }
  }

  async primary(): Promise<RedisServer> {
    if (!this.sentinels) return this.data[0]!
    const port = await this.sentinels.primaryPort()
    const found = this.data.find((server) => server.port === port)
    if (found) return found
    throw new Error(`Sentinel names ${port}, which is none of ours`)
  }

  /** The server that is not the primary. */
  async replica(): Promise<RedisServer> {
    const primary = await this.primary()
    return this.data.find((server) => server !== primary)!
  }

  /**
   * From now on the replica gets no writes, because its login at the primary fails. Sentinel finds both
   * servers well, and the primary goes on taking writes.
   */
  async cutReplication(): Promise<void> {
    const [primary, replica] = [await this.primary(), await this.replica()]
    await primary.cli('CONFIG', 'SET', 'min-replicas-to-write', '0')
    await replica.cli('CONFIG', 'SET', 'masteruser', 'nobody')
    await replica.cli('CONFIG', 'SET', 'masterauth', 'wrong')
    await primary.cli('CLIENT', 'KILL', 'TYPE', 'replica')
  }

  /**
   * Starts the servers that were killed. Under Sentinel it waits until one leads and the other follows it.
   */
  async settle(): Promise<void> {
    for (const server of [...this.data, ...this.locks]) {
      if ((await server.cli('PING')) === '') await server.restart()
    }
    if (!this.sentinels) return
    for (const server of this.data) {
      await server.cli('CONFIG', 'SET', 'masteruser', '')
      await server.cli('CONFIG', 'SET', 'masterauth', '')
      await server.cli('CONFIG', 'SET', 'min-replicas-to-write', '1')
    }
    await waitUntil('primary and replica to agree', () => this.#agree(), {
      deadlineMs: SETTLE_MS,
      everyMs: 200,
    })
  }

  async #agree(): Promise<boolean> {
    const [primary, replica] = [await this.primary(), await this.replica()]
    const role = async (server: RedisServer): Promise<string[]> => (await server.cli('ROLE')).split('\n')
    if ((await role(primary))[0] !== 'master') return false
    const [kind, , port, link] = await role(replica)
    if (kind !== 'slave' || Number(port) !== primary.port) {
      await replica.cli('REPLICAOF', '127.0.0.1', String(primary.port))
      return false
    }
    return link === 'connected' && (await this.sentinels!.areQuiet())
  }

  async stop(): Promise<void> {
    await this.sentinels?.stop()
    for (const server of [...this.locks, ...this.data]) await server.stop()
    if (this.disk instanceof SmallDisk) await this.disk.unmount()
  }
}
