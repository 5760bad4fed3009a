import { comparePositions, type PastElection, type Position } from './engine.js'

/** Where a leadership found the store, and where those before it had found it, oldest first. */
export interface Found {
  readonly base: Position
  readonly earlier: readonly PastElection[]
}

/**
 * Can the store that a leader found not have known this position (protocol 12)? So it is where any election since found
 * the store below it: whoever was elected then may not have lived to bring back what was missing.
 */
export function isForgotten(position: Position, { base, earlier }: Found): boolean {
  if (comparePositions(position, base) > 0) return true
  return earlier.some((past) => position.epoch < past.epoch && comparePositions(position, past.base) > 0)
}
