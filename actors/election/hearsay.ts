import { limits } from '../../runtime/limits.js'
import { comparePositions, type Position } from '../../runtime/persistence/engine.js'

/** The last epoch that can be counted: one more, and two elections would be given the same number. */
export const LAST_EPOCH = Number.MAX_SAFE_INTEGER - 1

const nowhere: Position = { epoch: 0, seq: 0 }

/**
 * What this process knows of positions, and how it knows it. What its own reads of the store have shown is known. What
 * others say is hearsay: it is believed up to `limits.epochRise` above what is known. It outlives the lives of a Master.
 */
export class Hearsay {
  /** The highest position that this process has read from the store. */
  #known: Position
  /** The highest position heard of and believed, what is known included. */
  #observed: Position
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

  /** The store, or what this process wrote to it, says so. */
  know(position: Position): void {
    if (comparePositions(position, this.#known) > 0) this.#known = position
    this.#hear(position)
  }

  /** Somebody says so. False: it is higher than the store can have come without this process, and counts nowhere. */
  claim(position: Position): boolean {
    if (position.epoch > Math.min(this.#known.epoch + limits.epochRise, LAST_EPOCH)) return false
    this.#hear(position)
    return true
  }

  /** Does a candidate begin to wait on the word of others alone (protocol 5.3)? Not again so soon. */
  isWorthWaiting(monotonicMs: number): boolean {
    return monotonicMs - this.#waitedAtMs >= limits.claimDoubtMs
  }

  waits(monotonicMs: number): void {
    this.#waitedAtMs = monotonicMs
  }

  /** Does a leader that was just elected step down on the word of others alone? Not again so soon. */
  isWorthSteppingDown(monotonicMs: number): boolean {
    return monotonicMs - this.#steppedDownAtMs >= limits.claimDoubtMs
  }

  steppedDown(monotonicMs: number): void {
    this.#steppedDownAtMs = monotonicMs
  }

  #hear(position: Position): void {
    if (comparePositions(position, this.#observed) > 0) this.#observed = position
  }
}
