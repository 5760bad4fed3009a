import { innerLimits } from '../inner-limits.js'
import type { WrittenPiece } from './disk/draft-files.js'

type Bytes = Buffer<ArrayBuffer>

/** Pieces of files that came in one turn, to be written together. */
export class PieceBatch {
  /** Buffers that were written: a fresh one costs more than what is copied into it. */
  readonly #spare: Bytes[] = []
  #bytes: Bytes | undefined
  #end = 0
  #pieces: WrittenPiece[] = []

  get isEmpty(): boolean {
    return this.#pieces.length === 0
  }

  /** False: it is full, and is to be taken first. A piece has `payloadChunkBytes` at most. */
  add(place: number, bytes: Uint8Array, last: boolean): boolean {
    this.#bytes ??= this.#spare.pop() ?? Buffer.allocUnsafeSlow(innerLimits.codeSliceBytes)
    if (this.#end + bytes.byteLength > this.#bytes.length) return false
    if (this.#pieces.length >= innerLimits.codePieces) return false
    this.#bytes.set(bytes, this.#end)
    this.#end += bytes.byteLength
    this.#pieces.push({ place, bytes: bytes.byteLength, last })
    return true
  }

  /** What was added, in its order. The buffer is larger than its bytes. */
  take(): { readonly pieces: readonly WrittenPiece[]; readonly bytes: Bytes; readonly end: number } {
    const taken = { pieces: this.#pieces, bytes: this.#bytes ?? Buffer.allocUnsafeSlow(0), end: this.#end }
    this.#pieces = []
    this.#bytes = undefined
    this.#end = 0
    return taken
  }

  /** A buffer that was taken, and is written. */
  giveBack({ buffer }: Uint8Array<ArrayBuffer>): void {
    this.#spare.push(Buffer.from(buffer))
  }
}
