import { createHash } from 'node:crypto'
import { chmod, type FileHandle, open, unlink } from 'node:fs/promises'
import { FiresteelError } from '../errors.js'
import { codeFileError } from './cache-files.js'
import type { CodeFile } from './manifest.js'

/** Writes one file as its pieces come, in order, and checks it at its end. */
export class IncomingFile {
  readonly #path: string
  readonly #file: CodeFile
  readonly #whenWhole: () => Promise<void>
  readonly #hash = createHash('sha256')
  #received = 0
  #handle: FileHandle | undefined

  constructor(path: string, file: CodeFile, whenWhole: () => Promise<void>) {
    this.#path = path
    this.#file = file
    this.#whenWhole = whenWhole
  }

  /** Rejects with CODE_INVALID, DISK_FULL or FILE_DENIED. */
  async write(piece: Uint8Array): Promise<void> {
    this.#received += piece.byteLength
    if (this.#received > this.#file.bytes) throw this.#wrong(`more than its ${this.#file.bytes} bytes came`)
    this.#hash.update(piece)
    try {
      this.#handle ??= await open(this.#path, 'wx', 0o644)
      for (let from = 0; from < piece.byteLength; ) {
        const { bytesWritten } = await this.#handle.write(piece, from, piece.byteLength - from)
        from += bytesWritten
      }
    } catch (error) {
      throw codeFileError(error, this.#path)
    }
  }

  /** Rejects with CODE_INVALID unless its content is what the manifest says. */
  async end(): Promise<void> {
    try {
      this.#handle ??= await open(this.#path, 'wx', 0o644)
      await this.#close()
      if (this.#received !== this.#file.bytes)
        throw this.#wrong(`${this.#received} of its ${this.#file.bytes} bytes came`)
      if (this.#hash.digest('hex') !== this.#file.hash) throw this.#wrong('its content has another hash')
      await chmod(this.#path, this.#file.executable ? 0o555 : 0o444)
      await this.#whenWhole()
    } catch (error) {
      throw codeFileError(error, this.#path)
    }
  }

  /** It will not come whole from here, and may come from elsewhere. */
  async abandon(): Promise<void> {
    await this.#close()
    await unlink(this.#path).catch(() => undefined)
  }

  async #close(): Promise<void> {
    const handle = this.#handle
    this.#handle = undefined
    await handle?.close()
  }

  #wrong(why: string): FiresteelError {
    const { path } = this.#file
    return new FiresteelError('CODE_INVALID', `${path} of a code is refused: ${why}.`, { place: path })
  }
}
