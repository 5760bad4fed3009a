import { chmod, lstat, mkdir } from 'node:fs/promises'
import { NotPlain } from './plain-file.js'

/**
 * Makes a folder that only our user may enter, in one that exists. Throws NotPlain if something else has its
 * name: a program that may write beside it could have put a link there.
 */
export async function ownFolder(path: string): Promise<void> {
  try {
    await mkdir(path, { mode: 0o700 })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  }
  const found = await lstat(path)
  if (!found.isDirectory()) throw new NotPlain(`${path} is not a folder`)
  // It was made before, under another rule.
  if ((found.mode & 0o077) !== 0) await chmod(path, 0o700)
}
