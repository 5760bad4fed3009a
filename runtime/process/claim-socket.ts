import { closeSync, constants, openSync } from 'node:fs'
import { join } from 'node:path'
import { innerLimits } from '../inner-limits.js'

export interface ClaimSocket {
  readonly path: string
  close(): void
}

/**
 * The socket at which the next Worker process claims, in a folder of any depth: the kernel takes only short
 * paths for sockets, and the path through an open folder is short.
 */
export function claimSocket(folder: string): ClaimSocket {
  const path = join(folder, 'guard.sock')
  if (path.length <= innerLimits.socketPathChars || process.platform !== 'linux')
    return { path, close: () => undefined }
  const descriptor = openSync(folder, constants.O_RDONLY | constants.O_DIRECTORY)
  return { path: `/proc/self/fd/${descriptor}/guard.sock`, close: () => closeSync(descriptor) }
}
