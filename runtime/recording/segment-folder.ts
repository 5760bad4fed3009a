import { chmod, mkdir, readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { FiresteelError, reasonOf } from '../errors.js'
import { systemError } from '../system-error.js'

/* The files of one record: `segment-000001.jsonl` and so on, in a folder that only its owner may enter. */

const NAME = /^segment-(\d{6,12})\.jsonl$/

export interface SegmentFile {
  readonly number: number
  readonly path: string
  readonly bytes: number
}

export const segmentPath = (folder: string, number: number): string =>
  join(folder, `segment-${String(number).padStart(6, '0')}.jsonl`)

/** The segments in a folder, oldest first. */
export async function segmentsIn(folder: string): Promise<SegmentFile[]> {
  const files: SegmentFile[] = []
  for (const name of await readdir(folder)) {
    const number = Number(NAME.exec(name)?.[1] ?? 0)
    if (number === 0) continue
    const path = join(folder, name)
    // It may have been removed meanwhile.
    const found = await stat(path).catch(() => undefined)
    if (found?.isFile()) files.push({ number, path, bytes: found.size })
  }
  return files.sort((a, b) => a.number - b.number)
}

/** Makes the folder if it is missing. Nobody else may read what is in it. */
export async function ownFolder(folder: string): Promise<SegmentFile[]> {
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 })
    await chmod(folder, 0o700)
    return await segmentsIn(folder)
  } catch (cause) {
    throw (
      systemError(cause, folder) ??
      new FiresteelError('PATH_NOT_FOUND', `${folder} cannot be used: ${reasonOf(cause)}.`, {
        place: folder,
        cause,
      })
    )
  }
}
