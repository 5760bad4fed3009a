import type { ProcessExit } from '../../process/child-end.js'
import { decideRestart } from '../../process/restart-policy.js'
import {
  addressOf,
  idleNode,
  isStopping,
  type Node,
  notLeft,
  notRestarted,
  type PlannedNode,
} from './launcher-node.js'
import type { ErrorRecord, NodeEvent, NodeOrder, NodePlace, NodeRole } from './node-spec.js'

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
  /** The node ends, and its next process gets its specification as it is then. Ends with `settled`. */
  | {
      readonly kind: 'restart'
      readonly node: string
      /** If it hangs, it is replaced. */
      readonly endsIfHung?: boolean
    }
  /**
   * The same for a node whose process has not become ready: that one ends, whatever it does. Ends with
   * `settled`.
   */
  | { readonly kind: 'replace'; readonly node: string }
  /** It was told to restart, and has neither left its work nor refused. */
  | { readonly kind: 'notLeft'; readonly node: string }
  /** Another node. Ends with `settled`. */
  | { readonly kind: 'add'; readonly node: PlannedNode }
  /** The node stops for good. Ends with `settled`. */
  | { readonly kind: 'retire'; readonly node: string; readonly drainMs: number }
  /** Where the Masters of other machines are now. */
  | { readonly kind: 'otherMasters'; readonly addresses: readonly string[] }
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

type MastersOrder = Extract<NodeOrder, { readonly order: 'masters' }>

export type LauncherEffect =
  | {
      readonly kind: 'start'
      readonly node: string
      readonly former: FormerProcess
      /** firesteel:// of all Masters known now. The node itself may be among them. */
      readonly masters: readonly string[]
    }
  | { readonly kind: 'order'; readonly node: string; readonly order: MastersOrder }
  /** `drainMs`: how long its work may take before. Absent: as it was planned. */
  | { readonly kind: 'stopNode'; readonly node: string; readonly drainMs?: number }
  /** It ends, and leaves what it runs to its next process. */
  | { readonly kind: 'leaveNode'; readonly node: string }
  /** As `leaveNode`, but it goes on if it cannot. */
  | { readonly kind: 'restartNode'; readonly node: string }
  /** Its process ends, and hangs perhaps. */
  | { readonly kind: 'endNode'; readonly node: string }
  /** What was asked of the node has come to its end: it is ready, gone, or goes on because of the error. */
  | { readonly kind: 'settled'; readonly node: string; readonly error?: ErrorRecord }
  | { readonly kind: 'startTimer'; readonly node: string; readonly ms: number }
  | { readonly kind: 'line'; readonly line: LauncherLine }
  /** The Masters' addresses are complete, or have changed. */
  | { readonly kind: 'masters'; readonly addresses: readonly string[] }
  | { readonly kind: 'log'; readonly level: 'warn' | 'error'; readonly text: string }
  /** All nodes have ended. */
  | { readonly kind: 'end'; readonly error: ErrorRecord | undefined }

export interface LauncherPlan {
  readonly cluster: string
  readonly nodes: readonly PlannedNode[]
  /** Masters that run elsewhere, or that the file names to join. */
  readonly otherMasters: readonly string[]
}

/** Decides what the launcher does. Its shell has the processes, clocks and output. */
export class LauncherCore {
  readonly #plan: LauncherPlan
  #otherMasters: readonly string[]
  /** Masters that were known, and are none any more. */
  readonly #gone = new Set<string>()
  readonly #known = new Set<string>()
  readonly #nodes: Node[]
  #saidReady = false
  #stopping = false
  #leaving = false
  #ended = false
  #error: ErrorRecord | undefined

  constructor(plan: LauncherPlan) {
    this.#plan = plan
    this.#otherMasters = plan.otherMasters
    this.#nodes = plan.nodes.map(idleNode)
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
      case 'restart':
        this.#node(input.node).endsIfHung = input.endsIfHung ?? false
        return this.#restart(this.#node(input.node))
      case 'replace':
        return this.#replace(this.#node(input.node))
      case 'notLeft':
        return this.#notLeft(this.#node(input.node))
      case 'add':
        return this.#add(input.node)
      case 'otherMasters':
        this.#otherMasters = input.addresses
        return [{ kind: 'masters', addresses: this.masters }, ...this.#tellMasters()]
      case 'retire':
        return this.#retire(this.#node(input.node), input.drainMs)
    }
  }

  /** Addresses of all Masters known so far. */
  get masters(): readonly string[] {
    const own = this.#nodes
      .filter(({ role, removed }) => role === 'master' && !removed)
      .flatMap((node) => addressOf(node) ?? [])
    return [...new Set([...own, ...this.#otherMasters])]
  }

  /** Why a node is not ready; '': nobody knows. */
  problemOf(name: string): string {
    return this.#nodes.find((node) => node.name === name)?.problem ?? ''
  }

  /** True: it was told to stop for good. It stops, has stopped, or waits to hear it. */
  isLeaving(name: string): boolean {
    return this.#nodes.some((node) => node.name === name && node.removed)
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

  /** It may have been on its way out. */
  #startAgain(node: Node): LauncherEffect {
    Object.assign(node, { removed: false, retiring: false, stays: false })
    return this.#start(node)
  }

  /**
   * Masters with port 0 know each other only when they listen. A node that is being started is told once it
   * runs.
   */
  #tellMasters(): LauncherEffect[] {
    const { masters: addresses } = this
    this.#noteGone(addresses)
    const gone = [...this.#gone]
    const untold = this.#nodes.filter(
      (node) => node.phase === 'running' && node.toldMasters !== this.#othersThan(node),
    )
    return untold.map((node) => {
      node.toldMasters = this.#othersThan(node)
      return {
        kind: 'order',
        node: node.name,
        order: { order: 'masters', addresses, ...(gone.length > 0 && { gone }) },
      }
    })
  }

  #noteGone(addresses: readonly string[]): void {
    for (const address of this.#known) this.#gone.add(address)
    for (const address of addresses) {
      this.#known.add(address)
      this.#gone.delete(address)
    }
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
    const mastersKnown = this.#nodes.every(
      ({ role, place, removed }) => role !== 'master' || place !== undefined || removed,
    )
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
      node.problem = ''
      return [...this.#sayReady(), ...(this.#isOnItsWay(node) ? [] : this.#settled(node))]
    }
    if (event.event === 'restartRefused') {
      // If it was to stop for good, it goes on to do so.
      node.stays = false
      return this.#settled(node, event.error)
    }
    if (event.event === 'hindered') {
      node.problem = event.error?.message ?? ''
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
    // Another release may say more.
    if (event.event !== 'listening') return []
    const { event: _, ...place } = event
    node.place = place
    const masters: LauncherEffect[] =
      node.role === 'master' ? [{ kind: 'masters', addresses: this.masters }, ...this.#tellMasters()] : []
    return [...masters, ...this.#startDue(), ...this.#doDue(node)]
  }

  /** The order ends: whoever waits for it is told. */
  #settled(node: Node, error?: ErrorRecord): LauncherEffect[] {
    if (!node.awaited) return []
    node.awaited = false
    return [{ kind: 'settled', node: node.name, ...(error && { error }) }]
  }

  /** Its present process is about to end, so what it says is not what is waited for. */
  #isOnItsWay({ due, retiring, restarting }: Node): boolean {
    return due !== undefined || retiring || restarting
  }

  #restart(node: Node): LauncherEffect[] {
    node.awaited = true
    if (this.#stopping) return this.#settled(node, isStopping)
    if (node.phase === 'gone') return [this.#startAgain(node)]
    // It starts with its new specification anyway.
    if (node.phase === 'idle' || node.phase === 'waiting') return []
    if (node.retiring) return this.#stay(node)
    if (this.#isOnItsWay(node)) return []
    node.due = 'restart'
    return node.place === undefined || node.phase === 'starting' ? [] : this.#doDue(node)
  }

  /** A Worker that drains before its stop can still leave its work, and its next process drains no more. */
  #stay(node: Node): LauncherEffect[] {
    if (node.due === 'retire') {
      Object.assign(node, { retiring: false, removed: false, due: 'restart' })
      return []
    }
    node.stays = true
    return node.role === 'worker' ? [{ kind: 'restartNode', node: node.name }] : []
  }

  #replace(node: Node): LauncherEffect[] {
    node.awaited = true
    if (this.#stopping) return this.#settled(node, isStopping)
    if (node.phase === 'gone') return [this.#startAgain(node)]
    if (node.phase !== 'running') return []
    node.due = undefined
    node.restarting = true
    node.stays = node.retiring
    return [{ kind: 'endNode', node: node.name }]
  }

  #notLeft(node: Node): LauncherEffect[] {
    return node.endsIfHung && node.awaited ? this.#replace(node) : this.#settled(node, notLeft(node.name))
  }

  #add(planned: PlannedNode): LauncherEffect[] {
    const known = this.#nodes.findIndex(({ name }) => name === planned.name)
    const node = idleNode(planned)
    if (known < 0) this.#nodes.push(node)
    else if (this.#nodes[known]!.phase === 'gone') this.#nodes[known] = node
    else return this.#restart(Object.assign(this.#nodes[known]!, { removed: false }))
    node.awaited = true
    return this.#stopping ? this.#settled(node, isStopping) : this.#startDue()
  }

  #retire(node: Node, drainMs: number): LauncherEffect[] {
    node.awaited = true
    node.removed = true
    if (node.phase === 'gone') return this.#settled(node)
    if (this.#stopping) return this.#settled(node, isStopping)
    node.retiring = true
    node.retireDrainMs = drainMs
    if (node.phase === 'idle' || node.phase === 'waiting') return this.#retired(node)
    node.due = 'retire'
    return node.place === undefined || node.phase === 'starting' ? [] : this.#doDue(node)
  }

  /** What it could not be told before it listens. */
  #doDue(node: Node): LauncherEffect[] {
    const { due, name } = node
    if (due === undefined || node.phase !== 'running') return []
    node.due = undefined
    if (due === 'retire') return [{ kind: 'stopNode', node: name, drainMs: node.retireDrainMs }]
    if (node.role === 'worker') return [{ kind: 'restartNode', node: name }]
    // It hands over, and is started again.
    node.restarting = true
    return [{ kind: 'stopNode', node: name }]
  }

  /** Its last process has ended as it was told. */
  #retired(node: Node): LauncherEffect[] {
    node.retiring = false
    node.due = undefined
    node.phase = 'gone'
    return [...this.#settled(node), ...this.#tellMasters()]
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
    node.problem = error?.message ?? ''
    const { restarting } = node
    node.ready = false
    node.restarting = false
    node.ledEpoch = 0
    if (this.#stopping) {
      node.phase = 'gone'
      return [...effects, ...this.#settled(node, isStopping), ...this.#stopNext()]
    }
    if (node.stays) return [...effects, this.#startAgain(node)]
    if (node.retiring) return [...effects, ...this.#retired(node)]
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
    // Whoever asked for it is told, and the launcher waits for a better order.
    if (node.awaited) return [log, ...this.#settled(node, error)]
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

/** One address for all: firesteel://a:7070,b:7070. */
export function joinMasters(addresses: readonly string[]): string {
  const prefix = 'firesteel://'
  return prefix + addresses.map((address) => address.slice(prefix.length)).join(',')
}
