import { backoffMs } from '../../runtime/backoff.js'
import type { LaunchFailure } from '../messages/launch-failures.js'

/*
 * Failed launches, by application or driver and Worker. They are not stored: a new leader begins without any.
 */

export interface LaunchTimes {
  readonly launchBackoffFirstMs: number
  readonly launchBackoffMaxMs: number
  readonly launchExcludeAfter: number
  readonly launchExclusionMs: number
}

/** A failed launch. `subject` is an application or a driver. */
export interface FailedLaunch {
  readonly subject: string
  readonly workerId: string
  /**
   * Monotonic; undefined: it was launched under a former leader, and so before any failure that this one has
   * noted.
   */
  readonly launchedAtMs: number | undefined
  readonly failure: LaunchFailure
  /** True: it runs on and is to leave. Its first result may still come, and shows that its start was good. */
  readonly leaves?: boolean
}

/** The failures of one subject on one Worker. Times are monotonic. */
export interface LaunchRecord {
  readonly workerId: string
  failure: LaunchFailure
  /** Rounds in a row. Launches from before a failure that fail after it belong to the same round. */
  rounds: number
  /** Rounds that tell something about the Worker. A lack of capacity does not. */
  failures: number
  raisedAtMs: number
  lastAtMs: number
  /** The last one of a launch that has ended, or was never begun. */
  lastEndAtMs?: number
  /** True: what has failed has given a result since. The wait goes on, and the next failure is the first. */
  isOver?: boolean
  notBeforeMs: number
  /** 0: not excluded. */
  excludedUntilMs: number
}

/**
 * What may be tried with one application or driver on one Worker, best first:
 * - fresh: nothing failed there lately
 * - due: it may be tried again
 * - resting: its back-off is not over
 * - retry: excluded, but its back-off is over, so it is tried if no other Worker is left
 * - excluded: its back-off is not over either
 */
export type Standing = 'fresh' | 'due' | 'resting' | 'retry' | 'excluded'

/** Back-off and exclusion, per application or driver and Worker. */
export class LaunchFailures {
  readonly #times: LaunchTimes
  readonly #bySubject = new Map<string, Map<string, LaunchRecord>>()

  constructor(times: LaunchTimes) {
    this.#times = times
  }

  /** Notes a failure and returns the record. The caller sets a timer for `notBeforeMs`. */
  failed({ subject, workerId, launchedAtMs, failure, leaves }: FailedLaunch, nowMs: number): LaunchRecord {
    const records = this.#bySubject.get(subject) ?? new Map<string, LaunchRecord>()
    this.#bySubject.set(subject, records)
    const known = records.get(workerId)
    const record = known && !known.isOver ? known : newRecord(workerId, failure)
    records.set(workerId, record)
    if (record.rounds === 0 || (launchedAtMs !== undefined && launchedAtMs > record.raisedAtMs)) {
      record.rounds++
      if (failure.kind !== 'room') record.failures++
      record.raisedAtMs = nowMs
    }
    record.failure = failure
    record.lastAtMs = nowMs
    if (!leaves) record.lastEndAtMs = nowMs
    record.notBeforeMs = nowMs + this.#waitMs(record.rounds)
    if (record.failures >= this.#times.launchExcludeAfter)
      record.excludedUntilMs = nowMs + this.#times.launchExclusionMs
    return record
  }

  /**
   * Handles the record's timer. Returns the milliseconds to the next one. The timer counts even if it fires
   * early.
   */
  due(subject: string, workerId: string, nowMs: number): number | undefined {
    const record = this.#bySubject.get(subject)?.get(workerId)
    if (!record) return undefined
    if (record.isOver) {
      this.forget(subject, workerId)
      return undefined
    }
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

  /** True: something of it has failed on some Worker. */
  has(subject: string): boolean {
    return this.#bySubject.has(subject)
  }

  get(subject: string, workerId: string): LaunchRecord | undefined {
    return this.#bySubject.get(subject)?.get(workerId)
  }

  /** All records of a subject, the newest failure first. */
  of(subject: string): LaunchRecord[] {
    return [...(this.#bySubject.get(subject)?.values() ?? [])].sort((a, b) => b.lastAtMs - a.lastAtMs)
  }

  /** Subjects that failed on one Worker, at most so many. */
  on(workerId: string, most: number): { readonly subject: string; readonly record: LaunchRecord }[] {
    const found: { subject: string; record: LaunchRecord }[] = []
    for (const [subject, records] of this.#bySubject) {
      const record = records.get(workerId)
      if (record) found.push({ subject, record })
      if (found.length >= most) break
    }
    return found
  }

  /** All of them, for a record of this Master. */
  save(): [subject: string, records: LaunchRecord[]][] {
    return [...this.#bySubject].map(([subject, records]) => [
      subject,
      [...records.values()].map((record) => ({ ...record })),
    ])
  }

  load(saved: Iterable<readonly [subject: string, records: readonly LaunchRecord[]]>): void {
    for (const [subject, records] of saved)
      this.#bySubject.set(subject, new Map(records.map((record) => [record.workerId, record])))
  }

  /**
   * What was to leave has given a result: only the wait is left of its failure. False: that is over as well.
   */
  outlived(record: LaunchRecord, nowMs: number): boolean {
    record.isOver = true
    record.excludedUntilMs = 0
    return record.notBeforeMs > nowMs
  }

  /** Forgets the failures on one Worker, because it has started there. */
  forget(subject: string, workerId: string): boolean {
    const records = this.#bySubject.get(subject)
    if (!records?.delete(workerId)) return false
    if (records.size === 0) this.#bySubject.delete(subject)
    return true
  }

  /** Forgets a subject that has ended. Returns the Workers that had a record. */
  forgetSubject(subject: string): string[] {
    const workers = [...(this.#bySubject.get(subject)?.keys() ?? [])]
    this.#bySubject.delete(subject)
    return workers
  }

  /** Forgets a Worker that is gone. Returns the subjects that had a record. */
  forgetWorker(workerId: string): string[] {
    return [...this.#bySubject.keys()].filter((subject) => this.forget(subject, workerId))
  }

  #waitMs(rounds: number): number {
    const { launchBackoffFirstMs, launchBackoffMaxMs } = this.#times
    return backoffMs(rounds - 1, launchBackoffFirstMs, launchBackoffMaxMs)
  }
}

const newRecord = (workerId: string, failure: LaunchFailure): LaunchRecord => ({
  workerId,
  failure,
  rounds: 0,
  failures: 0,
  raisedAtMs: 0,
  lastAtMs: 0,
  notBeforeMs: 0,
  excludedUntilMs: 0,
})
