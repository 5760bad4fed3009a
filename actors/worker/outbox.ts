import { type Found, isForgotten } from '../../runtime/persistence/forgotten.js'
import type { OwnedPosition } from '../messages/common.js'
import type { DriverStateChanged } from '../messages/drivers.js'
import type { ExecutorStateChanged } from '../messages/executors.js'

export type Change = DriverStateChanged | ExecutorStateChanged
type Draft<C extends Change> = Omit<C, 'workerId' | 'change'>
/** A change before it has its number. */
export type ChangeDraft = Draft<DriverStateChanged> | Draft<ExecutorStateChanged>

interface Kept {
  readonly change: Change
  acknowledged?: { readonly atMs: number; readonly position: OwnedPosition }
}

/** What a change is about: the newest of each is kept. */
export function subjectOf(draft: ChangeDraft): string {
  return draft.type === 'DriverStateChanged'
    ? `${draft.driverId}/${draft.generation}`
    : `${draft.appId}/${draft.execId}`
}

/**
 * The changes of this Worker (protocol S5, R5): numbered, kept until a Master has acknowledged them and for `keepMs` more,
 * because a store may fall back behind its acknowledgement.
 */
export class Outbox {
  readonly #workerId: string
  readonly #keepMs: number
  /** In the order of their numbers. */
  readonly #kept = new Map<string, Kept>()
  readonly #subjects = new Map<number, string>()
  #next = 1

  constructor(workerId: string, keepMs: number) {
    this.#workerId = workerId
    this.#keepMs = keepMs
  }

  get unacknowledged(): number {
    let count = 0
    for (const kept of this.#kept.values()) if (kept.acknowledged === undefined) count++
    return count
  }

  add(draft: ChangeDraft): Change {
    const change: Change = { ...draft, workerId: this.#workerId, change: this.#next++ }
    const subject = subjectOf(draft)
    const older = this.#kept.get(subject)
    if (older) this.#forget(subject, older)
    this.#kept.set(subject, { change })
    this.#subjects.set(change.change, subject)
    return change
  }

  /** Numbers of what a newer change replaced mean nothing any more. */
  acknowledge(changes: readonly number[], position: OwnedPosition, atMs: number): void {
    for (const number of changes) {
      const subject = this.#subjects.get(number)
      const kept = subject === undefined ? undefined : this.#kept.get(subject)
      if (kept) kept.acknowledged ??= { atMs, position }
    }
  }

  /**
   * What a new link to a leader gets, in order: what nobody has acknowledged, and what its store may have forgotten
   * since; all, where it does not say how it found its store.
   */
  toResend(found: Found | undefined, monotonicMs: number): Change[] {
    this.prune(monotonicMs)
    const due: Change[] = []
    for (const { change, acknowledged } of this.#kept.values()) {
      if (!acknowledged || !found || isForgotten(acknowledged.position, found)) due.push(change)
    }
    return due
  }

  prune(monotonicMs: number): void {
    for (const [subject, kept] of this.#kept) {
      const { acknowledged } = kept
      if (acknowledged === undefined || monotonicMs - acknowledged.atMs <= this.#keepMs) continue
      this.#forget(subject, kept)
    }
  }

  #forget(subject: string, kept: Kept): void {
    this.#kept.delete(subject)
    this.#subjects.delete(kept.change.change)
  }
}
