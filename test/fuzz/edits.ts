import { Buffer } from 'node:buffer'
import type { Random } from './random.js'

/** One change to bytes, as data. Places are taken modulo the length. */
export type Edit =
  | { readonly op: 'flip'; readonly at: number; readonly bit: number }
  | { readonly op: 'set'; readonly at: number; readonly byte: number }
  | { readonly op: 'drop'; readonly at: number; readonly length: number }
  | { readonly op: 'double'; readonly at: number; readonly length: number }
  | { readonly op: 'move'; readonly at: number; readonly length: number; readonly to: number }
  | { readonly op: 'insert'; readonly at: number; readonly bytes: Buffer }
  /** Sets four bytes, big endian, where a length may stand. */
  | { readonly op: 'length'; readonly at: number; readonly value: number }
  | { readonly op: 'cut'; readonly at: number }

/** Doubling ends at this size. Inputs stay small, so that many can run. */
const BYTES_MAX = 256 * 1024

const lengths = [
  ...[0, 1, 4, 5, 255, 256, 1023, 1024, 1025, 65_535, 65_536, 66_560, 66_561],
  ...[2 ** 24 - 1, 2 ** 24, 2 ** 24 + 1, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1],
]
const tokens = [
  ...[
    '{',
    '}',
    '[',
    ']',
    '"',
    ':',
    ',',
    ',\n',
    '\\',
    '\\u0000',
    '\\ud800',
    'null',
    'true',
    '0',
    '-1',
    '1e999',
    '1.5',
  ],
  ...[
    '"__proto__":',
    '"constructor":',
    '"\\u005f_proto__":',
    '"type":',
    '"toString"',
    '\u0000',
    '\r\n',
    '\ufeff',
    'é',
  ],
].map((text) => Buffer.from(text))
const nothing = Buffer.alloc(0)

/**
 * Makes up to `most` edits. Frames begin with their headers, so most changes of a length are at the
 * beginning.
 */
export function makeEdits(random: Random, most: number, splices: readonly Buffer[]): Edit[] {
  const edits: Edit[] = []
  const count = random.int(most + 1)
  for (let n = 0; n < count; n++) edits.push(makeEdit(random, splices))
  return edits
}

function makeEdit(random: Random, splices: readonly Buffer[]): Edit {
  const at = random.uint32()
  switch (random.int(10)) {
    case 0:
    case 1:
      return { op: 'flip', at, bit: random.int(8) }
    case 2:
      return {
        op: 'set',
        at,
        byte: random.oneIn(2) ? random.int(256) : random.pick([0, 1, 9, 10, 13, 32, 127, 255]),
      }
    case 3:
      return { op: 'drop', at, length: 1 + random.size(300) }
    case 4:
      return { op: 'double', at, length: 1 + random.size(300) }
    case 5:
      return { op: 'move', at, length: 1 + random.size(60), to: random.uint32() }
    case 6:
      return { op: 'insert', at, bytes: random.pick(tokens) }
    case 7:
      return { op: 'insert', at, bytes: pieceOf(random, splices) }
    case 8: {
      const value = random.oneIn(3) ? random.uint32() >>> random.int(32) : random.pick(lengths)
      return { op: 'length', at: random.oneIn(2) ? 0 : at, value }
    }
    default:
      return random.oneIn(3) ? { op: 'cut', at } : { op: 'insert', at, bytes: random.bytes(random.size(20)) }
  }
}

function pieceOf(random: Random, splices: readonly Buffer[]): Buffer {
  if (splices.length === 0) return nothing
  const whole = random.pick(splices)
  const from = random.int(whole.length + 1)
  return whole.subarray(from, from + 1 + random.size(200))
}

export function applyEdits(bytes: Buffer, edits: readonly Edit[]): Buffer {
  let now = bytes
  for (const edit of edits) now = applyEdit(now, edit)
  return now
}

function applyEdit(bytes: Buffer, edit: Edit): Buffer {
  const at = edit.at % (bytes.length + 1)
  switch (edit.op) {
    case 'flip':
      return changed(bytes, at, (bytes[at] ?? 0) ^ (1 << edit.bit))
    case 'set':
      return changed(bytes, at, edit.byte)
    case 'length': {
      if (at + 4 > bytes.length) return bytes
      const copy = Buffer.from(bytes)
      copy.writeUInt32BE(edit.value, at)
      return copy
    }
    case 'cut':
      return bytes.subarray(0, at)
    case 'drop':
      return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + edit.length)])
    case 'double': {
      const piece = bytes.subarray(at, at + edit.length)
      return bytes.length + piece.length > BYTES_MAX
        ? bytes
        : Buffer.concat([bytes.subarray(0, at), piece, bytes.subarray(at)])
    }
    case 'move': {
      const piece = bytes.subarray(at, at + edit.length)
      const rest = Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + edit.length)])
      const to = edit.to % (rest.length + 1)
      return Buffer.concat([rest.subarray(0, to), piece, rest.subarray(to)])
    }
    case 'insert':
      return Buffer.concat([bytes.subarray(0, at), edit.bytes, bytes.subarray(at)])
  }
}

function changed(bytes: Buffer, at: number, value: number): Buffer {
  if (at >= bytes.length) return bytes
  const copy = Buffer.from(bytes)
  copy[at] = value
  return copy
}
