import { comparePositions, type OwnedPosition, type PastElection, type Position } from './engine.js'

/** Where a leadership found the store, and where those before it found it, oldest first. */
export interface Found {
  readonly base: Position
  readonly earlier: readonly PastElection[]
}

/**
 * Whether the store that a leader found may not have known this position (protocol 12). That is so if any
 * election since then found the store below it, because a leader elected then may have died before it wrote
 * back what was missing. It is also so if another owner had that epoch, because a store that forgets an
 * election gives its epoch once more. Without an owner nobody can tell.
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
