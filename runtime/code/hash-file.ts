import { createHash } from 'node:crypto'
import { open } from 'node:fs/promises'
import { FiresteelError, reasonOf } from '../errors.js'
import { innerLimits } from '../inner-limits.js'

export interface FileHash {
  /** SHA-256, in hex. */
  readonly hash: string
  readonly bytes: number
}

/** Reads a file in slices, each in a turn of its own. Rejects with CODE_UNREADABLE. */
export async function hashFile(path: string): Promise<FileHash> {
  try {
    const file = await open(path)
    try {
      const hash = createHash('sha256')
      const slice = Buffer.allocUnsafe(innerLimits.codeSliceBytes)
      let bytes = 0
      for (;;) {
        const { bytesRead } = await file.read(slice, 0, slice.length)
        hash.update(slice.subarray(0, bytesRead))
        bytes += bytesRead
        // Only the end of a plain file gives less than was asked for.
        if (bytesRead < slice.length) return { hash: hash.digest('hex'), bytes }
      }
    } finally {
      await file.close()
    }
  } catch (cause) {
    throw new FiresteelError('CODE_UNREADABLE', `${path} cannot be read: ${reasonOf(cause)}.`, {
      place: path,
      cause,
    })
  }
}
