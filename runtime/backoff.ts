/**
 * The wait after a failure that follows `failuresBefore` others. It grows from `firstMs` with each, up to
 * `maxMs`.
 */
export function backoffMs(failuresBefore: number, firstMs: number, maxMs: number, factor = 2): number {
  // A high power is infinite, and infinity times zero is no number.
  return Math.min(maxMs, firstMs * Math.min(Number.MAX_SAFE_INTEGER, factor ** failuresBefore))
}

/**
 * A wait between `ms` without the share `jitter` of it, and all of it, so that those that failed together do
 * not try again together.
 */
export const jittered = (ms: number, random: number, jitter = 0.5): number => ms * (1 - jitter * (1 - random))
