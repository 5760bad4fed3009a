import { limits } from '../../runtime/limits.js'
import type { CommitOutcome, Elected, Fence } from '../../runtime/persistence/engine.js'
import type { ElectionEffect } from './election-events.js'
import { deadlineMs, renewEveryMs } from './lease.js'

/**
 * One leadership from election to its end (protocol 6), pure. It renews the record, extends the lock only
 * after that, and ends at its own deadline without asking any server.
 */
export class Tenure {
  readonly fence: Fence
  readonly #leaseMs: number
  readonly #emit: (effect: ElectionEffect) => void
  /** Value of the lock; '' if there is none, or it is lost. */
  #lock: string
  #confirmedAtMs: number
  #touching = false
  #touchedAtMs: number
  #locking = false
  #leaving = false
  readonly #locked: boolean
  readonly #electedAtMs: number

  constructor(
    { epoch, owner }: Elected,
    lock: string,
    sentAtMs: number,
    options: {
      readonly leaseMs: number
      readonly locked: boolean
      readonly emit: (effect: ElectionEffect) => void
    },
  ) {
    this.fence = { epoch, owner }
    this.#lock = lock
    this.#confirmedAtMs = sentAtMs
    this.#touchedAtMs = sentAtMs
    this.#electedAtMs = sentAtMs
    this.#leaseMs = options.leaseMs
    this.#locked = options.locked
    this.#emit = options.emit
    this.#emit({ kind: 'startTimer', key: 'renew', ms: renewEveryMs(this.#leaseMs) })
  }

  get lock(): string {
    return this.#lock
  }

  get deadlineMs(): number {
    return deadlineMs(this.#confirmedAtMs, this.#leaseMs)
  }

  confirmed(sentAtMs: number): void {
    this.#confirmedAtMs = Math.max(this.#confirmedAtMs, sentAtMs)
  }

  armDeadline(nowMs: number): void {
    this.#emit({ kind: 'startTimer', key: 'deadline', ms: Math.max(1, this.deadlineMs - nowMs) })
  }

  /** True: a peer may still name a leadership that the store forgot before this one began. */
  isYoung(nowMs: number): boolean {
    return nowMs - this.#electedAtMs < limits.claimBeliefMs
  }

  renew(nowMs: number): void {
    this.#emit({ kind: 'startTimer', key: 'renew', ms: renewEveryMs(this.#leaseMs) })
    this.#touch(nowMs)
  }

  /** A peer names another leadership. The store is asked early, but at most every `claimLookMs`. */
  claimed(nowMs: number): void {
    if (nowMs - this.#touchedAtMs >= limits.claimLookMs) this.#touch(nowMs)
  }

  /** Sends no second touch while one is unanswered. */
  #touch(nowMs: number): void {
    if (this.#touching || this.#leaving) return
    this.#touching = true
    this.#touchedAtMs = nowMs
    this.#emit({ kind: 'touch', fence: this.fence, lock: this.#lock })
  }

  /**
   * Returns why this leadership is over, or undefined. After a refused or unknown touch the deadline decides.
   */
  touched(outcome: CommitOutcome, sentAtMs: number): string | undefined {
    this.#touching = false
    switch (outcome.kind) {
      case 'ok':
      case 'duplicate':
        this.confirmed(sentAtMs)
        this.#keepLock()
        return undefined
      case 'deposed':
        return `epoch ${outcome.epoch} of ${outcome.owner} leads`
      case 'rewound':
        return 'the store lost writes that it had acknowledged'
      case 'failed':
        return `the store failed: ${outcome.reason}`
      case 'refused':
      case 'unknown':
        return undefined
    }
  }

  /** If the lock is lost, the confirmed leader goes on, and takes the lock again when it is free. */
  extended(held: boolean | undefined): void {
    this.#locking = false
    if (held === false) this.#lock = ''
  }

  acquired(value: string | undefined): void {
    this.#locking = false
    if (value === undefined) return
    if (this.#leaving) this.#emit({ kind: 'release', value })
    else this.#lock = value
  }

  /**
   * Gives up the leadership in order: first the record says so, then the lock is released and not taken
   * again.
   */
  leave(): void {
    if (this.#leaving) return
    this.#leaving = true
    this.#emit({ kind: 'leave', fence: this.fence })
  }

  /** The record says that the leader left, or could not be told. True: there is no lock to release. */
  left(): boolean {
    const value = this.#lock
    this.#lock = ''
    if (value === '') return true
    this.#emit({ kind: 'release', value, ticket: TENURE_TICKET })
    return false
  }

  get leaving(): boolean {
    return this.#leaving
  }

  #keepLock(): void {
    if (!this.#locked || this.#locking || this.#leaving) return
    this.#locking = true
    if (this.#lock === '') this.#emit({ kind: 'acquire', ticket: TENURE_TICKET })
    else this.#emit({ kind: 'extend', value: this.#lock })
  }
}

/** Ticket of a leader's own attempts at the lock. Those of a candidate count from 1. */
export const TENURE_TICKET = 0
