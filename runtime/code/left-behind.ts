import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import ignore from 'ignore'
import { FiresteelError, reasonOf, systemCodeOf } from '../errors.js'
import { innerLimits } from '../inner-limits.js'

export const IGNORE_FILE = '.firesteelignore'

/** Never sent, whatever a .firesteelignore says: histories, secrets, states of programs, caches. */
const always: ReadonlySet<string> = new Set([
  '.git',
  '.hg',
  '.svn',
  '.firesteel',
  '.npmrc',
  '.netrc',
  '.npm',
  '.yarnrc.yml',
  '.cache',
  '.pnpm-store',
  '.nyc_output',
  '.turbo',
  '.parcel-cache',
  '.eslintcache',
  '.DS_Store',
  '__pycache__',
])

/** True: a file or folder of this name stays behind, wherever it is. */
export const staysAlways = (name: string): boolean =>
  always.has(name) || name.startsWith('.env') || name.startsWith('npm-debug.log')

/** Says whether a path below the folder of code stays behind. */
export type LeftBehind = (path: string, isFolder: boolean) => boolean

/** The rules of a folder: what stays always, and its .firesteelignore. Throws CODE_UNREADABLE. */
export async function leftBehindIn(folder: string): Promise<LeftBehind> {
  const path = join(folder, IGNORE_FILE)
  const text = await readRules(path)
  const rules = ignore({ allowRelativePaths: true }).add(text)
  return (relative, isFolder) => {
    const name = relative.slice(relative.lastIndexOf('/') + 1)
    return staysAlways(name) || (text !== '' && rules.ignores(isFolder ? `${relative}/` : relative))
  }
}

async function readRules(path: string): Promise<string> {
  try {
    const { size } = await stat(path)
    if (size > innerLimits.codeIgnoreBytes) {
      const message = `${path} has ${size} bytes; at most ${innerLimits.codeIgnoreBytes} are read.`
      throw new FiresteelError('CODE_UNREADABLE', message, { place: path })
    }
    return await readFile(path, 'utf8')
  } catch (cause) {
    if (systemCodeOf(cause) === 'ENOENT') return ''
    if (cause instanceof FiresteelError) throw cause
    throw new FiresteelError('CODE_UNREADABLE', `${path} cannot be read: ${reasonOf(cause)}.`, {
      place: path,
      cause,
    })
  }
}
