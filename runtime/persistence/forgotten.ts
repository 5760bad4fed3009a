import { comparePositions, type Position } from './engine.js'

/** Where a leadership found the store, and where the leadership before it had found it. */
export interface Found {
  readonly base: Position
  /** The base of the leader before: what that one's store had forgotten, it may not have lived to bring back. */
  readonly formerBase: Position
}

/**
 * Can the store that a leader found not have known this position (protocol 12)? All above base, and what lies between
 * the base before and the election of the leader before.
 */
export function isForgotten(position: Position, { base, formerBase }: Found): boolean {
  if (comparePositions(position, base) > 0) return true
  return position.epoch < base.epoch && comparePositions(position, formerBase) > 0
}
