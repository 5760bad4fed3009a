import { mkdir, readdir, rm, rmdir, stat, utimes } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { type ErrorName, FiresteelError, reasonOf } from '../../runtime/errors.js'
import type { Log } from '../../runtime/observe/log.js'
import { type OutputFolder, oldFolders } from './old-folders.js'
import { isApplicationId, isDriverId, outputFolder } from './output-id.js'

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
  #isCleaning = false

  constructor(root: string, log: Log) {
    this.#root = root
    this.#log = log
  }

  /** Nothing that is read or written for work lies outside of it. */
  get root(): string {
    return this.#root
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

  /** Removes folders of ended work (see `oldFolders`), never one that `lives`, and nothing that is none of ours. */
  async clean(lives: (outputId: string) => boolean, untilWallMs: number): Promise<void> {
    // The next end of work, or the next half-hour, asks again.
    if (this.#isCleaning) return
    this.#isCleaning = true
    try {
      const ended: OutputFolder[] = []
      for (const name of await names(this.#root)) {
        if (isApplicationId(name)) ended.push(...(await this.#executorFolders(name, lives)))
        else if (isDriverId(name) && !lives(name)) ended.push(...(await this.#outputFolder(name, 0)))
      }
      for (const { id } of oldFolders(ended, untilWallMs)) if (!lives(id)) await this.#remove(id)
    } finally {
      this.#isCleaning = false
    }
  }

  async #executorFolders(appId: string, lives: (outputId: string) => boolean): Promise<OutputFolder[]> {
    const own = await stat(this.path([appId])).catch(() => undefined)
    const folders: OutputFolder[] = []
    for (const name of await names(this.path([appId]))) {
      const id = `${appId}/${name}`
      if (outputFolder(id) && !lives(id)) folders.push(...(await this.#outputFolder(id, own?.mtimeMs ?? 0)))
    }
    return folders
  }

  async #outputFolder(id: string, ageFromMs: number): Promise<OutputFolder[]> {
    const changedAtMs = await newestChangeMs(this.path([id])).catch(() => undefined)
    return changedAtMs === undefined ? [] : [{ id, changedAtMs, ageFromMs: Math.max(ageFromMs, changedAtMs) }]
  }

  async #remove(id: string): Promise<void> {
    try {
      await rm(this.path([id]), { recursive: true, force: true })
      // Nothing else may be in it: a folder that is not empty stays.
      if (id.includes('/')) await rmdir(dirname(this.path([id]))).catch(() => undefined)
      this.#log.debug('removed the folder of old work', { id })
    } catch (error) {
      this.#log.warn('an old folder could not be removed', { id, reason: reasonOf(error) })
    }
  }
}

/** Of the folder and the output files in it. */
async function newestChangeMs(path: string, levels = 1): Promise<number> {
  const own = await stat(path)
  let newest = own.mtimeMs
  if (!own.isDirectory() || levels === 0) return newest
  for (const name of await names(path)) {
    newest = Math.max(newest, await newestChangeMs(join(path, name), levels - 1).catch(() => 0))
  }
  return newest
}

const names = (path: string): Promise<string[]> => readdir(path).catch(() => [])
