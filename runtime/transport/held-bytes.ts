import { limits } from '../limits.js'
import { isNodeRole, type Role } from './identity.js'

/**
 * A link that holds bytes: those of a frame that is incomplete or unread, or those that its peer has not
 * accepted yet.
 */
export interface Holder {
  /** Ends the link, because the bytes that it holds are needed for others. */
  cut(detail: string): void
}

/**
 * Bounds the bytes that all links hold together. Over the budget, the link that has held bytes for longest is
 * ended. An honest peer finishes its frame, and reads what it is sent, within a moment.
 */
export class HeldBytes {
  readonly #mostBytes: number
  readonly #what: string
  /** In the order in which they began to hold bytes. */
  readonly #held = new Map<Holder, number>()
  #bytes = 0

  constructor(mostBytes: number, what: string) {
    this.#mostBytes = mostBytes
    this.#what = what
  }

  get bytes(): number {
    return this.#bytes
  }

  /** Sets what this link holds now. 0: it holds nothing, or it has ended. */
  holds(holder: Holder, bytes: number): void {
    const before = this.#held.get(holder) ?? 0
    if (bytes === before) return
    this.#bytes += bytes - before
    if (bytes === 0) this.#held.delete(holder)
    else this.#held.set(holder, bytes)
    for (const [oldest, held] of this.#held) {
      if (this.#bytes <= this.#mostBytes) return
      this.#held.delete(oldest)
      this.#bytes -= held
      oldest.cut(`over ${this.#mostBytes} bytes of ${this.#what} wait, and these are the oldest`)
    }
  }
}

/**
 * What the links of a process may hold. Nodes have a budget of their own, so that clients cannot use it up.
 */
export interface Held {
  readonly frames: HeldBytes
  readonly sendQueues: HeldBytes
}

const ofNodes: Held = {
  frames: new HeldBytes(limits.nodeFrameBytes, 'frames'),
  sendQueues: new HeldBytes(limits.nodeSendQueueBytes, 'messages that peers do not take'),
}
const ofOthers: Held = {
  frames: new HeldBytes(limits.clientFrameBytes, 'frames'),
  sendQueues: new HeldBytes(limits.clientSendQueueBytes, 'messages that peers do not take'),
}

/** The budget that a link of this role counts toward in this process. */
export const heldOf = (role: Role): Held => (isNodeRole(role) ? ofNodes : ofOthers)
