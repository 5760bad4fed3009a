import { innerLimits } from '../inner-limits.js'

/* Finds the data in a file that has holes: Node.js has no call that asks the file system for it. */

/** The unit of holes in file systems. */
const BLOCK_BYTES = 4096
const zeros = Buffer.alloc(BLOCK_BYTES)

export interface Piece {
  /** Where it begins in the file. */
  readonly position: number
  readonly data: Buffer
}

export interface Look {
  readonly position: number
  /** The end of the file. */
  readonly end: number
  /** Most bytes of data. */
  readonly most: number
  /**
   * Bytes that are looked at in one call. If none of them is data, the piece is empty, and the next call
   * begins after them.
   */
  readonly lookBytes: number
}

/**
 * The first piece at or after a position, up to the next block of zeros. `read` returns undefined if the file
 * is gone. Blocks of zeros that were really written to a file with holes are left out as well.
 */
export function dataPastHoles(
  read: (position: number, length: number) => Buffer | undefined,
  { position, end, most, lookBytes }: Look,
): Piece | undefined {
  const lookEnd = Math.min(end, position + lookBytes)
  let at = position
  while (at < lookEnd) {
    const chunk = read(at, Math.min(CHUNK_BYTES, end - at))
    if (chunk === undefined) return undefined
    if (chunk.length === 0) break
    const from = skipBlocks(chunk, at, 0, true)
    if (from < chunk.length) {
      const to = Math.min(skipBlocks(chunk, at, from, false), from + most)
      return { position: at + from, data: chunk.subarray(from, to) }
    }
    at += chunk.length
  }
  return { position: at, data: Buffer.alloc(0) }
}

const CHUNK_BYTES = innerLimits.holeChunkBytes

/** Skips blocks that are zeros, or blocks that are not. `at` is the place of the chunk in the file. */
function skipBlocks(chunk: Buffer, at: number, start: number, whileZeros: boolean): number {
  let from = start
  while (from < chunk.length) {
    const to = Math.min(chunk.length, from + BLOCK_BYTES - ((at + from) % BLOCK_BYTES))
    const isZeros = chunk.compare(zeros, 0, to - from, from, to) === 0
    if (isZeros !== whileZeros) break
    from = to
  }
  return from
}
