import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { builtFile } from '../../built-file.js'
import type { Clock } from '../../clock.js'
import { errorOf, FiresteelError, reasonOf } from '../../errors.js'
import { innerLimits } from '../../inner-limits.js'
import { KeyedTimers } from '../../keyed-timers.js'
import { limits } from '../../limits.js'
import { patiently } from '../../process/descriptors.js'
import { childEnvironment } from '../../process/environment.js'
import {
  type NodeProcess,
  type NodeProgram,
  type PreparedNode,
  prepareNode,
} from '../../process/node-process.js'
import { before, systemTimers, within } from '../../timers.js'
import { errorRecord } from '../cli/error-record.js'
import { inheritedOptions } from './inherited-options.js'
import {
  type FormerProcess,
  LauncherCore,
  type LauncherEffect,
  type LauncherInput,
  type LauncherLine,
} from './launcher-core.js'
import type { PlannedNode } from './launcher-node.js'
import { sentSpec } from './node-pipe.js'
import type { ErrorRecord, NodeEvent, NodeSpec } from './node-spec.js'

/** The folder of the package of this launcher. */
const PACKAGE = join(fileURLToPath(builtFile('.')), '..')
const LAST_WORDS_MS = innerLimits.nodeLastWordsMs
const LEAVE_MS = innerLimits.nodeLeaveMs
const END_MS = innerLimits.nodeReplacedMs

export interface LauncherOptions {
  readonly cluster: string
  readonly nodes: readonly PlannedNode[]
  readonly otherMasters: readonly string[]
  /**
   * The specification of a node, once the Masters are known. `former` is what it keeps of its last process.
   */
  readonly specOf: (name: string, masters: readonly string[], former: FormerProcess) => NodeSpec
  /** What every node process runs. */
  readonly program: URL
  /** Working folder of the nodes. */
  readonly cwd: string
  readonly clock: Clock
  readonly onLine: (line: LauncherLine) => void
  readonly onMasters: (addresses: readonly string[]) => void
  readonly onLog: (level: 'warn' | 'error', text: string) => void
}

interface RestartOptions {
  /** Where the node is planned anew. */
  readonly planned?: PlannedNode
  /** A Worker that neither leaves its work nor refuses is ended, and its work with it. */
  readonly endsIfHung?: boolean
  /** The node is ready within this. */
  readonly mostMs?: number
}

/** Runs nodes, each in a process of its own, and restarts those that die. */
export class Launcher {
  readonly #options: LauncherOptions
  readonly #core: LauncherCore
  readonly #processes = new Map<string, NodeProcess>()
  /** Workers that cannot begin yet: their processes load their code while the Masters begin. */
  readonly #prepared = new Map<string, Promise<PreparedNode | undefined>>()
  /** Nodes that the core has asked to start. */
  readonly #asked = new Set<string>()
  readonly #restarts = new KeyedTimers<string>()
  /** Nodes that run another release than this launcher: the folder of its package. */
  readonly #folders = new Map<string, string>()
  readonly #planned: Map<string, PlannedNode>
  /** Called when a Worker has said that it drains. */
  readonly #drainNoted = new Map<string, () => void>()
  /** Called when what was asked of a node has come to its end. */
  readonly #waiters = new Map<string, (error: ErrorRecord | undefined) => void>()
  #graceMs: number = limits.stopGraceMs
  #isStopping = false
  #resolve!: () => void
  #reject!: (error: Error) => void
  /**
   * Resolves when all nodes were stopped on request. Rejects with the error of the node that could not run.
   */
  readonly ended: Promise<void>

  constructor(options: LauncherOptions) {
    this.#options = options
    this.#planned = new Map(options.nodes.map((node) => [node.name, node]))
    this.#core = new LauncherCore({
      cluster: options.cluster,
      nodes: options.nodes,
      otherMasters: options.otherMasters,
    })
    this.ended = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
  }

  /** firesteel:// of all Masters known so far. */
  get masters(): readonly string[] {
    return this.#core.masters
  }

  start(): void {
    this.#step({ kind: 'begin' })
    for (const { name, role } of this.#options.nodes) {
      if (role !== 'worker' || this.#asked.has(name)) continue
      // If it cannot be started now, its start tries again and reports why.
      this.#prepared.set(
        name,
        prepareNode(this.#programOf(name)).catch(() => undefined),
      )
    }
  }

  /**
   * A node ends, and its next process gets the specification that `specOf` gives then. What a Worker runs
   * lives on. Resolves when the next process is ready. Rejects with RESTART_REFUSED, and the node goes on; or
   * with NODE_NOT_READY, and it may become ready still.
   */
  restart(node: string, { planned, endsIfHung = false, mostMs }: RestartOptions = {}): Promise<void> {
    if (planned) this.#planned.set(node, planned)
    return this.#ask(node, { kind: 'restart', node, endsIfHung }, mostMs ?? (planned && limits.orderedNodeMs))
  }

  /** The same for a node that has not become ready, and that may hang: its process ends whatever it does. */
  replace(node: string, { mostMs }: { readonly mostMs: number }): Promise<void> {
    return this.#ask(node, { kind: 'replace', node }, mostMs)
  }

  /** The folder of the package that the next process of a node runs. */
  folderOf(node: string): string {
    return this.#folders.get(node) ?? PACKAGE
  }

  runFrom(node: string, folder: string): void {
    this.#folders.set(node, folder)
  }

  /** Starts another node. Resolves when it is ready. */
  add(node: PlannedNode): Promise<void> {
    this.#planned.set(node.name, node)
    return this.#ask(node.name, { kind: 'add', node }, limits.orderedNodeMs)
  }

  /** Stops a node for good. A Worker drains before. */
  retire(node: string, { drainMs }: { readonly drainMs: number }): Promise<void> {
    return this.#ask(node, { kind: 'retire', node, drainMs })
  }

  /** True: it was told to stop for good, and is not asked to stay since. */
  isLeaving(node: string): boolean {
    return this.#core.isLeaving(node)
  }

  /** Who waits for this node waits no more. What the node was told holds. */
  stopWaiting(node: string, why: FiresteelError): void {
    this.#waiters.get(node)?.(errorRecord(why))
  }

  /** Where the Masters of other machines are from now on. */
  setOtherMasters(addresses: readonly string[]): void {
    this.#step({ kind: 'otherMasters', addresses })
  }

  /** One order at a time for each node. */
  async #ask(node: string, input: LauncherInput, mostMs: number = limits.timerMostMs): Promise<void> {
    if (this.#waiters.has(node))
      throw new FiresteelError('BUSY', `${node} is being changed.`, { place: node })
    const ended = new Promise<ErrorRecord | undefined>((resolve) => this.#waiters.set(node, resolve))
    try {
      this.#step(input)
      const late = (): Error => {
        const problem = this.#core.problemOf(node)
        const why = problem === '' ? '.' : `: ${problem}`
        return new FiresteelError('NODE_NOT_READY', `${node} is not ready after ${mostMs / 1000} s${why}`, {
          place: node,
        })
      }
      const error = await before(ended, mostMs, systemTimers, late)
      if (error) throw errorOf(error)
    } finally {
      this.#waiters.delete(node)
    }
  }

  /** Stops all nodes in order. A second call stops waiting and kills them. */
  stop(): void {
    this.#isStopping = true
    this.#discardPrepared()
    this.#step({ kind: 'stop' })
  }

  /** Stops all nodes in order, but leaves what their Workers run to the next launcher. */
  leave(): void {
    this.#isStopping = true
    this.#discardPrepared()
    this.#step({ kind: 'leave' })
  }

  /** Kills the rest when a stop takes too long for its caller. */
  killAll(): void {
    this.#graceMs = 0
    this.stop()
    for (const node of this.#processes.values()) void node.stop({ graceMs: 0 })
  }

  #step(input: LauncherInput): void {
    for (const effect of this.#core.step(input, this.#options.clock.monotonicMs())) this.#apply(effect)
  }

  #apply(effect: LauncherEffect): void {
    const { onLine, onMasters, onLog } = this.#options
    switch (effect.kind) {
      case 'start':
        this.#asked.add(effect.node)
        void this.#start(effect)
        return
      case 'order':
        // A node that does not read is about to exit. It gets this at its next start.
        this.#processes.get(effect.node)?.send(effect.order)
        return
      case 'stopNode':
        this.#stopNode(effect.node, effect.drainMs)
        return
      case 'restartNode':
        void this.#restartNode(effect.node)
        return
      case 'endNode':
        void this.#endNode(effect.node)
        return
      case 'settled':
        this.#waiters.get(effect.node)?.(effect.error)
        return
      case 'leaveNode':
        void this.#leaveNode(effect.node)
        return
      case 'startTimer':
        this.#restarts.start(effect.node, effect.ms, () => this.#step({ kind: 'timer', node: effect.node }))
        return
      case 'line':
        onLine(effect.line)
        return
      case 'masters':
        onMasters(effect.addresses)
        return
      case 'log':
        onLog(effect.level, effect.text)
        return
      case 'end':
        this.#restarts.clear()
        this.#discardPrepared()
        if (effect.error) this.#reject(errorOf(effect.error))
        else this.#resolve()
    }
  }

  #stopNode(name: string, drainMs: number | undefined): void {
    const node = this.#processes.get(name)
    if (!node) return
    if (drainMs === undefined) void node.stop({ graceMs: this.#graceOf(name) })
    else void this.#drainAndStop(name, node, drainMs)
  }

  /** A Worker that hangs would take all its drain, so one that does not say that it drains is ended. */
  async #drainAndStop(name: string, node: NodeProcess, drainMs: number): Promise<void> {
    const noted = new Promise<void>((resolve) => this.#drainNoted.set(name, resolve))
    node.send({ order: 'drainBeforeStop', ms: drainMs })
    void node.stop({ graceMs: drainMs + this.#graceMs })
    let hangs = true
    const heard = Promise.race([noted, node.exited]).then(() => {
      hangs = false
    })
    await within(heard, LEAVE_MS)
    this.#drainNoted.delete(name)
    // A Master does not drain, and another release may not say it.
    const says = this.#planned.get(name)?.role === 'worker' && !this.#folders.has(name)
    if (hangs && says) void node.stop({ graceMs: 0 })
  }

  /** It says itself why it cannot leave its work. */
  async #restartNode(name: string): Promise<void> {
    const node = this.#processes.get(name)
    if (!node) return
    node.signal('SIGUSR2')
    let hasLeft = false
    const left = node.exited.then(() => {
      hasLeft = true
    })
    await within(left, LEAVE_MS)
    if (!hasLeft) this.#step({ kind: 'notLeft', node: name })
  }

  /** A Worker that can still do so leaves its work. */
  async #endNode(name: string): Promise<void> {
    const node = this.#processes.get(name)
    if (!node) return
    node.signal('SIGUSR2')
    await within(node.exited, END_MS)
    void node.stop({ graceMs: 0 })
  }

  #graceOf(node: string): number {
    const { drainMs = 0 } = this.#planned.get(node) ?? {}
    return this.#graceMs === 0 ? 0 : drainMs + this.#graceMs
  }

  /** A Worker that cannot leave its work is stopped, and its work with it. */
  async #leaveNode(name: string): Promise<void> {
    const node = this.#processes.get(name)
    if (!node) return
    node.signal('SIGUSR2')
    await within(node.exited, LEAVE_MS)
    void node.stop({ graceMs: this.#graceMs })
  }

  #programOf(node: string): NodeProgram {
    const role = this.#planned.get(node)?.role ?? ''
    return {
      script: join(this.folderOf(node), relative(PACKAGE, fileURLToPath(this.#options.program))),
      // The name is only for people who read the process list, the role for what it loads meanwhile.
      args: [node, role],
      nodeOptions: inheritedOptions(process.execArgv, process.env.NODE_OPTIONS),
      cwd: this.#options.cwd,
      env: childEnvironment(),
      stdout: 'ignore',
      stderr: 'inherit',
    }
  }

  #takePrepared(node: string): Promise<PreparedNode | undefined> | undefined {
    const prepared = this.#prepared.get(node)
    this.#prepared.delete(node)
    return prepared
  }

  /** The launcher ends before these were asked to begin. */
  #discardPrepared(): void {
    for (const prepared of this.#prepared.values()) void prepared.then((node) => node?.discard())
    this.#prepared.clear()
  }

  async #start({ node, former, masters }: Extract<LauncherEffect, { kind: 'start' }>): Promise<void> {
    // Events may come before the start was noted, so they wait for it.
    const early: NodeEvent[] = []
    let tell = (event: NodeEvent): void => void early.push(event)
    let started: NodeProcess
    try {
      const start = async (): Promise<NodeProcess> => {
        const prepared = (await this.#takePrepared(node)) ?? (await prepareNode(this.#programOf(node)))
        const spec = this.#options.specOf(node, masters, former)
        return prepared.begin({ spec: sentSpec(spec), onEvent: (event) => tell(event as NodeEvent) })
      }
      // A node that could not be started is given up, but not if the reason was a lack of descriptors.
      started = await patiently(start, {
        firstMs: limits.shortageFirstMs,
        maxMs: limits.launcherRestartMaxMs,
        totalMs: Number.POSITIVE_INFINITY,
        isStopped: () => this.#isStopping,
        onWait: (waitMs, error) =>
          this.#options.onLog('warn', `${node} is started in ${waitMs} ms: ${reasonOf(error)}`),
      })
    } catch (error) {
      this.#step({ kind: 'startFailed', node, error: errorRecord(error) })
      return
    }
    this.#processes.set(node, started)
    this.#step({ kind: 'started', node, pid: started.pid })
    tell = (event) => {
      if (event.event === 'drainNoted') this.#drainNoted.get(node)?.()
      else this.#step({ kind: 'told', node, event })
    }
    for (const event of early) tell(event)
    const exit = await started.exited
    // Its last events, among them why it failed, may still be in the pipe.
    await within(started.closed, LAST_WORDS_MS)
    this.#processes.delete(node)
    this.#step({ kind: 'exited', node, exit })
  }
}
