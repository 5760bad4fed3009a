import { chmod, lstat, lutimes, mkdir, readdir, rm, rmdir, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { type ErrorName, FiresteelError, isDiskFull, reasonOf } from '../../runtime/errors.js'
import type { Log } from '../../runtime/observe/log.js'
import { ownFolder } from '../../runtime/process/own-folder.js'
import { emptyAs, type Owner } from '../../runtime/process/run-as.js'
import { type OutputFolder, oldFolders } from './old-folders.js'
import { isApplicationId, isDriverId, outputFolder } from './output-id.js'

/** Translates a file error for users: DISK_FULL if the disk or the quota is full, else SPAWN_FAILED. */
export function fileError(error: unknown, place: string): FiresteelError {
  if (error instanceof FiresteelError) return error
  const full = isDiskFull(error)
  const code: ErrorName = full ? 'DISK_FULL' : 'SPAWN_FAILED'
  const text = full ? `no space is left for ${place}` : `${place} cannot be used: ${reasonOf(error)}`
  return new FiresteelError(code, text, { place, cause: error })
}

/** Others pass through it to a folder of theirs, and cannot list it. */
const PASSABLE = 0o711

/** The folder of all work. An administrator may have made it as a link. */
export async function makeRoot(path: string, isPassed = false): Promise<void> {
  await mkdir(path, { recursive: true, mode: 0o700 })
  const wanted = isPassed ? PASSABLE : 0o700
  const { mode, uid } = await stat(path)
  // An earlier release let the group of its user in.
  if (uid === process.getuid?.() && (mode & 0o777) !== wanted) await chmod(path, wanted)
}

/** The output folders of this Worker: `APP/EXEC/` and `DRIVER/`, each with stdout and stderr. */
export class WorkFolders {
  readonly #root: string
  readonly #log: Log
  readonly #owner: Owner | undefined
  #isCleaning = false

  /** `owner`: who the work runs as, if that is another user than ours. */
  constructor(root: string, log: Log, owner?: Owner) {
    this.#root = root
    this.#log = log
    this.#owner = owner
  }

  get owner(): Owner | undefined {
    return this.#owner
  }

  /** No file of any work is read or written outside this folder. */
  get root(): string {
    return this.#root
  }

  path(segments: readonly string[]): string {
    return join(this.#root, ...segments)
  }

  /**
   * Only the user that the work runs as may enter it. A link that work has put in the place of a folder on
   * the way is refused. Rejects with DISK_FULL or SPAWN_FAILED.
   */
  async make(segments: readonly string[]): Promise<string> {
    let path = this.#root
    try {
      const owner = this.#owner
      await makeRoot(path, owner !== undefined)
      for (const [index, segment] of segments.entries()) {
        path = join(path, segment)
        // Folders on the way stay ours, so that nobody puts a link into them.
        const isLast = index === segments.length - 1
        await ownFolder(path, owner && (isLast ? { owner } : { mode: PASSABLE }))
      }
    } catch (error) {
      throw fileError(error, path)
    }
    return path
  }

  /** From now on the age of this folder counts anew. */
  async stampEnd(folder: string): Promise<void> {
    const now = new Date()
    // A folder that was never made, or is gone, needs no stamp.
    await lutimes(this.path([folder]), now, now).catch(() => undefined)
  }

  /** Removes old folders of ended work (see `oldFolders`). Folders of live work and files of others stay. */
  async clean(lives: (outputId: string) => boolean, untilWallMs: number): Promise<void> {
    // A cleaning that runs already suffices: the next ends of work, or the timer, ask again.
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
    const own = await lstat(this.path([appId])).catch(() => undefined)
    const folders: OutputFolder[] = []
    // A link that work has put here: what it leads to is not ours to remove.
    if (!own?.isDirectory()) return []
    for (const name of await names(this.path([appId]))) {
      const id = `${appId}/${name}`
      if (outputFolder(id) && !lives(id)) folders.push(...(await this.#outputFolder(id, own.mtimeMs)))
    }
    return folders
  }

  async #outputFolder(id: string, ageFromMs: number): Promise<OutputFolder[]> {
    const changedAtMs = await newestChangeMs(this.path([id])).catch(() => undefined)
    return changedAtMs === undefined ? [] : [{ id, changedAtMs, ageFromMs: Math.max(ageFromMs, changedAtMs) }]
  }

  async #remove(id: string): Promise<void> {
    try {
      if (this.#owner) await emptyAs(this.#owner, this.path([id]))
      // What that user has closed to itself stays, and is told.
      if (this.#owner) await rmdir(this.path([id]))
      else await rm(this.path([id]), { recursive: true, force: true })
      // `rmdir` removes only an empty folder, so a folder with other content stays.
      if (id.includes('/')) await rmdir(dirname(this.path([id]))).catch(() => undefined)
      this.#log.debug('removed the folder of old work', { id })
    } catch (error) {
      this.#log.warn('an old folder could not be removed', { id, reason: reasonOf(error) })
    }
  }
}

/** The newest change of the folder and the output files in it. Milliseconds of wall time. */
async function newestChangeMs(path: string, levels = 1): Promise<number> {
  const own = await lstat(path)
  let newest = own.mtimeMs
  if (!own.isDirectory() || levels === 0) return newest
  for (const name of await names(path)) {
    newest = Math.max(newest, await newestChangeMs(join(path, name), levels - 1).catch(() => 0))
  }
  return newest
}

const names = (path: string): Promise<string[]> => readdir(path).catch(() => [])
