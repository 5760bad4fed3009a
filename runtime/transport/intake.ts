import { limits } from '../limits.js'

/**
 * What one turn of the event loop may still take from links. It goes below 0 by one large message at most.
 */
export interface Turn {
  items: number
  bytes: number
}

/** A link with bytes that were not processed yet. */
export interface IntakeSource {
  /** Takes as much as `turn` allows and subtracts it. True: more could be taken now. */
  work(turn: Turn): boolean
}

const isOver = ({ items, bytes }: Turn): boolean => items <= 0 || bytes <= 0
const freshTurn = (): Turn => ({ items: limits.turnItems, bytes: limits.turnBytes })

/**
 * Shares the turns of the event loop among the links that have something to read. Each turn takes a bounded
 * number of messages and bytes, and links take turns within it. So a peer that floods its link delays others
 * by its share only, and delays neither timers nor the lease. There is one per process, because a process has
 * one event loop.
 */
export class Intake {
  readonly #schedule: (run: () => void) => void
  /** Round robin: the first one is next. */
  readonly #queue = new Set<IntakeSource>()
  #turn = freshTurn()
  #scheduled = false
  /** Turns that ended while links still waited; for tests and metrics. */
  fullTurns = 0

  constructor(schedule: (run: () => void) => void = (run) => void setImmediate(run)) {
    this.#schedule = schedule
  }

  /**
   * Bytes have come. They are taken at once if this turn has capacity and no link waits. False: they wait.
   */
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

  /** The link can go on, but in a later turn, because the caller is in the middle of something. */
  later(source: IntakeSource): void {
    this.#queue.add(source)
    this.#ensure()
  }

  /** The link has ended. */
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
      // Added at the end: a set also yields what is added while it is iterated.
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
