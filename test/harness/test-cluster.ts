import type { App } from '../../actors/client/app.js'
import { connect } from '../../actors/client/connect.js'
import type { ConnectOptions } from '../../actors/client/connect-options.js'
import { FiresteelError } from '../../runtime/errors.js'
import { checkKnownOptions } from '../../runtime/known-options.js'
import { identityOf, isAlive } from '../../runtime/process/find-process.js'
import { readProcess } from '../../runtime/process/process-table.js'
import { sendSignal } from '../../runtime/process/send-signal.js'
import { checkOptions, namesOf } from './check-options.js'
import type { ClusterProcesses } from './cluster-processes.js'
import type { ClusterNode } from './node-registry.js'
import { probe } from './probe.js'
import { type CommandOptions, type CommandOutcome, runCommand } from './run-command.js'
import { sessionCookie } from './session-cookie.js'
import type { StatusReport } from './status-report.js'
import { binPath, commandEnvironment } from './up-process.js'
import { checkWaitOptions, type WaitOptions, waitOptionNames, waitUntil } from './wait-until.js'

/** A node or its name. */
export type NodeName = string | Pick<ClusterNode, 'name'>

export interface CliOptions extends Pick<CommandOptions, 'input' | 'timeoutMs' | 'signal'> {
  /** Default: the folder of the cluster. */
  readonly cwd?: string
  /** Besides PATH, HOME, LANG, TZ, TMPDIR and the variables that name this cluster. */
  readonly env?: Readonly<Record<string, string>>
}

export interface WaitAliveOptions extends WaitOptions {
  /** Workers that must be ALIVE. Default: all that are not frozen. */
  readonly workers?: number
  /** Masters that must be STANDBY with their store in reach. Default 0. */
  readonly standbys?: number
}

type CompleteOptions = Pick<WaitAliveOptions, 'workers' | 'standbys'>

const cliOptionNames = namesOf<CliOptions>({
  input: true,
  timeoutMs: true,
  signal: true,
  cwd: true,
  env: true,
})
const completeOptionNames = namesOf<CompleteOptions>({ workers: true, standbys: true })

const ALIVE_MS = 60_000
/** A frozen node accepts a connection and sends nothing. The next look must not wait for it. */
const PROBE_MS = 500

/** A cluster of real processes for tests. Stop it, or declare it with `await using`. */
export class TestCluster implements AsyncDisposable {
  readonly secret: string
  /** File of its CA, if it speaks TLS. */
  readonly ca: string | undefined
  /** Folder with the deployment file, secret, state and work folders of this cluster. */
  readonly directory: string
  readonly #up: ClusterProcesses
  readonly #frozen = new Map<string, number>()
  readonly #apps = new Set<App>()

  /** Use `createTestCluster`. */
  constructor(up: ClusterProcesses) {
    this.#up = up
    this.secret = up.secret
    this.ca = up.ca
    this.directory = up.directory
  }

  /** firesteel://host:port[,host:port...] of its Masters. It stays the same over restarts. */
  get address(): string {
    return this.#up.registry.master
  }

  /** As they are now. */
  get nodes(): readonly ClusterNode[] {
    return this.#up.registry.nodes
  }

  /** The last log lines of its nodes. */
  get log(): string {
    return this.#up.log
  }

  /** Throws if no node has this name. */
  node(node: NodeName): ClusterNode {
    return this.#up.registry.find(typeof node === 'string' ? node : node.name)
  }

  /**
   * An application of this cluster whose driver is this process. It is closed with the cluster at the latest.
   */
  async connect(options: ConnectOptions = {}): Promise<App> {
    // connect() refuses names that it does not know. It cannot see what the spread below leaves out.
    const help = 'See ConnectOptions of firesteel.'
    checkKnownOptions(options, { what: 'connect()', names: Object.keys(Object(options)), help })
    const tls = this.ca === undefined ? {} : { tls: { ca: this.ca } }
    const app = await connect(this.address, { secret: this.secret, ...tls, ...options })
    this.#apps.add(app)
    app.on('closed', () => void this.#apps.delete(app))
    return app
  }

  /**
   * Sends a signal to a node. If the signal ends it, this resolves when that process has ended; the launcher
   * starts the node again. Returns the pid.
   */
  async kill(node: NodeName, signal: NodeJS.Signals = 'SIGKILL'): Promise<number> {
    const { name, pid } = this.#running(node)
    const identity = identityOf(pid)
    this.#up.watch.look()
    sendSignal(pid, signal)
    if (identity && (signal === 'SIGKILL' || signal === 'SIGTERM')) {
      await this.waitUntil(`${name} (process ${pid}) to end by ${signal}`, () => !isAlive(identity), {
        deadlineMs: 60_000,
        everyMs: 2,
      })
      this.#frozen.delete(name)
    }
    return pid
  }

  /** Stops the process of a node without ending it (SIGSTOP). Its sockets stay open and silent. */
  async freeze(node: NodeName): Promise<void> {
    const { name, pid } = this.#running(node)
    this.#frozen.set(name, pid)
    sendSignal(pid, 'SIGSTOP')
    await this.waitUntil(`${name} to stand still`, () => readProcess(pid)?.state === 'T', { everyMs: 2 })
  }

  /** Lets a frozen node continue. */
  thaw(node: NodeName): void {
    const { name } = this.node(node)
    const pid = this.#frozen.get(name)
    if (pid !== undefined) sendSignal(pid, 'SIGCONT')
    this.#frozen.delete(name)
  }

  /** Like `waitUntil`. If the time is over, the cluster's log is printed. */
  async waitUntil<T>(
    what: string,
    condition: () => T | Promise<T>,
    options: WaitOptions = {},
  ): Promise<NonNullable<T>> {
    checkWaitOptions(options)
    try {
      return await waitUntil(what, condition, options)
    } catch (error) {
      process.stderr.write(`${this.#up.diagnostics()}\n`)
      throw error
    }
  }

  /** The node of the Master that is ALIVE; undefined while there is none. */
  async leader(): Promise<ClusterNode | undefined> {
    return (await this.#alive())?.node
  }

  /** Waits until a Master is ALIVE and knows this many ALIVE Workers. Returns the Master's node. */
  async waitAlive(options: WaitAliveOptions = {}): Promise<ClusterNode> {
    const names = [...completeOptionNames, ...waitOptionNames]
    checkOptions(options, { what: 'waitAlive()', type: 'WaitAliveOptions', names })
    const { workers, standbys = 0, ...ofWait } = options
    return await this.waitUntil('a Master ALIVE with its Workers', () => this.#complete(workers, standbys), {
      deadlineMs: ALIVE_MS,
      ...ofWait,
    })
  }

  /** The condition of `waitAlive`, at this moment. */
  async isComplete(options: CompleteOptions = {}): Promise<boolean> {
    checkOptions(options, { what: 'isComplete()', type: 'WaitAliveOptions', names: completeOptionNames })
    const { workers, standbys = 0 } = options
    return (await this.#complete(workers, standbys)) !== undefined
  }

  /** The output of `firesteel status --json`. Throws its error. */
  async status(): Promise<StatusReport> {
    const { code, stdout, stderr } = await this.cli(['status', '--json'])
    if (code === 0) return JSON.parse(stdout) as StatusReport
    throw new Error(`status ended with ${code}: ${stderr}`)
  }

  /** Runs `firesteel ARGS` against this cluster to its end. */
  async cli(args: readonly string[], options: CliOptions = {}): Promise<CommandOutcome> {
    checkOptions(options, { what: 'cli()', type: 'CliOptions', names: cliOptionNames })
    const { cwd = this.directory, env = {}, ...rest } = options
    return await runCommand({
      command: process.execPath,
      args: [binPath, ...args],
      cwd,
      env: commandEnvironment({
        FIRESTEEL_MASTER: this.address,
        FIRESTEEL_SECRET: this.secret,
        ...(this.ca !== undefined && { FIRESTEEL_TLS_CA: this.ca }),
        ...env,
      }),
      ...rest,
    })
  }

  /**
   * Stops all nodes in order. Rejects, after killing them, if processes of the cluster outlived it. A
   * temporary folder is deleted.
   */
  async stop(): Promise<void> {
    for (const pid of this.#frozen.values()) sendSignal(pid, 'SIGCONT')
    this.#frozen.clear()
    await Promise.all([...this.#apps].map((app) => app.close()))
    await this.#up.stop()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop()
  }

  #running(node: NodeName): ClusterNode {
    const found = this.node(node)
    if (found.pid > 0) return found
    throw new FiresteelError('NOT_ALLOWED', `${found.name} does not run now.`, {
      help: 'Wait for waitAlive() first.',
    })
  }

  async #complete(workers: number | undefined, standbys: number): Promise<ClusterNode | undefined> {
    const wanted =
      workers ?? this.nodes.filter(({ role, name }) => role === 'worker' && !this.#frozen.has(name)).length
    const leader = await this.#alive()
    if (!leader || leader.workers < wanted) return undefined
    if (standbys === 0) return leader.node
    const others = this.#masters().filter(({ name }) => name !== leader.node.name)
    const ready = await Promise.all(others.map(({ web }) => answers(`${web}/readyz`, this.ca)))
    return ready.filter(Boolean).length >= standbys ? leader.node : undefined
  }

  /** From another host, what a Master shows needs a session. */
  get #headers(): Record<string, string> {
    const { cluster } = this.#up.registry
    return cluster === undefined ? {} : { cookie: sessionCookie(cluster, this.secret) }
  }

  /** Masters that can be asked. */
  #masters(): ClusterNode[] {
    return this.nodes.filter(
      ({ role, web, pid, name }) => role === 'master' && web !== null && pid > 0 && !this.#frozen.has(name),
    )
  }

  /**
   * If two Masters claim to lead, one has not noticed yet that its leadership is over. The higher epoch
   * leads.
   */
  async #alive(): Promise<AliveMaster | undefined> {
    const found = await Promise.all(this.#masters().map((node) => aliveMaster(node, this.#headers, this.ca)))
    return found.filter((master) => master !== undefined).toSorted((a, b) => b.epoch - a.epoch)[0]
  }
}

interface AliveMaster {
  readonly node: ClusterNode
  readonly epoch: number
  /** ALIVE in its cluster state. */
  readonly workers: number
}

interface MasterJson {
  readonly aliveworkers: number
  readonly firesteel: { readonly epoch: number }
}

async function aliveMaster(
  node: ClusterNode,
  headers: Readonly<Record<string, string>>,
  ca: string | undefined,
): Promise<AliveMaster | undefined> {
  if (!(await answers(`${node.web}/leader`, ca))) return undefined
  try {
    const { body } = await probe(`${node.web}/json/`, PROBE_MS, headers, ca)
    const { aliveworkers, firesteel } = JSON.parse(body) as MasterJson
    return { node, epoch: firesteel.epoch, workers: aliveworkers }
  } catch {
    // The node has gone meanwhile.
    return undefined
  }
}

async function answers(url: string, ca: string | undefined): Promise<boolean> {
  try {
    return (await probe(url, PROBE_MS, {}, ca)).status === 200
  } catch {
    return false
  }
}
