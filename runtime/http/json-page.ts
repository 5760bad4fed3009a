import { limits } from '../limits.js'
import { type JsonParts, type JsonText, writeJson } from './json-text.js'

/**
 * How old a page may be, given the cost of making it: making it never takes more than a bounded share of the
 * event loop.
 */
export function pageAgeMs(costMs: number): number {
  return Math.min(limits.httpPageMaxAgeMs, costMs * limits.httpPageShare)
}

interface Reader {
  readonly text: JsonText
  cut: (error: Error) => void
}

/**
 * A page of JSON. It is made at most once per interval for all clients, in slices, and sent in pieces that
 * all of them share. If too many old texts are kept, the slowest client loses its answer.
 */
export class JsonPage {
  readonly #parts: () => JsonParts
  readonly #nowMs: () => number
  readonly #mostBytes: number
  readonly #readers = new Set<Reader>()
  #text: JsonText | undefined
  #madeAtMs = Number.NEGATIVE_INFINITY
  #ageMs = 0
  #making: Promise<JsonText> | undefined

  /** `parts` is called each time the page is made. Its result must not change while it is written. */
  constructor(
    parts: () => JsonParts,
    nowMs: () => number = () => performance.now(),
    mostBytes: number = limits.httpTextBytes,
  ) {
    this.#parts = parts
    this.#nowMs = nowMs
    this.#mostBytes = mostBytes
  }

  /**
   * The object, or with `key` an object with this key alone. An unknown key gives an empty object, as in
   * Spark. Rejects as `parts` throws.
   */
  async answer(key?: string): Promise<Response> {
    const text = await this.#fresh()
    const headers = { 'content-type': 'application/json; charset=UTF-8' }
    if (key !== undefined && !text.has(key)) return new Response(JSON.stringify({ [key]: '' }), { headers })
    const pieces = text.pieces(key)
    let length = 0
    for (const piece of pieces) length += piece.length
    const all = { ...headers, 'content-length': String(length) }
    if (pieces.length === 1) return new Response(pieces[0], { headers: all })
    return new Response(this.#stream(text, pieces), { headers: all })
  }

  async #fresh(): Promise<JsonText> {
    if (this.#text !== undefined && this.#nowMs() - this.#madeAtMs < this.#ageMs) return this.#text
    this.#making ??= this.#make().finally(() => {
      this.#making = undefined
    })
    return this.#making
  }

  async #make(): Promise<JsonText> {
    const fromMs = this.#nowMs()
    const parts = this.#parts()
    const takenMs = this.#nowMs()
    const { text, costMs } = await writeJson(parts, this.#nowMs)
    this.#text = text
    this.#madeAtMs = takenMs
    this.#ageMs = pageAgeMs(costMs + takenMs - fromMs)
    this.#keepBudget(text)
    return text
  }

  #stream(text: JsonText, pieces: readonly Buffer[]): ReadableStream {
    const reader: Reader = { text, cut: () => undefined }
    let next = 0
    const leave = (): void => {
      if (this.#readers.delete(reader)) text.readers--
    }
    text.readers++
    this.#readers.add(reader)
    return new ReadableStream(
      {
        start(controller) {
          reader.cut = (error) => {
            leave()
            controller.error(error)
          }
        },
        pull(controller) {
          controller.enqueue(pieces[next++])
          if (next < pieces.length) return
          leave()
          controller.close()
        },
        cancel: leave,
      },
      // No buffer before the connection, which says when it accepts more.
      { highWaterMark: 0 },
    )
  }

  #keepBudget(newest: JsonText): void {
    const texts = new Set([newest])
    for (const { text } of this.#readers) texts.add(text)
    let bytes = 0
    for (const text of texts) bytes += text.bytes
    // Readers are in the order in which they came, so the oldest texts are dropped first.
    for (const reader of this.#readers) {
      if (bytes <= this.#mostBytes || reader.text === newest) return
      const { text } = reader
      reader.cut(new Error('this answer was read too slowly, and its page is too old to be kept'))
      if (text.readers === 0) bytes -= text.bytes
    }
  }
}
