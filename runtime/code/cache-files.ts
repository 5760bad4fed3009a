import { randomBytes } from 'node:crypto'
import { chmod, mkdir, readdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { FiresteelError, isDiskFull, reasonOf } from '../errors.js'

/* Small steps on the disk that the cache of code is made of. */

/** What is being made or removed. A start clears it. */
export const UNFINISHED = '.unfinished'

export const FOLDER_MODE = 0o555
const WRITABLE_MODE = 0o755

export function codeFileError(error: unknown, place: string): FiresteelError {
  if (error instanceof FiresteelError) return error
  const full = isDiskFull(error)
  const text = full ? `no space is left for ${place}` : `${place} cannot be written: ${reasonOf(error)}`
  return new FiresteelError(full ? 'DISK_FULL' : 'FILE_DENIED', text, { place, cause: error })
}

export async function newUnfinished(root: string, id: string): Promise<string> {
  const folder = join(root, UNFINISHED, `${id}-${randomBytes(6).toString('hex')}`)
  await mkdir(join(folder, 'files'), { recursive: true, mode: WRITABLE_MODE })
  return folder
}

/** Removes a folder whose folders may be read-only. */
export async function removeTree(folder: string): Promise<void> {
  await makeWritable(folder)
  await rm(folder, { recursive: true, force: true })
}

async function makeWritable(folder: string): Promise<void> {
  await chmod(folder, WRITABLE_MODE).catch(() => undefined)
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => [])
  for (const entry of entries) if (entry.isDirectory()) await makeWritable(join(folder, entry.name))
}

/** It is out of the way at once; the rest takes its time. */
export async function moveAway(root: string, id: string): Promise<void> {
  await mkdir(join(root, UNFINISHED), { recursive: true })
  const away = join(root, UNFINISHED, `${id}-${randomBytes(6).toString('hex')}`)
  await chmod(join(root, id), WRITABLE_MODE)
  await rename(join(root, id), away)
  await removeTree(away)
}
