import { Buffer } from 'node:buffer'
import { FiresteelError, reasonOf } from '../errors.js'
import { innerLimits } from '../inner-limits.js'
import { limits } from '../limits.js'
import { BRACKETS_BYTES, FRAME_HEADER_BYTES, frameKind, writeFrameHeader } from './frame.js'
import { excessOf } from './message-bounds.js'

const COMMA = 0x2c
const NEWLINE = 0x0a
const OPENING = 0x5b
const CLOSING = 0x5d
/** What a text needs besides itself: the frame header, two brackets and a separator. */
const EXTRA_BYTES = FRAME_HEADER_BYTES + 4
const UTF8_BYTES_MAX = 3
const SLAB_BYTES = 2 * limits.linkBatchBytes + EXTRA_BYTES
/** A rest of a slab below this size is not used, because it would cut batches short. */
const SLAB_REST_BYTES = innerLimits.batchRestBytes

/**
 * Gathers envelopes into frames `[A,\nB,\nC]`, written straight into slabs that batches share. One frame for
 * many envelopes was measured 1.13 times as fast to write and 1.2 times as fast to read as one frame for
 * each. JSON never writes a line break inside a value, so the reader can take a few envelopes at a time.
 */
export class EnvelopeBatch {
  #slab = EMPTY
  #start = 0
  #end = 0
  readonly #full: Buffer[] = []
  readonly #messageBytes: number
  #fullBytes = 0

  /** `messageBytes` is the most that one envelope may have on this link. */
  constructor(messageBytes: number = limits.nodeMessageBytes) {
    this.#messageBytes = messageBytes
  }

  /** Bytes that were gathered and not taken yet. */
  get bytes(): number {
    return this.#fullBytes + (this.#end - this.#start)
  }

  /**
   * Adds one envelope and returns its bytes. Throws MESSAGE_TOO_LARGE if the other side would cut the link
   * for it, or if it is not JSON; then nothing is gathered.
   */
  add(envelope: object): number {
    const text = toJson(envelope)
    const most = text.length * UTF8_BYTES_MAX + EXTRA_BYTES
    return most > SLAB_BYTES ? this.#addLarge(text) : this.#addSmall(text, most)
  }

  #addSmall(text: string, most: number): number {
    if (this.#end + most > this.#slab.length || this.#end - this.#start > limits.linkBatchBytes) {
      this.#seal()
      this.#renewSlab(most)
    }
    let end = this.#end
    if (end === this.#start) {
      end += FRAME_HEADER_BYTES
      this.#slab[end++] = OPENING
    } else {
      this.#slab[end++] = COMMA
      this.#slab[end++] = NEWLINE
    }
    const bytes = this.#slab.write(text, end)
    this.#end = end + bytes
    return bytes
  }

  /** Takes the frames that were gathered, in order. */
  take(): Buffer[] {
    this.#seal()
    this.#fullBytes = 0
    return this.#full.splice(0)
  }

  #addLarge(text: string): number {
    const bytes = Buffer.byteLength(text)
    if (bytes > this.#messageBytes) throw tooLarge(`${bytes} bytes, over ${this.#messageBytes}`)
    const bodyBytes = bytes + BRACKETS_BYTES
    const frame = Buffer.allocUnsafeSlow(FRAME_HEADER_BYTES + bodyBytes)
    writeFrameHeader(frame, 0, frameKind.envelopes, bodyBytes)
    frame[FRAME_HEADER_BYTES] = OPENING
    frame.write(text, FRAME_HEADER_BYTES + 1)
    frame[frame.length - 1] = CLOSING
    const excess = excessOf(frame, FRAME_HEADER_BYTES + 1, frame.length - 1)
    if (excess !== undefined) throw tooLarge(excess)
    this.#seal()
    this.#full.push(frame)
    this.#fullBytes += frame.length
    return bytes
  }

  #seal(): void {
    if (this.#end === this.#start) return
    this.#slab[this.#end++] = CLOSING
    writeFrameHeader(
      this.#slab,
      this.#start,
      frameKind.envelopes,
      this.#end - this.#start - FRAME_HEADER_BYTES,
    )
    const frame = this.#slab.subarray(this.#start, this.#end)
    this.#full.push(frame)
    this.#fullBytes += frame.length
    this.#start = this.#end
  }

  #renewSlab(neededBytes: number): void {
    const rest = this.#slab.length - this.#end
    if (rest >= neededBytes && rest >= SLAB_REST_BYTES) return
    this.#slab = Buffer.allocUnsafeSlow(SLAB_BYTES)
    this.#start = 0
    this.#end = 0
  }
}

const EMPTY = Buffer.alloc(0)

function tooLarge(why: string, cause?: unknown): FiresteelError {
  return new FiresteelError('MESSAGE_TOO_LARGE', `An envelope cannot be sent: ${why}.`, { cause })
}

function toJson(envelope: object): string {
  let text: string | undefined
  try {
    text = JSON.stringify(envelope)
  } catch (error) {
    throw tooLarge(reasonOf(error), error)
  }
  if (text === undefined) throw tooLarge('it has no JSON form')
  return text
}
