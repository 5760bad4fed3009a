import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import type { ProcessIdentity } from '../../runtime/process/find-process.js'
import { readProcessTable } from '../../runtime/process/process-table.js'
import type { ClusterProcesses } from './cluster-processes.js'
import type { ClusterNode } from './node-registry.js'
import { type UpOptions, UpProcess } from './up-process.js'

export interface Machine {
  readonly name: string
  /** Names of its nodes in the deployment file. */
  readonly nodes: readonly string[]
  /** Variables of its deployment file, such as its own route to a Redis. */
  readonly env: Readonly<Record<string, string>>
  /** Command that starts its launcher. */
  readonly prefix?: readonly string[]
}

export interface MachinesOptions extends Omit<UpOptions, 'only' | 'env' | 'prefix' | 'secret' | 'onLog'> {
  readonly onLog?: (machine: string, line: string) => void
}

/**
 * The nodes of one deployment file under several launchers, each with a folder and an environment of its own.
 */
export class Machines implements ClusterProcesses {
  readonly directory: string
  readonly secret = randomBytes(32).toString('base64url')
  readonly #options: MachinesOptions
  readonly #machines: ReadonlyMap<string, Machine>
  readonly #running = new Map<string, UpProcess>()

  private constructor(directory: string, options: MachinesOptions, machines: readonly Machine[]) {
    this.directory = directory
    this.#options = options
    this.#machines = new Map(machines.map((machine) => [machine.name, machine]))
  }

  /** Resolves when all are ready. Rejects with the error of any of them. */
  static async start(options: MachinesOptions, machines: readonly Machine[]): Promise<Machines> {
    const { directory } = options
    const base =
      directory === undefined ? await mkdtemp(join(tmpdir(), 'firesteel-test-')) : resolve(directory)
    const all = new Machines(base, options, machines)
    const starts = await Promise.allSettled(machines.map(({ name }) => all.startMachine(name)))
    const failed = starts.find((start) => start.status === 'rejected')
    if (!failed) return all
    await all.stop().catch(() => undefined)
    throw failed.reason
  }

  /** Files of a cluster with TLS. */
  get tls(): MachinesOptions['tls'] {
    return this.#options.tls
  }

  get ca(): string | undefined {
    return this.tls?.ca
  }

  get names(): readonly string[] {
    return [...this.#machines.keys()]
  }

  /** Of the running launchers. */
  get launcherPids(): ReadonlyMap<string, number> {
    return new Map([...this.#running].map(([name, { pid }]) => [name, pid]))
  }

  /** As it is now. */
  get registry(): ClusterProcesses['registry'] {
    const clusterState = [...this.#running.values()].map(({ registry }) => registry)
    return {
      cluster: clusterState.find(({ cluster }) => cluster !== undefined)?.cluster,
      master: clusterState.find(({ master }) => master !== '')?.master ?? '',
      nodes: clusterState.flatMap(({ nodes }) => nodes),
      find: (name) => this.#find(name),
    }
  }

  readonly watch = {
    look: (): void => {
      const table = readProcessTable()
      for (const up of this.#running.values()) up.watch.look(table)
    },
    /** Processes seen at any time that still run. */
    survivors: (): ProcessIdentity[] => [...this.#running.values()].flatMap((up) => up.watch.survivors()),
  }

  get log(): string {
    return [...this.#running.values()].map(({ log }) => log).join('\n')
  }

  diagnostics(): string {
    return [...this.#running].map(([name, up]) => `=== ${name}\n${up.diagnostics()}`).join('\n')
  }

  /** Resolves when its nodes are ready. */
  async startMachine(name: string): Promise<void> {
    const { nodes, env, prefix = [] } = this.#machine(name)
    const { onLog, ...options } = this.#options
    const up = await UpProcess.start({
      ...options,
      directory: join(this.directory, name),
      only: nodes,
      env,
      prefix,
      secret: this.secret,
      ...(onLog && { onLog: (line: string) => onLog(name, line) }),
    })
    this.#running.set(name, up)
  }

  /**
   * kill -9 of a launcher. Resolves when its nodes have ended by themselves. Rejects if a process is left.
   */
  async killLauncher(name: string): Promise<void> {
    const up = this.#running.get(name)
    this.#running.delete(name)
    await up?.killLauncher()
  }

  async stop(): Promise<void> {
    const ends = await Promise.allSettled([...this.#running.values()].map((up) => up.stop()))
    if (this.#options.directory === undefined) {
      await rm(this.directory, { recursive: true, force: true, maxRetries: 3 })
    }
    const failed = ends.find((end) => end.status === 'rejected')
    if (failed) throw failed.reason
  }

  #machine(name: string): Machine {
    const machine = this.#machines.get(name)
    if (machine) return machine
    throw new Error(`there is no machine ${name}; there are ${this.names.join(', ')}`)
  }

  #find(name: string): ClusterNode {
    const node = this.registry.nodes.find((candidate) => candidate.name === name)
    if (node) return node
    throw new Error(
      `no node ${name} runs now; there are ${this.registry.nodes.map((one) => one.name).join(', ')}`,
    )
  }
}
