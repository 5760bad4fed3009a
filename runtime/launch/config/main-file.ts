import { stat } from 'node:fs/promises'
import { basename, extname, resolve } from 'node:path'
import { FiresteelError } from '../../errors.js'

/** The absolute path of a program. Throws MAIN_NOT_FOUND. */
export async function mainFile(main: string, folder: string): Promise<string> {
  const path = resolve(folder, main)
  const found = await stat(path).catch(() => undefined)
  if (found?.isFile()) return path
  const what = found ? `${main} is not a file` : `${main} does not exist`
  throw new FiresteelError('MAIN_NOT_FOUND', `${what}.`, { place: path })
}

/** `job` for /path/job.js. */
export const programName = (path: string): string => basename(path, extname(path)) || basename(path)
