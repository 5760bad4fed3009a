/**
 * The wait after a failure that follows `failuresBefore` others. It doubles from `firstMs` with each, up to
 * `maxMs`.
 */
export function backoffMs(failuresBefore: number, firstMs: number, maxMs: number): number {
  // A higher power of two would exceed every limit there is.
  return Math.min(maxMs, firstMs * 2 ** Math.min(failuresBefore, 30))
}

/**
 * A wait between half of `ms` and all of it, so that those that failed together do not try again together.
 */
export const jittered = (ms: number, random: number): number => ms * (0.5 + random / 2)
