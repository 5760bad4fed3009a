import { limits } from '../limits.js'
import type { Role } from './identity.js'

/** A link that holds bytes: of a frame that has not come whole or is not read, or that its peer does not take. */
export interface Holder {
  /** Ends the link: what it holds takes the room of others. */
  cut(detail: string): void
}

/**
 * Bytes that links hold, all together. Over the budget the one that began first is cut: an honest peer finishes its frame,
 * and takes what it is sent, within a moment.
 */
export class HeldBytes {
  readonly #mostBytes: number
  readonly #what: string
  /** In the order in which they began. */
  readonly #held = new Map<Holder, number>()
  #bytes = 0

  constructor(mostBytes: number, what: string) {
    this.#mostBytes = mostBytes
    this.#what = what
  }

  get bytes(): number {
    return this.#bytes
  }

  /** What this link holds now; 0: nothing, or it has ended. */
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

/** What the links of a process may hold: nodes apart from all others. */
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

/** What a link of this role counts among in this process. */
export const heldOf = (role: Role): Held => (role === 'node' ? ofNodes : ofOthers)
