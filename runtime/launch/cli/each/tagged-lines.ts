import { printable } from '../../../observe/printable.js'
import { type ByteText, bytesOf, readable } from './arguments.js'
import { isText } from './report.js'

export const LINE_END = 0x0a

/** What stands before each line: the tag and a tab. A tag that is text loses what would act on a terminal. */
export function tagBytes(tag: ByteText): Uint8Array {
  const shown = isText(bytesOf(tag)) ? Buffer.from(printable(readable(tag))) : bytesOf(tag)
  return Buffer.concat([shown, Buffer.from('\t')])
}

/** Puts a tag before each line of output that comes in pieces. A line may go on in the next piece. */
export class TaggedLines {
  readonly #tag: Uint8Array | undefined
  #isInLine = false

  /** Without a tag the pieces stay as they are. */
  constructor(tag: Uint8Array | undefined) {
    this.#tag = tag
  }

  next(piece: Uint8Array): Uint8Array {
    if (this.#tag === undefined) return piece
    const parts: Uint8Array[] = []
    for (let from = 0; from < piece.length; ) {
      const end = piece.indexOf(LINE_END, from)
      const next = end === -1 ? piece.length : end + 1
      if (!this.#isInLine) parts.push(this.#tag)
      parts.push(piece.subarray(from, next))
      this.#isInLine = end === -1
      from = next
    }
    return Buffer.concat(parts)
  }
}
