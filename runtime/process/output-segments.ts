import { readdirSync, statSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'

/**
 * The parts of one output, oldest first. A part that was rotated away is `FILE.OFFSET`, where OFFSET (15 digits) is
 * the place of its first byte in all that was ever written. So an offset stays true over rotations, a reader cannot
 * mistake one part for another, and the name says what was dropped before it. The last part is the live file.
 */
export interface OutputSegment {
  readonly path: string
  readonly start: number
  readonly length: number
}

const OFFSET_DIGITS = 15

export function rotatedPath(path: string, start: number): string {
  return `${path}.${String(start).padStart(OFFSET_DIGITS, '0')}`
}

/** Parts that were rotated away, oldest first. */
export function rotatedSegments(path: string): OutputSegment[] {
  const folder = dirname(path)
  const prefix = `${basename(path)}.`
  const segments: OutputSegment[] = []
  for (const name of namesIn(folder)) {
    const digits = name.slice(prefix.length)
    if (!name.startsWith(prefix) || digits.length !== OFFSET_DIGITS || !/^\d+$/.test(digits)) continue
    const length = sizeOf(join(folder, name))
    if (length !== undefined) segments.push({ path: join(folder, name), start: Number(digits), length })
  }
  return segments.sort((a, b) => a.start - b.start)
}

/** Where the live file begins in all that was ever written. */
export function liveStart(rotated: readonly OutputSegment[]): number {
  const newest = rotated.at(-1)
  return newest === undefined ? 0 : newest.start + newest.length
}

/** All parts that are kept, the live file last; a file that does not exist yet is empty. */
export function outputSegments(path: string): OutputSegment[] {
  const rotated = rotatedSegments(path)
  return [...rotated, { path, start: liveStart(rotated), length: sizeOf(path) ?? 0 }]
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch {
    return []
  }
}

function sizeOf(path: string): number | undefined {
  return statSync(path, { throwIfNoEntry: false })?.size
}
