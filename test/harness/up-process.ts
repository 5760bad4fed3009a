import { randomBytes } from 'node:crypto'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { type ErrorName, errorCodes, FiresteelError } from '../../runtime/errors.js'
import { type Child, startChild } from '../../runtime/process/child.js'
import { childEnvironment } from '../../runtime/process/environment.js'
import { type DeploymentFileOptions, deploymentFile } from './deployment-file.js'
import { NodeRegistry, type UpLine } from './node-registry.js'
import { OutputTail } from './output-tail.js'
import { ProcessWatch } from './process-watch.js'
import { waitUntil } from './wait-until.js'

/** This package's own command line. */
export const binPath = fileURLToPath(new URL('../../runtime/launch/cli/bin.js', import.meta.url))

const READY_MS = 60_000
const STOP_MS = 60_000
/** Guards and executors notice the end of their Worker within a second. */
const GONE_MS = 5_000
const LOG_LINES = 200

/**
 * Of a launcher or a node: SIGUSR1 opens each debugger at a port of its own, so clusters may run side by
 * side.
 */
export const anyDebuggerPort = { NODE_OPTIONS: '--inspect-port=0' } as const

/**
 * The environment of a command of ours: what `childEnvironment` passes on, and `extra` with the secret that
 * it would drop.
 */
export function commandEnvironment(extra: Readonly<Record<string, string>> = {}): Record<string, string> {
  return { ...childEnvironment(), ...extra }
}

export interface UpOptions extends DeploymentFileOptions {
  /** It is kept when the cluster stops. Default: a temporary one. */
  readonly directory: string | undefined
  /** Names of the nodes that this one runs. Default: all. */
  readonly only?: readonly string[]
  /** Variables of the deployment file. */
  readonly env?: Readonly<Record<string, string>>
  /** Secret of the cluster. Default: that of the folder, or a random one. */
  readonly secret?: string
  /** Command and arguments that start the launcher, for example on a host of its own. Default: here. */
  readonly prefix?: readonly string[]
  /** Gets each log line of its nodes. */
  readonly onLog?: (line: string) => void
}

/** `firesteel up` as a real process, and what it reports of its nodes. */
export class UpProcess {
  readonly directory: string
  readonly secret: string
  readonly ca: string | undefined
  readonly registry = new NodeRegistry()
  readonly watch: ProcessWatch
  readonly #child: Child
  readonly #isTemporary: boolean
  readonly #stdout: OutputTail
  readonly #stderr: OutputTail
  #stopped: Promise<void> | undefined

  private constructor(place: Place, child: Child, { onLog, tls }: UpOptions) {
    this.ca = tls?.ca
    this.directory = place.directory
    this.secret = place.secret
    this.#isTemporary = place.isTemporary
    this.#child = child
    this.watch = new ProcessWatch(child)
    this.#stdout = new OutputTail(child.stdout!, LOG_LINES, (line) => {
      const said = parsed(line)
      if (said !== undefined) this.registry.apply(said as UpLine)
    })
    this.#stderr = new OutputTail(child.stderr!, LOG_LINES, onLog)
  }

  /** Resolves when the cluster is ready. Rejects with the error of `up`. */
  static async start(options: UpOptions): Promise<UpProcess> {
    const place = await makePlace(options)
    let up: UpProcess | undefined
    try {
      const [command, ...args] = [...(options.prefix ?? []), process.execPath, binPath, 'up', place.file]
      const child = await startChild({
        command: command!,
        // Its input is ours, so it ends with this process, however that ends.
        args: [...args, '--json', '--until-stdin-ends', ...onlyFlag(options)],
        cwd: place.directory,
        env: commandEnvironment({ ...anyDebuggerPort, ...options.env }),
        stdin: 'pipe',
        stdout: 'pipe',
        stderr: 'pipe',
        ownGroup: true,
        followDescendants: false,
      })
      up = new UpProcess(place, child, options)
      await up.#ready()
      return up
    } catch (error) {
      await up?.stop().catch(() => undefined)
      if (place.isTemporary) await rm(place.directory, { recursive: true, force: true })
      throw error
    }
  }

  /** Of the launcher. */
  get pid(): number {
    return this.#child.pid
  }

  /**
   * SIGKILL to the launcher only. Resolves when everything that it ran has ended. Rejects, after killing
   * them, if some do not end.
   */
  async killLauncher(): Promise<void> {
    this.watch.look()
    process.kill(this.#child.pid, 'SIGKILL')
    await this.#child.exited
    await this.stop()
  }

  /** The last lines of all nodes. */
  get log(): string {
    return this.#stderr.text
  }

  /** For a failed wait: text for people. */
  diagnostics(): string {
    const nodes = this.registry.nodes.map(
      ({ name, role, pid, address }) => `  ${name} ${role} ${pid} ${address}`,
    )
    return ['--- nodes', ...nodes, '--- events', this.#stdout.text, '--- log', this.log, '---'].join('\n')
  }

  stop(): Promise<void> {
    this.#stopped ??= this.#stop()
    return this.#stopped
  }

  async #ready(): Promise<void> {
    let hasEnded = false
    void this.#child.closed.then(() => {
      hasEnded = true
    })
    try {
      await waitUntil('the cluster to be ready', () => hasEnded || this.registry.master !== '', {
        deadlineMs: READY_MS,
      })
    } catch (error) {
      process.stderr.write(`${this.diagnostics()}\n`)
      throw error
    }
    if (this.registry.master === '') throw refusal(this.#stderr.text)
  }

  async #stop(): Promise<void> {
    this.watch.look()
    this.#child.stdin?.on('error', () => undefined)
    this.#child.signal('SIGTERM')
    const isOver = await Promise.race([this.#child.closed.then(() => true), waited(STOP_MS)])
    const left = await this.#leftovers()
    this.watch.killSurvivors()
    await this.#child.stop({ graceMs: 0 })
    this.watch.close()
    if (this.#isTemporary) await rm(this.directory, { recursive: true, force: true, maxRetries: 3 })
    if (isOver && left.length === 0) return
    throw new Error(`the cluster left processes behind:\n${left.join('\n')}\n${this.diagnostics()}`)
  }

  /** Processes that outlive the cluster, each with what it runs. */
  async #leftovers(): Promise<string[]> {
    const deadline = performance.now() + GONE_MS
    while (this.watch.survivors().length > 0 && performance.now() < deadline) await delay(20)
    return this.watch.survivors().map(({ pid }) => `  ${pid}`)
  }
}

interface Place {
  readonly directory: string
  readonly isTemporary: boolean
  readonly secret: string
  /** The deployment file. */
  readonly file: string
}

const onlyFlag = ({ only }: UpOptions): string[] => (only === undefined ? [] : ['--only', only.join(',')])

async function makePlace(options: UpOptions): Promise<Place> {
  const isTemporary = options.directory === undefined
  const directory = isTemporary
    ? await mkdtemp(join(tmpdir(), 'firesteel-test-'))
    : resolve(options.directory)
  await mkdir(join(directory, '.firesteel'), { recursive: true, mode: 0o700 })
  const secret = await secretOf(join(directory, '.firesteel', 'secret'), options.secret)
  const file = join(directory, 'cluster.yaml')
  await writeFile(file, deploymentFile(options))
  return { directory, isTemporary, secret, file }
}

/** A folder that is used again keeps its secret, as its state does. */
async function secretOf(path: string, given?: string): Promise<string> {
  const secret = given ?? randomBytes(32).toString('base64url')
  try {
    await writeFile(path, `${secret}\n`, { mode: 0o600, flag: 'wx' })
    return secret
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    return (await readFile(path, 'utf8')).trimEnd()
  }
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line)
  } catch {
    return undefined
  }
}

/** What `up --json` printed when it failed. */
function refusal(stderr: string): Error {
  for (const line of stderr.split('\n').toReversed()) {
    const { error } = (parsed(line) ?? {}) as { error?: { code: string; message: string; help: string } }
    const name = error?.code?.replace(/^FIRESTEEL_/, '')
    if (error && name && Object.hasOwn(errorCodes, name)) {
      return new FiresteelError(name as ErrorName, error.message, { help: error.help })
    }
  }
  return new Error(`the cluster did not start:\n${stderr}`)
}

async function waited(ms: number): Promise<false> {
  await delay(ms, undefined, { ref: false })
  return false
}
