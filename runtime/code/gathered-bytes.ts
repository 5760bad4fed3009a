import { Buffer } from 'node:buffer'
import { PIECE_BYTES } from './code-messages.js'

/** Bytes whose number was announced. They take memory as they come, whatever the sizes of their pieces. */
export class GatheredBytes {
  readonly announced: number
  readonly #chunks: Buffer[] = []
  /** Bytes of the last chunk that are there. */
  #used = 0
  #bytes = 0
  #memory = 0

  constructor(announced: number) {
    this.announced = announced
  }

  get bytes(): number {
    return this.#bytes
  }

  /** Bytes of memory that it takes, which are more than have come. */
  get memory(): number {
    return this.#memory
  }

  get isWhole(): boolean {
    return this.#bytes === this.announced
  }

  /** The bytes are copied. They must not be more than are missing. */
  add(bytes: Buffer): void {
    for (let from = 0; from < bytes.length; ) {
      const chunk = this.#chunkWithSpace()
      const part = bytes.subarray(from, from + chunk.length - this.#used)
      chunk.set(part, this.#used)
      this.#used += part.length
      this.#bytes += part.length
      from += part.length
    }
  }

  /** All bytes, in memory of their own. */
  whole(): Buffer {
    const whole = Buffer.allocUnsafeSlow(this.announced)
    let at = 0
    for (const chunk of this.#chunks.splice(0)) {
      whole.set(chunk, at)
      at += chunk.length
    }
    return whole
  }

  #chunkWithSpace(): Buffer {
    const last = this.#chunks.at(-1)
    if (last !== undefined && this.#used < last.length) return last
    const chunk = Buffer.allocUnsafeSlow(Math.min(PIECE_BYTES, this.announced - this.#bytes))
    this.#chunks.push(chunk)
    this.#memory += chunk.length
    this.#used = 0
    return chunk
  }
}
