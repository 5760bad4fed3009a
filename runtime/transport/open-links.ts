import type { DescriptorRoom } from '../process/descriptor-room.js'
import type { Role } from './identity.js'

/** What is counted of a link. */
interface Counted {
  readonly peer: { readonly role: Role }
  whenEnded(listener: () => void): void
}

/** How many links a door has let in: nodes apart from all others, so that clients lock no Worker out. */
export class OpenLinks {
  readonly #mostNodes: number
  readonly #mostOthers: number
  #nodes = 0
  #others = 0

  constructor({ nodes, others }: Pick<DescriptorRoom, 'nodes' | 'others'>) {
    this.#mostNodes = nodes
    this.#mostOthers = others
  }

  /** False: there are as many as there may be. */
  enter(link: Counted): boolean {
    const isNode = link.peer.role === 'node'
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
