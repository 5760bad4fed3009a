import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { checkOptions, namesOf } from './check-options.js'
import { freePort } from './free-port.js'
import { loopback, type RedisPlace, RedisProcess, temporaryFolder } from './redis-process.js'
import { makeCertificates, type TestCertificates } from './test-certificates.js'
import { waitUntil } from './wait-until.js'

export interface RedisServerOptions {
  /** Default `always`, as docs/operating.md asks for. */
  readonly appendfsync?: 'always' | 'everysec' | 'no'
  /** Such as `8mb`; default unlimited. */
  readonly maxmemory?: string
  /** Of the default user. */
  readonly password?: string
  /** Serve TLS only, with certificates made for this server. */
  readonly tls?: boolean
  readonly replicaOf?: { readonly port: number }
  /** Further arguments of redis-server. */
  readonly extra?: readonly string[]
  readonly port?: number
  /** It is kept when the server stops. Default: a temporary folder, deleted then. */
  readonly dir?: string
}

const redisOptionNames = namesOf<RedisServerOptions>({
  appendfsync: true,
  maxmemory: true,
  password: true,
  tls: true,
  replicaOf: true,
  extra: true,
  port: true,
  dir: true,
})

export interface RedisServer {
  readonly url: string
  readonly port: number
  readonly pid: number
  readonly dir: string
  readonly certificates: TestCertificates | undefined
  /** SIGKILL; its files stay for `restart`. */
  kill(): Promise<void>
  /** Starts it as it was: same port, folder and settings. A running server is killed first. */
  restart(): Promise<void>
  /** SIGSTOP: it accepts connections and answers nothing. */
  freeze(): void
  thaw(): void
  /** Runs a command on it. Returns what redis-cli would print, without the last newline. */
  cli(...args: readonly string[]): Promise<string>
  /** Kills it and deletes what it wrote. */
  stop(): Promise<void>
}

/**
 * A real redis-server on a free port of the loopback. It ends with this process. Rejects if it is not
 * installed.
 */
export function startRedis(options: RedisServerOptions = {}): Promise<RedisServer> {
  return startRedisAt(loopback, options)
}

/** The same elsewhere on this machine. The caller must know that its port is free there. */
export async function startRedisAt(
  place: RedisPlace,
  options: RedisServerOptions = {},
): Promise<RedisServer> {
  checkOptions(options, { what: 'startRedis()', type: 'RedisServerOptions', names: redisOptionNames })
  const folder = options.dir === undefined ? await temporaryFolder() : undefined
  const dir = options.dir ?? folder!.path
  const port = options.port ?? (await freePort())
  const certificates = options.tls ? await makeCertificates(dir) : undefined
  const { password } = options
  const server = new RedisProcess({
    args: serverArguments(options, place, port, dir, certificates),
    place,
    port,
    password,
    ca: certificates?.ca,
    directory: dir,
  })
  await server.start()
  const scheme = certificates === undefined ? 'redis' : 'rediss'
  const user = password === undefined ? '' : `:${encodeURIComponent(password)}@`
  const query = certificates === undefined ? '' : `?ca=${encodeURIComponent(certificates.ca)}`
  return {
    url: `${scheme}://${user}${place.host}:${port}/0${query}`,
    port,
    dir,
    certificates,
    get pid() {
      return server.pid
    },
    kill: () => server.kill(),
    async restart() {
      await server.kill()
      await server.start()
    },
    freeze: () => server.signal('SIGSTOP'),
    thaw: () => server.signal('SIGCONT'),
    cli: (...args) => server.cli(...args),
    async stop() {
      await server.kill()
      await folder?.remove()
    },
  }
}

function serverArguments(
  options: RedisServerOptions,
  { host }: RedisPlace,
  port: number,
  dir: string,
  certificates: TestCertificates | undefined,
): string[] {
  const { appendfsync = 'always', maxmemory, password, replicaOf, extra = [] } = options
  const flags: Record<string, string | undefined> = {
    port: certificates === undefined ? String(port) : '0',
    bind: host,
    // Without a password it would refuse connections from outside of the loopback.
    'protected-mode': host === loopback.host ? undefined : 'no',
    dir,
    save: '',
    appendonly: 'yes',
    appendfsync,
    // A replica syncs at once, and not after the 5 s in which Redis waits for more of them.
    'repl-diskless-sync-delay': '0',
    maxmemory,
    requirepass: password,
    masterauth: password,
    'tls-port': certificates && String(port),
    'tls-cert-file': certificates?.cert,
    'tls-key-file': certificates?.key,
    'tls-ca-cert-file': certificates?.ca,
    'tls-auth-clients': certificates && 'no',
  }
  const set = Object.entries(flags).flatMap(([name, value]) =>
    value === undefined ? [] : [`--${name}`, value],
  )
  const replica = replicaOf === undefined ? [] : ['--replicaof', '127.0.0.1', String(replicaOf.port)]
  return [...set, ...replica, ...extra]
}

export interface SentinelOptions {
  /** Port of the primary to watch. */
  readonly primaryPort: number
  /** Default `firesteel`. */
  readonly name?: string
  /** Default 3. */
  readonly count?: number
  /** After this silence the primary counts as down. Default 1,000. */
  readonly downAfterMs?: number
  /** Of the primary and its replicas. */
  readonly password?: string
  /** Of the Sentinels themselves. */
  readonly sentinelPassword?: string
}

const sentinelOptionNames = namesOf<SentinelOptions>({
  primaryPort: true,
  name: true,
  count: true,
  downAfterMs: true,
  password: true,
  sentinelPassword: true,
})

export interface SentinelGroup {
  readonly name: string
  /** host:port of each, as a deployment file lists them. */
  readonly hosts: readonly string[]
  /** Port of the primary that they agree on now. */
  primaryPort(): Promise<number>
  /** All of them see a healthy primary and its replicas, and none is being promoted. */
  areQuiet(): Promise<boolean>
  stop(): Promise<void>
}

/** Sentinels that watch one primary; resolves when they know each other and its replicas. */
export async function startSentinels(options: SentinelOptions): Promise<SentinelGroup> {
  checkOptions(options, { what: 'startSentinels()', type: 'SentinelOptions', names: sentinelOptionNames })
  const {
    primaryPort,
    name = 'firesteel',
    count = 3,
    downAfterMs = 1000,
    password,
    sentinelPassword,
  } = options
  const folder = await temporaryFolder()
  const started: { port: number; process: RedisProcess }[] = []
  const stop = async (): Promise<void> => {
    await Promise.all(started.map(({ process }) => process.kill()))
    await folder.remove()
  }
  try {
    for (let i = 0; i < count; i += 1) {
      const port = await freePort()
      const file = join(folder.path, `sentinel-${port}.conf`)
      await writeFile(
        file,
        [
          `port ${port}`,
          'bind 127.0.0.1',
          `dir ${folder.path}`,
          `sentinel monitor ${name} 127.0.0.1 ${primaryPort} ${Math.floor(count / 2) + 1}`,
          `sentinel down-after-milliseconds ${name} ${downAfterMs}`,
          `sentinel failover-timeout ${name} 6000`,
          ...(password === undefined ? [] : [`sentinel auth-pass ${name} ${password}`]),
          ...(sentinelPassword === undefined ? [] : [`requirepass ${sentinelPassword}`]),
          '',
        ].join('\n'),
      )
      const process = new RedisProcess({
        args: [file, '--sentinel'],
        port,
        password: sentinelPassword,
        directory: folder.path,
        place: loopback,
      })
      await process.start()
      started.push({ port, process })
    }
    const ask = (process: RedisProcess, ...args: string[]) => process.cli('SENTINEL', ...args, name)
    const fieldOf = (text: string, field: string) =>
      Number(new RegExp(`^${field}\\n(.*)$`, 'm').exec(text)?.[1] ?? 0)
    await waitUntil(
      'the Sentinels to know each other and the replica',
      async () => {
        const seen = await Promise.all(started.map(({ process }) => ask(process, 'MASTER')))
        return seen.every(
          (text) => fieldOf(text, 'num-other-sentinels') === count - 1 && fieldOf(text, 'num-slaves') > 0,
        )
      },
      { deadlineMs: 60_000, everyMs: 100 },
    )
    const isQuiet = async (process: RedisProcess): Promise<boolean> => {
      const flags = async (what: string) =>
        [...(await ask(process, what)).matchAll(/^flags\n(.*)$/gm)].map(([, words]) => words)
      const [primary, replicas] = [await flags('MASTER'), await flags('REPLICAS')]
      return primary[0] === 'master' && replicas.length > 0 && replicas.every((words) => words === 'slave')
    }
    return {
      name,
      areQuiet: async () =>
        (await Promise.all(started.map(({ process }) => isQuiet(process)))).every(Boolean),
      hosts: started.map(({ port }) => `127.0.0.1:${port}`),
      primaryPort: async () =>
        Number((await ask(started[0]!.process, 'GET-MASTER-ADDR-BY-NAME')).split('\n')[1]),
      stop,
    }
  } catch (error) {
    await stop()
    throw error
  }
}
