import { type Found, isForgotten } from '../../runtime/persistence/forgotten.js'
import type { OwnedPosition } from '../messages/common.js'
import { type Change, type ChangeDraft, subjectOf } from './change.js'
import type { SavedOutbox } from './restart/saved-worker.js'

interface Kept {
  readonly change: Change
  acknowledged?: { readonly atMs: number; readonly position: OwnedPosition }
}

/**
 * The changes of this Worker (protocol S5, R5). They are numbered, and kept until a Master has acknowledged
 * them and for `keepMs` more, because a store may fall back behind the acknowledgement.
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

  save(nowMs: number): SavedOutbox {
    const kept = [...this.#kept.values()].map(({ change, acknowledged }) => ({
      change,
      ...(acknowledged && {
        acknowledged: { agoMs: nowMs - acknowledged.atMs, position: acknowledged.position },
      }),
    }))
    return { next: this.#next, kept }
  }

  load({ next, kept }: SavedOutbox, nowMs: number): void {
    this.#next = next
    for (const { change, acknowledged } of kept) {
      const subject = subjectOf(change)
      this.#subjects.set(change.change, subject)
      this.#kept.set(subject, {
        change,
        ...(acknowledged && {
          acknowledged: { atMs: nowMs - acknowledged.agoMs, position: acknowledged.position },
        }),
      })
    }
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

  /** The number of a change that a newer one replaced is ignored. */
  acknowledge(changes: readonly number[], position: OwnedPosition, atMs: number): void {
    for (const number of changes) {
      const subject = this.#subjects.get(number)
      const kept = subject === undefined ? undefined : this.#kept.get(subject)
      if (kept) kept.acknowledged ??= { atMs, position }
    }
  }

  /**
   * The changes that a new link to a leader gets, in order: unacknowledged ones, and those whose
   * acknowledgement the store may have forgotten. Without `found`, which says how the leader found its store,
   * all of them. One that was acknowledged and `isOutdated` is left out.
   */
  toResend(found: Found | undefined, monotonicMs: number, isOutdated: (change: Change) => boolean): Change[] {
    this.prune(monotonicMs)
    const due: Change[] = []
    for (const { change, acknowledged } of this.#kept.values()) {
      const isKnown = acknowledged && found && !isForgotten(acknowledged.position, found)
      if (!isKnown && !(acknowledged && isOutdated(change))) due.push(change)
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
