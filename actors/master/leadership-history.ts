import { innerLimits } from '../../runtime/inner-limits.js'
import type { LeaderGone, MasterEvent } from './master-event.js'

/**
 * How a leadership ended, as this process saw it: its link closed, it was handed over, this Master lost it,
 * or nothing was seen before the next one began.
 */
export type LeadershipEndKind = LeaderGone | 'lost' | 'replaced'

export interface LeadershipEnd {
  readonly atMs: number
  readonly how: LeadershipEndKind
  /** Why, as this Master knows it of its own leadership; '' of others. */
  readonly reason: string
}

/** One leadership. Times are of the wall clock of this process, epoch milliseconds. */
export interface Leadership {
  readonly epoch: number
  /** firesteel://host:port of the Master that led. */
  readonly address: string
  readonly sinceMs: number
  /** It was there when this process began to look, so it may be older than `sinceMs`. */
  readonly isOlder?: true
  /** Absent: it leads. */
  readonly end?: LeadershipEnd
}

/** Which Masters have led, as far as one process has seen it, over all its incarnations. Bounded. */
export class LeadershipHistory {
  #entries: readonly Leadership[] = []

  /** Oldest first. It is another array after each change. */
  get entries(): readonly Leadership[] {
    return this.#entries
  }

  /** `own` is the address of this Master. */
  observed(event: MasterEvent, own: string, nowMs: number): void {
    switch (event.event) {
      case 'elected':
        this.#begin({ epoch: event.epoch, address: own, sinceMs: nowMs })
        break
      case 'leaderObserved': {
        const { epoch, address } = event
        const isOlder = this.#entries.length === 0
        if (!this.#goesOn(epoch, address))
          this.#begin({ epoch, address, sinceMs: nowMs, ...(isOlder && { isOlder }) })
        break
      }
      case 'leaderGone':
        this.#end(
          ({ epoch, end }) => epoch === event.epoch && end === undefined,
          () => ({ atMs: nowMs, how: event.how, reason: '' }),
        )
        break
      case 'revoked': {
        const { handedOver, reason } = event
        const how = handedOver ? 'handedOver' : 'lost'
        // It may have heard of its successor first.
        this.#end(
          ({ address, end }) => address === own && (end === undefined || end.how === 'replaced'),
          (end) => ({ atMs: end?.atMs ?? nowMs, how, reason }),
        )
        break
      }
      case 'alive':
      case 'hindered':
      case 'mastersObserved':
      case 'tokensInForce':
      case 'succeeded':
      case 'unrecoverable':
        break
    }
  }

  /** The newest one is heard of again. If its link had closed, it has not ended. */
  #goesOn(epoch: number, address: string): boolean {
    const last = this.#entries.at(-1)
    // A store that forgets an election may give its epoch again, to another Master.
    if (!last || epoch > last.epoch || (epoch === last.epoch && address !== last.address)) return false
    if (epoch === last.epoch && last.end?.how === 'closed') {
      const { end: _, ...open } = last
      this.#entries = [...this.#entries.slice(0, -1), open]
    }
    return true
  }

  #begin(leadership: Leadership): void {
    const { sinceMs: atMs } = leadership
    this.#end(
      ({ end }) => end === undefined,
      () => ({ atMs, how: 'replaced', reason: '' }),
    )
    this.#entries = [...this.#entries, leadership].slice(-innerLimits.leaderships)
  }

  /** Ends the newest one that is meant. */
  #end(
    isMeant: (one: Leadership) => boolean,
    endOf: (end: LeadershipEnd | undefined) => LeadershipEnd,
  ): void {
    const at = this.#entries.findLastIndex(isMeant)
    const one = this.#entries[at]
    if (one) this.#entries = this.#entries.with(at, { ...one, end: endOf(one.end) })
  }
}
