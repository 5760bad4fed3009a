import { limits } from '../limits.js'
import { inSlices } from './in-slices.js'

/** A long list in a page. Its rows are written one by one. */
export class JsonRows<T = never, R = unknown> {
  readonly rows: readonly T[]
  readonly toJson: (row: T) => R

  constructor(rows: readonly T[], toJson: (row: T) => R) {
    this.rows = rows
    this.toJson = toJson
  }

  *texts(): Generator<string> {
    for (const row of this.rows) yield JSON.stringify(this.toJson(row))
  }

  /** The result of JSON.stringify, for small lists. */
  toJSON(): R[] {
    return this.rows.map((row) => this.toJson(row))
  }
}

/** One object of JSON, key by key. A value is plain, or a long list. */
export type JsonParts = readonly (readonly [key: string, value: unknown])[]

/** The text of an object, in pieces that all its readers share. */
export class JsonText {
  readonly #values: ReadonlyMap<string, readonly Buffer[]>
  /** Number of answers that are being sent from it. */
  readers = 0

  constructor(values: ReadonlyMap<string, readonly Buffer[]>) {
    this.#values = values
  }

  get bytes(): number {
    let sum = 0
    for (const pieces of this.#values.values()) for (const piece of pieces) sum += piece.length
    return sum
  }

  has(key: string): boolean {
    return this.#values.has(key)
  }

  /** The object, or one with this key alone. */
  pieces(only?: string): Buffer[] {
    const pieces: Buffer[] = []
    let lead = '{'
    for (const [key, value] of this.#values) {
      if (only !== undefined && key !== only) continue
      pieces.push(Buffer.from(`${lead}${JSON.stringify(key)}:`), ...value)
      lead = ','
    }
    pieces.push(Buffer.from(lead === '{' ? '{}' : '}'))
    return joined(pieces)
  }
}

/** Joins many small pieces into few. Large ones stay as they are, and shared. */
function joined(pieces: readonly Buffer[]): Buffer[] {
  const result: Buffer[] = []
  let small: Buffer[] = []
  const flush = (): void => {
    if (small.length > 0) result.push(Buffer.concat(small))
    small = []
  }
  for (const piece of pieces) {
    if (piece.length < limits.httpFeedBytes) small.push(piece)
    else {
      flush()
      result.push(piece)
    }
  }
  flush()
  return result
}

/** Writes the text in slices of `httpSliceMs`. Also returns the time that it took of the event loop. */
export async function writeJson(
  parts: JsonParts,
  nowMs: () => number,
): Promise<{ readonly text: JsonText; readonly costMs: number }> {
  const { result, costMs } = await inSlices(writing(parts), nowMs)
  return { text: new JsonText(result), costMs }
}

function* writing(parts: JsonParts): Generator<void, Map<string, Buffer[]>, undefined> {
  const values = new Map<string, Buffer[]>()
  for (const [key, value] of parts) {
    const pieces: Buffer[] = []
    values.set(key, pieces)
    if (!(value instanceof JsonRows)) {
      pieces.push(Buffer.from(JSON.stringify(value) ?? 'null'))
      continue
    }
    let chunk = '['
    let lead = ''
    for (const row of value.texts()) {
      chunk += lead + row
      lead = ','
      if (chunk.length >= limits.httpChunkBytes) {
        pieces.push(Buffer.from(chunk))
        chunk = ''
      }
      yield
    }
    pieces.push(Buffer.from(`${chunk}]`))
  }
  return values
}
