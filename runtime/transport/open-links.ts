import type { DescriptorBudget } from '../process/descriptor-budget.js'
import { isNodeRole, type Role } from './identity.js'

/** The fields of a link that are needed to count it. */
interface Counted {
  readonly peer: { readonly role: Role }
  whenEnded(listener: () => void): void
}

/**
 * Counts the links that a listener has accepted. Nodes have a bound of their own, so that clients cannot lock
 * a Worker out.
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
  enter(link: Counted): boolean {
    const isNode = isNodeRole(link.peer.role)
    if (isNode ? this.#nodes >= this.#mostNodes : this.#others >= this.#mostOthers) return false
    this.#add(isNode, 1)
    link.whenEnded(() => this.#add(isNode, -1))
    return true
  }

  #add(isNode: boolean, count: number): void {
    if (isNode) this.#nodes += count
    else this.#others += count
  }
}
