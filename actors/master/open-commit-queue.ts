import { limits } from '../../runtime/limits.js'
import { CommitQueue } from '../../runtime/persistence/commit-queue.js'
import { CommitQueueDriver } from '../../runtime/persistence/commit-queue-driver.js'
import type { StoreDegradation } from '../../runtime/persistence/engine.js'
import type { Cause } from '../../runtime/system/envelope.js'
import type { TimerSource } from '../../runtime/timers.js'
import type { ElectedLeader } from '../messages/election.js'
import type { Wrote } from './committed.js'
import type { MasterOptions } from './master-options.js'
import type { GatedEffect } from './step.js'

/** An effect that waits in the commit queue, with the message that caused it, for traces. */
export interface Pending {
  readonly effect: GatedEffect | Wrote
  readonly cause: Cause | undefined
}

/** What a leadership does when its commit queue has something to tell. */
export interface CommitQueueEvents {
  readonly timers: TimerSource
  /** All writes before this effect are durable. */
  readonly onReleased: (pending: Pending) => void
  /** The queue has ended, and the leadership with it. */
  readonly onLost: (reason: string, observedEpoch: number) => void
  readonly onDegraded: (degradation: StoreDegradation | undefined) => void
  /** The store has this format now. */
  readonly onFormat: (format: number) => void
  /** A request that was sent at this time, on the monotonic clock, was answered: this Master still leads. */
  readonly onConfirmed: (sentAtMs: number) => void
}

/** The commit queue of a leadership that begins, and what carries its commits to the store (protocol 4). */
export function openCommitQueue(
  { engine, clock, recordCache, lock, mayAct, newWriteId, config, metrics, log }: MasterOptions,
  { epoch, owner, base, writeId }: ElectedLeader,
  { timers, onReleased, onLost, onDegraded, onFormat, onConfirmed }: CommitQueueEvents,
): { readonly commitQueue: CommitQueue<Pending>; readonly driver: CommitQueueDriver<Pending> } {
  const commitQueueBytes = Math.min(limits.commitQueueBytes, config.recordBudgetBytes / 2)
  const commitQueue = new CommitQueue<Pending>({
    epoch,
    base,
    writeId,
    newWriteId,
    limits: { ...limits, commitQueueBytes },
  })
  const driver = new CommitQueueDriver<Pending>({
    commitQueue,
    engine,
    fence: { epoch, owner },
    lock,
    monotonicMs: () => clock.monotonicMs(),
    timers,
    mayAct,
    release: config.slices,
    onReleased,
    onEnded: (end) => {
      const reason = end.kind === 'failed' ? end.reason : `the commit queue ended: ${end.kind}`
      onLost(reason, 'epoch' in end ? end.epoch : 0)
    },
    onDegraded: (degradation, reason) => {
      onDegraded(degradation)
      if (degradation) log.warn(`${degradation}: new requests are refused`, { reason })
      else log.info('the store takes writes again')
    },
    onDurable: ({ puts, deletes, format }) => {
      recordCache.durable(puts, deletes, commitQueue.position)
      if (format !== undefined) onFormat(format)
    },
    metrics: metrics.commits,
    onConfirmed,
  })
  return { commitQueue, driver }
}
