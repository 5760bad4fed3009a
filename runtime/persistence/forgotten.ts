import { comparePositions, type OwnedPosition, type PastElection, type Position } from './engine.js'

/** Where a leadership found the store, and where those before it had found it, oldest first. */
export interface Found {
  readonly base: Position
  readonly earlier: readonly PastElection[]
}

/**
 * Can the store that a leader found not have known this position (protocol 12)? So it is where any election since found
 * the store below it: whoever was elected then may not have lived to bring back what was missing. So it is, too, where
 * another owner had that epoch: a store that forgets an election gives its epoch once more. Without an owner, nobody
 * knows whose it was.
 */
export function isForgotten(
  { epoch, seq, owner }: Position & Partial<OwnedPosition>,
  { base, earlier }: Found,
): boolean {
  const position = { epoch, seq }
  if (comparePositions(position, base) > 0) return true
  const wasFoundBelow = earlier.some(
    (past) => epoch < past.epoch && comparePositions(position, past.base) > 0,
  )
  const isAnothers = earlier.some((past) => epoch === past.epoch && past.owner !== (owner ?? past.owner))
  return wasFoundBelow || isAnothers
}
