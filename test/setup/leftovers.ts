import { existsSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'

/**
 * Removes from `build` what the compiler once wrote for sources that are gone, or have moved: it leaves such
 * files where they are. A package would contain them, and what still imports them would work here and fail in
 * each fresh clone. Returns what it has removed, below `build`. `folders` are those with sources.
 */
export function removeLeftovers(root: string, build: string, folders: readonly string[]): string[] {
  const leftovers = folders.flatMap((folder) =>
    readdirSync(join(build, folder), { recursive: true, encoding: 'utf8' })
      .map((name) => join(folder, name))
      .filter((file) => /\.(?:js|js\.map|d\.ts)$/.test(file))
      .filter((file) => !existsSync(join(root, file.replace(/\.(?:js|js\.map|d\.ts)$/, '.ts')))),
  )
  for (const file of leftovers) rmSync(join(build, file))
  return leftovers
}
