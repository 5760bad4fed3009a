import { closeSync, readSync } from 'node:fs'
import { dirname } from 'node:path'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { innerLimits } from '../inner-limits.js'
import { limits } from '../limits.js'
import { pause } from '../pause.js'
import { dataPastHoles, type Look, type Piece } from './data-past-holes.js'
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
  readonly maxBytes?: number
  /** Bytes of a hole that one look goes through. */
  readonly lookBytes?: number
  /** The folder that no path may lead out of. Default: that of the file. */
  readonly within?: string
}

export interface FollowOptions extends ReadOptions {
  readonly signal: AbortSignal
  /** Resolves when the next page may be read. */
  readonly turn?: () => Promise<unknown>
  /** Resolves when nothing more will be written. The rest is read, then the iteration ends. */
  readonly ended?: Promise<unknown>
}

const PAGE_BYTES = innerLimits.outputPageBytes
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
  const { signal, ended, turn = nextTurn, ...start } = options
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
    await turn()
    if (signal.aborted) return
    const page = readOutput(path, read)
    read = { ...start, offset: page.next }
    hasAll = page.data.length === 0 && page.next >= page.end
    if (page.data.length > 0) yield page
    else if (page.next < page.end) continue
    else if (lastRound) return
    else await pause(limits.outputFollowMs, signal)
  }
}

function readOnce(path: string, options: ReadOptions): OutputPage | undefined {
  const within = options.within ?? dirname(path)
  const segments = outputSegments(path)
  const end = segments.at(-1)!.start + segments.at(-1)!.length
  const wanted = options.offset ?? segments[0]!.start
  const place = Math.min(Math.max(wanted, segments[0]!.start), end)
  const segment = segments.find(({ start, length }) => place >= start && place < start + length)
  if (segment === undefined) return { offset: place, data: Buffer.alloc(0), next: place, end }
  const offset = Math.max(place, segment.start + segment.skip)

  const { maxBytes: most = PAGE_BYTES, lookBytes = HOLE_BYTES } = options
  const piece = readPiece(segment, within, { position: offset - segment.start, most, lookBytes })
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
  { position, most, lookBytes }: Omit<Look, 'end'>,
): Piece | undefined {
  const read = (from: number, length: number) => readAt(path, within, from, length)
  if (isSparse) return dataPastHoles(read, { position, end, most, lookBytes })
  const data = read(position, Math.min(most, end - position))
  return data && { position, data }
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
