import { closeSync, readSync } from 'node:fs'
import { dirname } from 'node:path'
import { setImmediate as turn } from 'node:timers/promises'
import { innerLimits } from '../inner-limits.js'
import { limits } from '../limits.js'
import { pause } from '../pause.js'
import { dataPastHoles, type Piece } from './data-past-holes.js'
import { type OutputSegment, outputSegments } from './output-segments.js'
import { openPlain } from './plain-file.js'
import { changeStamp, SparedLooks } from './spared-looks.js'

/** A piece of an output. Offsets count all bytes ever written, so they stay valid over rotations. */
export interface OutputPage {
  /** Where `data` begins. It is above the requested offset if that part was dropped or is a hole. */
  readonly offset: number
  /** May be empty although there is more: a large hole is passed in several steps. */
  readonly data: Buffer
  /** Where the next page begins. */
  readonly next: number
  /** Bytes ever written, at this moment. */
  readonly end: number
}

export interface ReadOptions {
  /** Default: the oldest byte that is kept. */
  readonly offset?: number
  /** Begin so many lines before the end, but not before the offset. */
  readonly tailLines?: number
  /** Where the last of these lines ends. Default: the end of the output. */
  readonly end?: number
  readonly maxBytes?: number
  /** The folder that no path may lead out of. Default: that of the file. */
  readonly within?: string
}

export interface FollowOptions extends ReadOptions {
  readonly signal: AbortSignal
  /** Resolves when nothing more will be written. The rest is read, then the iteration ends. */
  readonly ended?: Promise<unknown>
}

const PAGE_BYTES = innerLimits.outputPageBytes
const TAIL_CHUNK_BYTES = innerLimits.outputTailChunkBytes
/** The beginning of a longer line is not searched for. */
const TAIL_MAX_BYTES = innerLimits.outputTailBytes
const RACE_ATTEMPTS = innerLimits.outputReadAttempts
/** Bytes of a hole in one turn: a millisecond or two. */
const HOLE_BYTES = innerLimits.outputHoleBytes

/**
 * One page of one part of an output. It is empty if there is nothing (yet) at the offset, or a hole. Throws
 * NotPlain if the path is not a file of ours, and the system's error for a file that cannot be read.
 */
export function readOutput(path: string, options: ReadOptions = {}): OutputPage {
  let page = readOnce(path, options)
  // Another process may rotate between two looks. Ours cannot, because all this is one turn.
  for (let attempt = 0; page === undefined && attempt < RACE_ATTEMPTS; attempt++)
    page = readOnce(path, options)
  return page ?? { offset: options.offset ?? 0, data: Buffer.alloc(0), next: options.offset ?? 0, end: 0 }
}

/**
 * Pages as they are written, over rotations, until the signal, or until the writer has ended and all is read.
 */
export async function* followOutput(path: string, options: FollowOptions): AsyncGenerator<OutputPage> {
  const { signal, ended, ...start } = options
  let hasEnded = false
  void ended?.finally(() => {
    hasEnded = true
  })
  let read: ReadOptions = start
  const looks = new SparedLooks(() => changeStamp(path))
  let hasAll = false
  while (!signal.aborted) {
    // Read before the check for the end, so that the page has everything that was written before it.
    const lastRound = hasEnded
    const isChanged = looks.isNeeded()
    if (hasAll && !isChanged && !lastRound) {
      await pause(limits.outputFollowMs, signal)
      continue
    }
    const page = readOutput(path, read)
    const { tailLines: _, ...same } = start
    read = { ...same, offset: page.next }
    hasAll = page.data.length === 0 && page.next >= page.end
    if (page.data.length > 0) yield page
    else if (page.next < page.end) await turn()
    else if (lastRound) return
    else await pause(limits.outputFollowMs, signal)
  }
}

function readOnce(path: string, options: ReadOptions): OutputPage | undefined {
  const within = options.within ?? dirname(path)
  const segments = outputSegments(path)
  const end = segments.at(-1)!.start + segments.at(-1)!.length
  const from = options.offset ?? segments[0]!.start
  const wanted =
    options.tailLines === undefined
      ? from
      : tailOffset(segments, options.tailLines, within, { from, end: Math.min(options.end ?? end, end) })
  const place = Math.min(Math.max(wanted, segments[0]!.start), end)
  const segment = segments.find(({ start, length }) => place >= start && place < start + length)
  if (segment === undefined) return { offset: place, data: Buffer.alloc(0), next: place, end }
  const offset = Math.max(place, segment.start + segment.skip)

  const piece = readPiece(segment, within, offset - segment.start, options.maxBytes ?? PAGE_BYTES)
  const unchanged = outputSegments(path).some(
    (now) => now.path === segment.path && now.start === segment.start,
  )
  if (piece === undefined || !unchanged) return undefined
  const { data } = piece
  const at = segment.start + piece.position
  return { offset: at, data, next: at + data.length, end }
}

/** Undefined: the file is gone. */
function readPiece(
  { path, length: end, isSparse }: OutputSegment,
  within: string,
  position: number,
  most: number,
): Piece | undefined {
  const read = (from: number, length: number) => readAt(path, within, from, length)
  if (isSparse) return dataPastHoles(read, { position, end, most, lookBytes: HOLE_BYTES })
  const data = read(position, Math.min(most, end - position))
  return data && { position, data }
}

/** Where the last `lines` lines of a part begin. A last line without a line break counts as one. */
function tailOffset(
  segments: readonly OutputSegment[],
  lines: number,
  within: string,
  { from: first, end }: { readonly from: number; readonly end: number },
): number {
  if (lines <= 0) return Math.max(first, end)
  let found = 0
  for (const segment of segments.toReversed()) {
    for (let to = Math.min(segment.length, end - segment.start); to > segment.skip; ) {
      const from = Math.max(segment.skip, to - TAIL_CHUNK_BYTES)
      const chunk = readAt(segment.path, within, from, to - from) ?? Buffer.alloc(0)
      for (let at = chunk.lastIndexOf(10); at >= 0; at = at === 0 ? -1 : chunk.lastIndexOf(10, at - 1)) {
        const place = segment.start + from + at
        // The newline at the very end closes the last line and does not begin another.
        if (place !== end - 1 && ++found === lines) return Math.max(first, place + 1)
      }
      to = from
      const reached = segment.start + to
      if (reached <= first) return first
      if (end - reached > TAIL_MAX_BYTES) return reached
    }
  }
  return Math.max(first, segments[0]!.start)
}

/** Undefined: the file is gone. Another look at the parts explains it. */
function readAt(path: string, within: string, position: number, length: number): Buffer | undefined {
  let descriptor: number
  try {
    descriptor = openPlain(path, within, 'r')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
  try {
    const data = Buffer.allocUnsafe(length)
    return data.subarray(0, readSync(descriptor, data, 0, length, position))
  } finally {
    closeSync(descriptor)
  }
}
