import { chmod, chown, lstat, mkdir } from 'node:fs/promises'
import { NotPlain } from './plain-file.js'
import type { Owner } from './run-as.js'

export interface FolderOptions {
  /** Default 0700. */
  readonly mode?: number
  /** Whose folder it is; absent: ours. Nobody else may write in the folder that it is in. */
  readonly owner?: Owner | undefined
}

/**
 * Makes a folder that only its user may enter, in one that exists. Throws NotPlain if something else has its
 * name: a program that may write beside it could have put a link there.
 */
export async function ownFolder(path: string, { mode = 0o700, owner }: FolderOptions = {}): Promise<void> {
  try {
    await mkdir(path, { mode })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  }
  const found = await lstat(path)
  if (!found.isDirectory()) throw new NotPlain(`${path} is not a folder`)
  // It was made before, under another rule, or the umask was stricter.
  if ((found.mode & 0o777) !== mode) await chmod(path, mode)
  if (owner && found.uid !== owner.uid) await chown(path, owner.uid, owner.gid)
}
