import { Buffer } from 'node:buffer'
import type { RecoveryKeys } from './deployment-file.js'
import type { NetworkFault } from './proxy-pair.js'
import { TcpProxy } from './tcp-proxy.js'

/** Ports on the loopback. */
export interface RedisPorts {
  /** The data store; with Sentinel its primary and replicas. */
  readonly data: readonly number[]
  readonly sentinel?: { readonly name: string; readonly ports: readonly number[] } | undefined
  /** Empty: the data store holds the lock. */
  readonly locks: readonly number[]
}

/**
 * The recovery keys of a deployment file for these servers. Each Master finds its own routes in its
 * environment.
 */
export function routedRecovery({ sentinel, locks }: RedisPorts, leaseMs: number): RecoveryKeys {
  const variables = (name: string, ports: readonly number[]): string[] =>
    ports.map((_, index) => `\${${name}_${index + 1}}`)
  return {
    mode: 'REDIS',
    lease: `${leaseMs}ms`,
    ...(sentinel
      ? { sentinel: { name: sentinel.name, hosts: variables('SENTINEL', sentinel.ports) } }
      : { redis: `\${${DATA}}` }),
    ...(locks.length > 0 && { election: variables('LOCK', locks) }),
  }
}

const DATA = 'DATA'

/** The routes of one Master to the Redis servers: one proxy for each. */
export class RedisRoutes {
  readonly data: readonly TcpProxy[]
  readonly locks: readonly TcpProxy[]
  readonly #sentinels: readonly TcpProxy[]

  private constructor(data: readonly TcpProxy[], sentinels: readonly TcpProxy[], locks: readonly TcpProxy[]) {
    this.data = data
    this.locks = locks
    this.#sentinels = sentinels
  }

  static async start({ data, sentinel, locks }: RedisPorts): Promise<RedisRoutes> {
    const routed = new Map<number, number>()
    // The addresses that Sentinel reports would bypass our proxies, so its answers are rewritten.
    const rewriteAnswers = (chunk: Buffer): Buffer => withPorts(chunk, routed)
    const start = (ports: readonly number[], isSentinel = false): Promise<TcpProxy[]> =>
      Promise.all(
        ports.map(async (port) => {
          const proxy = await TcpProxy.start(port, isSentinel ? { rewriteAnswers } : {})
          routed.set(port, proxy.port)
          return proxy
        }),
      )
    return new RedisRoutes(await start(data), await start(sentinel?.ports ?? [], true), await start(locks))
  }

  get env(): Record<string, string> {
    const numbered = (name: string, proxies: readonly TcpProxy[], text: (port: number) => string) =>
      proxies.map(({ port }, index) => [`${name}_${index + 1}`, text(port)] as const)
    const url = (port: number): string => `redis://127.0.0.1:${port}/0`
    return Object.fromEntries([
      [DATA, url(this.data[0]!.port)],
      ...numbered('LOCK', this.locks, url),
      ...numbered('SENTINEL', this.#sentinels, (port) => `127.0.0.1:${port}`),
    ])
  }

  /** Returns the function that heals it. */
  suffer(what: 'data' | 'locks', fault: NetworkFault): () => number {
    const proxies = this[what]
    for (const proxy of proxies) proxy.suffer(fault)
    return () => proxies.reduce((late, proxy) => late + proxy.heal(), 0)
  }

  stop(): void {
    for (const proxy of [...this.data, ...this.#sentinels, ...this.locks]) proxy.stop()
  }
}

/** Ports in answers of Redis, each with its length before it: `$5\r\n36379\r\n`. */
function withPorts(chunk: Buffer, routed: ReadonlyMap<number, number>): Buffer {
  const text = chunk.toString('latin1')
  const changed = text.replace(/\$\d+\r\n(\d{4,5})\r\n/g, (whole, port: string) => {
    const other = routed.get(Number(port))
    return other === undefined ? whole : `$${String(other).length}\r\n${other}\r\n`
  })
  return changed === text ? chunk : Buffer.from(changed, 'latin1')
}
