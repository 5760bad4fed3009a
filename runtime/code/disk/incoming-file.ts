import { createHash } from 'node:crypto'
import { closeSync, fchmodSync, openSync, unlinkSync, writeSync } from 'node:fs'
import { FiresteelError } from '../../errors.js'
import { codeFileError } from '../cache-files.js'
import type { CodeFile } from '../manifest.js'

/** Writes one file as its pieces come, in order, and checks it at its end. */
export class IncomingFile {
  readonly #path: string
  readonly #file: CodeFile
  readonly #hash = createHash('sha256')
  #received = 0
  #fd: number | undefined

  constructor(path: string, file: CodeFile) {
    this.#path = path
    this.#file = file
  }

  /** Throws CODE_INVALID, DISK_FULL or FILE_DENIED. */
  write(piece: Uint8Array): void {
    this.#received += piece.byteLength
    if (this.#received > this.#file.bytes) throw this.#wrong(`more than its ${this.#file.bytes} bytes came`)
    this.#hash.update(piece)
    try {
      this.#fd ??= openSync(this.#path, 'wx', 0o644)
      for (let from = 0; from < piece.byteLength; )
        from += writeSync(this.#fd, piece, from, piece.byteLength - from)
    } catch (error) {
      throw codeFileError(error, this.#path)
    }
  }

  /** Throws CODE_INVALID unless its content is what the manifest says. */
  end(): void {
    if (this.#received !== this.#file.bytes)
      throw this.#wrong(`${this.#received} of its ${this.#file.bytes} bytes came`)
    if (this.#hash.digest('hex') !== this.#file.hash) throw this.#wrong('its content has another hash')
    try {
      if (this.#fd !== undefined) fchmodSync(this.#fd, this.#file.executable ? 0o555 : 0o444)
      this.#close()
    } catch (error) {
      throw codeFileError(error, this.#path)
    }
  }

  /** It will not come whole from here, and may come from elsewhere. */
  abandon(): void {
    try {
      this.#close()
      unlinkSync(this.#path)
    } catch {
      // It was never made, or the folder goes as a whole.
    }
  }

  #close(): void {
    const fd = this.#fd
    this.#fd = undefined
    if (fd !== undefined) closeSync(fd)
  }

  #wrong(why: string): FiresteelError {
    const { path } = this.#file
    return new FiresteelError('CODE_INVALID', `${path} of a code is refused: ${why}.`, { place: path })
  }
}
