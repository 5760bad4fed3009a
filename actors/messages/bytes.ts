import { Buffer } from 'node:buffer'
import { FiresteelError, isFiresteelError } from '../../runtime/errors.js'

/** Reads one frame with bounds checks. Throws nothing but FRAME_INVALID. */
export class ByteReader {
  readonly #bytes: Buffer
  #at = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.isBuffer(bytes)
      ? bytes
      : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  get remaining(): number {
    return this.#bytes.length - this.#at
  }

  u8(): number {
    return this.#bytes[this.#advance(1)] as number
  }

  u32(): number {
    return this.#bytes.readUInt32LE(this.#advance(4))
  }

  /** A count of tasks or bytes: whole, not negative, at most 2^53 - 1. */
  safeInteger(): number {
    const value = this.#bytes.readDoubleLE(this.#advance(8))
    if (!Number.isSafeInteger(value) || value < 0) throw invalid(`${value} is not a count`)
    return value
  }

  flag(): boolean {
    const value = this.u8()
    if (value > 1) throw invalid(`${value} is not a flag`)
    return value === 1
  }

  text(): string {
    const length = this.u32()
    const start = this.#advance(length)
    return this.#bytes.toString('utf8', start, start + length)
  }

  /** Returns a view, not a copy. */
  bytes(length: number): Buffer {
    const start = this.#advance(length)
    return this.#bytes.subarray(start, start + length)
  }

  /**
   * The number of entries that follow, each of at least `entryBytes`. A false count is found before any
   * allocation.
   */
  count(entryBytes: number): number {
    const count = this.u32()
    if (count * entryBytes > this.remaining) throw invalid(`${count} entries do not fit the frame`)
    return count
  }

  #advance(length: number): number {
    const start = this.#at
    if (length > this.#bytes.length - start) throw invalid(`it ends ${length} bytes too early`)
    this.#at = start + length
    return start
  }
}

export function invalid(why: string): FiresteelError {
  return new FiresteelError('FRAME_INVALID', `A task frame cannot be read: ${why}.`)
}

/**
 * Receives a frame. FRAME_INVALID is thrown on and costs the sender its link. Any other error is a defect of
 * this program, for which no link is cut.
 */
export function receiveFrame(receive: () => void, onDefect: (error: unknown) => void): void {
  try {
    receive()
  } catch (error) {
    if (isFiresteelError(error, 'FRAME_INVALID')) throw error
    onDefect(error)
  }
}

/** Writes one frame of a known size. */
export class ByteWriter {
  readonly bytes: Buffer
  #at = 0

  /** `own`: the memory is not shared, so that it can be transferred to another thread. */
  constructor(size: number, own = false) {
    this.bytes = own ? Buffer.allocUnsafeSlow(size) : Buffer.allocUnsafe(size)
  }

  u8(value: number): this {
    this.bytes[this.#at++] = value
    return this
  }

  u32(value: number): this {
    this.#at = this.bytes.writeUInt32LE(value, this.#at)
    return this
  }

  safeInteger(value: number): this {
    this.#at = this.bytes.writeDoubleLE(value, this.#at)
    return this
  }

  raw(value: Uint8Array): this {
    this.bytes.set(value, this.#at)
    this.#at += value.byteLength
    return this
  }

  text(value: Uint8Array): this {
    return this.u32(value.byteLength).raw(value)
  }
}
