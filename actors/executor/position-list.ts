import { type SharedRing, slotState } from './shared-ring.js'

/**
 * The positions that the main thread may give to the next tasks of one thread. Tasks end in any order, so the
 * slots are used again in any order too: one that runs for long keeps only its own.
 */
export class PositionList {
  readonly #ring: SharedRing
  readonly #free: number[] = []
  /** Tasks that were taken back. The thread has not passed them yet. */
  #revoked: number[] = []

  constructor(ring: SharedRing) {
    this.#ring = ring
    for (let slot = ring.slotCount - 1; slot >= 0; slot--) this.#free.push(slot)
  }

  get free(): number {
    if (this.#revoked.length > 0) this.#collect()
    return this.#free.length
  }

  /** Throws a RangeError if none is free. */
  take(): number {
    const position = this.#free.pop()
    if (position === undefined) throw new RangeError('no slot is free')
    return position
  }

  /** The record of this task has been read. */
  ended(position: number): void {
    this.#ring.release(position)
    this.#free.push(position + this.#ring.slotCount)
  }

  revoked(position: number): void {
    this.#revoked.push(position)
  }

  #collect(): void {
    const left: number[] = []
    for (const position of this.#revoked) {
      if (this.#ring.state(position) === slotState.passed) this.#free.push(position + this.#ring.slotCount)
      else left.push(position)
    }
    this.#revoked = left
  }
}
