import { Buffer } from 'node:buffer'
import { FiresteelError } from '../errors.js'
import { innerLimits } from '../inner-limits.js'
import { limits } from '../limits.js'
import { FRAME_HEADER_BYTES, frameKind, writeFrameHeader } from './frame.js'

/**
 * Frames up to this size are copied, so that many small ones become one buffer of a write. The value is a
 * choice, not a measured optimum.
 */
const COPY_BYTES_MAX = innerLimits.payloadCopyBytes
const SLAB_BYTES = innerLimits.payloadSlabBytes

/** Whole frames, as the buffers to write in turn. */
export interface PayloadItem {
  readonly buffers: readonly Uint8Array[]
  readonly bytes: number
}

interface OpenItem extends PayloadItem {
  buffers: Uint8Array[]
  bytes: number
  /** Where this item begins in the slab; undefined for a large frame. */
  readonly slabStart: number | undefined
}

/**
 * The send queue of payload frames, first in, first out. Large parts are kept by reference, small ones are
 * copied together.
 */
export class PayloadQueue {
  readonly #items: (OpenItem | undefined)[] = []
  #head = 0
  #bytes = 0
  #slab = Buffer.allocUnsafeSlow(0)
  #slabEnd = 0

  get bytes(): number {
    return this.#bytes
  }

  /**
   * Adds one frame. Throws INTERNAL if it has more than `limits.payloadChunkBytes` + `payloadHeaderBytes`.
   */
  push(parts: readonly Uint8Array[]): void {
    let bodyBytes = 0
    for (const part of parts) bodyBytes += part.byteLength
    const bodyLimit = limits.payloadChunkBytes + limits.payloadHeaderBytes
    if (bodyBytes > bodyLimit) {
      throw new FiresteelError(
        'INTERNAL',
        `A payload frame has ${bodyBytes} bytes; at most ${bodyLimit} are allowed.`,
      )
    }
    const frameBytes = FRAME_HEADER_BYTES + bodyBytes
    this.#bytes += frameBytes
    if (frameBytes <= COPY_BYTES_MAX) this.#pushSmall(parts, bodyBytes, frameBytes)
    else this.#pushLarge(parts, bodyBytes, frameBytes)
  }

  #pushLarge(parts: readonly Uint8Array[], bodyBytes: number, frameBytes: number): void {
    const header = Buffer.allocUnsafe(FRAME_HEADER_BYTES)
    writeFrameHeader(header, 0, frameKind.payload, bodyBytes)
    this.#items.push({ buffers: [header, ...parts], bytes: frameBytes, slabStart: undefined })
  }

  /** Takes the oldest frames, to be written as they are. */
  take(): PayloadItem | undefined {
    const item = this.#items[this.#head]
    if (item === undefined) return undefined
    // Frees the item at once: up to a thousand taken places wait for the next splice.
    this.#items[this.#head++] = undefined
    if (this.#head === this.#items.length) {
      this.#items.length = 0
      this.#head = 0
    } else if (this.#head > 1024) {
      this.#items.splice(0, this.#head)
      this.#head = 0
    }
    this.#bytes -= item.bytes
    return item
  }

  clear(): void {
    this.#items.length = 0
    this.#head = 0
    this.#bytes = 0
  }

  #pushSmall(parts: readonly Uint8Array[], bodyBytes: number, frameBytes: number): void {
    if (this.#slabEnd + frameBytes > this.#slab.length) {
      this.#slab = Buffer.allocUnsafeSlow(SLAB_BYTES)
      this.#slabEnd = 0
    }
    const start = this.#slabEnd
    writeFrameHeader(this.#slab, start, frameKind.payload, bodyBytes)
    let end = start + FRAME_HEADER_BYTES
    for (const part of parts) {
      this.#slab.set(part, end)
      end += part.byteLength
    }
    this.#slabEnd = end
    const last = this.#items[this.#items.length - 1]
    // Every small frame becomes the last item or extends it, so an item in this slab ends where ours begins.
    if (last?.slabStart !== undefined && start > 0) {
      last.buffers = [this.#slab.subarray(last.slabStart, end)]
      last.bytes += frameBytes
      return
    }
    this.#items.push({ buffers: [this.#slab.subarray(start, end)], bytes: frameBytes, slabStart: start })
  }
}
