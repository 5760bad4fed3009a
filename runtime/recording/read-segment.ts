import { createReadStream } from 'node:fs'
import { FiresteelError, isFiresteelError, reasonOf } from '../errors.js'
import { innerLimits } from '../inner-limits.js'
import { systemError } from '../system-error.js'
import { readSegmentLine } from './segment-line.js'

/** A line of a segment, with its place in the file. */
export interface SegmentLine {
  /** From 1. */
  readonly line: number
  /** Of its first byte. */
  readonly offset: number
  readonly value: unknown
}

/** Where a segment stops in the middle of a line: its Master was killed, or still writes. */
export interface SegmentCut {
  readonly line: number
  readonly offset: number
  readonly isCut: true
}

/**
 * Reads a segment line by line. Throws RECORDING_INVALID with file, line and offset at the first line that is
 * damaged; what stands before it has been given by then. A last line that is cut off is no damage.
 */
export async function* readSegment(path: string, file: string): AsyncGenerator<SegmentLine | SegmentCut> {
  const reader = new SegmentReader(file)
  try {
    for await (const chunk of createReadStream(path)) yield* reader.take(chunk as Buffer)
  } catch (cause) {
    if (isFiresteelError(cause)) throw cause
    const message = `${file} cannot be read: ${reasonOf(cause)}.`
    throw systemError(cause, path) ?? new FiresteelError('PATH_NOT_FOUND', message, { place: path, cause })
  }
  const cut = reader.cut()
  if (cut) yield cut
}

/** The same over bytes that come in pieces. */
export class SegmentReader {
  readonly #file: string
  #rest: Buffer[] = []
  #restBytes = 0
  #line = 1
  #offset = 0
  #sum = 0

  constructor(file: string) {
    this.#file = file
  }

  *take(chunk: Buffer): Iterable<SegmentLine> {
    let from = 0
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, from)) {
      const bytes = Buffer.concat([...this.#rest, chunk.subarray(from, end)])
      this.#rest = []
      this.#restBytes = 0
      from = end + 1
      const value = this.#parse(bytes.toString('utf8'))
      yield { line: this.#line, offset: this.#offset, value }
      this.#line++
      this.#offset += bytes.length + 1
    }
    this.#rest.push(chunk.subarray(from))
    this.#restBytes += chunk.length - from
    if (this.#restBytes > innerLimits.recordingLineBytes)
      throw this.refusal(`it has more than ${innerLimits.recordingLineBytes} bytes`)
  }

  /** All bytes have come: the line that is not whole. An empty file has lost its first. */
  cut(): SegmentCut | undefined {
    if (this.#restBytes === 0 && this.#line > 1) return undefined
    return { line: this.#line, offset: this.#offset, isCut: true }
  }

  /** RECORDING_INVALID for the line that is read. */
  refusal(rule: string): FiresteelError {
    return recordingInvalid(this.#file, this.#line, this.#offset, rule)
  }

  #parse(text: string): unknown {
    try {
      const { json, sum } = readSegmentLine(text, this.#sum)
      this.#sum = sum
      return JSON.parse(json)
    } catch (error) {
      throw this.refusal(error instanceof RangeError ? error.message : 'it is not JSON')
    }
  }
}

export const recordingInvalid = (file: string, line: number, offset: number, rule: string): FiresteelError =>
  new FiresteelError('RECORDING_INVALID', `${file}, line ${line} (offset ${offset}): ${rule}.`, {
    place: `${file}:${line}`,
  })

const NEWLINE = 10
