import { Buffer } from 'node:buffer'

/** Whole lines of text, from bytes that come in pieces. A character may be cut by the end of a piece. */
export class OutputLines {
  #rest = Buffer.alloc(0)

  take(bytes: Uint8Array): string[] {
    const all = Buffer.concat([this.#rest, bytes])
    const end = all.lastIndexOf('\n') + 1
    this.#rest = all.subarray(end)
    return end === 0 ? [] : all.toString('utf8', 0, end - 1).split('\n')
  }

  /** The last line, if it has no end. */
  rest(): string[] {
    const line = this.#rest.toString('utf8')
    this.#rest = Buffer.alloc(0)
    return line === '' ? [] : [line]
  }
}
