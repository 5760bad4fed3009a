import { comparePositions } from '../../runtime/persistence/engine.js'
import type { Position } from '../messages/common.js'

export interface Leadership {
  readonly epoch: number
  /** Incarnation of the Master that leads. */
  readonly owner: string
}

/**
 * Whom this Worker obeys (protocol S1, R1): the highest (epoch, owner) it has handled a message of. One owner per epoch: who
 * came first has it.
 */
export class LeaderTracker {
  #leader: Leadership | undefined
  #seen: Position | undefined

  get leader(): Leadership | undefined {
    return this.#leader
  }

  /** Position of the newest message handled from this leader. */
  get seen(): Position | undefined {
    return this.#seen
  }

  /** The next that leads is obeyed, whatever its epoch. */
  forget(): void {
    this.#leader = undefined
    this.#seen = undefined
  }

  /** Called when a message is handled, not when it arrives. `stale` messages must not be handled. */
  judge(from: string, position: Position): 'stale' | 'current' | 'new' {
    const leader = this.#leader
    if (leader && position.epoch < leader.epoch) return 'stale'
    if (leader && position.epoch === leader.epoch) {
      if (from !== leader.owner) return 'stale'
      if (!this.#seen || comparePositions(position, this.#seen) > 0) this.#seen = position
      return 'current'
    }
    this.#leader = { epoch: position.epoch, owner: from }
    this.#seen = position
    return 'new'
  }
}
