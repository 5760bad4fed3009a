import type { LauncherOrder, RegisterLauncher } from '../../../actors/messages/launchers.js'
import { FiresteelError, isFiresteelError } from '../../errors.js'
import { limits } from '../../limits.js'
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

interface Taken {
  readonly node: string
  readonly step: NodeStep['step']
  readonly next: Deployment
  readonly former: Deployment | undefined
  readonly drainMs: number
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

  constructor(options: LauncherDutiesOptions) {
    this.#options = options
    this.#deployment = options.deployment
    this.#text = options.file?.text ?? ''
  }

  nodes(): RegisterLauncher['nodes'] {
    return this.#options.nodes.list()
  }

  async carryOut(order: LauncherOrder, say: (text: string) => void): Promise<string | undefined> {
    switch (order.kind) {
      case 'restart':
        this.#requireNode(order.node)
        return this.#inTurn(() => this.#restart(order, say))
      case 'plan':
        return JSON.stringify(await this.#plan(order))
      case 'take':
        await this.#inTurn(() => this.#take(order, say))
        return undefined
      case 'adopt':
        await this.#inTurn(() => this.#adopt(order))
        return undefined
    }
  }

  /** What an apply that was cut off has begun comes to its end before the next one changes something. */
  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#last.then(work)
    this.#last = done.then(
      () => undefined,
      () => undefined,
    )
    return done
  }

  async #restart(
    { node, folder }: OrderOf<'restart'>,
    say: (text: string) => void,
  ): Promise<string | undefined> {
    const { launcher } = this.#options
    say(`${node} restarts`)
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
    const { readConfig } = await import('../config/read.js')
    const { ConfigRefused } = await import('../config/problem.js')
    const { config, problems } = readConfig(text, file)
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
      changes: await this.#changesTo(next),
      steps: await this.#stepsTo(next),
      file: { file: file?.file ?? '', folder: file?.folder ?? '', text: this.#text },
    }
  }

  async #changesTo(next: Deployment): Promise<Change[]> {
    const { deploymentDifference } = await import('../config/difference.js')
    return [...deploymentDifference(this.#deployment, next), ...newRights(this.#deployment, next)]
  }

  async #stepsTo(next: Deployment): Promise<NodeStep[]> {
    const { nodes } = this.#options
    return nodeSteps(nodes.running(), await nodes.wanted(next))
  }

  /** These nodes become what the file says. What is so already stays as it is, so it may be asked again. */
  async #take(order: OrderOf<'take'>, say: (text: string) => void): Promise<void> {
    const next = await this.#newer(order)
    const { nodes } = this.#options
    const steps = await this.#stepsTo(next)
    for (const { node, step } of steps.filter((each) => order.nodes.includes(each.node))) {
      say(`${node}: ${step}`)
      const former = nodes.deploymentOf(node)
      const { drainMs = drainMsOf(former, node) } = order
      await nodes.changing(node, () => this.#step({ node, step, next, former, drainMs }))
      this.#options.onNodes()
    }
  }

  async #step({ node, step, next, former, drainMs }: Taken): Promise<void> {
    const { launcher, nodes } = this.#options
    if (step !== 'stop') nodes.set(node, next)
    try {
      if (step === 'restart') await this.#become(node, plannedNode(next, node))
      if (step === 'renew' || step === 'stop') await launcher.retire(node, { drainMs })
      if (step === 'renew' || step === 'start') await launcher.add(plannedNode(next, node))
    } catch (error) {
      // It is as it was, or ends: the next apply finds the difference again.
      if (step !== 'stop') nodes.set(node, former)
      throw error
    }
    if (step === 'stop') nodes.set(node, undefined)
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
