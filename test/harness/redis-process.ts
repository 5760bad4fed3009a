import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Child, startChild } from '../../runtime/process/child.js'
import { askRedis } from './ask-redis.js'
import { waitUntil } from './wait-until.js'

const env = { PATH: process.env.PATH ?? '' }

export interface RedisProcessOptions {
  readonly args: readonly string[]
  readonly port: number
  readonly password?: string | undefined
  /** Path of its CA, if it speaks TLS. */
  readonly ca?: string | undefined
  readonly directory: string
  readonly place: RedisPlace
}

/** Where a server runs. */
export interface RedisPlace {
  readonly host: string
  /** Command and arguments that start a command there. Empty: here. */
  readonly prefix: readonly string[]
}

export const loopback: RedisPlace = { host: '127.0.0.1', prefix: [] }

/** A redis-server that can be killed, frozen, and started again as it was. It dies with this process. */
export class RedisProcess {
  readonly #options: RedisProcessOptions
  #child: Child | undefined
  #watcher: Child | undefined

  constructor(options: RedisProcessOptions) {
    this.#options = options
  }

  get pid(): number {
    return this.#child?.pid ?? 0
  }

  /** Resolves when it answers. Rejects with its output if it ends instead. */
  async start(): Promise<void> {
    const { place, args } = this.#options
    const [command, ...rest] = [...place.prefix, 'redis-server', ...args]
    const child = await startChild({
      command: command!,
      args: rest,
      cwd: this.#options.directory,
      env,
      stdout: 'pipe',
      stderr: 'pipe',
      ownGroup: true,
      followDescendants: false,
    })
    this.#child = child
    this.#watcher = await watcherOf(child.pid, this.#options.directory)
    let printed = ''
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on('data', (chunk: Buffer) => {
        printed = (printed + chunk.toString()).slice(-4000)
      })
    }
    const ended = child.exited.then(({ code, signal }) => {
      throw new Error(`redis-server ended (${code ?? signal}) before it answered:\n${printed}`)
    })
    // After its first answer only the test ends it.
    ended.catch(() => undefined)
    await Promise.race([ended, waitUntil('redis-server to answer', () => this.answers(), { everyMs: 5 })])
  }

  async answers(): Promise<boolean> {
    const answer = await this.cli('PING')
    // LOADING does not count as an answer, NOAUTH does.
    return answer.startsWith('PONG') || answer.startsWith('NOAUTH')
  }

  /** Returns what redis-cli would print, without the last newline. */
  cli(...args: readonly string[]): Promise<string> {
    const { place, port, password, ca } = this.#options
    return askRedis({ host: place.host, port, password, ca }, args)
  }

  signal(signal: NodeJS.Signals): void {
    this.#child?.signal(signal)
  }

  /** SIGKILL, also to one that is frozen. */
  async kill(): Promise<void> {
    this.#watcher?.signal('SIGKILL')
    this.signal('SIGKILL')
    await this.#child?.exited
    this.#child = undefined
  }
}

/** Kills the server when this process ends, however it ends: then the watcher's standard input closes. */
function watcherOf(pid: number, cwd: string): Promise<Child> {
  return startChild({
    command: 'sh',
    args: ['-c', 'read -r _; kill -9 "$1"', 'sh', String(pid)],
    cwd,
    env,
    stdin: 'pipe',
    stdout: 'ignore',
    stderr: 'ignore',
    ownGroup: true,
    followDescendants: false,
  })
}

export async function temporaryFolder(): Promise<{ path: string; remove(): Promise<void> }> {
  const path = await mkdtemp(join(tmpdir(), 'firesteel-redis-'))
  return { path, remove: () => rm(path, { recursive: true, force: true }) }
}
