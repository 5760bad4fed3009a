import { join } from 'node:path'
import { checksumOf } from '../../checksum.js'
import { FiresteelError } from '../../errors.js'
import { requireFormat } from '../store-format.js'
import { type FileOps, isMissing, synced } from './file-ops.js'
import { type Expected, type Identity, parseObject } from './payload.js'
import type { ProcessIdentity } from './process-identity.js'

/**
 * The maker of an epoch's folder: one line of JSON and its CRC-32, which people and every version can read.
 */
export interface OwnerFile extends Identity, ProcessIdentity {
  readonly owner: string
  readonly address: string
  readonly lock: string
  /** Absent in files of the first builds. */
  readonly protocols?: string
}

/** The folder of a store: `epoch-N/` for each leadership, and `quarantine/` beside them. */
export class EpochFolders {
  readonly directory: string
  readonly #files: FileOps

  constructor(directory: string, files: FileOps) {
    this.directory = directory
    this.#files = files
  }

  path(epoch: number, ...name: string[]): string {
    return join(this.directory, `epoch-${epoch}`, ...name)
  }

  /** Ascending; empty if there is no folder yet. */
  async epochs(): Promise<number[]> {
    let names: string[]
    try {
      names = await this.#files.list(this.directory)
    } catch (error) {
      if (isMissing(error)) return []
      throw error
    }
    const epochs: number[] = []
    for (const name of names) {
      const digits = /^epoch-([1-9]\d{0,14})$/.exec(name)?.[1]
      if (digits !== undefined) epochs.push(Number(digits))
    }
    return epochs.sort((a, b) => a - b)
  }

  /** The stored epoch; 0 for none. An unfinished folder counts too: its maker deposed every lower epoch. */
  async highest(): Promise<number> {
    return (await this.epochs()).at(-1) ?? 0
  }

  async writeOwner(epoch: number, owner: OwnerFile): Promise<void> {
    const line = JSON.stringify(owner)
    const file = await this.#files.create(this.path(epoch, 'owner'))
    try {
      await file.write(Buffer.from(`${line}\n${checksumOf(line)}\n`), 0)
      await synced(file.sync())
    } finally {
      await file.close()
    }
    await synced(this.#files.syncFolder(this.path(epoch)))
  }

  /** Undefined if it is missing, incomplete or damaged. */
  async readOwner(epoch: number): Promise<OwnerFile | undefined> {
    let text: string
    try {
      text = (await this.#files.read(this.path(epoch, 'owner'))).toString('utf8')
    } catch (error) {
      if (isMissing(error)) return undefined
      throw error
    }
    const [line = '', sum] = text.split('\n')
    const owner = sum === checksumOf(line) ? parseObject(line) : undefined
    return typeof owner?.owner === 'string' ? (owner as unknown as OwnerFile) : undefined
  }

  /**
   * The maker of the newest lower epoch that names one. A process that is killed at once after it has made a
   * folder leaves it without an owner.
   */
  async ownerBelow(epoch: number): Promise<OwnerFile | undefined> {
    for (const lower of (await this.epochs()).reverse()) {
      const owner = lower < epoch ? await this.readOwner(lower) : undefined
      if (owner !== undefined) return owner
    }
    return undefined
  }
}

/**
 * Throws if a file belongs to another program, version or cluster. This is checked before anything is
 * written.
 */
export function checkIdentity(found: Identity, expected: Expected, place: string): void {
  if (found.format !== expected.format) {
    throw new FiresteelError('STORE_UNREADABLE', `${place} was not written by Firesteel`, {
      place,
      help: 'Give this cluster a folder of its own.',
    })
  }
  const { formats, cluster } = expected
  // A file may be older than the last raise. That the store's format is not too low, its reader checks.
  if (found.version > formats.max) requireFormat(found.version, formats, place, place)
  if (found.cluster !== cluster) {
    throw new FiresteelError(
      'CLUSTER_MISMATCH',
      `${place} belongs to cluster "${found.cluster}"; this is cluster "${cluster}"`,
      { place, help: 'Give each cluster a folder of its own.' },
    )
  }
}
