import { lstatSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { innerLimits } from '../inner-limits.js'
import { limits } from '../limits.js'
import { PartNames } from './part-names.js'

/**
 * The parts of one output, oldest first. A part that was rotated away is `FILE.OFFSET`, where OFFSET (15
 * digits) is the place of its first byte in everything that was ever written. So an offset stays valid over
 * rotations, a reader cannot mistake one part for another, and the name says how much was dropped before it.
 * The last part is the live file.
 */
export interface OutputSegment {
  readonly path: string
  readonly start: number
  readonly length: number
  /** Bytes that are left out at the beginning of this part; see `leftOut`. */
  readonly skip: number
  /** It has holes. They are not shown, because nobody wrote the zeros in them. */
  readonly isSparse: boolean
}

/** At least this much of the end of a file with holes is shown. */
const SPARSE_END_BYTES = innerLimits.sparseEndBytes

/**
 * How much is left out at the beginning of a part that is larger than an output may be and consists mostly of
 * holes. No more of it is copied or shown than it really holds on the disk, so that nobody has to read
 * through a file of a terabyte that is one hole. Of any other part only holes are left out.
 */
export function leftOut(
  { size, blocks }: { readonly size: number; readonly blocks: number },
  maxBytes: number = limits.outputFileBytes,
): number {
  const held = blocks * 512
  if (size <= 2 * maxBytes || held >= size / 2) return 0
  return size - Math.max(held, SPARSE_END_BYTES)
}

const OFFSET_DIGITS = 15

export function rotatedPath(path: string, start: number): string {
  return `${path}.${String(start).padStart(OFFSET_DIGITS, '0')}`
}

const partNames = new PartNames()

/** Parts that were rotated away, oldest first. */
export function rotatedSegments(path: string): OutputSegment[] {
  const folder = dirname(path)
  const prefix = `${basename(path)}.`
  const segments: OutputSegment[] = []
  for (const name of partNames.in(folder)) {
    const digits = name.slice(prefix.length)
    if (!name.startsWith(prefix) || digits.length !== OFFSET_DIGITS || !/^\d+$/.test(digits)) continue
    const size = sizeOf(join(folder, name))
    if (size !== undefined) segments.push({ path: join(folder, name), start: Number(digits), ...size })
  }
  return segments.sort((a, b) => a.start - b.start)
}

/** Where the live file begins in everything that was ever written. */
export function liveStart(rotated: readonly OutputSegment[]): number {
  const newest = rotated.at(-1)
  return newest === undefined ? 0 : newest.start + newest.length
}

/** All parts that are kept, the live file last. A file that does not exist yet is empty. */
export function outputSegments(path: string): OutputSegment[] {
  const rotated = rotatedSegments(path)
  return [
    ...rotated,
    { path, start: liveStart(rotated), ...(sizeOf(path) ?? { length: 0, skip: 0, isSparse: false }) },
  ]
}

/** Bytes ever written to an output. */
export function outputEnd(path: string): number {
  const last = outputSegments(path).at(-1)!
  return last.start + last.length
}

/** Size of the path itself, not of what it may link to. */
function sizeOf(path: string): Pick<OutputSegment, 'length' | 'skip' | 'isSparse'> | undefined {
  const stat = lstatSync(path, { throwIfNoEntry: false })
  return stat && { length: stat.size, skip: leftOut(stat), isSparse: stat.blocks * 512 < stat.size }
}
