import { closeSync, openSync, readFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { backoffMs } from '../backoff.js'
import { innerLimits } from '../inner-limits.js'

/* File descriptors: how many this process may have, and what to do when there are none. */

const SHORTAGE: ReadonlySet<unknown> = new Set(['EMFILE', 'ENFILE'])
/** Depth to which causes of an error are looked at. */
const CAUSES = innerLimits.errorCauses

/**
 * Whether this error, or what caused it, is a lack of descriptors of this process or of the machine. A lack
 * passes, and says nothing about the work.
 */
export function isDescriptorShortage(error: unknown): boolean {
  let at = error
  for (let depth = 0; depth < CAUSES && at instanceof Error; depth++) {
    if (SHORTAGE.has((at as NodeJS.ErrnoException).code)) return true
    at = at.cause
  }
  return false
}

export interface Patience {
  /** The first wait; it doubles up to `maxMs`. */
  readonly firstMs: number
  readonly maxMs: number
  /** After this time in all the error is passed on. */
  readonly totalMs: number
  readonly onWait: (waitMs: number, error: unknown) => void
  /** True when the caller no longer wants it. */
  readonly isStopped?: () => boolean
  readonly wait?: (ms: number) => Promise<unknown>
}

/** Tries again what failed for lack of descriptors. Every other error is passed on at once. */
export async function patiently<T>(start: () => Promise<T>, patience: Patience): Promise<T> {
  const { firstMs, maxMs, totalMs, onWait, isStopped = () => false, wait = delay } = patience
  for (let failures = 0, waitedMs = 0; ; failures++) {
    try {
      return await start()
    } catch (error) {
      if (!isDescriptorShortage(error) || waitedMs >= totalMs || isStopped()) throw error
      const waitMs = backoffMs(failures, firstMs, maxMs)
      onWait(waitMs, error)
      await wait(waitMs)
      waitedMs += waitMs
      if (isStopped()) throw error
    }
  }
}

let known: { readonly limit: number | undefined } | undefined

/**
 * How many descriptors this process may have; undefined if the system does not tell. Node raises the soft
 * limit to the hard one at its start, so it does not change.
 */
export function descriptorLimit(): number | undefined {
  known ??= { limit: readDescriptorLimit() }
  return known.limit
}

/** Parses `/proc/self/limits`. */
export function readDescriptorLimit(
  read: () => string = () => readFileSync('/proc/self/limits', 'latin1'),
): number | undefined {
  try {
    const [, most] = /^Max open files\s+(\d+)/m.exec(read()) ?? []
    return most === undefined ? undefined : Number(most)
  } catch {
    return undefined
  }
}

/** `most`, or fewer if that is more than this share (0 to 1) of what the process may open; at least 1. */
export function withinDescriptors(most: number, share: number, limit = descriptorLimit()): number {
  return limit === undefined ? most : Math.max(1, Math.min(most, Math.floor(limit * share)))
}

/** A descriptor that is kept for looks that must not fail. */
let spare: number | undefined

/**
 * Runs a synchronous look at the kernel that opens one descriptor at a time. If none is left, the spare one
 * is given up for it: without the look, living processes would be taken for dead. Throws EMFILE or ENFILE if
 * even that is not enough.
 */
export function withSpareDescriptor<T>(look: () => T): T {
  spare ??= openSpare()
  try {
    return look()
  } catch (error) {
    if (spare === undefined || !isDescriptorShortage(error)) throw error
  }
  closeSync(spare)
  spare = undefined
  try {
    return look()
  } finally {
    spare = openSpare()
  }
}

function openSpare(): number | undefined {
  try {
    return openSync('/dev/null', 'r')
  } catch {
    // The next look tries again.
    return undefined
  }
}
