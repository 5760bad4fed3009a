import { join, relative, sep } from 'node:path'

/** A folder of code, where it comes from and where it is here. */
export interface CodeFolders {
  readonly root: string
  readonly folder: string
}

/** Where a path of the code is here; undefined: it lies outside of the code. */
export function pathIn({ root, folder }: CodeFolders, path: string): string | undefined {
  const below = relative(root, path)
  if (below === '..' || below.startsWith(`..${sep}`)) return undefined
  return join(folder, below)
}
