import { limits } from '../limits.js'

/** What one turn of the event loop may still take from links; goes below 0 by one large message at most. */
export interface Turn {
  items: number
  bytes: number
}

/** A link that has bytes which nobody has looked at yet. */
export interface IntakeSource {
  /** Takes as much as `turn` allows and lowers it. True: it has more that could be taken now. */
  work(turn: Turn): boolean
}

const isOver = ({ items, bytes }: Turn): boolean => items <= 0 || bytes <= 0
const freshTurn = (): Turn => ({ items: limits.turnItems, bytes: limits.turnBytes })

/**
 * Shares the turns of an event loop among the links that have something to read: each turn takes a stated number of
 * messages and bytes, and links take turns within it. So a peer that floods its link delays others by its share, and
 * holds neither timers nor the lease up. One for a process, because a process has one loop.
 */
export class Intake {
  readonly #schedule: (run: () => void) => void
  /** Round robin: the first is next. */
  readonly #queue = new Set<IntakeSource>()
  #turn = freshTurn()
  #scheduled = false
  /** Turns that ended with links still waiting; for tests and gauges. */
  fullTurns = 0

  constructor(schedule: (run: () => void) => void = (run) => void setImmediate(run)) {
    this.#schedule = schedule
  }

  /** Bytes have come: taken at once where this turn has room and nobody waits. False: not looked at yet. */
  offer(source: IntakeSource): boolean {
    if (this.#queue.size > 0 || isOver(this.#turn)) {
      this.later(source)
      return false
    }
    this.#ensure()
    while (this.#visit(source)) {
      if (this.#queue.size === 0 && !isOver(this.#turn)) continue
      this.later(source)
      break
    }
    return true
  }

  /** It can go on; not now, because the caller is in the middle of something. */
  later(source: IntakeSource): void {
    this.#queue.add(source)
    this.#ensure()
  }

  /** Its link has ended. */
  forget(source: IntakeSource): void {
    this.#queue.delete(source)
  }

  #ensure(): void {
    if (this.#scheduled) return
    this.#scheduled = true
    this.#schedule(this.#run)
  }

  readonly #run = (): void => {
    this.#scheduled = false
    this.#turn = freshTurn()
    for (const source of this.#queue) {
      this.#queue.delete(source)
      // Added at the end again: a set gives what is added while it is walked.
      if (this.#visit(source)) this.#queue.add(source)
      if (isOver(this.#turn)) break
    }
    if (this.#queue.size === 0) return
    this.fullTurns++
    this.#ensure()
  }

  #visit(source: IntakeSource): boolean {
    const { items, bytes } = this.#turn
    const share: Turn = {
      items: Math.min(items, limits.linkShareItems),
      bytes: Math.min(bytes, limits.linkShareBytes),
    }
    const { items: mostItems, bytes: mostBytes } = share
    const more = source.work(share)
    this.#turn.items -= mostItems - share.items
    this.#turn.bytes -= mostBytes - share.bytes
    return more
  }
}

/** The intake of this process. */
export const processIntake = new Intake()
