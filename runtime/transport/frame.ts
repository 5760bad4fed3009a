import { Buffer } from 'node:buffer'
import { FiresteelError } from '../errors.js'
import { innerLimits } from '../inner-limits.js'
import { limits } from '../limits.js'

/** Kinds of frame on the wire. A frame is: length of the body (4 bytes, big endian), kind (1 byte), body. */
export const frameKind = { handshake: 1, envelopes: 2, payload: 3, ping: 4, pong: 5 } as const
export type FrameKind = (typeof frameKind)[keyof typeof frameKind]

export const FRAME_HEADER_BYTES = 5
/** Bytes around the envelopes of a frame. */
export const BRACKETS_BYTES = 2
/** The first buffer of a body that comes in pieces has this size, whatever length the header claims. */
const BODY_CAPACITY_FIRST_BYTES = innerLimits.frameRoomFirstBytes

/**
 * Most bytes of a body of this kind; undefined if the kind may not come now. `openBytes` is the bound for
 * envelopes, once the peer is authenticated.
 */
function bodyLimit(kind: number, openBytes: number | undefined): number | undefined {
  if (openBytes === undefined) return kind === frameKind.handshake ? limits.handshakeBytes : undefined
  switch (kind) {
    case frameKind.envelopes:
      return openBytes
    case frameKind.payload:
      return limits.payloadChunkBytes + limits.payloadHeaderBytes
    case frameKind.ping:
    case frameKind.pong:
      return 0
    default:
      return undefined
  }
}

export function writeFrameHeader(target: Buffer, offset: number, kind: FrameKind, bodyBytes: number): void {
  target.writeUInt32BE(bodyBytes, offset)
  target[offset + 4] = kind
}

/** Copies a whole frame into one buffer. Meant for small or rare frames. */
export function encodeFrame(kind: FrameKind, body: Uint8Array): Buffer {
  const frame = Buffer.allocUnsafe(FRAME_HEADER_BYTES + body.byteLength)
  writeFrameHeader(frame, 0, kind, body.byteLength)
  frame.set(body, FRAME_HEADER_BYTES)
  return frame
}

export interface Frame {
  readonly kind: FrameKind
  /** A view into the received chunk if the body came in one piece. Keep it only as long as it is needed. */
  readonly body: Buffer
}

/**
 * Cuts a byte stream into frames. Until `open()` only handshake frames pass. Length and kind are checked
 * before anything is allocated, and the buffer of a body grows with the bytes that came, not with the length
 * that was announced. After a throw (FRAME_INVALID) the rest of the stream cannot be read; the caller must
 * cut the link.
 */
export class FrameDecoder {
  /** Most bytes of an envelopes body; undefined until the peer is authenticated. */
  #openBytes: number | undefined
  #chunk: Buffer | undefined
  #offset = 0
  readonly #header = Buffer.alloc(FRAME_HEADER_BYTES)
  #headerBytes = 0
  #kind: FrameKind | undefined
  #bodyBytes = 0
  #body: Buffer | undefined
  #received = 0
  #broken: FiresteelError | undefined

  /** From the next frame on, everything but handshakes passes. `envelopesBytes` bounds an envelopes body. */
  open(envelopesBytes: number = limits.nodeMessageBytes + BRACKETS_BYTES): void {
    this.#openBytes = envelopesBytes
  }

  /** True when `next()` has looked at every byte that came. */
  get isEmpty(): boolean {
    return this.#chunk === undefined || this.#offset >= this.#chunk.length
  }

  /** Bytes held for a body that has not come whole. */
  get allocatedBytes(): number {
    return this.#body?.length ?? 0
  }

  /** Adds bytes. Take the frames with `next()`. */
  feed(chunk: Buffer): void {
    const rest = this.#chunk
    if (rest !== undefined && this.#offset < rest.length) {
      this.#chunk = Buffer.concat([rest.subarray(this.#offset), chunk])
    } else {
      this.#chunk = chunk
    }
    this.#offset = 0
  }

  /** Returns all frames that `chunk` completes. */
  push(chunk: Buffer): Frame[] {
    this.feed(chunk)
    const frames: Frame[] = []
    for (let frame = this.next(); frame !== undefined; frame = this.next()) frames.push(frame)
    return frames
  }

  /** The next whole frame, or undefined until more bytes have come. */
  next(): Frame | undefined {
    if (this.#broken !== undefined) throw this.#broken
    if (this.#kind === undefined && !this.#readHeader()) return undefined
    const body = this.#readBody()
    if (body === undefined) return undefined
    const kind = this.#kind as FrameKind
    this.#kind = undefined
    return { kind, body }
  }

  #readHeader(): boolean {
    const chunk = this.#chunk
    if (chunk === undefined) return false
    const taken = chunk.copy(
      this.#header,
      this.#headerBytes,
      this.#offset,
      this.#offset + FRAME_HEADER_BYTES - this.#headerBytes,
    )
    this.#offset += taken
    this.#headerBytes += taken
    if (this.#headerBytes < FRAME_HEADER_BYTES) {
      this.#chunk = undefined
      return false
    }
    this.#headerBytes = 0
    const kind = this.#header[4] as number
    const bodyBytes = this.#header.readUInt32BE(0)
    const limit = bodyLimit(kind, this.#openBytes)
    if (limit === undefined) return this.#fail(`A frame of kind ${kind} may not come here.`)
    if (bodyBytes > limit)
      return this.#fail(`A frame announces ${bodyBytes} bytes; at most ${limit} may come.`)
    this.#kind = kind as FrameKind
    this.#bodyBytes = bodyBytes
    return true
  }

  #readBody(): Buffer | undefined {
    const chunk = this.#chunk ?? EMPTY
    const needed = this.#bodyBytes - this.#received
    const available = chunk.length - this.#offset
    if (this.#body === undefined && available >= needed) {
      const view = chunk.subarray(this.#offset, this.#offset + needed)
      this.#offset += needed
      return view
    }
    const taken = Math.min(needed, available)
    if (taken > 0) {
      const body = this.#capacityFor(this.#received + taken)
      chunk.copy(body, this.#received, this.#offset, this.#offset + taken)
      this.#offset += taken
      this.#received += taken
    }
    if (this.#received < this.#bodyBytes) {
      this.#chunk = undefined
      return undefined
    }
    const whole = this.#body as Buffer
    this.#body = undefined
    this.#received = 0
    return whole
  }

  /** Doubling keeps the copying linear, and the memory below twice what the peer has sent. */
  #capacityFor(bytes: number): Buffer {
    const held = this.#body
    if (held !== undefined && held.length >= bytes) return held
    const capacity = Math.min(
      this.#bodyBytes,
      Math.max(BODY_CAPACITY_FIRST_BYTES, bytes, (held?.length ?? 0) * 2),
    )
    const grown = Buffer.allocUnsafeSlow(capacity)
    held?.copy(grown, 0, 0, this.#received)
    this.#body = grown
    return grown
  }

  #fail(message: string): never {
    this.#broken = new FiresteelError('FRAME_INVALID', message)
    this.#chunk = undefined
    throw this.#broken
  }
}

const EMPTY = Buffer.alloc(0)
