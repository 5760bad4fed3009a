import { Breather } from '../../breather.js'
import { FiresteelError } from '../../errors.js'
import { requireHeap } from '../../heap.js'
import { innerLimits } from '../../inner-limits.js'
import { limits } from '../../limits.js'
import type { Position } from '../engine.js'
import { RecordTables } from '../record-tables.js'
import { requireFormat } from '../store-format.js'
import { type BadBytes, readBlocks } from './block.js'
import { checkIdentity, type EpochFolders } from './epoch-folders.js'
import { type FileOps, isMissing } from './file-ops.js'
import { decodePayload, type Expected, type Identity, type Payload } from './payload.js'
import type { Aside } from './quarantine.js'

/** What a finished epoch holds. */
export interface Loaded {
  readonly epoch: number
  readonly records: RecordTables
  readonly position: Position
  readonly writeId: string
  readonly base: Position
  /** Of the store: the highest that a file names. */
  readonly format: number
  readonly aside: readonly Aside[]
}

/** A folder may vanish or change under the reader this often before that is an error. */
const tries = innerLimits.folderReads

/**
 * The newest finished epoch below `below`; undefined if there is none. Throws for a file that is not ours.
 */
export async function loadNewest(
  files: FileOps,
  folders: EpochFolders,
  expected: Expected,
  below: number,
): Promise<Loaded | undefined> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      for (const epoch of (await folders.epochs()).reverse()) {
        if (epoch >= below) continue
        const names = await files.list(folders.path(epoch))
        const generation = Math.max(0, ...numbered(names, 'snapshot'))
        if (generation === 0) continue
        const snapshot = folders.path(epoch, `snapshot-${generation}`)
        requireHeap(await files.sizeBytes(snapshot), snapshot)
        const reader = new FolderReader(files, folders, expected, epoch)
        return await reader.load(names, generation, attempt === tries)
      }
      return undefined
    } catch (error) {
      // Its owner wrote a newer snapshot, or a newer leader removed it. The next listing shows either.
      if (!isMissing(error) || attempt === tries) throw error
    }
  }
}

export function numbered(names: readonly string[], kind: 'snapshot' | 'journal'): number[] {
  const numbers: number[] = []
  for (const name of names) {
    const digits = new RegExp(`^${kind}-([1-9]\\d*)$`).exec(name)?.[1]
    if (digits !== undefined) numbers.push(Number(digits))
  }
  return numbers.sort((a, b) => a - b)
}

class FolderReader {
  readonly #files: FileOps
  readonly #folders: EpochFolders
  readonly #expected: Expected
  readonly #epoch: number
  readonly #records = new RecordTables()
  readonly #aside: Aside[] = []
  readonly #breather = new Breather(limits.recoveryRecords, limits.recoveryRecordBytes)
  #blocks = 0
  #seq = 0
  #writeId = ''
  #base: Position | undefined
  #sawEnd = false
  #format = 0
  #torn: Aside | undefined

  constructor(files: FileOps, folders: EpochFolders, expected: Expected, epoch: number) {
    this.#files = files
    this.#folders = folders
    this.#expected = expected
    this.#epoch = epoch
  }

  async load(names: readonly string[], generation: number, lastTry: boolean): Promise<Loaded> {
    const owner = await this.#folders.readOwner(this.#epoch)
    if (owner !== undefined) this.#identified(owner)
    await this.#loadFile(`snapshot-${generation}`)
    if (!this.#sawEnd)
      this.#aside.push(this.#asideOf(`snapshot-${generation}`, 'the end of the snapshot is missing', ''))
    const journals = numbered(names, 'journal').filter((number) => number >= generation)
    if (journals[0] !== generation) {
      // A snapshot gets its name after its journal was made. So it has just been replaced, or somebody
      // removed a file.
      if (!lastTry) throw Object.assign(new Error('the journal has vanished'), { code: 'ENOENT' })
      this.#aside.push(this.#asideOf(`journal-${generation}`, 'the journal is missing', ''))
    }
    for (const journal of journals) await this.#loadFile(`journal-${journal}`)
    const place = this.#folders.path(this.#epoch)
    if (this.#blocks === 0 || (owner === undefined && this.#base === undefined)) {
      throw new FiresteelError('STORE_UNREADABLE', `${place} holds nothing that Firesteel can read`, {
        place,
        help: 'Restore it from a copy, or move it away to begin anew; nothing in it was changed.',
      })
    }
    requireFormat(this.#format, this.#expected.formats, place, place)
    return {
      epoch: this.#epoch,
      records: this.#records,
      position: { epoch: this.#epoch, seq: this.#seq },
      writeId: this.#writeId,
      base: this.#base ?? { epoch: 0, seq: 0 },
      format: this.#format,
      aside: this.#aside,
    }
  }

  async #loadFile(name: string): Promise<void> {
    const file = await this.#files.read(this.#folders.path(this.#epoch, name))
    const bad: BadBytes[] = []
    for (const block of readBlocks(file)) {
      if (!('payload' in block)) {
        bad.push(block)
        continue
      }
      if (this.#breather.isDue(block.payload.byteLength)) await this.#breather.rest()
      this.#blocks += 1
      const payload = decodePayload(block)
      const place = `${name} at ${block.offset}`
      if (this.#torn !== undefined && (payload.kind === 'commit' || block.seq > this.#seq)) {
        // The history continues in a later journal, so the torn one had been complete.
        this.#aside.push(this.#torn)
        this.#torn = undefined
      }
      this.#seq = Math.max(this.#seq, block.seq)
      if (payload.kind !== 'bad') this.#apply(payload, place)
      else this.#aside.push(this.#asideOf(place, payload.reason, block.payload.toString('base64'), 'base64'))
    }
    for (const { offset, end, reason, torn } of bad) {
      const aside = this.#asideOf(
        `${name} at ${offset}`,
        reason,
        file.toString('base64', offset, end),
        'base64',
      )
      // A commit that was still being written. It was never acknowledged, so it is dropped if nothing
      // follows.
      if (torn && name.startsWith('journal')) this.#torn = aside
      else this.#aside.push(aside)
    }
  }

  #apply(payload: Exclude<Payload, { kind: 'bad' }>, place: string): void {
    switch (payload.kind) {
      case 'head':
      case 'end':
        this.#identified(payload)
        // A journal that was begun in vain has an older head.
        if (payload.seq >= this.#seq) this.#writeId = payload.mark
        this.#base = payload.base
        if (payload.kind === 'end') this.#sawEnd = true
        return
      case 'record':
        this.#records.apply([payload.put], [])
        return
      case 'commit':
        this.#writeId = payload.mark
        this.#records.apply(payload.puts, payload.deletes)
        for (const line of payload.bad)
          this.#aside.push(this.#asideOf(place, 'the entry is not understood', line))
        return
    }
  }

  #identified(found: Identity): void {
    checkIdentity(found, this.#expected, this.#folders.path(this.#epoch))
    this.#format = Math.max(this.#format, found.version)
  }

  #asideOf(place: string, reason: string, content: string, encoding: Aside['encoding'] = 'utf8'): Aside {
    return { place: `epoch-${this.#epoch}/${place}`, reason, content, encoding }
  }
}
