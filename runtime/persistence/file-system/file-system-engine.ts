import { FiresteelError, isDiskFull, isFiresteelError, reasonOf, systemCodeOf } from '../../errors.js'
import { limits } from '../../limits.js'
import { systemError } from '../../system-error.js'
import { compareFence } from '../compare-fence.js'
import type {
  CommitOutcome,
  CommitRequest,
  Deposed,
  Elected,
  ElectOutcome,
  ElectRequest,
  Failed,
  Fence,
  LeaderRecord,
  Page,
  PersistenceEngine,
  Quarantined,
  RecordSchemas,
  Rewound,
  Table,
  Unknown,
} from '../engine.js'
import { RecordTables } from '../record-tables.js'
import { type FormatRange, ownFormats } from '../store-format.js'
import { checkIdentity, EpochFolders } from './epoch-folders.js'
import { EpochStore } from './epoch-store.js'
import { type FileOps, isMissing, nodeFileOps, synced } from './file-ops.js'
import { type Loaded, loadNewest } from './folder-reader.js'
import type { Expected, Identity } from './payload.js'
import { type ProcessTable, procTable } from './process-identity.js'
import { type Aside, Quarantine, takeUnreadable } from './quarantine.js'

export interface FileSystemOptions {
  readonly directory: string
  readonly cluster: string
  readonly schemas: RecordSchemas
  /** Wall clock, for the time of `alive`. */
  readonly nowMs: () => number
  /** Called once for each thing that was set aside, and when old files or a new snapshot fail. */
  readonly onWarning: (place: string, reason: string) => void
  readonly files?: FileOps
  readonly processes?: ProcessTable
  readonly journalBytes?: number
  readonly readPage?: number
  /** Default: those of this build. */
  readonly formats?: FormatRange
}

/**
 * Recovery mode FILESYSTEM (protocol 14). `epoch-N/` is made exclusively and fences every smaller N. A leader
 * that commits looks for a higher folder after its fsync; a candidate that takes over reads after its mkdir.
 * So every released write was read.
 */
export class FileSystemEngine implements PersistenceEngine {
  readonly #options: FileSystemOptions
  readonly #files: FileOps
  readonly #processes: ProcessTable
  readonly #expected: Expected
  readonly #folders: EpochFolders
  readonly #quarantine: Quarantine
  #isWritable = false
  /** The epoch that this process leads, as far as it knows. */
  #held: EpochStore | undefined
  readonly #pages = new Map<Table, readonly [string, string][]>()
  /** The last result for `leader`, valid while no file has another size. */
  #seen: { readonly sizes: string; readonly loaded: Loaded | undefined } | undefined
  /** Elect, commit, leave and close run one after the other. */
  #last: Promise<unknown> = Promise.resolve()

  constructor(options: FileSystemOptions) {
    this.#options = options
    this.#files = options.files ?? nodeFileOps
    this.#processes = options.processes ?? procTable
    const { cluster, formats = ownFormats } = options
    this.#expected = { format: 'firesteel-state', cluster, formats }
    this.#folders = new EpochFolders(options.directory, this.#files)
    this.#quarantine = new Quarantine(options.directory, this.#files)
  }

  async leader(): Promise<LeaderRecord | undefined> {
    try {
      // A folder that may not be written is told apart from one that is empty, before anybody waits for a
      // leader.
      if (!this.#isWritable) await this.#files.requireWritable(this.#options.directory)
      this.#isWritable = true
      return await this.#readLeader()
    } catch (error) {
      throw unavailable(error, this.#options.directory)
    }
  }

  elect(request: ElectRequest): Promise<ElectOutcome> {
    return this.#exclusive(async () => {
      try {
        return await this.#elect(request)
      } catch (error) {
        if (error instanceof FiresteelError) throw error
        if (isDenied(error)) throw unavailable(error, this.#options.directory)
        const code = isDiskFull(error) ? 'STORE_FULL' : 'STORE_UNAVAILABLE'
        return { kind: 'refused', code, reason: reasonOf(error) }
      }
    })
  }

  async read(
    fence: Fence,
    writeId: string | undefined,
    table: Table,
    cursor: string | undefined,
  ): Promise<Page> {
    const held = this.#holding(fence)
    const hasMoved = () => writeId !== undefined && held?.writeId !== writeId
    if (held === undefined || hasMoved() || held.failed !== undefined) return { kind: 'moved' }
    let deposed: Deposed | Rewound | undefined
    try {
      deposed = await this.#lookForHigher(held)
    } catch (error) {
      throw unavailable(error, this.#options.directory)
    }
    if (deposed !== undefined || hasMoved()) return { kind: 'moved' }
    // All pages of a table come from one snapshot.
    const rows = (cursor === undefined ? undefined : this.#pages.get(table)) ?? [...held.records.rows(table)]
    const { readPage = limits.readPage } = this.#options
    const from = Number(cursor ?? 0)
    const records: [string, unknown][] = []
    const texts: string[] = []
    let bytes = 0
    for (const [id, json] of rows.slice(from, from + readPage)) {
      if (records.length > 0 && bytes + json.length > limits.readPageBytes) break
      records.push([id, JSON.parse(json)])
      texts.push(json)
      bytes += json.length
    }
    const to = from + records.length
    if (to < rows.length) {
      this.#pages.set(table, rows)
      return { kind: 'page', records, texts, cursor: String(to) }
    }
    this.#pages.delete(table)
    return { kind: 'page', records, texts, cursor: undefined }
  }

  async touch(fence: Fence, _lock: string, prev?: string): Promise<CommitOutcome> {
    try {
      const held = this.#holding(fence)
      if (held === undefined) return await this.#outcomeUnheld(fence)
      if (held.failed !== undefined) return { kind: 'failed', reason: held.failed }
      const found = (await this.#lookForHigher(held)) ?? compareHeld(held, fence, prev)
      if (found.kind === 'deposed' || found.kind === 'rewound') return found
      // The agent's own touch is the sign of life, so a commit need not write one.
      if (prev === undefined) {
        await this.#files.renew(this.#folders.path(fence.epoch, 'alive'), this.#options.nowMs())
      }
      return { kind: 'ok', position: held.position }
    } catch (error) {
      return unknown(error)
    }
  }

  commit(fence: Fence, request: CommitRequest): Promise<CommitOutcome> {
    return this.#exclusive(async () => {
      try {
        return await this.#commit(fence, request)
      } catch (error) {
        return unknown(error)
      }
    })
  }

  leave(fence: Fence): Promise<void> {
    return this.#exclusive(async () => {
      const held = this.#holding(fence)
      if (held === undefined) return
      // No fsync: this is a hint that saves the next leader a wait of one lease.
      await this.#files.renew(this.#folders.path(fence.epoch, 'left'), this.#options.nowMs())
    })
  }

  async quarantined(): Promise<readonly Quarantined[]> {
    try {
      return await this.#quarantine.entries()
    } catch (error) {
      throw unavailable(error, this.#options.directory)
    }
  }

  close(): Promise<void> {
    return this.#exclusive(() => this.#release())
  }

  async #elect(request: ElectRequest): Promise<ElectOutcome> {
    const { seen, me, observedEpoch } = request
    const highest = await this.#folders.highest()
    const stored = { kind: 'changed' as const, epoch: highest, owner: await this.#ownerOf(highest) }
    const held = this.#held
    if (held !== undefined && held.fence.owner === me && held.fence.epoch === highest) return electedOf(held)
    // An own folder that was never finished, after a failed try, does not count.
    const asSeen = stored.epoch === (seen?.epoch ?? 0) && stored.owner === (seen?.owner ?? '')
    if (stored.owner !== me && !asSeen) return stored
    await this.#checkStore()
    if (((await this.#loadSeen())?.format ?? request.format) !== request.format) return stored
    const epoch = Math.max(highest, observedEpoch) + 1
    if (!(await this.#makeEpoch(epoch))) return this.#changed()
    const store = await this.#fill({ epoch, owner: me }, request)
    if (store === undefined) return this.#changed()
    const now = await this.#lookAfterBegin(store)
    if (now !== undefined) return now
    await this.#release()
    this.#held = store
    this.#seen = undefined
    await this.#removeOlder(epoch)
    return electedOf(store)
  }

  /** Exclusive. False if another process was first. */
  async #makeEpoch(epoch: number): Promise<boolean> {
    await this.#files.makeFolders(this.#options.directory)
    try {
      await this.#files.makeFolder(this.#folders.path(epoch))
      return true
    } catch (error) {
      if (systemCodeOf(error) === 'EEXIST') return false
      throw error
    }
  }

  /**
   * Makes a new folder a finished epoch. A failed try leaves nothing that fills the disk. Undefined: the
   * format was raised since the candidate looked.
   */
  async #fill(
    fence: Fence,
    { address, lock, writeId, protocols, format: version }: ElectRequest,
  ): Promise<EpochStore | undefined> {
    const { epoch, owner } = fence
    const { format, cluster } = this.#expected
    const identity = { format, version, cluster }
    try {
      await this.#folders.writeOwner(epoch, {
        ...identity,
        owner,
        address,
        lock,
        ...(protocols !== undefined && { protocols }),
        ...this.#processes.self(),
      })
      await this.#files.renew(this.#folders.path(epoch, 'alive'), this.#options.nowMs())
      await synced(this.#files.syncFolder(this.#options.directory))
      // Read only now: a leader that committed before it saw our folder has its writes in what we read.
      const loaded = await loadNewest(this.#files, this.#folders, this.#expected, epoch)
      if (loaded === undefined || loaded.format === version)
        return await this.#begin(fence, writeId, loaded, identity)
      await this.#files.remove(this.#folders.path(epoch))
      return undefined
    } catch (error) {
      await this.#files.remove(this.#folders.path(epoch)).catch(() => {})
      throw error
    }
  }

  async #begin(
    fence: Fence,
    writeId: string,
    loaded: Loaded | undefined,
    identity: Identity,
  ): Promise<EpochStore> {
    const records = loaded?.records ?? new RecordTables()
    const unreadable = await takeUnreadable(records, this.#options.schemas, loaded?.epoch ?? 0)
    const aside: Aside[] = [...(loaded?.aside ?? []), ...unreadable]
    if (aside.length > 0) await this.#quarantine.write(fence.epoch, aside)
    for (const { place, reason } of aside) this.#options.onWarning(place, reason)
    const { journalBytes = limits.journalBytes, onWarning } = this.#options
    return EpochStore.begin({
      files: this.#files,
      folders: this.#folders,
      identity,
      fence,
      base: loaded?.position ?? { epoch: 0, seq: 0 },
      writeId,
      records,
      journalBytes,
      onWarning,
    })
  }

  async #lookAfterBegin(store: EpochStore): Promise<ElectOutcome | undefined> {
    try {
      if ((await this.#folders.highest()) === store.fence.epoch) return undefined
      await store.close()
      return await this.#changed()
    } catch (error) {
      await store.close().catch(() => {})
      throw error
    }
  }

  async #changed(): Promise<ElectOutcome> {
    const epoch = await this.#folders.highest()
    return { kind: 'changed', epoch, owner: await this.#ownerOf(epoch) }
  }

  /** Checks, before anything is written, that everything in the folder is ours. */
  async #checkStore(): Promise<void> {
    for (const epoch of await this.#folders.epochs()) {
      const owner = await this.#folders.readOwner(epoch)
      if (owner !== undefined) checkIdentity(owner, this.#expected, this.#folders.path(epoch))
      else await loadNewest(this.#files, this.#folders, this.#expected, epoch + 1)
    }
  }

  async #commit(fence: Fence, request: CommitRequest): Promise<CommitOutcome> {
    const held = this.#holding(fence)
    if (held === undefined) return this.#outcomeUnheld(fence)
    if (held.failed !== undefined) return { kind: 'failed', reason: held.failed }
    const found = compareHeld(held, fence, request.prev, request.writeId)
    if (found.kind === 'deposed' || found.kind === 'rewound') return found
    if (found.kind === 'go') {
      // It begins a file, and the folder of a deposed leader may be gone.
      const higher = request.format === undefined ? undefined : await this.#lookForHigher(held)
      if (higher !== undefined) return higher
      const done = await held.commit(request)
      if (done !== 'durable') return done
    }
    // After the fsync, never before: a check before it lost acknowledged writes (protocol 14).
    const higher = await this.#lookForHigher(held)
    if (higher !== undefined) return higher
    void this.#exclusive(() => held.rotateIfLarge())
    return { kind: found.kind === 'go' ? 'ok' : 'duplicate', position: held.position }
  }

  /** What is above the epoch that this process leads, or below it if somebody removed our folder. */
  async #lookForHigher(held: EpochStore): Promise<Deposed | Rewound | undefined> {
    const highest = await this.#folders.highest()
    if (highest === held.fence.epoch) return undefined
    if (highest > held.fence.epoch) {
      return { kind: 'deposed', epoch: highest, owner: await this.#ownerOf(highest) }
    }
    return { kind: 'rewound', position: { epoch: highest, seq: 0 }, writeId: '' }
  }

  /** The outcome for a fence whose files this process does not hold. */
  async #outcomeUnheld(fence: Fence): Promise<Deposed | Rewound | Failed> {
    const record = await this.#readLeader()
    if (record === undefined) return { kind: 'rewound', position: { epoch: 0, seq: 0 }, writeId: '' }
    const found = compareFence({ ...record, seq: record.position.seq }, fence)
    if (found.kind === 'deposed' || found.kind === 'rewound') return found
    return { kind: 'failed', reason: 'the files of this epoch are not open in this process' }
  }

  async #readLeader(): Promise<LeaderRecord | undefined> {
    const epoch = await this.#folders.highest()
    if (epoch === 0) return undefined
    const owner = await this.#folders.readOwner(epoch)
    const held = this.#held?.fence.epoch === epoch ? this.#held : undefined
    const { protocols } = owner ?? (await this.#folders.ownerBelow(epoch)) ?? {}
    const stands = held ?? (await this.#loadSeen())
    const format = stands?.format ?? owner?.version
    return {
      epoch,
      owner: owner?.owner ?? '',
      address: owner?.address ?? '',
      lock: owner?.lock ?? '',
      ...(protocols !== undefined && { protocols }),
      ...(format !== undefined && { format }),
      position: stands?.position ?? { epoch: 0, seq: 0 },
      writeId: stands?.writeId ?? '',
      base: stands?.base ?? { epoch: 0, seq: 0 },
      touchedMs: (await this.#modifiedMs(epoch, 'alive')) ?? 0,
      left: (await this.#modifiedMs(epoch, 'left')) !== undefined,
      ownerGone: owner !== undefined && this.#processes.isGone(owner),
    }
  }

  /** The newest finished epoch. It is read again only when a file has changed its size. */
  async #loadSeen(): Promise<Loaded | undefined> {
    const sizes = await this.#sizes()
    if (sizes === undefined || this.#seen?.sizes !== sizes) {
      const loaded = await loadNewest(this.#files, this.#folders, this.#expected, Number.POSITIVE_INFINITY)
      this.#seen = { sizes: sizes ?? '', loaded }
    }
    return this.#seen?.loaded
  }

  async #sizes(): Promise<string | undefined> {
    const sizes: string[] = []
    try {
      for (const epoch of await this.#folders.epochs()) {
        for (const name of (await this.#files.list(this.#folders.path(epoch))).sort()) {
          sizes.push(`${epoch}/${name} ${await this.#files.sizeBytes(this.#folders.path(epoch, name))}`)
        }
      }
      return sizes.join('\n')
    } catch (error) {
      if (isMissing(error)) return undefined
      throw error
    }
  }

  async #modifiedMs(epoch: number, name: string): Promise<number | undefined> {
    try {
      return await this.#files.modifiedMs(this.#folders.path(epoch, name))
    } catch (error) {
      if (isMissing(error)) return undefined
      throw error
    }
  }

  async #ownerOf(epoch: number): Promise<string> {
    return epoch === 0 ? '' : ((await this.#folders.readOwner(epoch))?.owner ?? '')
  }

  /** Our epoch is finished, and was still the highest afterwards: nobody reads the older ones any more. */
  async #removeOlder(epoch: number): Promise<void> {
    try {
      for (const older of await this.#folders.epochs()) {
        if (older < epoch) await this.#files.remove(this.#folders.path(older))
      }
    } catch (error) {
      this.#options.onWarning(this.#options.directory, `old files stay: ${reasonOf(error)}`)
    }
  }

  #holding(fence: Fence): EpochStore | undefined {
    const held = this.#held
    return held?.fence.epoch === fence.epoch && held.fence.owner === fence.owner ? held : undefined
  }

  async #release(): Promise<void> {
    const held = this.#held
    this.#held = undefined
    this.#pages.clear()
    // Everything in it is durable. A close that fails changes nothing.
    await held?.close().catch(() => {})
  }

  #exclusive<T>(run: () => Promise<T>): Promise<T> {
    const result = this.#last.then(run)
    this.#last = result.catch(() => {})
    return result
  }
}

function electedOf(store: EpochStore): Elected {
  return { kind: 'elected', ...store.fence, base: store.base, writeId: store.writeId }
}

function compareHeld(held: EpochStore, fence: Fence, prev?: string, writeId?: string) {
  return compareFence({ ...held.fence, seq: held.position.seq, writeId: held.writeId }, fence, prev, writeId)
}

function unknown(error: unknown): Unknown {
  return { kind: 'unknown', reason: reasonOf(error) }
}

const isDenied = (error: unknown): boolean => isFiresteelError(systemError(error), 'FILE_DENIED')

function unavailable(error: unknown, place: string): unknown {
  if (error instanceof FiresteelError) return error
  if (isDenied(error)) {
    return new FiresteelError(
      'STORE_DENIED',
      `The folder of the state cannot be used: ${systemError(error)?.message}`,
      {
        place,
        help: 'Give this user the right to write there, or name another folder (`recovery.directory`).',
        cause: error,
      },
    )
  }
  return new FiresteelError('STORE_UNAVAILABLE', `${place}: ${reasonOf(error)}`, { place, cause: error })
}
