import type { LostTail } from '../../messages/masters.js'
import type { ClusterState } from '../cluster-state.js'
import type { CommitQueueView } from '../commit-queue-view.js'
import { advanceRecovery } from '../recovery.js'
import type { LogFields, Step } from '../step.js'
import { type LostWrite, putsOf, readLostWrites } from './lost-write.js'
import { requestMore } from './request.js'
import { takeBackLostWrites } from './take-back.js'

/** A piece of a record cache. */
export interface LostWritePiece {
  readonly records: readonly LostWrite[]
  /** The Master that sent it. Absent: it is from the own record cache. */
  readonly from?: string
  /** Absent: this is the last piece. */
  readonly last?: boolean
}

/** Takes a piece from another Master. A record that cannot be read is left out. */
export function takeLostTail(
  cluster: ClusterState,
  step: Step,
  from: string,
  message: LostTail,
  commitQueue: CommitQueueView,
): void {
  const log = { warn: (text: string, fields: LogFields) => step.log('warn', text, fields) }
  const records = readLostWrites(putsOf(message), log)
  takePiece(cluster, step, { records, from, last: message.last }, commitQueue)
}

/**
 * Takes a piece back and asks for the next one. After the last one it tells the sender that all is durable
 * again.
 */
export function takePiece(
  cluster: ClusterState,
  step: Step,
  { records, from, last = true }: LostWritePiece,
  commitQueue: CommitQueueView,
): void {
  takeBackLostWrites(cluster, step, records)
  if (!last) {
    requestMore(cluster, step, from, commitQueue)
  } else {
    cluster.awaitedLostWrites.delete(from ?? cluster.leadership.owner)
    if (from !== undefined) step.tell(from, { type: 'TailTaken' })
  }
  advanceRecovery(cluster, step)
}
