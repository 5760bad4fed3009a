import type { Dirent, Stats } from 'node:fs'
import { lstat, readdir, stat } from 'node:fs/promises'
import { FiresteelError } from 'firesteel'
import { type FoundFile, pathBytes, shownPath } from './found-file.js'
import { isCountedName } from './is-text.js'

export type OnUnreadable = (place: string) => void

/**
 * Yields all regular files under `roots` whose names count, in a fixed order (by bytes of the name), as they
 * are asked for. It follows no symbolic links, except a root itself. It reports unreadable folders and leaves
 * them out. Throws PATH_NOT_FOUND for a missing root.
 */
export async function* walk(roots: readonly string[], onUnreadable: OnUnreadable): AsyncGenerator<FoundFile> {
  for (const root of roots) {
    const found = await rootStats(root)
    if (found.isDirectory()) yield* walkFolder(root, onUnreadable)
    else if (found.isFile() && isCountedName(root)) yield { path: root, bytes: found.size }
  }
}

/** Throws PATH_NOT_FOUND for a missing root, before any work is started for it. */
export async function checkRoots(roots: readonly string[]): Promise<void> {
  for (const root of roots) await rootStats(root)
}

async function rootStats(root: string): Promise<Stats> {
  try {
    return await stat(pathBytes(root))
  } catch (cause) {
    const place = shownPath(root)
    const { code } = cause as NodeJS.ErrnoException
    const why = code === 'ENOENT' ? 'does not exist' : `cannot be read (${code})`
    throw new FiresteelError('PATH_NOT_FOUND', `${place} ${why}.`, { place, cause })
  }
}

/** Keeps in memory only the names of the folders on the current path, never those of the whole tree. */
async function* walkFolder(folder: string, onUnreadable: OnUnreadable): AsyncGenerator<FoundFile> {
  const open: { folder: string; entries: Dirent[] }[] = []
  const enter = async (path: string): Promise<void> => {
    open.push({ folder: path, entries: await sortedEntries(path, onUnreadable) })
  }
  await enter(folder)
  for (let level = open.at(-1); level !== undefined; level = open.at(-1)) {
    const entry = level.entries.pop()
    if (entry === undefined) {
      open.pop()
      continue
    }
    const path = level.folder.endsWith('/') ? level.folder + entry.name : `${level.folder}/${entry.name}`
    if (entry.isDirectory()) {
      await enter(path)
    } else if (entry.isFile() && isCountedName(entry.name)) {
      const bytes = await sizeOf(path)
      if (bytes === undefined) onUnreadable(shownPath(path))
      else yield { path, bytes }
    }
  }
}

/** The names in reverse order, because they are taken from the end. */
async function sortedEntries(folder: string, onUnreadable: OnUnreadable): Promise<Dirent[]> {
  try {
    const entries = await readdir(pathBytes(folder), { withFileTypes: true, encoding: 'latin1' })
    return entries.sort((a, b) => (a.name < b.name ? 1 : -1))
  } catch {
    onUnreadable(shownPath(folder))
    return []
  }
}

async function sizeOf(path: string): Promise<number | undefined> {
  try {
    return (await lstat(pathBytes(path))).size
  } catch {
    return undefined
  }
}
