import { Buffer } from 'node:buffer'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { FiresteelError } from '../../errors.js'
import { codeFileError, fileBreather, moveAway, newUnfinished, removeTree } from '../cache-files.js'
import type { CollectOptions } from '../collect.js'
import { hashFile } from '../hash-file.js'
import { readManifest } from '../manifest.js'
import { DraftFiles, type Written, type WrittenPiece } from './draft-files.js'
import { FileReading, type ReadPieces, type WantedFile } from './file-reading.js'

/** What a folder of code consists of, as it travels between threads. */
export interface CollectedText {
  readonly id: string
  readonly text: Uint8Array
  readonly sources: readonly string[]
}

/**
 * All that is done to files of code. Orders block their thread for a slice of work at most, and what one
 * order needs of an earlier one is known by a number that the caller gives.
 */
export class DiskOrders {
  readonly #drafts = new Map<number, DraftFiles>()
  readonly #readings = new Map<number, FileReading>()

  /** Throws CODE_TOO_LARGE, CODE_UNREADABLE, CODE_MODULE_MISSING. */
  async collect(options: CollectOptions): Promise<CollectedText> {
    const { collectCode } = await import('../collect.js')
    const { manifest, sources } = await collectCode(options)
    return { id: manifest.id, text: manifest.text, sources }
  }

  /** Makes the folder of a draft below `root`. Throws DISK_FULL, FILE_DENIED. */
  async begin(draft: number, root: string, id: string, text: Uint8Array): Promise<void> {
    const manifest = await readManifest(Buffer.from(text.buffer, text.byteOffset, text.byteLength), id)
    try {
      this.#drafts.set(draft, new DraftFiles(newUnfinished(root, id), manifest))
    } catch (error) {
      throw codeFileError(error, root)
    }
  }

  /** Returns the places that are lacking. */
  async fill(draft: number, others: readonly string[], localRoot: string | undefined): Promise<number[]> {
    return this.#draft(draft).fill(others, localRoot)
  }

  write(draft: number, pieces: readonly WrittenPiece[], bytes: Uint8Array<ArrayBuffer>): Written {
    return this.#draft(draft).write(pieces, bytes)
  }

  drop(draft: number, places: readonly number[] | undefined): void {
    this.#draft(draft).drop(places)
  }

  /** Throws DISK_FULL, FILE_DENIED. */
  seal(draft: number, target: string, boot: string): void {
    try {
      this.#draft(draft).seal(target, boot)
    } catch (error) {
      throw codeFileError(error, target)
    }
    this.#drafts.delete(draft)
  }

  async abandon(draft: number): Promise<void> {
    const files = this.#drafts.get(draft)
    this.#drafts.delete(draft)
    await files?.abandon()
  }

  read(reading: number, files: readonly WantedFile[]): ReadPieces {
    const known = this.#readings.get(reading) ?? new FileReading()
    this.#readings.set(reading, known)
    return known.next(files)
  }

  closeReading(reading: number): void {
    this.#readings.get(reading)?.close()
    this.#readings.delete(reading)
  }

  /** Throws CODE_INVALID or CODE_UNREADABLE unless the files of a code are what its manifest says. */
  async check(folder: string, id: string): Promise<void> {
    const breather = fileBreather()
    for (const { path, hash } of (await readManifest(readFileSync(join(folder, 'manifest')), id)).files) {
      const found = await hashFile(join(folder, 'files', path), breather)
      if (found.hash !== hash) throw new FiresteelError('CODE_INVALID', `${path} has changed`)
    }
  }

  /** Removes a folder and all in it. */
  async clear(folder: string): Promise<void> {
    await removeTree(folder)
  }

  /** Removes a code of the cache. */
  async remove(root: string, id: string): Promise<void> {
    await moveAway(root, id)
  }

  #draft(draft: number): DraftFiles {
    const known = this.#drafts.get(draft)
    if (known) return known
    throw new FiresteelError('INTERNAL', 'The thread for files of code does not know this draft.')
  }
}
