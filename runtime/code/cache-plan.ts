import { limits } from '../limits.js'

/** One code in the cache of a Worker. */
export interface CachedCode {
  readonly id: string
  readonly bytes: number
  readonly usedAtMs: number
}

export interface CollectionBounds {
  readonly maxBytes: number
  readonly maxCodes?: number
  readonly keepMs?: number
  readonly graceMs?: number
}

/**
 * The codes to remove: those that nothing used for too long, then the oldest above the size or the number.
 * What is in use, or was within the grace, stays, even above these.
 */
export function codesToRemove(
  cached: readonly CachedCode[],
  isHeld: (id: string) => boolean,
  nowMs: number,
  {
    maxBytes,
    maxCodes = limits.codesHeld,
    keepMs = limits.codeKeepMs,
    graceMs = limits.codeGraceMs,
  }: CollectionBounds,
): string[] {
  let bytes = cached.reduce((sum, code) => sum + code.bytes, 0)
  const removed: string[] = []
  for (const code of [...cached].sort((a, b) => a.usedAtMs - b.usedAtMs || (a.id < b.id ? -1 : 1))) {
    const unusedMs = nowMs - code.usedAtMs
    if (isHeld(code.id) || unusedMs < graceMs) continue
    if (unusedMs <= keepMs && bytes <= maxBytes && cached.length - removed.length <= maxCodes) continue
    removed.push(code.id)
    bytes -= code.bytes
  }
  return removed
}
