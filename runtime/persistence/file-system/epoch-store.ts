import { isDiskFull, reasonOf } from '../../errors.js'
import type { CommitRequest, Failed, Fence, Position, Refused } from '../engine.js'
import { RecordTables } from '../record-tables.js'
import type { EpochFolders } from './epoch-folders.js'
import { type FileOps, SyncFailed, synced } from './file-ops.js'
import { numbered } from './folder-reader.js'
import { Journal } from './journal.js'
import { encodeCommit, type Head, type Identity } from './payload.js'
import { writeSnapshot } from './snapshot.js'

export interface EpochStoreOptions {
  readonly files: FileOps
  readonly folders: EpochFolders
  readonly identity: Identity
  readonly fence: Fence
  readonly base: Position
  readonly writeId: string
  readonly records: RecordTables
  /** Journal size at which a new snapshot is written. */
  readonly journalBytes: number
  readonly onWarning: (place: string, reason: string) => void
}

/**
 * The folder of the epoch that this process leads: `snapshot-G`, and `journal-G` with everything after it.
 * When the journal has grown, a larger G begins: first its journal, which takes the further commits, then in
 * the background its snapshot. Only then the older files are removed. Calls must not overlap, except `close`.
 */
export class EpochStore {
  readonly fence: Fence
  readonly base: Position
  readonly records: RecordTables
  readonly #options: EpochStoreOptions
  #format: number
  #journal: Journal
  #generation = 1
  #rotateAtBytes: number
  #background: Promise<void> | undefined
  #seq: number
  #writeId: string
  #failed: string | undefined

  private constructor(options: EpochStoreOptions, journal: Journal) {
    this.#options = options
    this.fence = options.fence
    this.base = options.base
    this.records = options.records
    this.#format = options.identity.version
    this.#journal = journal
    this.#rotateAtBytes = options.journalBytes
    this.#seq = options.base.seq
    this.#writeId = options.writeId
  }

  /** Durable and finished when it resolves. */
  static async begin(options: EpochStoreOptions): Promise<EpochStore> {
    const { files, folders, fence, base, writeId, records } = options
    const head = headOf(options, base.seq, writeId)
    const journal = await Journal.create(files, folders.path(fence.epoch, 'journal-1'), head)
    try {
      // The rename of the snapshot finishes the epoch, and makes the journal's entry durable together with
      // its own.
      await writeSnapshot(files, folders.path(fence.epoch), 1, head, records)
    } catch (error) {
      await journal.close()
      throw error
    }
    return new EpochStore(options, journal)
  }

  get position(): Position {
    return { epoch: this.fence.epoch, seq: this.#seq }
  }

  /** Of the store. */
  get format(): number {
    return this.#format
  }

  get writeId(): string {
    return this.#writeId
  }

  /** Why nothing may be written any more. */
  get failed(): string | undefined {
    return this.#failed
  }

  async commit(request: CommitRequest): Promise<'durable' | Refused | Failed> {
    if (this.#failed !== undefined) return { kind: 'failed', reason: this.#failed }
    const { n, writeId, puts, deletes, format = this.#format } = request
    try {
      if (format > this.#format && (await this.#raise(format)) === 'full') return noSpace
      if ((await this.#journal.append(encodeCommit(n, writeId, puts, deletes))) === 'full') {
        return noSpace
      }
    } catch (error) {
      this.#failed = reasonOf(error)
      return { kind: 'failed', reason: this.#failed }
    }
    this.records.apply(puts, deletes)
    this.#seq = n
    this.#writeId = writeId
    return 'durable'
  }

  /** Begins the next generation if the journal is over its limit. Never throws. */
  async rotateIfLarge(): Promise<void> {
    if (this.#failed !== undefined || this.#background !== undefined) return
    if (this.#journal.bytes < this.#rotateAtBytes) return
    try {
      await this.#nextGeneration(this.#format)
    } catch (error) {
      this.#rotateAtBytes = this.#journal.bytes + this.#options.journalBytes
      this.#warn('a new journal could not be begun', error)
    }
  }

  /**
   * The head of the next journal says the new format, so the store has it as soon as that file is durable:
   * before the first write that needs it, and whatever becomes of the snapshot.
   */
  async #raise(format: number): Promise<'raised' | 'full'> {
    await this.#background
    try {
      await this.#nextGeneration(format)
    } catch (error) {
      if (error instanceof SyncFailed || !isDiskFull(error)) throw error
      return 'full'
    }
    this.#format = format
    return 'raised'
  }

  async #nextGeneration(format: number): Promise<void> {
    const { files, folders, journalBytes } = this.#options
    const generation = this.#generation + 1
    const head = { ...headOf(this.#options, this.#seq, this.#writeId), version: format }
    const folder = folders.path(this.fence.epoch)
    const old = this.#journal
    const next = await Journal.create(files, folders.path(this.fence.epoch, `journal-${generation}`), head)
    try {
      await synced(files.syncFolder(folder))
    } catch (error) {
      await next.close()
      throw error
    }
    this.#journal = next
    this.#generation = generation
    this.#rotateAtBytes = journalBytes
    // Everything in it is already durable.
    await old.close().catch(() => {})
    const copy = new RecordTables(this.records)
    this.#background = this.#compact(generation, head, copy).finally(() => {
      this.#background = undefined
    })
  }

  async close(): Promise<void> {
    this.#failed ??= 'the engine was closed'
    await this.#background
    await this.#journal.close()
  }

  async #compact(generation: number, head: Head, records: RecordTables): Promise<void> {
    const { files, folders } = this.#options
    const { epoch } = this.fence
    try {
      await writeSnapshot(files, folders.path(epoch), generation, head, records)
      const names = await files.list(folders.path(epoch))
      for (const kind of ['snapshot', 'journal'] as const) {
        for (const number of numbered(names, kind)) {
          if (number < generation) await files.remove(folders.path(epoch, `${kind}-${number}`))
        }
      }
    } catch (error) {
      // The older snapshot and all journals still exist, and are enough.
      this.#warn('a new snapshot could not be written', error)
      await files.remove(folders.path(epoch, `snapshot-${generation}.tmp`)).catch(() => {})
    }
  }

  #warn(what: string, error: unknown): void {
    // After one failed fsync the disk is not trusted any more.
    if (error instanceof SyncFailed) this.#failed ??= reasonOf(error)
    this.#options.onWarning(this.#options.folders.path(this.fence.epoch), `${what}: ${reasonOf(error)}`)
  }
}

const noSpace = {
  kind: 'refused',
  code: 'STORE_FULL',
  reason: 'no space left for the journal',
} as const

function headOf({ identity, fence, base }: EpochStoreOptions, seq: number, writeId: string): Head {
  return { kind: 'head', ...identity, epoch: fence.epoch, seq, mark: writeId, base }
}
