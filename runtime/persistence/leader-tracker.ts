import { comparePositions, type Fence, type Position } from './engine.js'

/** `stale`: not to be obeyed. `current`: of the leadership that is obeyed already. `new`: of a higher one. */
export type Judgement = 'stale' | 'current' | 'new'

/**
 * The leadership that a process obeys (protocol S1, R1): the highest (epoch, owner) that it has handled a
 * message of. One owner per epoch: the one that came first has it. `L` is what its holder wants to know of a
 * leader besides.
 */
export class LeaderTracker<L extends Fence = Fence> {
  #leader: L | undefined
  #seen: Position | undefined

  get leader(): L | undefined {
    return this.#leader
  }

  /** The highest epoch that was obeyed; 0 before the first. */
  get epoch(): number {
    return this.#leader?.epoch ?? 0
  }

  /** Position of the newest message that was handled of this leadership. */
  get seen(): Position | undefined {
    return this.#seen
  }

  /** Only looks. */
  judge({ epoch, owner }: Fence): Judgement {
    const leader = this.#leader
    if (leader && epoch < leader.epoch) return 'stale'
    if (leader && epoch === leader.epoch) return owner === leader.owner ? 'current' : 'stale'
    return 'new'
  }

  /** This one is obeyed from now on, whatever was obeyed before. */
  follow(leader: L): void {
    this.#leader = leader
    this.#seen = undefined
  }

  /**
   * Called when a message is handled, not when it arrives. A `stale` one must not be handled, and changes
   * nothing.
   */
  handled(leader: L, position: Position): Judgement {
    const judged = this.judge(leader)
    if (judged === 'stale') return judged
    if (judged === 'new') this.follow(leader)
    if (!this.#seen || comparePositions(position, this.#seen) > 0) this.#seen = position
    return judged
  }

  /** The next that leads is obeyed, whatever its epoch. */
  forget(): void {
    this.#leader = undefined
    this.#seen = undefined
  }
}
