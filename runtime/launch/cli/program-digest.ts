import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { pipeline } from 'node:stream/promises'

/**
 * Digest of a program, so that a key does not stand for two versions of it. Undefined: it may be executed and
 * not be read, and its key does not look at it.
 */
export async function programDigest(path: string): Promise<string | undefined> {
  const hash = createHash('sha256')
  try {
    await pipeline(createReadStream(path), hash)
  } catch {
    return undefined
  }
  return hash.digest('base64url')
}
