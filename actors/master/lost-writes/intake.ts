import type { Delete } from '../../../runtime/persistence/engine.js'
import type { LostTail } from '../../messages/masters.js'
import type { ClusterState } from '../cluster-state.js'
import type { CommitQueueView } from '../commit-queue-view.js'
import { advanceRecovery } from '../recovery.js'
import { tooMuchHeld } from '../refusals.js'
import type { Step } from '../step.js'
import { lostWriteProblem } from './acceptable.js'
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

/**
 * Takes a piece from another Master that was asked for it. A record that cannot be read, or that no store
 * forgot, is left out. Where the records fill their share of the heap already, a leader takes only so much
 * more; beyond that, nothing from this Master until it links again.
 */
export function takeLostTail(
  cluster: ClusterState,
  step: Step,
  from: string,
  message: LostTail,
  commitQueue: CommitQueueView,
): void {
  // Where a link replaces another, a Master may be asked twice and answer twice.
  if (!cluster.askedLostWrites.has(from)) return
  const puts = putsOf(message)
  if (!cluster.mayTakeBack(puts.reduce((bytes, { json }) => bytes + Buffer.byteLength(json), 0))) {
    step.log('warn', `STORE_REWOUND: lost writes were not taken: ${tooMuchHeld.message}`, { from })
    hasGiven(cluster, from)
    advanceRecovery(cluster, step)
    return
  }
  let problem = ''
  const leftOut = ({ table, id }: Delete, reason: string): void => {
    problem ||= `LostTail: ${table} ${id}: ${reason}`
  }
  const readable = readLostWrites(puts, (put, reason) => leftOut(put, `STORE_UNREADABLE: ${reason}`))
  const records = readable.filter((lostWrite) => {
    const reason = lostWriteProblem(cluster, lostWrite)
    if (reason !== undefined) leftOut(lostWrite, reason)
    return reason === undefined
  })
  if (problem) step.refused(from, problem)
  takePiece(cluster, step, { records, from, last: message.last }, commitQueue)
}

/** Nothing more is awaited from this Master on its present link. */
function hasGiven(cluster: ClusterState, from: string): void {
  cluster.askedLostWrites.delete(from)
  cluster.awaitedLostWrites.delete(from)
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
  if (last && from !== undefined) step.tell(from, { type: 'TailTaken' })
  if (last) hasGiven(cluster, from ?? cluster.leadership.owner)
  else requestMore(cluster, step, from, commitQueue)
  advanceRecovery(cluster, step)
}
