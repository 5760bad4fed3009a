import type { LauncherOrder, RegisterLauncher } from '../../../actors/messages/launchers.js'
import { FiresteelError, isFiresteelError } from '../../errors.js'
import { limits } from '../../limits.js'
import { formatDuration } from '../../units.js'
import type { Deployment } from '../config/deployment.js'
import type { Change } from '../config/difference.js'
import type { ReadOptions } from '../config/read.js'
import { newRights } from '../config/worker-rights.js'
import type { Launcher } from './launcher.js'
import type { PlannedNode } from './launcher-node.js'
import { type MachineNodes, plannedNode } from './machine-nodes.js'
import { refuseLaterFeatures, requireRecoveryModule } from './node-plan.js'
import { type NodeStep, nodeSteps } from './node-steps.js'
import { upgradeNode } from './upgrade-node.js'

/** The deployment file that a launcher runs. */
export interface LauncherFile extends ReadOptions {
  readonly text: string
}

export interface LauncherDutiesOptions {
  readonly launcher: Launcher
  readonly nodes: MachineNodes
  readonly deployment: Deployment
  /** Undefined: it was started without a file, so nothing can be applied to it. */
  readonly file: LauncherFile | undefined
  /** Its nodes have changed. */
  readonly onNodes: () => void
  /** The file is that of this deployment from now on. */
  readonly remember: (number: number, text: string) => Promise<void>
}

type OrderOf<K extends LauncherOrder['kind']> = Extract<LauncherOrder, { readonly kind: K }>

type Say = (text: string) => void

interface Taken {
  readonly node: string
  readonly step: NodeStep['step']
  readonly next: Deployment
  readonly former: Deployment | undefined
  readonly drainMs: number
  readonly say: Say
}

/** As its `drainOnStop` says, otherwise as long as a drain lasts that nobody gives a deadline. */
function drainMsOf(deployment: Deployment | undefined, node: string): number {
  const worker = deployment?.workers.find(({ name }) => name === node)
  return worker ? (worker.drainOnStopMs ?? limits.drainDeadlineMs) : 0
}

/** What a launcher does when a leader passes an order on to it. */
export class LauncherDuties {
  readonly #options: LauncherDutiesOptions
  #deployment: Deployment
  #text: string
  #number = 0
  #last: Promise<void> = Promise.resolve()
  /** What is being done in turn, for people. */
  #doing: string | undefined
  /** The node whose end is waited for. A drain may take an hour and more. */
  #ending: string | undefined

  constructor(options: LauncherDutiesOptions) {
    this.#options = options
    this.#deployment = options.deployment
    this.#text = options.file?.text ?? ''
  }

  nodes(): RegisterLauncher['nodes'] {
    return this.#options.nodes.list()
  }

  async carryOut(order: LauncherOrder, say: Say): Promise<string | undefined> {
    switch (order.kind) {
      case 'restart':
        this.#requireNode(order.node)
        return this.#inTurn(say, `${order.node} restarts`, () => this.#restart(order))
      case 'plan':
        return JSON.stringify(await this.#plan(order))
      case 'take':
        this.#takeOver(order)
        await this.#inTurn(say, `${order.nodes.join(', ')} becomes what a file says`, () =>
          this.#take(order, say),
        )
        return undefined
      case 'adopt':
        this.#takeOver(order)
        await this.#inTurn(say, 'a file is taken over', () => this.#adopt(order))
        return undefined
    }
  }

  /** What an apply that was cut off has begun comes to its end before the next one changes something. */
  #inTurn<T>(say: Say, doing: string, work: () => Promise<T>): Promise<T> {
    if (this.#doing !== undefined) say(`its launcher is busy: ${this.#doing}`)
    const done = this.#last.then(() => {
      this.#doing = doing
      return work()
    })
    const over = (): void => {
      this.#doing = undefined
    }
    this.#last = done.then(over, over)
    return done
  }

  /**
   * Except for the end of a node, whose drain may take very long: the leader lets one apply at a time order
   * something, so nobody waits for that end any more. The node goes on to its end unless this apply, which
   * has seen that in its plan, says otherwise.
   */
  #takeOver({ deployment }: OrderOf<'take' | 'adopt'>): void {
    if (this.#ending === undefined || deployment < this.#number) return
    const why = new FiresteelError('APPLY_OVERTAKEN', `Deployment ${deployment} has begun since.`)
    this.#options.launcher.stopWaiting(this.#ending, why)
    this.#doing = undefined
  }

  async #restart({ node, folder }: OrderOf<'restart'>): Promise<string | undefined> {
    const { launcher } = this.#options
    if (folder !== undefined) return JSON.stringify(await upgradeNode(launcher, node, folder))
    await launcher.restart(node)
    return undefined
  }

  #requireNode(name: string): void {
    if (this.#options.nodes.has(name)) return
    throw new FiresteelError('UNKNOWN_ID', `This launcher runs no node ${JSON.stringify(name)}.`, {
      place: name,
    })
  }

  /** The text of a file, with the environment and the folder of this launcher. */
  async #read(text: string): Promise<Deployment> {
    const { file } = this.#options
    if (!file)
      throw new FiresteelError('NOT_ALLOWED', 'This launcher was started without a deployment file.', {
        help: 'Start it with `firesteel up FILE`.',
      })
    // The embedded cluster starts without them.
    const { readNodes } = await import('../config/read.js')
    const { ConfigRefused } = await import('../config/problem.js')
    const { config, problems } = readNodes(text, file)
    if (!config) throw new ConfigRefused(problems)
    refuseLaterFeatures(config)
    await requireRecoveryModule(config)
    return config
  }

  async #plan({ text }: OrderOf<'plan'>) {
    const next = await this.#read(text)
    const { file } = this.#options
    const { masters, workers } = this.#deployment
    return {
      named: [...masters, ...workers].map(({ name }) => name),
      ...(await this.#seen(next)),
      file: { file: file?.file ?? '', folder: file?.folder ?? '', text: this.#text },
    }
  }

  /** A node that was told to stop is as the file of this launcher says, and differs from it all the same. */
  async #seen(next: Deployment): Promise<{ changes: Change[]; steps: NodeStep[] }> {
    const changes = await this.#changesTo(next)
    const steps = await this.#stepsTo(next)
    const known = new Set(changes.map(({ key }) => key))
    const stay = steps.filter(({ node, role, stays }) => stays && !known.has(`${role}s.${node}`))
    const staying = stay.map(({ node, role }) => ({
      ...{ change: 'changed' as const, key: `${role}s.${node}`, step: 'restart' as const, nodes: [node] },
      why: 'an apply that was cut off has told it to stop',
    }))
    return { changes: [...changes, ...staying], steps }
  }

  async #changesTo(next: Deployment): Promise<Change[]> {
    const { deploymentDifference } = await import('../config/difference.js')
    return [...deploymentDifference(this.#deployment, next), ...newRights(this.#deployment, next)]
  }

  async #stepsTo(next: Deployment): Promise<NodeStep[]> {
    const { nodes, launcher } = this.#options
    return nodeSteps(nodes.running(), await nodes.wanted(next), (node) => launcher.isLeaving(node))
  }

  /** These nodes become what the file says. What is so already stays as it is, so it may be asked again. */
  async #take(order: OrderOf<'take'>, say: Say): Promise<void> {
    const next = await this.#newer(order)
    const { nodes } = this.#options
    const steps = await this.#stepsTo(next)
    for (const { node, step } of steps.filter((each) => order.nodes.includes(each.node))) {
      const former = nodes.deploymentOf(node)
      const { drainMs = drainMsOf(former, node) } = order
      await nodes.changing(node, () => this.#step({ node, step, next, former, drainMs, say }))
      this.#options.onNodes()
    }
  }

  async #step({ node, step, next, former, drainMs, say }: Taken): Promise<void> {
    const { launcher, nodes } = this.#options
    if (step !== 'stop') nodes.set(node, next)
    try {
      if (step === 'restart') await this.#become(node, plannedNode(next, node))
      if (step === 'renew' || step === 'stop') await this.#retire(node, drainMs, say)
      if (step === 'renew' || step === 'start') await launcher.add(plannedNode(next, node))
    } catch (error) {
      // It is as it was, or ends: the next apply finds the difference again.
      if (step !== 'stop') nodes.set(node, former)
      throw error
    }
    if (step === 'stop') nodes.set(node, undefined)
  }

  async #retire(node: string, drainMs: number, say: Say): Promise<void> {
    if (drainMs > 0) {
      this.#doing = `${node} drains before it stops, for ${formatDuration(drainMs)} at most`
      say(this.#doing)
    }
    this.#ending = node
    try {
      await this.#options.launcher.retire(node, { drainMs })
    } finally {
      this.#ending = undefined
    }
  }

  /** Whoever applies a file wants what it says, so a process that hangs, before or after, is ended. */
  async #become(node: string, planned: PlannedNode): Promise<void> {
    const { launcher } = this.#options
    try {
      await launcher.restart(node, { planned, endsIfHung: true })
    } catch (error) {
      if (!isFiresteelError(error, 'NODE_NOT_READY')) throw error
      await launcher.replace(node, { mostMs: limits.orderedNodeMs })
    }
  }

  /** Orders of an older apply come too late. */
  async #newer({ deployment, text }: OrderOf<'take' | 'adopt'>): Promise<Deployment> {
    if (deployment < this.#number)
      throw new FiresteelError('APPLY_OVERTAKEN', `This launcher has deployment ${this.#number} already.`)
    const next = await this.#read(text)
    await this.#requirePossible(next)
    this.#number = deployment
    return next
  }

  /** Whoever may deploy must not bring nodes to another store, to another secret, or to another module. */
  async #requirePossible(next: Deployment): Promise<void> {
    const refused = (await this.#changesTo(next)).find(({ step }) => step === 'together' || step === 'never')
    if (!refused) return
    throw new FiresteelError('APPLY_REFUSED', `${refused.key} cannot change while the cluster runs.`, {
      place: refused.key,
    })
  }

  async #adopt(order: OrderOf<'adopt'>): Promise<void> {
    const next = await this.#newer(order)
    const { launcher, nodes, remember, onNodes } = this.#options
    const open = (await this.#stepsTo(next)).find(({ step }) => step !== 'start')
    if (open)
      throw new FiresteelError('NODE_NOT_READY', `${open.node} is not yet what the file says.`, {
        place: open.node,
        help: 'Apply the file again.',
      })
    this.#deployment = next
    this.#text = order.text
    // What is the same in both has its settings from the new one too.
    for (const { name } of nodes.list()) nodes.set(name, next)
    launcher.setOtherMasters(nodes.otherMasters(next))
    await remember(order.deployment, order.text)
    onNodes()
  }
}
