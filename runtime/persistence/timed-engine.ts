import { briefSeconds, Histogram } from '../metrics/histogram.js'
import type { PersistenceEngine } from './engine.js'

export const storeOperations = ['leader', 'elect', 'read', 'touch', 'commit', 'leave'] as const
type StoreOperation = (typeof storeOperations)[number]

/** How long the store took to answer, by operation, whatever the answer was. */
export type StoreRoundTrips = ReadonlyMap<StoreOperation, Histogram>

export const newStoreRoundTrips = (): StoreRoundTrips =>
  new Map(storeOperations.map((operation) => [operation, new Histogram(briefSeconds)]))

/**
 * The same engine, each call of which is measured. All calls of a store pass it, but those of the election of
 * CUSTOM.
 */
export function timedEngine(
  engine: PersistenceEngine,
  roundTrips: StoreRoundTrips,
  monotonicMs: () => number,
): PersistenceEngine {
  const timed = async <T>(operation: StoreOperation, call: () => Promise<T>): Promise<T> => {
    const sentMs = monotonicMs()
    try {
      return await call()
    } finally {
      roundTrips.get(operation)?.observe((monotonicMs() - sentMs) / 1000)
    }
  }
  return {
    leader: () => timed('leader', () => engine.leader()),
    elect: (request) => timed('elect', () => engine.elect(request)),
    read: (...page) => timed('read', () => engine.read(...page)),
    readAhead: async (...tables) => engine.readAhead?.(...tables),
    touch: (...parts) => timed('touch', () => engine.touch(...parts)),
    commit: (fence, request) => timed('commit', () => engine.commit(fence, request)),
    leave: (fence) => timed('leave', () => engine.leave(fence)),
    quarantined: () => engine.quarantined(),
    close: () => engine.close(),
  }
}
