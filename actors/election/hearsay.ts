import { limits } from '../../runtime/limits.js'
import { comparePositions, type Position } from '../../runtime/persistence/engine.js'

/** The last usable epoch. After one more, two elections would get the same number. */
export const LAST_EPOCH = Number.MAX_SAFE_INTEGER - 1

const nowhere: Position = { epoch: 0, seq: 0 }

/**
 * The positions that this process knows, and those that it was told of. It knows what its own reads of the
 * store have shown. What peers say is hearsay, and is believed up to `limits.epochRise` above the known
 * epoch. This object outlives the incarnations of a Master.
 */
export class Hearsay {
  /** The highest position that this process has read from the store. */
  #known: Position
  /** The highest believed position, the known one included. */
  #observed: Position
  /** The format of the store, as this process read or wrote it last. */
  format: number | undefined
  #waitedAtMs = Number.NEGATIVE_INFINITY
  #steppedDownAtMs = Number.NEGATIVE_INFINITY

  constructor(known: Position = nowhere) {
    this.#known = known
    this.#observed = known
  }

  get known(): Position {
    return this.#known
  }

  get observed(): Position {
    return this.#observed
  }

  /** Notes a position that the store, or a write of this process, has shown. */
  know(position: Position): void {
    if (comparePositions(position, this.#known) > 0) this.#known = position
    this.#observe(position)
  }

  /**
   * Notes a peer's claim. False: the store cannot have come so far without this process, so the claim has no
   * effect.
   */
  claim(position: Position): boolean {
    if (position.epoch > Math.min(this.#known.epoch + limits.epochRise, LAST_EPOCH)) return false
    this.#observe(position)
    return true
  }

  /** True: a candidate may wait because of claims alone (protocol 5.3). False: it did so recently. */
  isWorthWaiting(monotonicMs: number): boolean {
    return monotonicMs - this.#waitedAtMs >= limits.claimDoubtMs
  }

  waits(monotonicMs: number): void {
    this.#waitedAtMs = monotonicMs
  }

  /** True: a young leader may step down because of claims alone. False: it did so recently. */
  isWorthSteppingDown(monotonicMs: number): boolean {
    return monotonicMs - this.#steppedDownAtMs >= limits.claimDoubtMs
  }

  steppedDown(monotonicMs: number): void {
    this.#steppedDownAtMs = monotonicMs
  }

  #observe(position: Position): void {
    if (comparePositions(position, this.#observed) > 0) this.#observed = position
  }
}
