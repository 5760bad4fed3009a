import { Buffer } from 'node:buffer'
import { FiresteelError, reasonOf } from '../errors.js'
import { limits } from '../limits.js'
import { FRAME_HEADER_BYTES, frameKind, writeFrameHeader } from './frame.js'

const COMMA = 0x2c
const NEWLINE = 0x0a
const OPENING = 0x5b
const CLOSING = 0x5d
/** Header, bracket, separator, bracket: what a text needs beside itself. */
const EXTRA_BYTES = FRAME_HEADER_BYTES + 4
const UTF8_BYTES_MAX = 3
const SLAB_BYTES = 2 * limits.linkBatchBytes + EXTRA_BYTES
/** A rest smaller than this is given up, so that batches are not cut short by it. */
const SLAB_REST_BYTES = 8 * 1024

/**
 * Gathers envelopes into frames `[A,\nB,\nC]`: one frame for many (measured: 1.13 times as fast to write and 1.2
 * times as fast to read as a frame each), written straight into slabs that batches share. The line breaks, which JSON
 * never writes inside a value, let the reader save the rest when one envelope is malformed.
 */
export class EnvelopeBatch {
  #slab = EMPTY
  #start = 0
  #end = 0
  readonly #full: Buffer[] = []
  #fullBytes = 0

  /** Bytes gathered and not taken. */
  get bytes(): number {
    return this.#fullBytes + (this.#end - this.#start)
  }

  /**
   * Gives the bytes of the envelope. Throws MESSAGE_TOO_LARGE where it does not fit a frame or is not JSON; nothing is
   * gathered then.
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

  /** The frames gathered, in order. */
  take(): Buffer[] {
    this.#seal()
    this.#fullBytes = 0
    return this.#full.splice(0)
  }

  #addLarge(text: string): number {
    const bodyBytes = Buffer.byteLength(text) + 2
    if (bodyBytes > limits.frameBytes) throw tooLarge(`${bodyBytes} bytes, over ${limits.frameBytes}`)
    this.#seal()
    const frame = Buffer.allocUnsafeSlow(FRAME_HEADER_BYTES + bodyBytes)
    writeFrameHeader(frame, 0, frameKind.envelopes, bodyBytes)
    frame[FRAME_HEADER_BYTES] = OPENING
    frame.write(text, FRAME_HEADER_BYTES + 1)
    frame[frame.length - 1] = CLOSING
    this.#full.push(frame)
    this.#fullBytes += frame.length
    return bodyBytes - 2
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

export interface EnvelopesRead {
  readonly envelopes: readonly unknown[]
  /** Parts that were no JSON or held a `__proto__` key; they are left out. */
  readonly malformed: number
}

/** Reads the body of an envelopes frame. Never throws. */
export function readEnvelopes(body: Buffer): EnvelopesRead {
  const text = body.toString('utf8')
  // An escape could spell the key as well; both are rare enough for the slow look.
  const suspicious = text.includes('__proto__') || text.includes('\\u')
  let parsed: unknown
  try {
    parsed = JSON.parse(text)
  } catch {
    return readOneByOne(text)
  }
  if (!Array.isArray(parsed)) return { envelopes: [], malformed: 1 }
  if (!suspicious) return { envelopes: parsed, malformed: 0 }
  const envelopes = parsed.filter((value) => !hasProtoKey(value))
  return { envelopes, malformed: parsed.length - envelopes.length }
}

function readOneByOne(text: string): EnvelopesRead {
  const inner = text.startsWith('[') && text.endsWith(']') ? text.slice(1, -1) : text
  const envelopes: unknown[] = []
  let malformed = 0
  for (const line of inner.split(',\n')) {
    try {
      const value: unknown = JSON.parse(line)
      if (hasProtoKey(value)) malformed++
      else envelopes.push(value)
    } catch {
      malformed++
    }
  }
  return { envelopes, malformed }
}

/** JSON.parse makes `__proto__` an own key, which bites whoever copies the object. No recursion: depth is the peer's. */
function hasProtoKey(value: unknown): boolean {
  const open: unknown[] = [value]
  while (open.length > 0) {
    const current = open.pop()
    if (typeof current !== 'object' || current === null) continue
    if (Object.hasOwn(current, '__proto__')) return true
    for (const child of Object.values(current)) open.push(child)
  }
  return false
}
