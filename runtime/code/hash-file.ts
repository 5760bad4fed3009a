import { createHash } from 'node:crypto'
import { closeSync, openSync, readSync } from 'node:fs'
import type { Breather } from '../breather.js'
import { FiresteelError, reasonOf } from '../errors.js'
import { innerLimits } from '../inner-limits.js'

export interface FileHash {
  /** SHA-256, in hex. */
  readonly hash: string
  readonly bytes: number
}

const slice = Buffer.allocUnsafeSlow(innerLimits.codeSliceBytes)

/**
 * Reads a file, and rests between slices where the breather says so. Rejects with CODE_UNREADABLE. The reads
 * block, because this runs on the thread for files (`code-disk.ts`).
 */
export async function hashFile(path: string, breather: Breather): Promise<FileHash> {
  try {
    const fd = openSync(path, 'r')
    try {
      const hash = createHash('sha256')
      let bytes = 0
      for (;;) {
        const bytesRead = readSync(fd, slice, 0, slice.length, null)
        hash.update(slice.subarray(0, bytesRead))
        bytes += bytesRead
        const isOver = bytesRead < slice.length
        if (breather.isDue(bytesRead)) await breather.rest()
        // Only the end of a plain file gives less than was asked for.
        if (isOver) return { hash: hash.digest('hex'), bytes }
      }
    } finally {
      closeSync(fd)
    }
  } catch (cause) {
    throw new FiresteelError('CODE_UNREADABLE', `${path} cannot be read: ${reasonOf(cause)}.`, {
      place: path,
      cause,
    })
  }
}
