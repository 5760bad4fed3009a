import { FiresteelError } from '../../errors.js'
import type { Deployment } from '../config/deployment.js'
import { isOwnHost } from '../config/machine.js'
import type { FormerProcess } from './launcher-core.js'
import type { PlannedNode } from './launcher-node.js'
import {
  firstLife,
  masterAddress,
  type NodePlan,
  plannedNodes,
  type SpecContext,
  specFor,
} from './node-plan.js'
import type { NodeSpec } from './node-spec.js'
import type { Specs } from './node-steps.js'

export type Place = Omit<SpecContext, 'deployment'>

/** The nodes of one launcher, each with the deployment that its present process has its settings from. */
export class MachineNodes {
  readonly #place: Place
  /** `--only`; empty: all nodes whose host is an address of this machine. */
  readonly #only: readonly string[]
  readonly #deployments = new Map<string, Deployment>()
  /** Of nodes that are being changed: what they were before. */
  readonly #former = new Map<string, Deployment | undefined>()

  constructor(deployment: Deployment, { masters, workers }: NodePlan, only: readonly string[], place: Place) {
    this.#place = place
    this.#only = only
    for (const { name } of [...masters, ...workers]) this.#deployments.set(name, deployment)
  }

  /** The specification of its next process. */
  spec(node: string, masters: readonly string[], former: FormerProcess): NodeSpec {
    const deployment = this.#deployments.get(node)
    if (!deployment) throw new FiresteelError('INTERNAL', `no node is planned as ${node}`)
    return specFor(planOf(deployment, [node]), { deployment, ...this.#place })(node, masters, former)
  }

  has(node: string): boolean {
    return this.#deployments.has(node)
  }

  deploymentOf(node: string): Deployment | undefined {
    return this.#deployments.get(node)
  }

  /** From now on this node is as this deployment says; undefined: it is not one of this launcher any more. */
  set(node: string, deployment: Deployment | undefined): void {
    if (deployment) this.#deployments.set(node, deployment)
    else this.#deployments.delete(node)
  }

  /** What runs is as it was until the change has come to its end. */
  async changing<T>(node: string, change: () => Promise<T>): Promise<T> {
    this.#former.set(node, this.#deployments.get(node))
    try {
      return await change()
    } finally {
      this.#former.delete(node)
    }
  }

  list() {
    return [...this.#deployments].flatMap(([name, deployment]) => {
      const { masters, workers } = planOf(deployment, [name])
      return [
        ...masters.map(({ host }) => ({ name, role: 'master' as const, host })),
        ...workers.map(({ host }) => ({ name, role: 'worker' as const, host })),
      ]
    })
  }

  /** What runs, in a form that can be compared. */
  running(): Specs {
    const running = new Map([...this.#deployments, ...this.#former])
    return new Map(
      [...running].flatMap(([name, deployment]) =>
        deployment ? [[name, this.#asPlanned(name, deployment)]] : [],
      ),
    )
  }

  /** What this deployment wants here. */
  async wanted(deployment: Deployment): Promise<Specs> {
    const here: [string, NodeSpec][] = []
    for (const { name, host } of [...deployment.masters, ...deployment.workers]) {
      const isHere = this.#only.length > 0 ? this.#only.includes(name) : await isOwnHost(host)
      if (isHere) here.push([name, this.#asPlanned(name, deployment)])
    }
    return new Map(here)
  }

  /** Without what is known only while it runs. Workers learn of other Masters by themselves. */
  #asPlanned(name: string, deployment: Deployment): NodeSpec {
    const context = { deployment, ...this.#place }
    return specFor(planOf(deployment, [name]), context)(name, deployment.join, firstLife)
  }

  /** firesteel:// of the Masters of this deployment that do not run here. */
  otherMasters(deployment: Deployment): string[] {
    const elsewhere = deployment.masters.filter(({ name, port }) => !this.has(name) && port !== 0)
    return [...elsewhere.map(masterAddress), ...deployment.join]
  }
}

const planOf = ({ masters, workers }: Deployment, names: readonly string[]): NodePlan => ({
  masters: masters.filter(({ name }) => names.includes(name)),
  workers: workers.filter(({ name }) => names.includes(name)),
  otherMasters: [],
})

/** For the core of the launcher. */
export function plannedNode(deployment: Deployment, name: string): PlannedNode {
  const [planned] = plannedNodes(planOf(deployment, [name]))
  if (!planned) throw new FiresteelError('INTERNAL', `no node is planned as ${name}`)
  return planned
}
