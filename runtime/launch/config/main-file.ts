import { readFile, stat } from 'node:fs/promises'
import { basename, extname, join, resolve } from 'node:path'
import { FiresteelError } from '../../errors.js'

/** Of a folder, in this order, if its package.json names none. */
const INDEXES = ['index.js', 'index.mjs', 'index.cjs', 'index.ts', 'index.mts']

/** The absolute path of a program, or of the main program of a folder. Throws MAIN_NOT_FOUND. */
export async function mainFile(main: string, folder: string): Promise<string> {
  const path = resolve(folder, main)
  const found = await stat(path).catch(() => undefined)
  if (found?.isFile()) return path
  if (found?.isDirectory()) return mainOfFolder(main, path)
  const what = found ? `${main} is not a file` : `${main} does not exist`
  throw new FiresteelError('MAIN_NOT_FOUND', `${what}.`, { place: path })
}

async function mainOfFolder(main: string, path: string): Promise<string> {
  const named = await mainOfPackage(path)
  // Node, too, takes a file, a file without its extension, or a folder.
  const candidates =
    named === undefined ? INDEXES : [named, `${named}.js`, ...INDEXES.map((index) => join(named, index))]
  for (const candidate of candidates) {
    const file = resolve(path, candidate)
    if ((await stat(file).catch(() => undefined))?.isFile()) return file
  }
  const text =
    named === undefined
      ? `${main} is a folder without a main program: its package.json names none, and there is no ${INDEXES[0]}.`
      : `${main} is a folder whose package.json names ${named}, which is neither a program nor a folder with one.`
  throw new FiresteelError('MAIN_NOT_FOUND', text, { place: path })
}

async function mainOfPackage(path: string): Promise<string | undefined> {
  try {
    const { main } = JSON.parse(await readFile(join(path, 'package.json'), 'utf8')) as { main?: unknown }
    return typeof main === 'string' && main !== '' ? main : undefined
  } catch {
    return undefined
  }
}

/** `job` for /path/job.js. */
export const programName = (path: string): string => basename(path, extname(path)) || basename(path)
