import type { Buffer } from 'node:buffer'

/* As much of DER (X.690) as a revocation list needs. */

export interface DerPart {
  readonly tag: number
  /** Tag, length and content, as they were written. */
  readonly whole: Buffer
  readonly content: Buffer
}

/** Throws RangeError if the bytes are no DER. */
export function readPart(bytes: Buffer, at = 0): DerPart {
  const tag = bytes[at]
  const first = bytes[at + 1]
  if (tag === undefined || first === undefined) throw new RangeError('it ends too early')
  let length = first
  let from = at + 2
  if (first >= LONG_FORM) {
    const size = first - LONG_FORM
    if (size < 1 || size > LENGTH_BYTES || from + size > bytes.length)
      throw new RangeError('a length is wrong')
    length = bytes.readUIntBE(from, size)
    from += size
  }
  const to = from + length
  if (to > bytes.length) throw new RangeError('it ends too early')
  return { tag, whole: bytes.subarray(at, to), content: bytes.subarray(from, to) }
}

/** The parts of a SEQUENCE or SET. Throws RangeError. */
export function partsOf({ content }: Pick<DerPart, 'content'>): DerPart[] {
  const parts: DerPart[] = []
  for (let at = 0; at < content.length; ) {
    const part = readPart(content, at)
    parts.push(part)
    at += part.whole.length
  }
  return parts
}

/** Milliseconds since 1970. Throws RangeError. */
export function timeOf({ tag, content }: DerPart): number {
  const text = content.toString('latin1')
  const found = (tag === derTag.utcTime ? /^(\d\d)(\d{10})Z$/ : /^(\d{4})(\d{10})Z$/).exec(text)
  if (!found || (tag !== derTag.utcTime && tag !== derTag.generalizedTime))
    throw new RangeError('a time cannot be read')
  const [, yearText = '', rest = ''] = found
  const short = Number(yearText)
  // RFC 5280, 4.1.2.5.1.
  const year = tag === derTag.utcTime ? short + (short < 50 ? 2000 : 1900) : short
  const [month, day, hour, minute, second] = (rest.match(/\d\d/g) ?? []).map(Number) as [
    number,
    number,
    number,
    number,
    number,
  ]
  return Date.UTC(year, month - 1, day, hour, minute, second)
}

export const derTag = {
  integer: 0x02,
  bitString: 0x03,
  oid: 0x06,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
} as const

const LONG_FORM = 0x80
const LENGTH_BYTES = 4
