import { crc32 } from 'node:zlib'
import { checksumText } from '../checksum.js'

/*
 * A line of a segment: a checksum, a space, JSON. The checksum is over this line and all before it, so a line
 * that is changed, lost or in another place does not fit. It guards against damage, not against forgery.
 */

const SUM_DIGITS = 8

/** The line that follows those with this checksum. */
export function segmentLine(json: string, before: number): { readonly line: string; readonly sum: number } {
  const sum = crc32(json, before)
  return { line: `${checksumText(sum)} ${json}\n`, sum }
}

/** Throws a RangeError that says which rule the line breaks. `line` has no line break. */
export function readSegmentLine(
  line: string,
  before: number,
): { readonly json: string; readonly sum: number } {
  if (line[SUM_DIGITS] !== ' ')
    throw new RangeError('it does not begin with a checksum of 8 hexadecimal digits')
  const json = line.slice(SUM_DIGITS + 1)
  const sum = crc32(json, before)
  if (checksumText(sum) !== line.slice(0, SUM_DIGITS))
    throw new RangeError('its checksum does not fit: it was changed, or lines before it are missing')
  return { json, sum }
}
