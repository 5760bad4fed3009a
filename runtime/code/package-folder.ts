import { stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'

export const PACKAGE = 'package.json'

/** The folder of the nearest package.json, at or above this one; undefined: there is none. */
export async function packageFolderOf(from: string): Promise<string | undefined> {
  for (let folder = from; ; folder = dirname(folder)) {
    const info = await stat(join(folder, PACKAGE)).catch(() => undefined)
    if (info?.isFile()) return folder
    if (dirname(folder) === folder) return undefined
  }
}
