import { Buffer } from 'node:buffer'
import { innerLimits } from '../../runtime/inner-limits.js'

/*
 * The bytes of node:v8 for the values that most tasks take and give: numbers, short strings, booleans, null,
 * undefined, and short lists of them as arguments. The same format, written and read here: V8 makes a
 * serializer with memory of its own for each value (processor time of a list of two: 2.3 to 3.5 us there and
 * 1.1 to 2.0 us back; here 0.2 us each way), which dominates tasks that are short. Whatever is not plain goes
 * to V8, and V8 reads what is written here (a test holds both together).
 */

const HEADER = 0xff
/**
 * The format since V8 10.6, which later versions read. FROZEN: executors and drivers of other Node versions
 * read it.
 */
const VERSION = 15
const tags = {
  undefined: 0x5f,
  null: 0x30,
  true: 0x54,
  false: 0x46,
  int32: 0x49,
  double: 0x4e,
  latin1: 0x22,
  list: 0x41,
  listEnd: 0x24,
} as const

const STRING_MAX = innerLimits.plainStringChars
const LIST_MAX = innerLimits.plainListItems
const SCRATCH_BYTES = 32 + LIST_MAX * (STRING_MAX + 8)
const scratch = Buffer.allocUnsafeSlow(SCRATCH_BYTES)
let at = 0
const isNotLatin1 = /[\u0100-\uffff]/

/** Undefined: the value is not plain. */
export function plainBytes(value: unknown): Buffer | undefined {
  begin()
  return writePlain(value) ? finish() : undefined
}

/** As `plainBytes`, for a list of plain values. */
export function plainListBytes(list: readonly unknown[]): Buffer | undefined {
  if (list.length > LIST_MAX) return undefined
  begin()
  scratch[at++] = tags.list
  writeVarint(list.length)
  for (let index = 0; index < list.length; index++) if (!writePlain(list[index])) return undefined
  scratch[at++] = tags.listEnd
  writeVarint(0)
  writeVarint(list.length)
  return finish()
}

function begin(): void {
  scratch[0] = HEADER
  scratch[1] = VERSION
  at = 2
}

function finish(): Buffer {
  const bytes = Buffer.allocUnsafe(at)
  bytes.set(scratch.subarray(0, at))
  return bytes
}

function writePlain(value: unknown): boolean {
  switch (typeof value) {
    case 'number':
      writeNumber(value)
      return true
    case 'string':
      if (value.length > STRING_MAX || isNotLatin1.test(value)) return false
      scratch[at++] = tags.latin1
      writeVarint(value.length)
      at += scratch.write(value, at, 'latin1')
      return true
    case 'boolean':
      scratch[at++] = value ? tags.true : tags.false
      return true
    case 'undefined':
      scratch[at++] = tags.undefined
      return true
    default:
      if (value !== null) return false
      scratch[at++] = tags.null
      return true
  }
}

function writeNumber(value: number): void {
  // -0 is a double, and so is each number that does not safely fit V8's small integers.
  if ((value | 0) === value && !Object.is(value, -0) && value < 2 ** 30 && value >= -(2 ** 30)) {
    scratch[at++] = tags.int32
    writeVarint(((value << 1) ^ (value >> 31)) >>> 0)
  } else {
    scratch[at++] = tags.double
    at = scratch.writeDoubleLE(value, at)
  }
}

function writeVarint(value: number): void {
  let rest = value
  for (; rest > 0x7f; rest >>>= 7) scratch[at++] = (rest & 0x7f) | 0x80
  scratch[at++] = rest
}

/** The result of reading bytes that are not plain, which V8 must read. */
export const notPlain: unique symbol = Symbol('not plain')

let source: Buffer = scratch
let end = 0

export function readPlain(bytes: Buffer): unknown {
  if (!open(bytes)) return notPlain
  const value = readValue()
  return at === end ? value : notPlain
}

export function readPlainList(bytes: Buffer): unknown[] | typeof notPlain {
  if (!open(bytes) || source[at++] !== tags.list) return notPlain
  const length = readVarint()
  if (length > LIST_MAX) return notPlain
  const list: unknown[] = []
  for (let index = 0; index < length; index++) {
    const value = readValue()
    if (value === notPlain) return notPlain
    list.push(value)
  }
  const closed = source[at++] === tags.listEnd && readVarint() === 0 && readVarint() === length
  return closed && at === end ? list : notPlain
}

function open(bytes: Buffer): boolean {
  source = bytes
  end = bytes.length
  at = 2
  return end > 2 && bytes[0] === HEADER && bytes[1] === VERSION
}

function readValue(): unknown {
  switch (source[at++]) {
    case tags.int32: {
      const zigzag = readVarint()
      return (zigzag >>> 1) ^ -(zigzag & 1)
    }
    case tags.double:
      if (end - at < 8) return notPlain
      at += 8
      return source.readDoubleLE(at - 8)
    case tags.latin1: {
      const length = readVarint()
      if (length > STRING_MAX || length > end - at) return notPlain
      at += length
      return source.toString('latin1', at - length, at)
    }
    case tags.true:
      return true
    case tags.false:
      return false
    case tags.undefined:
      return undefined
    case tags.null:
      return null
    default:
      return notPlain
  }
}

/** Reads at most 32 bits. A longer or incomplete number makes the rest not plain. */
function readVarint(): number {
  let value = 0
  for (let shift = 0; shift < 32; shift += 7) {
    const byte = source[at++]
    if (byte === undefined || at > end) break
    value |= (byte & 0x7f) << shift
    if (byte < 0x80) return value >>> 0
  }
  // Every caller's bound check fails on this value, and the position is past the end.
  at = end + 1
  return 0xffffffff
}
