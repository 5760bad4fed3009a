import type { FoundFile } from './found-file.js'

/** A part of a file: the text between the cuts at `start` and `end` (see cut.ts). */
export interface Piece {
  readonly path: string
  readonly start: number
  /** Infinity: the piece goes to the end of the file. */
  readonly end: number
}

/**
 * The size of one task: a few MiB, so that counting costs far more than sending, and there are many tasks.
 */
export interface Batch {
  readonly pieces: readonly Piece[]
  readonly bytes: number
}

export interface BatchLimits {
  readonly bytes: number
  readonly files: number
}

export const batchLimits: BatchLimits = { bytes: 2 * 1024 * 1024, files: 64 }

/** Groups small files and cuts large ones, in the order in which they come. */
export async function* batches(
  files: AsyncIterable<FoundFile> | Iterable<FoundFile>,
  limits: BatchLimits = batchLimits,
): AsyncGenerator<Batch> {
  let pieces: Piece[] = []
  let bytes = 0
  for await (const file of files) {
    for (let start = 0; start === 0 || start < file.bytes; start += limits.bytes) {
      const isLast = start + limits.bytes >= file.bytes
      // The last piece goes to the end, because a file may grow while it is read.
      pieces.push({ path: file.path, start, end: isLast ? Number.POSITIVE_INFINITY : start + limits.bytes })
      bytes += isLast ? file.bytes - start : limits.bytes
      if (bytes < limits.bytes && pieces.length < limits.files) continue
      yield { pieces, bytes }
      pieces = []
      bytes = 0
    }
  }
  if (pieces.length > 0) yield { pieces, bytes }
}
