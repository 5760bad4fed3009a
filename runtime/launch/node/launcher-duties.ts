import type { LauncherOrder, RegisterLauncher } from '../../../actors/messages/launchers.js'
import { FiresteelError } from '../../errors.js'
import type { Launcher } from './launcher.js'
import type { NodePlan } from './node-plan.js'
import { upgradeNode } from './upgrade-node.js'

/** What a launcher does when a leader passes an order on to it. */
export class LauncherDuties {
  readonly #launcher: Launcher
  readonly #nodes: NodePlan

  constructor(launcher: Launcher, nodes: NodePlan) {
    this.#launcher = launcher
    this.#nodes = nodes
  }

  nodes(): RegisterLauncher['nodes'] {
    const { masters, workers } = this.#nodes
    return [
      ...masters.map(({ name, host }) => ({ name, role: 'master' as const, host })),
      ...workers.map(({ name, host }) => ({ name, role: 'worker' as const, host })),
    ]
  }

  async carryOut(order: LauncherOrder, say: (text: string) => void): Promise<string | undefined> {
    switch (order.kind) {
      case 'restart':
        this.#requireNode(order.node)
        say(`${order.node} restarts`)
        if (order.folder !== undefined)
          return JSON.stringify(await upgradeNode(this.#launcher, order.node, order.folder))
        await this.#launcher.restart(order.node)
        return undefined
    }
  }

  #requireNode(name: string): void {
    if (this.nodes().some((node) => node.name === name)) return
    throw new FiresteelError('UNKNOWN_ID', `This launcher runs no node ${JSON.stringify(name)}.`, {
      place: name,
    })
  }
}
