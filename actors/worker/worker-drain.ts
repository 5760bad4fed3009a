import { innerLimits } from '../../runtime/inner-limits.js'
import type { DecommissionWorker } from '../messages/drains.js'
import type { Now } from './worker-events.js'

/** What a Worker shows of its drain. */
export interface ShownDrain {
  readonly reason: string | null
}

const LAST_WORDS_MS = innerLimits.drainLastWordsMs

interface Asked {
  readonly reason?: string | undefined
  readonly untilMs: number
}

/**
 * The drain of this Worker. Its Master decides what leaves and when. A Worker that is being stopped asks for
 * its drain, and ends when it has nothing left or its time is over, also where no Master hears it.
 */
export class WorkerDrain {
  #asked: Asked | undefined
  /** As the leader said last. */
  #told: Pick<DecommissionWorker, 'reason'> | undefined
  #isOver = false

  get shown(): ShownDrain | null {
    const drain = this.#told ?? this.#asked
    return drain ? { reason: drain.reason ?? null } : null
  }

  /** It is being stopped, and not only drained by its leader. */
  get isAsked(): boolean {
    return this.#asked !== undefined
  }

  /** Asked again, the earlier time counts. Returns how long that is from now. */
  ask({ deadlineMs, reason }: { deadlineMs: number; reason?: string | undefined }, now: Now): number {
    const untilMs = Math.min(this.#asked?.untilMs ?? Number.POSITIVE_INFINITY, now.monotonicMs + deadlineMs)
    this.#asked = { reason, untilMs }
    return Math.max(0, untilMs - now.monotonicMs)
  }

  told({ isDrained, reason }: DecommissionWorker): void {
    this.#told = isDrained ? { reason } : undefined
  }

  /** What to ask the leader for; undefined: nothing. */
  request({ monotonicMs }: Now): { deadlineMs: number; reason?: string } | undefined {
    if (!this.#asked) return undefined
    const { reason, untilMs } = this.#asked
    const deadlineMs = Math.max(0, Math.round(untilMs - monotonicMs))
    return { deadlineMs, ...(reason !== undefined && { reason }) }
  }

  get isFinished(): boolean {
    return this.#isOver
  }

  /**
   * True once: it may end. At the deadline the leader goes first, because it tells why the rest ends. A
   * leader that has not confirmed the drain may have sent it work. `hasLeader`: one is linked.
   */
  isOver(left: number, hasLeader: boolean, { monotonicMs }: Now): boolean {
    if (!this.#asked || this.#isOver) return false
    const isEmpty = left === 0 && (this.#told !== undefined || !hasLeader)
    this.#isOver = isEmpty || monotonicMs >= this.#asked.untilMs + (hasLeader ? LAST_WORDS_MS : 0)
    return this.#isOver
  }
}
