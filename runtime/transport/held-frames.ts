import { limits } from '../limits.js'
import type { Role } from './identity.js'

/** A link with a frame that has not come whole, or that nobody has read to its end. */
export interface FrameHolder {
  /** Ends the link: its frame takes the room of others. */
  cut(detail: string): void
}

/**
 * Bytes of frames that are held, over many links. Over the budget the one that began first is cut: an honest frame is
 * read within a moment, one that is held open is old.
 */
export class HeldFrames {
  readonly #mostBytes: number
  /** In the order in which their frames began. */
  readonly #held = new Map<FrameHolder, number>()
  #bytes = 0

  constructor(mostBytes: number) {
    this.#mostBytes = mostBytes
  }

  get bytes(): number {
    return this.#bytes
  }

  /** What this link holds now; 0: nothing, or it has ended. */
  holds(holder: FrameHolder, bytes: number): void {
    const before = this.#held.get(holder) ?? 0
    if (bytes === before) return
    this.#bytes += bytes - before
    if (bytes === 0) this.#held.delete(holder)
    else this.#held.set(holder, bytes)
    for (const [oldest, held] of this.#held) {
      if (this.#bytes <= this.#mostBytes) return
      this.#held.delete(oldest)
      this.#bytes -= held
      oldest.cut(`over ${this.#mostBytes} bytes of frames wait, and this one began first`)
    }
  }
}

const ofNodes = new HeldFrames(limits.nodeFrameBytes)
const ofOthers = new HeldFrames(limits.clientFrameBytes)

/** Those of this process that a link of this role counts among. */
export const framesOf = (role: Role): HeldFrames => (role === 'node' ? ofNodes : ofOthers)
