import type { Buffer } from 'node:buffer'
import { FiresteelError } from '../errors.js'
import { innerLimits } from '../inner-limits.js'
import { protoKeyPath } from '../proto-key.js'
import { excessOf } from './message-bounds.js'

const COMMA = 0x2c
const NEWLINE = 0x0a
const OPENING = 0x5b
const CLOSING = 0x5d
/**
 * Envelopes are parsed in groups up to this size: one by one is slower, and all at once keeps the event loop
 * busy.
 */
export const GROUP_BYTES = innerLimits.parseGroupBytes

/** Parsed envelopes, not validated, each with its size in bytes. */
export interface EnvelopeGroup {
  readonly values: readonly unknown[]
  readonly bytes: readonly number[]
}

/**
 * Reads the body of an envelopes frame, `[A,\nB,\nC]`, a few envelopes at a time. A turn of the event loop
 * takes as much as it may, and the rest stays bytes. A line break separates envelopes and occurs nowhere
 * else, because JSON writes none inside a value. Other bytes make `next` throw FRAME_INVALID; the caller must
 * then cut the link.
 */
export class EnvelopeReader {
  readonly #body: Buffer
  /** Offset of the closing bracket. */
  readonly #last: number
  #offset = 1

  constructor(body: Buffer) {
    this.#body = body
    this.#last = body.length - 1
    if (this.#last < 2 || body[0] !== OPENING || body[this.#last] !== CLOSING) {
      throw invalid('it is not a list of envelopes')
    }
  }

  /** Bytes of the frame body. */
  get bytes(): number {
    return this.#body.length
  }

  get isDone(): boolean {
    return this.#offset > this.#last
  }

  /** Returns the next envelopes: at least one, at most `most`. Throws FRAME_INVALID. */
  next(most: number): EnvelopeGroup {
    const from = this.#offset
    const bytes: number[] = []
    let to = from
    while (bytes.length < most && !this.isDone) {
      const end = this.#endOfEnvelope()
      if (bytes.length > 0 && end - from > GROUP_BYTES) break
      bytes.push(end - this.#offset)
      to = end
      // Skip the comma and the line break, or the closing bracket.
      this.#offset = end === this.#last ? end + 1 : end + 2
    }
    const excess = excessOf(this.#body, from, to)
    if (excess !== undefined) throw invalid(`a message is ${excess}`)
    return { values: this.#parse(from, to, bytes.length), bytes }
  }

  #endOfEnvelope(): number {
    const lineBreak = this.#body.indexOf(NEWLINE, this.#offset)
    if (lineBreak === -1) return this.#last
    if (this.#body[lineBreak - 1] !== COMMA) throw invalid('a line break is inside an envelope')
    return lineBreak - 1
  }

  #parse(from: number, to: number, count: number): unknown[] {
    const text = this.#listOf(from, to)
    let values: unknown
    try {
      values = JSON.parse(text)
    } catch {
      throw invalid('an envelope is not JSON')
    }
    // A line with two values would give the sizes of other envelopes.
    if (!Array.isArray(values) || values.length !== count) throw invalid('a line is not one value')
    // An escape could spell the key as well. Both are rare enough for the slow check.
    const suspicious = text.includes('__proto__') || text.includes('\\u')
    if (suspicious && protoKeyPath(values)) throw invalid('an envelope has a __proto__ key')
    return values
  }

  /**
   * The text of a list of these lines. The brackets are written into the bytes meanwhile; adding them to the
   * text would copy it.
   */
  #listOf(from: number, to: number): string {
    const body = this.#body
    const before = body[from - 1] as number
    const after = body[to] as number
    body[from - 1] = OPENING
    body[to] = CLOSING
    const text = body.toString('utf8', from - 1, to + 1)
    body[from - 1] = before
    body[to] = after
    return text
  }
}

function invalid(why: string): FiresteelError {
  return new FiresteelError('FRAME_INVALID', `A frame of envelopes cannot be read: ${why}.`)
}
