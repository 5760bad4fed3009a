import { randomBytes } from 'node:crypto'
import { chmodSync, type Dirent, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { Breather } from '../breather.js'
import { FiresteelError, isDiskFull, reasonOf } from '../errors.js'
import { innerLimits } from '../inner-limits.js'

/*
 * Small steps on the disk that the cache of code is made of. They block, because they run on the thread for
 * files (`code-disk.ts`).
 */

/** What is being made or removed. A start clears it. */
export const UNFINISHED = '.unfinished'

export const FOLDER_MODE = 0o555
const WRITABLE_MODE = 0o755

/** For work on many files. */
export const fileBreather = (): Breather =>
  new Breather(innerLimits.codeSliceFiles, innerLimits.codeSliceBytes)

export function codeFileError(error: unknown, place: string): FiresteelError {
  if (error instanceof FiresteelError) return error
  const full = isDiskFull(error)
  const text = full ? `no space is left for ${place}` : `${place} cannot be written: ${reasonOf(error)}`
  return new FiresteelError(full ? 'DISK_FULL' : 'FILE_DENIED', text, { place, cause: error })
}

export function newUnfinished(root: string, id: string): string {
  const folder = join(root, UNFINISHED, `${id}-${randomBytes(6).toString('hex')}`)
  mkdirSync(join(folder, 'files'), { recursive: true, mode: WRITABLE_MODE })
  return folder
}

/** Removes a folder whose folders may be read-only, some files at a time. */
export async function removeTree(folder: string): Promise<void> {
  await removeFiles(folder, fileBreather())
  rmSync(folder, { recursive: true, force: true })
}

async function removeFiles(folder: string, breather: Breather): Promise<void> {
  for (const entry of writableEntries(folder)) {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) await removeFiles(path, breather)
    else rmSync(path, { force: true })
    if (breather.isDue(0)) await breather.rest()
  }
}

function writableEntries(folder: string): Dirent[] {
  try {
    chmodSync(folder, WRITABLE_MODE)
    return readdirSync(folder, { withFileTypes: true })
  } catch {
    // It is not there, or the removal of the whole says what is wrong.
    return []
  }
}

/** It is out of the way at once; the rest takes its time. */
export async function moveAway(root: string, id: string): Promise<void> {
  mkdirSync(join(root, UNFINISHED), { recursive: true })
  const away = join(root, UNFINISHED, `${id}-${randomBytes(6).toString('hex')}`)
  chmodSync(join(root, id), WRITABLE_MODE)
  renameSync(join(root, id), away)
  await removeTree(away)
}
