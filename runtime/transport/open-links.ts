import type { DescriptorBudget } from '../process/descriptor-budget.js'
import { isNodeRole, type Role } from './identity.js'

/** The connection below a link: a link that has ended may still write its last words. */
interface Closing {
  once(event: 'close', listener: () => void): unknown
}

/**
 * Counts the connections of the links that a listener has accepted, until they are closed. Nodes have a bound
 * of their own, so that clients cannot lock a Worker out.
 */
export class OpenLinks {
  readonly #mostNodes: number
  readonly #mostOthers: number
  #nodes = 0
  #others = 0

  constructor({ nodes, others }: Pick<DescriptorBudget, 'nodes' | 'others'>) {
    this.#mostNodes = nodes
    this.#mostOthers = others
  }

  /** False: there are as many links as there may be. */
  enter(role: Role, connection: Closing): boolean {
    const isNode = isNodeRole(role)
    if (isNode ? this.#nodes >= this.#mostNodes : this.#others >= this.#mostOthers) return false
    this.#add(isNode, 1)
    connection.once('close', () => this.#add(isNode, -1))
    return true
  }

  #add(isNode: boolean, count: number): void {
    if (isNode) this.#nodes += count
    else this.#others += count
  }
}
