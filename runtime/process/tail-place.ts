import type { Buffer } from 'node:buffer'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { innerLimits } from '../inner-limits.js'
import { outputEnd, outputSegments } from './output-segments.js'
import { readOutput } from './read-output.js'

const CHUNK_BYTES = innerLimits.outputTailChunkBytes
/** The beginning of a longer line is not searched for. */
const MOST_BYTES = innerLimits.outputTailBytes
const LINE_BREAK = 10

export interface TailOptions {
  readonly lines: number
  /** Where the part begins. Default: the oldest byte that is kept. */
  readonly offset?: number | undefined
  /** Where the part ends. Default: the end of the output. */
  readonly end?: number | undefined
  /** The folder that no path may lead out of. Default: that of the file. */
  readonly within?: string
  /** Its search ends, and nobody wants its result any more. */
  readonly signal?: AbortSignal
  /** Resolves when everything else in this process has had a turn. */
  readonly rest?: () => Promise<unknown>
}

/**
 * Where the last lines of a part of an output begin. A last line without a line break counts as one. It reads
 * back from the end, one chunk in a turn: whoever asks may name any number of lines, and an output may be one
 * line. Throws as readOutput does.
 */
export async function tailPlace(path: string, options: TailOptions): Promise<number> {
  const { lines, within, signal, rest = nextTurn } = options
  const first = Math.max(options.offset ?? 0, outputSegments(path)[0]!.start)
  const end = Math.min(options.end ?? Number.POSITIVE_INFINITY, outputEnd(path))
  if (lines <= 0) return Math.max(first, end)
  let left = lines
  for (let to = end; to > first; ) {
    const from = Math.max(first, to - CHUNK_BYTES)
    for (const { offset, data } of piecesOf(path, from, to, within).reverse()) {
      // The line break at the very end closes the last line and does not begin another.
      const length = offset + data.length === end ? data.length - 1 : data.length
      for (let at = length - 1; at >= 0; at--) {
        if (data[at] === LINE_BREAK && --left === 0) return offset + at + 1
      }
    }
    to = from
    if (end - to > MOST_BYTES) return to
    if (to > first) await rest()
    if (signal?.aborted) return end
  }
  return first
}

/** What was written between two places that are no more than a chunk apart. Holes are left out. */
function piecesOf(path: string, from: number, to: number, within: string | undefined) {
  const pieces: { readonly offset: number; readonly data: Buffer }[] = []
  for (let at = from; at < to; ) {
    const read = {
      offset: at,
      maxBytes: to - at,
      lookBytes: to - at,
      ...(within !== undefined && { within }),
    }
    const { offset, data, next } = readOutput(path, read)
    if (offset < to) pieces.push({ offset, data: data.subarray(0, to - offset) })
    if (next <= at) break
    at = next
  }
  return pieces
}
