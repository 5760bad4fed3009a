import { closeSync, openSync, readFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { innerLimits } from '../inner-limits.js'

/* File descriptors: how many this process may have, and what to do when there are none. */

const SHORTAGE: ReadonlySet<unknown> = new Set(['EMFILE', 'ENFILE'])
const CAUSES = innerLimits.errorCauses

/** Is this error, or what caused it, a lack of descriptors of this process or of the machine? It passes; it says nothing of the work. */
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
  /** After so long in all the error is given on. */
  readonly totalMs: number
  readonly onWait: (waitMs: number, error: unknown) => void
  /** Nobody wants it any more. */
  readonly isStopped?: () => boolean
  readonly wait?: (ms: number) => Promise<unknown>
}

/** Tries again what failed for want of descriptors; every other error is given on at once. */
export async function patiently<T>(start: () => Promise<T>, patience: Patience): Promise<T> {
  const { firstMs, maxMs, totalMs, onWait, isStopped = () => false, wait = delay } = patience
  for (let waitMs = firstMs, waitedMs = 0; ; waitMs = Math.min(maxMs, 2 * waitMs)) {
    try {
      return await start()
    } catch (error) {
      if (!isDescriptorShortage(error) || waitedMs >= totalMs || isStopped()) throw error
      onWait(waitMs, error)
      await wait(waitMs)
      waitedMs += waitMs
      if (isStopped()) throw error
    }
  }
}

let known: { readonly limit: number | undefined } | undefined

/**
 * How many this process may have open; undefined where the system does not say. Node raises the soft limit to the hard
 * one at its start, so it does not change.
 */
export function descriptorLimit(): number | undefined {
  known ??= { limit: readDescriptorLimit() }
  return known.limit
}

/** What `/proc/self/limits` says. */
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

/** `most`, or fewer where that is more than this share (0 to 1) of what the process may have open; 1 at least. */
export function withinDescriptors(most: number, share: number, limit = descriptorLimit()): number {
  return limit === undefined ? most : Math.max(1, Math.min(most, Math.floor(limit * share)))
}

/** Kept for the looks that must not fail. */
let spare: number | undefined

/**
 * Runs a synchronous look at the kernel that opens one descriptor at a time. Where none is left, one is given up for it
 * that was kept for this: who is blind takes living processes for dead. Throws EMFILE or ENFILE where even that is too
 * little.
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
    // Tried again at the next look.
    return undefined
  }
}
