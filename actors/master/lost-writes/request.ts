import type { RequestLostTail } from '../../messages/masters.js'
import type { ClusterState } from '../cluster-state.js'
import type { CommitQueueView } from '../commit-queue-view.js'
import type { Step } from '../step.js'

/**
 * A new leader asks another Master for the records that are newer than the position that it found in the
 * store.
 */
export function requestLostWrites(cluster: ClusterState, step: Step, to: string): void {
  cluster.askedLostWrites.add(to)
  step.tell(to, requestOf(cluster))
}

/**
 * Asks for the next piece, from the Master `from` or from the own record cache. If much waits in the commit
 * queue, it asks once this piece is durable. So lost writes of any size delay no other write for long and
 * leave capacity in the commit queue.
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
