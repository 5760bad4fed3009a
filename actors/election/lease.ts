import { innerLimits } from '../../runtime/inner-limits.js'

/*
 * Lease arithmetic (protocol 6, 19), pure. All times are monotonic milliseconds. The lease bounds stale
 * answers; safety rests on the fence alone.
 */

/** Two renewals fit into a lease, so that one of them may fail. */
export const renewEveryMs = (leaseMs: number): number => leaseMs / 3

export const safetyMarginMs = (leaseMs: number): number =>
  Math.max(innerLimits.leaseMarginMsMin, leaseMs / 10)

/** The time until which a leader may act. Its last confirmed request was sent at `sentAtMs`. */
export function deadlineMs(sentAtMs: number, leaseMs: number): number {
  return sentAtMs + leaseMs - safetyMarginMs(leaseMs)
}

/**
 * A candidate gives up an attempt after this, because one that reaches the lock but not the data must block
 * no other.
 */
export const attemptMs = (leaseMs: number): number => leaseMs / 4

/** lease/2 +- 50 %, from a random number in [0, 1). */
export const attemptBackoffMs = (leaseMs: number, random: number): number => (leaseMs / 2) * (0.5 + random)
