import { access, constants, mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { systemCodeOf } from '../../errors.js'

/**
 * A file being written. Offsets are explicit, so that a write that was cut back leaves neither a hole nor a
 * rest.
 */
export interface WritableFile {
  write(bytes: Uint8Array, offset: number): Promise<void>
  sync(): Promise<void>
  dataSync(): Promise<void>
  truncate(bytes: number): Promise<void>
  close(): Promise<void>
}

/** Every file operation of the engine, so that tests can make each one fail. */
export interface FileOps {
  /** Names in a folder, as the server of a network file system sees them now. */
  list(folder: string): Promise<string[]>
  /**
   * Rejects with EACCES or EROFS if this folder, or the nearest one above that exists, may not be written.
   */
  requireWritable(folder: string): Promise<void>
  /** Fails with EEXIST. */
  makeFolder(path: string): Promise<void>
  /** Makes the parents too. Each new level is durable in its parent. */
  makeFolders(path: string): Promise<void>
  read(path: string): Promise<Buffer>
  /** Creates or empties the file. */
  create(path: string): Promise<WritableFile>
  rename(from: string, to: string): Promise<void>
  /** Removes a folder with its contents as well. A missing path is no error. */
  remove(path: string): Promise<void>
  syncFolder(path: string): Promise<void>
  /** Sets the time of a file. */
  renew(path: string, timeMs: number): Promise<void>
  modifiedMs(path: string): Promise<number>
  sizeBytes(path: string): Promise<number>
}

/** An fsync failed. The kernel may have dropped the pages, so there is no second try. */
export class SyncFailed extends Error {}

/** Runs an fsync. Its failure can be told from every other one. */
export async function synced(sync: Promise<void>): Promise<void> {
  try {
    await sync
  } catch (error) {
    throw new SyncFailed(`fsync failed: ${(error as Error).message}`, { cause: error })
  }
}

export function isMissing(error: unknown): boolean {
  return systemCodeOf(error) === 'ENOENT' || systemCodeOf(error) === 'ESTALE'
}

/** File systems without fsync of folders answer with these. Nothing more can be done there. */
const folderSyncUnsupported = new Set(['EINVAL', 'ENOTSUP', 'EISDIR'])

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r')
  try {
    await folder.sync()
  } catch (error) {
    if (!folderSyncUnsupported.has(systemCodeOf(error))) throw error
  } finally {
    await folder.close()
  }
}

async function makeFolders(path: string): Promise<void> {
  const first = await mkdir(path, { recursive: true, mode: 0o700 })
  if (first === undefined) return
  for (let made = path; made.length >= first.length; made = dirname(made)) await syncFolder(dirname(made))
}

/** The file is opened first, because on a network file system that fetches fresh attributes. */
async function modifiedMs(path: string): Promise<number> {
  const file = await open(path, 'r')
  try {
    return (await file.stat()).mtimeMs
  } finally {
    await file.close()
  }
}

async function renew(path: string, timeMs: number): Promise<void> {
  const file = await open(path, 'a', 0o600)
  try {
    await file.utimes(timeMs / 1000, timeMs / 1000)
  } finally {
    await file.close()
  }
}

async function create(path: string): Promise<WritableFile> {
  const file = await open(path, 'w', 0o600)
  return {
    async write(bytes, offset) {
      // A write may accept less than all without an error. The next one then says why.
      for (let done = 0; done < bytes.byteLength; ) {
        const { bytesWritten } = await file.write(bytes, done, bytes.byteLength - done, offset + done)
        done += bytesWritten
      }
    },
    sync: () => file.sync(),
    dataSync: () => file.datasync(),
    truncate: (bytes) => file.truncate(bytes),
    close: () => file.close(),
  }
}

async function requireWritable(folder: string): Promise<void> {
  try {
    await access(folder, constants.W_OK | constants.X_OK)
  } catch (error) {
    if (systemCodeOf(error) !== 'ENOENT' || dirname(folder) === folder) throw error
    await requireWritable(dirname(folder))
  }
}

export const nodeFileOps: FileOps = {
  requireWritable,
  list: (folder) => readdir(folder),
  makeFolder: async (path) => {
    await mkdir(path, { mode: 0o700 })
  },
  makeFolders,
  read: (path) => readFile(path),
  create,
  rename: (from, to) => rename(from, to),
  remove: (path) => rm(path, { recursive: true, force: true }),
  syncFolder,
  renew,
  modifiedMs,
  sizeBytes: async (path) => (await stat(path)).size,
}
