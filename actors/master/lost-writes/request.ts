import type { RequestLostTail } from '../../messages/masters.js'
import type { ClusterState } from '../cluster-state.js'
import type { CommitQueueView } from '../commit-queue-view.js'
import type { Step } from '../step.js'

/** A new leader asks another Master for the records that are newer than where it found the store. */
export function requestLostWrites(cluster: ClusterState, step: Step, to: string): void {
  step.tell(to, requestOf(cluster))
}

/**
 * The next piece, `from` a Master or of the own record cache. With much in the commit queue it waits until this one is durable, so that a
 * tail of any size holds up no other write for long and leaves the commit queue room.
 */
export function requestMore(
  cluster: ClusterState,
  step: Step,
  from: string | undefined,
  { queuedBytes = 0 }: CommitQueueView,
): void {
  const isAhead = queuedBytes >= cluster.config.slices.lostWriteAheadBytes
  if (from === undefined) {
    if (isAhead) step.gated.push({ kind: 'nextTail' })
    else step.free.push({ kind: 'nextTail' })
    return
  }
  const message = { ...requestOf(cluster), more: true }
  if (isAhead) step.tell(from, message)
  else step.tellNow(from, message)
}

function requestOf({ leadership }: ClusterState): RequestLostTail {
  const { base, earlier } = leadership
  return { type: 'RequestLostTail', base, earlier: [...earlier] }
}
