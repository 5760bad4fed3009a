import { createHash } from 'node:crypto'
import { rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { readIfThere } from '../../state-folder.js'

/*
 * What a launcher remembers of the newest apply: after a restart of its machine its nodes begin as the
 * cluster has them, although the file that `up` is given is an older one.
 */

export interface Applied {
  readonly number: number
  readonly text: string
  /** Digest of the file that this launcher was started with. A file that was changed since counts itself. */
  readonly base: string
}

const pathOf = (folder: string): string => join(folder, 'applied.json')

export const textDigest = (text: string): string => createHash('sha256').update(text).digest('hex')

/** Replaces it as a whole. */
export async function rememberApplied(folder: string, applied: Applied): Promise<void> {
  const temporary = join(folder, `.applied.${process.pid}.json`)
  await writeFile(temporary, JSON.stringify(applied), { mode: 0o600 })
  await rename(temporary, pathOf(folder))
}

export const forgetApplied = (folder: string): Promise<void> => rm(pathOf(folder), { force: true })

/** Undefined: nothing was applied, or what is there is no such file. */
export function readApplied(folder: string): Applied | undefined {
  try {
    const { number, text, base } = JSON.parse(readIfThere(pathOf(folder)) ?? 'null') as Partial<Applied>
    return typeof number === 'number' && typeof text === 'string' && typeof base === 'string'
      ? { number, text, base }
      : undefined
  } catch {
    return undefined
  }
}
