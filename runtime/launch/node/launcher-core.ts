import type { ProcessExit } from '../../process/child-end.js'
import { decideRestart } from '../../process/restart-policy.js'
import type { ErrorRecord, NodeEvent, NodeOrder, NodePlace, NodeRole } from './node-spec.js'

/** A node that the launcher is to run. */
export interface PlannedNode {
  readonly name: string
  readonly role: NodeRole
  /** firesteel://host:port, if that is known before the node listens: its port is not 0. */
  readonly address?: string | undefined
  /** How long it may take to let its work end when it is stopped. */
  readonly drainMs?: number
}

/** What `up --json` prints, one per line. */
export type LauncherLine =
  | { readonly event: 'started'; readonly node: string; readonly role: NodeRole; readonly pid: number }
  /** A Master cannot be elected for now, because of this; null: nothing hinders it any more. */
  | { readonly event: 'waiting'; readonly node: string; readonly error: ErrorRecord | null }
  | {
      readonly event: 'ready'
      readonly cluster: string
      readonly master: string
      readonly nodes: readonly ReadyNode[]
    }
  | {
      readonly event: 'exited'
      readonly node: string
      readonly pid: number
      readonly code: number | null
      readonly signal: string | null
    }

export interface ReadyNode {
  readonly name: string
  readonly role: NodeRole
  readonly pid: number
  readonly address: string
  readonly web: string | null
  readonly rest: string | null
}

export type LauncherInput =
  | { readonly kind: 'begin' }
  | { readonly kind: 'started'; readonly node: string; readonly pid: number }
  | { readonly kind: 'startFailed'; readonly node: string; readonly error: ErrorRecord }
  | { readonly kind: 'told'; readonly node: string; readonly event: NodeEvent }
  | { readonly kind: 'exited'; readonly node: string; readonly exit: ProcessExit }
  | { readonly kind: 'timer'; readonly node: string }
  | { readonly kind: 'stop' }
  /** As `stop`, but what the Workers run is left to the next launcher. */
  | { readonly kind: 'leave' }

/** What the next process of a node keeps of the one before. */
export interface FormerProcess {
  /** Where it listened. The next process keeps the ports. */
  readonly place: NodePlace | undefined
  /** Highest epoch that it led or knew of; 0 before the first. */
  readonly epoch: number
}

export type LauncherEffect =
  | {
      readonly kind: 'start'
      readonly node: string
      readonly former: FormerProcess
      /** firesteel:// of all Masters known now. The node itself may be among them. */
      readonly masters: readonly string[]
    }
  | { readonly kind: 'order'; readonly node: string; readonly order: NodeOrder }
  | { readonly kind: 'stopNode'; readonly node: string }
  /** It ends, and leaves what it runs to its next process. */
  | { readonly kind: 'leaveNode'; readonly node: string }
  | { readonly kind: 'startTimer'; readonly node: string; readonly ms: number }
  | { readonly kind: 'line'; readonly line: LauncherLine }
  /** The Masters' addresses are complete, or have changed. */
  | { readonly kind: 'masters'; readonly addresses: readonly string[] }
  | { readonly kind: 'log'; readonly level: 'warn' | 'error'; readonly text: string }
  /** All nodes have ended. */
  | { readonly kind: 'end'; readonly error: ErrorRecord | undefined }

interface Node extends PlannedNode {
  phase: 'idle' | 'starting' | 'running' | 'waiting' | 'gone'
  pid: number
  startedAtMs: number
  failures: number
  place: NodePlace | undefined
  /** Of a Master: its next process must lead above this. */
  observedEpoch: number
  /** Newest epoch that its present process led; 0: none. */
  ledEpoch: number
  /** The other Masters that its present process was told of, as one address. */
  toldMasters: string
  ready: boolean
  /** It ends in order to be started again at once. */
  restarting: boolean
  error: ErrorRecord | undefined
}

export interface LauncherPlan {
  readonly cluster: string
  readonly nodes: readonly PlannedNode[]
  /** Masters that run elsewhere, or that the file names to join. */
  readonly otherMasters: readonly string[]
}

/** Decides what the launcher does. Its shell has the processes, clocks and output. */
export class LauncherCore {
  readonly #plan: LauncherPlan
  readonly #nodes: readonly Node[]
  #saidReady = false
  #stopping = false
  #leaving = false
  #ended = false
  #error: ErrorRecord | undefined

  constructor(plan: LauncherPlan) {
    this.#plan = plan
    this.#nodes = plan.nodes.map((node) => ({
      ...node,
      phase: 'idle',
      pid: 0,
      startedAtMs: 0,
      failures: 0,
      place: undefined,
      observedEpoch: 0,
      ledEpoch: 0,
      toldMasters: '',
      ready: false,
      restarting: false,
      error: undefined,
    }))
  }

  step(input: LauncherInput, nowMs: number): LauncherEffect[] {
    switch (input.kind) {
      case 'begin':
        return this.#startDue()
      case 'stop':
        return this.#stop()
      case 'leave':
        this.#leaving = !this.#stopping
        return this.#stop()
      case 'started':
        return this.#started(this.#node(input.node), input.pid, nowMs)
      case 'startFailed':
        return this.#startFailed(this.#node(input.node), input.error)
      case 'told':
        return this.#told(this.#node(input.node), input.event)
      case 'exited':
        return this.#exited(this.#node(input.node), input.exit, nowMs)
      case 'timer':
        return this.#timer(this.#node(input.node))
    }
  }

  /** Addresses of all Masters known so far. */
  get masters(): readonly string[] {
    const own = this.#nodes.filter(({ role }) => role === 'master').flatMap((node) => addressOf(node) ?? [])
    return [...new Set([...own, ...this.#plan.otherMasters])]
  }

  #node(name: string): Node {
    const node = this.#nodes.find((candidate) => candidate.name === name)
    if (!node) throw new Error(`no node ${name}`)
    return node
  }

  #start(node: Node): LauncherEffect {
    node.phase = 'starting'
    node.ready = false
    const { masters } = this
    node.toldMasters = this.#othersThan(node)
    const former = { place: node.place, epoch: node.observedEpoch }
    return { kind: 'start', node: node.name, former, masters }
  }

  /**
   * Masters with port 0 know each other only when they listen. A node that is being started is told once it
   * runs.
   */
  #tellMasters(): LauncherEffect[] {
    const { masters: addresses } = this
    const untold = this.#nodes.filter(
      (node) => node.phase === 'running' && node.toldMasters !== this.#othersThan(node),
    )
    return untold.map((node) => {
      node.toldMasters = this.#othersThan(node)
      return { kind: 'order', node: node.name, order: { order: 'masters', addresses } }
    })
  }

  /** The Masters that a node can learn only from the launcher: it knows its own address. */
  #othersThan(node: Node): string {
    const own = addressOf(node)
    return joinMasters(this.masters.filter((address) => address !== own))
  }

  /**
   * Masters start at once. Workers start when the addresses of all Masters are known, because a port may be
   * any free one.
   */
  #startDue(): LauncherEffect[] {
    if (this.#stopping) return []
    const mastersKnown = this.#nodes.every(({ role, place }) => role !== 'master' || place !== undefined)
    return this.#nodes
      .filter(({ phase, role }) => phase === 'idle' && (role === 'master' || mastersKnown))
      .map((node) => this.#start(node))
  }

  #started(node: Node, pid: number, nowMs: number): LauncherEffect[] {
    node.phase = 'running'
    node.pid = pid
    node.startedAtMs = nowMs
    const line: LauncherLine = { event: 'started', node: node.name, role: node.role, pid }
    const effects: LauncherEffect[] = [{ kind: 'line', line }, ...this.#tellMasters()]
    if (this.#stopping && this.#mayStop(node)) effects.push(this.#endOf(node))
    return effects
  }

  #told(node: Node, event: NodeEvent): LauncherEffect[] {
    if (event.event === 'failed') {
      node.error = event.error
      return []
    }
    if (event.event === 'ready') {
      node.ready = true
      return this.#sayReady()
    }
    if (event.event === 'hindered') {
      return [{ kind: 'line', line: { event: 'waiting', node: node.name, error: event.error ?? null } }]
    }
    if (event.event === 'restarting') {
      node.restarting = true
      return []
    }
    if (event.event === 'epoch') {
      node.observedEpoch = Math.max(node.observedEpoch, event.epoch)
      if (event.leads) node.ledEpoch = event.epoch
      return []
    }
    const { event: _, ...place } = event
    node.place = place
    const masters: LauncherEffect[] =
      node.role === 'master' ? [{ kind: 'masters', addresses: this.masters }, ...this.#tellMasters()] : []
    return [...masters, ...this.#startDue()]
  }

  #sayReady(): LauncherEffect[] {
    if (this.#saidReady || this.#stopping || !this.#nodes.every(({ ready }) => ready)) return []
    this.#saidReady = true
    const nodes = this.#nodes.map(({ name, role, pid, place }) => ({
      name,
      role,
      pid,
      address: place?.address ?? '',
      web: place?.web ?? null,
      rest: place?.rest ?? null,
    }))
    const master = joinMasters(this.masters)
    return [{ kind: 'line', line: { event: 'ready', cluster: this.#plan.cluster, master, nodes } }]
  }

  #startFailed(node: Node, error: ErrorRecord): LauncherEffect[] {
    node.error = error
    node.phase = 'gone'
    return this.#giveUp(node, error)
  }

  #exited(node: Node, exit: ProcessExit, nowMs: number): LauncherEffect[] {
    const { code, signal } = exit
    const line: LauncherLine = { event: 'exited', node: node.name, pid: node.pid, code, signal }
    const effects: LauncherEffect[] = [{ kind: 'line', line }]
    const error = node.error
    node.error = undefined
    const { restarting } = node
    node.ready = false
    node.restarting = false
    node.ledEpoch = 0
    if (this.#stopping) {
      node.phase = 'gone'
      return [...effects, ...this.#stopNext()]
    }
    // It left its work for so long only.
    if (restarting) return [...effects, this.#start(node)]
    const passing = this.#saidReady && error !== undefined && mended.has(error.code)
    const decision = decideRestart(
      passing ? { code: 1, signal: null } : exit,
      nowMs - node.startedAtMs,
      node.failures,
    )
    if (!decision.restart) {
      node.phase = 'gone'
      return [...effects, ...this.#giveUp(node, error ?? notRestarted(node, decision.reason))]
    }
    node.failures = decision.failures
    node.phase = 'waiting'
    const why = error ? `: ${error.message}` : ''
    const text = `${node.name} ended (${signal ?? code}) and is started again in ${decision.delayMs} ms${why}`
    const next: LauncherEffect =
      decision.delayMs === 0
        ? this.#start(node)
        : { kind: 'startTimer', node: node.name, ms: decision.delayMs }
    return [...effects, { kind: 'log', level: 'warn', text }, next]
  }

  #timer(node: Node): LauncherEffect[] {
    return node.phase === 'waiting' ? [this.#start(node)] : []
  }

  /** Before the cluster was ready, a node that can never run ends all of them. Later the others go on. */
  #giveUp(node: Node, error: ErrorRecord): LauncherEffect[] {
    if (this.#stopping) return this.#stopNext()
    const text = `${node.name} is not started again: ${error.message}`
    const log: LauncherEffect = { kind: 'log', level: 'error', text }
    const last = this.#nodes.every(({ phase }) => phase === 'gone')
    if (this.#saidReady && !last) return [log]
    this.#error ??= error
    return [log, ...this.#stop()]
  }

  #stop(): LauncherEffect[] {
    if (this.#stopping) return []
    this.#stopping = true
    for (const node of this.#nodes) if (node.phase === 'idle' || node.phase === 'waiting') node.phase = 'gone'
    return this.#stopNext()
  }

  /**
   * Workers stop first, so that the Masters still learn how their work ended. The leader stops last, so that
   * it does not hand over to a Master that is about to end.
   */
  #mayStop(node: Node): boolean {
    if (node.role === 'worker') return true
    const live = this.#nodes.filter(({ phase }) => phase !== 'gone')
    if (live.some(({ role }) => role === 'worker')) return false
    const newest = Math.max(...live.map(({ ledEpoch }) => ledEpoch))
    return node.ledEpoch < newest || live.every(({ ledEpoch }) => ledEpoch === newest)
  }

  #stopNext(): LauncherEffect[] {
    const live = this.#nodes.filter(({ phase }) => phase !== 'gone')
    if (live.length === 0) return this.#end()
    return live
      .filter((node) => node.phase === 'running' && this.#mayStop(node))
      .map((node) => this.#endOf(node))
  }

  #endOf({ name, role }: Node): LauncherEffect {
    return { kind: this.#leaving && role === 'worker' ? 'leaveNode' : 'stopNode', node: name }
  }

  #end(): LauncherEffect[] {
    if (this.#ended) return []
    this.#ended = true
    return [{ kind: 'end', error: this.#error }]
  }
}

const addressOf = ({ place, address }: Node): string | undefined => place?.address ?? address

/**
 * Errors after which a node that ran before may run again. Its own last process may still hold its port, and
 * the settings of a store may be corrected while the cluster is up.
 */
const mended: ReadonlySet<string> = new Set([
  'FIRESTEEL_PORT_IN_USE',
  'FIRESTEEL_STORE_DENIED',
  'FIRESTEEL_STORE_UNSUITABLE',
  'FIRESTEEL_STORE_UNREADABLE',
])

function notRestarted({ name }: PlannedNode, reason: string): ErrorRecord {
  return { code: 'FIRESTEEL_INTERNAL', message: `${name} ended: ${reason}.`, help: 'See its log.' }
}

/** One address for all: firesteel://a:7070,b:7070. */
export function joinMasters(addresses: readonly string[]): string {
  const prefix = 'firesteel://'
  return prefix + addresses.map((address) => address.slice(prefix.length)).join(',')
}
