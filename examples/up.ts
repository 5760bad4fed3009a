import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { waitUntil } from 'firesteel/testing'
import { freePort } from '../test/harness/free-port.js'

/* For the tests of the examples: clusters as people start them, and what may happen to them. */

const bin = fileURLToPath(new URL('../runtime/launch/cli/bin.js', import.meta.url))
const PATIENCE = { deadlineMs: 60_000, everyMs: 5 }

export interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** A program that runs. */
export interface Running {
  readonly ended: Promise<Ended>
  /** kill -9. Resolves when it has ended. */
  kill(): Promise<void>
}

/** `firesteel up` in a folder of its own, with one Master and two Workers. Its ports stay the same. */
export class Up implements AsyncDisposable {
  readonly folder: string
  readonly #port: number
  readonly #pids = new Map<string, number>()
  #launcher: ChildProcess | undefined

  private constructor(folder: string, port: number) {
    this.folder = folder
    this.#port = port
  }

  static async start(cores: number): Promise<Up> {
    const up = new Up(await mkdtemp(join(tmpdir(), 'firesteel-example-')), await freePort())
    const worker = { host: '127.0.0.1', web: 0, cores, memory: '4g' }
    const cluster = {
      recovery: { mode: 'FILESYSTEM', directory: './state' },
      masters: [{ name: 'm1', host: '127.0.0.1', port: up.#port, web: 0 }],
      workers: ['w1', 'w2'].map((name) => ({ name, ...worker })),
    }
    // JSON is YAML.
    await writeFile(join(up.folder, 'cluster.yaml'), JSON.stringify(cluster))
    await up.startAgain()
    return up
  }

  /** Resolves when the cluster is ready. */
  async startAgain(): Promise<void> {
    const launcher = spawn(process.execPath, [bin, 'up', 'cluster.yaml'], {
      cwd: this.folder,
      env: environment({ NODE_OPTIONS: '--inspect-port=0' }),
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    this.#launcher = launcher
    let said = ''
    let isReady = false
    const heard = (chunk: string): void => {
      said += chunk
      for (const [, name = '', pid] of said.matchAll(/^(\w+): \w+ started, process (\d+)$/gm)) {
        this.#pids.set(name, Number(pid))
      }
      isReady ||= /^Cluster .* is ready/m.test(said)
    }
    for (const output of [launcher.stdout, launcher.stderr]) output.setEncoding('utf8').on('data', heard)
    await waitUntil('the cluster to be ready', () => isReady || launcher.exitCode !== null, PATIENCE)
    if (!isReady) throw new Error(said)
  }

  /** kill -9 of a node, such as `w1`. Resolves when the launcher has started it again. */
  async kill(name: string): Promise<void> {
    const pid = this.#pids.get(name)!
    process.kill(pid, 'SIGKILL')
    await waitUntil(`${name} to be started again`, () => this.#pids.get(name) !== pid, PATIENCE)
  }

  /** kill -9 of the launcher. Resolves when its nodes have ended as well. */
  async killLauncher(): Promise<void> {
    this.#launcher?.kill('SIGKILL')
    const pids = [this.#launcher?.pid, ...this.#pids.values()]
    await waitUntil('the nodes to end', () => !pids.some((pid) => pid !== undefined && runs(pid)), PATIENCE)
  }

  /** Runs a script of Node with this cluster in its environment. */
  async node(script: string, args: readonly string[]): Promise<Running> {
    const secret = (await readFile(join(this.folder, '.firesteel', 'secret'), 'utf8')).trim()
    const cluster = { FIRESTEEL_MASTER: `firesteel://127.0.0.1:${this.#port}`, FIRESTEEL_SECRET: secret }
    return running(script, args, this.folder, cluster)
  }

  /** A command of `firesteel`. Throws if it fails. */
  async firesteel(...args: readonly string[]): Promise<string> {
    const { code, stdout, stderr } = await (await this.node(bin, args)).ended
    if (code === 0) return stdout
    throw new Error(`firesteel ${args.join(' ')} ended with ${code}: ${stderr}`)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const launcher = this.#launcher
    launcher?.kill('SIGTERM')
    await waitUntil(
      'the cluster to be down',
      () => launcher?.pid === undefined || !runs(launcher.pid),
      PATIENCE,
    )
    await rm(this.folder, { recursive: true, force: true, maxRetries: 3 })
  }
}

/** Runs a script of Node, with a cluster of its own if it needs one. */
export function running(
  script: string,
  args: readonly string[],
  cwd: string,
  env: Readonly<Record<string, string>> = {},
): Running {
  const child = spawn(process.execPath, [script, ...args], { cwd, env: environment(env), stdio: 'pipe' })
  const exit = new Promise<number | null>((resolve) => child.once('close', resolve))
  const output = Promise.all([text(child.stdout), text(child.stderr)])
  const ended = output.then(async ([stdout, stderr]) => ({ code: await exit, stdout, stderr }))
  return {
    ended,
    async kill() {
      child.kill('SIGKILL')
      await ended
    },
  }
}

function environment(extra: Readonly<Record<string, string>>): NodeJS.ProcessEnv {
  const { PATH, HOME, TMPDIR } = process.env
  return { PATH, HOME, TMPDIR, ...extra }
}

/** A process that has ended and was not asked for yet counts as ended. */
function runs(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}
