import type { Position, StoreDegradation } from '../../runtime/persistence/engine.js'

/** What the core must know of its commit queue when it answers. */
export interface CommitQueueView {
  readonly position: Position
  /** Code while the store refuses or is away: new requests are refused with it (protocol 4.3). */
  readonly degradation: StoreDegradation | undefined
  /** The records take as much of the heap as they may: nothing new is let in. */
  readonly isFull?: boolean
  /** A STANDBY's: does its store answer? */
  readonly storeReachable?: boolean
  /** Bytes of writes that are not durable yet. */
  readonly queuedBytes?: number
}

/** What a Master has of its store. */
interface StoreParts {
  readonly storeReachable: () => boolean
  readonly recordCache: { readonly heldBytes: number }
  readonly config: { readonly recordBudgetBytes: number }
}

/** The part of it that does not depend on the commit queue. */
export function storeView(
  { storeReachable, recordCache, config }: StoreParts,
  queuedBytes: number,
): Required<Pick<CommitQueueView, 'storeReachable' | 'isFull'>> {
  const isFull = recordCache.heldBytes + queuedBytes >= config.recordBudgetBytes
  return { storeReachable: storeReachable(), isFull }
}
