import { type FileHandle, open } from 'node:fs/promises'
import { pathBytes, shownPath } from './found-file.js'
import { isText, TEXT_PROBE_BYTES } from './is-text.js'
import type { Batch, Piece } from './pieces.js'
import { readPiece } from './read-piece.js'
import { countWordsOf, type WordCounts } from './words.js'

/** The result of one task. */
export interface BatchCount {
  /** Number of text files. A file is counted with its first piece. */
  readonly files: number
  /** Number of files that are not text. */
  readonly skipped: number
  /** Bytes of text files. */
  readonly bytes: number
  readonly words: number
  readonly counts: WordCounts
  /** Files that could not be read, with the reason. */
  readonly unreadable: readonly string[]
}

/** Counts the words of a batch. Ends early, with the signal's reason, when the signal is aborted. */
export async function countBatch({ pieces }: Batch, signal?: AbortSignal): Promise<BatchCount> {
  const counts: WordCounts = new Map()
  const unreadable: string[] = []
  let files = 0
  let skipped = 0
  let bytes = 0
  let words = 0
  for (const piece of pieces) {
    signal?.throwIfAborted()
    const isFirst = piece.start === 0
    let text: Buffer | undefined
    try {
      text = await textOf(piece)
    } catch (error) {
      unreadable.push(`${shownPath(piece.path)}: ${(error as Error).message}`)
      continue
    }
    if (isFirst && text === undefined) skipped++
    if (text === undefined) continue
    if (isFirst) files++
    bytes += text.length
    // Bytes that are not UTF-8 become U+FFFD.
    words += countWordsOf(text.toString('utf8'), counts)
  }
  return { files, skipped, bytes, words, counts, unreadable }
}

/** Undefined: the file is not text. */
async function textOf(piece: Piece): Promise<Buffer | undefined> {
  const handle = await open(pathBytes(piece.path), 'r')
  try {
    return isText(await headOf(handle)) ? await readPiece(handle, piece) : undefined
  } finally {
    await handle.close()
  }
}

async function headOf(handle: FileHandle): Promise<Buffer> {
  const head = Buffer.allocUnsafe(TEXT_PROBE_BYTES)
  let length = 0
  while (length < head.length) {
    const { bytesRead } = await handle.read(head, length, head.length - length, length)
    if (bytesRead === 0) break
    length += bytesRead
  }
  return head.subarray(0, length)
}
