import type { FileHandle } from 'node:fs/promises'
import { cutIn } from './cut.js'
import type { Piece } from './pieces.js'

const CHUNK_BYTES = 256 * 1024

/**
 * The bytes of a piece, from the cut at its start to the cut at its end. Two neighbouring tasks agree on the
 * cut between them without messages: it is after the first separator at or after the byte before it.
 */
export async function readPiece(handle: FileHandle, { start, end }: Piece): Promise<Buffer> {
  if (start === 0 && end === Number.POSITIVE_INFINITY) return readWhole(handle)
  const from = Math.max(0, start - 1)
  const source = new Growing(handle, from)
  const first = start === 0 ? 0 : await source.cutFrom(0)
  if (end === Number.POSITIVE_INFINITY) {
    await source.readAll()
    return source.bytes.subarray(first)
  }
  await source.readTo(end - from)
  const last = await source.cutFrom(end - 1 - from)
  return source.bytes.subarray(Math.min(first, last), last)
}

/** Reads by position, because other code may have read from the handle before. */
async function readWhole(handle: FileHandle): Promise<Buffer> {
  const { size } = await handle.stat()
  const source = new Growing(handle, 0)
  // One more byte finds the end in the same read, and also a file that has grown.
  await source.readTo(size + 1)
  await source.readAll()
  return source.bytes
}

/** A file from `from` on. It is read only as far as needed. */
class Growing {
  readonly #handle: FileHandle
  readonly #from: number
  readonly #chunks: Buffer[] = []
  #length = 0
  #hasEnded = false

  constructor(handle: FileHandle, from: number) {
    this.#handle = handle
    this.#from = from
  }

  get bytes(): Buffer {
    if (this.#chunks.length > 1) this.#chunks.splice(0, this.#chunks.length, Buffer.concat(this.#chunks))
    return this.#chunks[0] ?? Buffer.alloc(0)
  }

  /** Index after the first separator from `at` on, or the end. */
  async cutFrom(at: number): Promise<number> {
    let seen = at
    for (;;) {
      const cut = cutIn(this.bytes, seen)
      if (cut >= 0) return cut
      if (this.#hasEnded) return this.#length
      seen = Math.max(seen, this.#length)
      // It reads twice as far each time, so a file without separators is joined a few times, not thousands.
      await this.readTo(this.#length + Math.max(CHUNK_BYTES, this.#length))
    }
  }

  async readTo(length: number): Promise<void> {
    while (!this.#hasEnded && this.#length < length) {
      const wanted = Math.min(length - this.#length, 8 * 1024 * 1024)
      const { bytesRead, buffer } = await this.#handle.read(
        Buffer.allocUnsafe(wanted),
        0,
        wanted,
        this.#from + this.#length,
      )
      if (bytesRead === 0) this.#hasEnded = true
      else this.#chunks.push(buffer.subarray(0, bytesRead))
      this.#length += bytesRead
    }
  }

  async readAll(): Promise<void> {
    while (!this.#hasEnded) await this.readTo(this.#length + CHUNK_BYTES)
  }
}
