import { mkdir, readdir, rm, stat, utimes } from 'node:fs/promises'
import { join } from 'node:path'
import { type ErrorName, FiresteelError, reasonOf } from '../../runtime/errors.js'
import type { Log } from '../../runtime/observe/log.js'
import { isApplicationId, isDriverId } from './output-id.js'

const FULL = new Set(['ENOSPC', 'EDQUOT'])

/** A file error as users see it: DISK_FULL where that is the cause. */
export function fileError(error: unknown, place: string): FiresteelError {
  if (error instanceof FiresteelError) return error
  const full = FULL.has((error as NodeJS.ErrnoException).code ?? '')
  const code: ErrorName = full ? 'DISK_FULL' : 'SPAWN_FAILED'
  const text = full ? `no room is left for ${place}` : `${place} cannot be used: ${reasonOf(error)}`
  return new FiresteelError(code, text, { place, cause: error })
}

/** The folders of what ran here: `APP/EXEC/` and `DRIVER/`, each with stdout and stderr. */
export class WorkFolders {
  readonly #root: string
  readonly #log: Log

  constructor(root: string, log: Log) {
    this.#root = root
    this.#log = log
  }

  path(segments: readonly string[]): string {
    return join(this.#root, ...segments)
  }

  /** Rejects with DISK_FULL or SPAWN_FAILED. */
  async make(segments: readonly string[]): Promise<string> {
    const path = this.path(segments)
    try {
      await mkdir(path, { recursive: true, mode: 0o750 })
    } catch (error) {
      throw fileError(error, path)
    }
    return path
  }

  /** The age of this folder counts from now. */
  async stampEnd(folder: string): Promise<void> {
    const now = new Date()
    // One that was never made here, or has gone, needs no stamp.
    await utimes(this.path([folder]), now, now).catch(() => undefined)
  }

  /** Removes what nobody has changed since, except folders in `keep` and what is none of ours. */
  async clean(keep: ReadonlySet<string>, untilWallMs: number): Promise<void> {
    for (const folder of await names(this.#root)) {
      if (keep.has(folder) || !(isApplicationId(folder) || isDriverId(folder))) continue
      const path = this.path([folder])
      try {
        if ((await newestChangeMs(path)) >= untilWallMs) continue
        await rm(path, { recursive: true, force: true })
        this.#log.info('removed the folder of old work', { folder })
      } catch (error) {
        this.#log.warn('an old folder could not be removed', { folder, reason: reasonOf(error) })
      }
    }
  }
}

/** Of the folder and what it holds, two levels deep: that is where output files lie. */
async function newestChangeMs(path: string, levels = 2): Promise<number> {
  const own = await stat(path)
  let newest = own.mtimeMs
  if (!own.isDirectory() || levels === 0) return newest
  for (const name of await names(path)) {
    newest = Math.max(newest, await newestChangeMs(join(path, name), levels - 1).catch(() => 0))
  }
  return newest
}

const names = (path: string): Promise<string[]> => readdir(path).catch(() => [])
