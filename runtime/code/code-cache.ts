import { chmod, mkdir, readdir, readFile, stat, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { FiresteelError, reasonOf } from '../errors.js'
import { limits } from '../limits.js'
import type { Log } from '../observe/log.js'
import { bytesText } from '../pages/words.js'
import { bootId } from '../process/boot-id.js'
import { codeFileError, UNFINISHED } from './cache-files.js'
import { type CachedCode, codesToRemove } from './cache-plan.js'
import { codeDisk } from './code-disk.js'
import { CodeDraft } from './code-draft.js'
import { isCodeId, type Manifest, readManifest } from './manifest.js'
import { type LentManifest, SharedManifests } from './shared-manifests.js'

export interface CodeCacheOptions {
  /** Of this Worker alone. It is made if it is missing. */
  readonly folder: string
  /** Work reads it as another user than ours. */
  readonly isShared?: boolean
  readonly maxBytes: number
  readonly log: Log
  readonly wallMs: () => number
}

interface Entry extends CachedCode {
  usedAtMs: number
  readonly files: number
  /** It was made, or checked, since the machine started. */
  checked: boolean
  /** Set while it is being checked. */
  checking?: Promise<boolean> | undefined
}

/** What `firesteel code ls` shows of one code. */
export interface CodeRow extends CachedCode {
  readonly files: number
  readonly held: boolean
}

/** The code that a Worker keeps: one folder for each manifest, whole and read-only. */
export class CodeCache {
  readonly #options: CodeCacheOptions
  readonly #entries = new Map<string, Entry>()
  readonly #manifests = new SharedManifests((id) => this.#manifest(id), limits.codeManifestsBytes)
  #boot = ''
  #opened: Promise<void> | undefined

  constructor(options: CodeCacheOptions) {
    this.#options = options
  }

  get maxBytes(): number {
    return this.#options.maxBytes
  }

  /** Reads what is there, and clears what was never finished. Rejects with DISK_FULL, FILE_DENIED. */
  open(): Promise<void> {
    this.#opened ??= this.#read()
    return this.#opened
  }

  get ids(): readonly string[] {
    return [...this.#entries.keys()]
  }

  /** The folder with the files of a code. */
  filesOf(id: string): string {
    return join(this.#options.folder, id, 'files')
  }

  /** True: the code is whole here. It is read once more if the machine has started since it was. */
  async has(id: string): Promise<boolean> {
    await this.open()
    const entry = this.#entries.get(id)
    if (!entry) return false
    if (!entry.checked && !(await this.#checkOnce(entry))) return false
    await this.#touch(entry)
    return this.#entries.has(id)
  }

  /** It rejects with CODE_MISSING. `cut`: its bytes are needed for others. */
  lend(id: string, cut: (detail: string) => void): LentManifest {
    return this.#manifests.lend(id, cut)
  }

  async #manifest(id: string): Promise<Manifest> {
    await this.open()
    if (!this.#entries.has(id)) throw new FiresteelError('CODE_MISSING', `The code ${id} is not here.`)
    return readManifest(await readFile(join(this.#options.folder, id, 'manifest')), id)
  }

  /** Rejects with CODE_TOO_LARGE, DISK_FULL, FILE_DENIED. */
  async begin(manifest: Manifest): Promise<CodeDraft> {
    const { folder, maxBytes } = this.#options
    await this.open()
    if (manifest.bytes > maxBytes) {
      const message = `The code has ${bytesText(manifest.bytes)}, and this Worker keeps ${bytesText(maxBytes)} at most (code.maxBytes).`
      throw new FiresteelError('CODE_TOO_LARGE', message)
    }
    return CodeDraft.begin(codeDisk, folder, manifest)
  }

  /** Folders of the codes that were used last: a new one differs from one of them in a few files. */
  recent(count: number): string[] {
    const newest = [...this.#entries.values()].sort((a, b) => b.usedAtMs - a.usedAtMs)
    return newest.slice(0, count).map(({ id }) => join(this.#options.folder, id))
  }

  /** Makes a draft visible, in one step. */
  async finish(draft: CodeDraft): Promise<void> {
    const { id, bytes, files } = draft.manifest
    await draft.seal(join(this.#options.folder, id), this.#boot)
    this.#entries.set(id, {
      id,
      bytes,
      files: files.length,
      usedAtMs: this.#options.wallMs(),
      checked: true,
    })
  }

  rows(isHeld: (id: string) => boolean): CodeRow[] {
    return [...this.#entries.values()].map(({ id, bytes, files, usedAtMs }) => ({
      id,
      bytes,
      files,
      usedAtMs,
      held: isHeld(id),
    }))
  }

  /** Removes what is old or too much. Returns what went. */
  async collect(isHeld: (id: string) => boolean): Promise<string[]> {
    await this.open()
    const { maxBytes, wallMs } = this.#options
    const removed: string[] = []
    for (const id of codesToRemove([...this.#entries.values()], isHeld, wallMs(), { maxBytes })) {
      if (!isHeld(id) && (await this.remove(id))) removed.push(id)
    }
    return removed
  }

  /** False: it is not here, or cannot be removed. */
  async remove(id: string): Promise<boolean> {
    if (!this.#entries.delete(id)) return false
    try {
      await codeDisk.run('remove', [this.#options.folder, id])
      return true
    } catch (error) {
      this.#options.log.warn('a code could not be removed', { id, reason: reasonOf(error) })
      return false
    }
  }

  async #read(): Promise<void> {
    const { folder, log } = this.#options
    try {
      const mode = this.#options.isShared ? 0o711 : 0o700
      await mkdir(folder, { recursive: true, mode })
      await chmod(folder, mode)
      const unfinished = join(folder, UNFINISHED)
      const left = await readdir(unfinished).catch(() => [])
      if (left.length > 0) await codeDisk.run('clear', [unfinished])
    } catch (error) {
      throw codeFileError(error, folder)
    }
    // What was written before a loss of power may not be what is on the disk.
    this.#boot = bootId()
    for (const name of await readdir(folder)) {
      if (!isCodeId(name)) continue
      const entry = await this.#readEntry(name)
      if (entry) this.#entries.set(name, entry)
      else {
        log.warn('a code in the cache is damaged, and is removed', { id: name })
        await codeDisk.run('remove', [folder, name]).catch(() => undefined)
      }
    }
  }

  async #readEntry(id: string): Promise<Entry | undefined> {
    const path = join(this.#options.folder, id, 'meta.json')
    try {
      const meta = JSON.parse(await readFile(path, 'utf8')) as Record<string, unknown>
      const { bytes, files, boot } = meta
      if (!Number.isSafeInteger(bytes) || !Number.isSafeInteger(files)) return undefined
      const usedAtMs = (await stat(path)).mtimeMs
      const checked = boot === this.#boot && this.#boot !== ''
      return { id, bytes: bytes as number, files: files as number, usedAtMs, checked }
    } catch {
      return undefined
    }
  }

  /** However many ask for it. */
  #checkOnce(entry: Entry): Promise<boolean> {
    entry.checking ??= this.#check(entry).finally(() => {
      entry.checking = undefined
    })
    return entry.checking
  }

  /** A loss of power may have left other bytes on the disk than were written. */
  async #check(entry: Entry): Promise<boolean> {
    const { folder, log } = this.#options
    const { id, bytes, files } = entry
    try {
      await codeDisk.run('check', [join(folder, id), id])
      await writeFile(join(folder, id, 'meta.json'), JSON.stringify({ bytes, files, boot: this.#boot }))
      entry.checked = true
      return true
    } catch (error) {
      log.warn('a code in the cache is damaged, and is removed', { id, reason: reasonOf(error) })
      await this.remove(id)
      return false
    }
  }

  async #touch(entry: Entry): Promise<void> {
    const nowMs = this.#options.wallMs()
    if (nowMs - entry.usedAtMs < limits.codeGraceMs / 10) return
    entry.usedAtMs = nowMs
    const now = new Date(nowMs)
    // It only says when it was used.
    await utimes(join(this.#options.folder, entry.id, 'meta.json'), now, now).catch(() => undefined)
  }
}
