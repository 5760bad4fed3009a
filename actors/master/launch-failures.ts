import type { LaunchFailure } from '../messages/launch-failures.js'

/* Launches that came to nothing, by who was launched and on which Worker. Soft: a new leader begins without any. */

export interface LaunchTimes {
  readonly launchBackoffFirstMs: number
  readonly launchBackoffMaxMs: number
  readonly launchExcludeAfter: number
  readonly launchExclusionMs: number
}

/** A launch that came to nothing. `subject`: an application or a driver. */
export interface FailedLaunch {
  readonly subject: string
  readonly workerId: string
  /** Monotonic; undefined: under a former leader. */
  readonly launchedAtMs: number | undefined
  readonly failure: LaunchFailure
}

/** One subject on one Worker. Times are monotonic. */
export interface LaunchRecord {
  readonly workerId: string
  failure: LaunchFailure
  /** In a row. What was launched before one failure and fails after it is of the same round. */
  rounds: number
  /** Rounds that say something about the machine: want of room does not. */
  failures: number
  raisedAtMs: number
  lastAtMs: number
  notBeforeMs: number
  /** 0: not excluded. */
  excludedUntilMs: number
}

/**
 * How a Worker stands with an application or driver, best first: fresh, nothing failed there of late; due, it may be
 * tried again; resting, its back-off is not over; excluded, tried again only where no other Worker is left, and then
 * once its back-off is over (retry).
 */
export type Standing = 'fresh' | 'due' | 'resting' | 'retry' | 'excluded'

/** Back-off and exclusion, per (application or driver, Worker). */
export class LaunchFailures {
  readonly #times: LaunchTimes
  readonly #bySubject = new Map<string, Map<string, LaunchRecord>>()

  constructor(times: LaunchTimes) {
    this.#times = times
  }

  /** Returns what is known now; the caller wakes at `notBeforeMs`. */
  failed({ subject, workerId, launchedAtMs, failure }: FailedLaunch, nowMs: number): LaunchRecord {
    const records = this.#bySubject.get(subject) ?? new Map<string, LaunchRecord>()
    this.#bySubject.set(subject, records)
    const record = records.get(workerId) ?? newRecord(workerId, failure)
    records.set(workerId, record)
    if (launchedAtMs === undefined || launchedAtMs > record.raisedAtMs) {
      record.rounds++
      if (failure.kind !== 'room') record.failures++
      record.raisedAtMs = nowMs
    }
    record.failure = failure
    record.lastAtMs = nowMs
    record.notBeforeMs = nowMs + this.#waitMs(record.rounds)
    if (record.failures >= this.#times.launchExcludeAfter)
      record.excludedUntilMs = nowMs + this.#times.launchExclusionMs
    return record
  }

  /** A time of this record has come; returns how long until the next one. A timer may fire a little early: it is the truth. */
  due(subject: string, workerId: string, nowMs: number): number | undefined {
    const record = this.#bySubject.get(subject)?.get(workerId)
    if (!record) return undefined
    if (record.notBeforeMs > 0) {
      record.notBeforeMs = 0
      return record.excludedUntilMs > 0 ? Math.max(0, record.excludedUntilMs - nowMs) : undefined
    }
    record.excludedUntilMs = 0
    return undefined
  }

  standing(subject: string, workerId: string, nowMs: number): Standing {
    const record = this.#bySubject.get(subject)?.get(workerId)
    if (!record) return 'fresh'
    const rests = nowMs < record.notBeforeMs
    if (nowMs < record.excludedUntilMs) return rests ? 'excluded' : 'retry'
    return rests ? 'resting' : 'due'
  }

  /** Has anything of it failed anywhere? */
  has(subject: string): boolean {
    return this.#bySubject.has(subject)
  }

  get(subject: string, workerId: string): LaunchRecord | undefined {
    return this.#bySubject.get(subject)?.get(workerId)
  }

  /** The newest failure first. */
  of(subject: string): LaunchRecord[] {
    return [...(this.#bySubject.get(subject)?.values() ?? [])].sort((a, b) => b.lastAtMs - a.lastAtMs)
  }

  /** It has started there after all. */
  forget(subject: string, workerId: string): boolean {
    const records = this.#bySubject.get(subject)
    if (!records?.delete(workerId)) return false
    if (records.size === 0) this.#bySubject.delete(subject)
    return true
  }

  /** The subject has ended. Returns the Workers that were known. */
  forgetSubject(subject: string): string[] {
    const workers = [...(this.#bySubject.get(subject)?.keys() ?? [])]
    this.#bySubject.delete(subject)
    return workers
  }

  /** The Worker has gone. Returns the subjects that were known. */
  forgetWorker(workerId: string): string[] {
    return [...this.#bySubject.keys()].filter((subject) => this.forget(subject, workerId))
  }

  #waitMs(rounds: number): number {
    const { launchBackoffFirstMs, launchBackoffMaxMs } = this.#times
    return Math.min(launchBackoffMaxMs, launchBackoffFirstMs * 2 ** Math.min(rounds - 1, 30))
  }
}

const newRecord = (workerId: string, failure: LaunchFailure): LaunchRecord => ({
  workerId,
  failure,
  rounds: 0,
  failures: 0,
  raisedAtMs: Number.NEGATIVE_INFINITY,
  lastAtMs: 0,
  notBeforeMs: 0,
  excludedUntilMs: 0,
})
