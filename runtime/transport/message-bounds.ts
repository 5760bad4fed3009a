import type { Buffer } from 'node:buffer'
import { limits } from '../limits.js'
import { isNodeRole, type Role } from './identity.js'

const QUOTE = 0x22
const COMMA = 0x2c
const OPENING_BRACKET = 0x5b
const BACKSLASH = 0x5c
const CLOSING_BRACKET = 0x5d
const OPENING_BRACE = 0x7b
const CLOSING_BRACE = 0x7d

/** Most bytes of one message on a link of this role, both ways. */
export function messageBytesOf(role: Role): number {
  return isNodeRole(role) ? limits.nodeMessageBytes : limits.clientMessageBytes
}

/**
 * Checks the JSON of one message between these offsets before it is parsed, by its number of values and its
 * nesting. Returns what is wrong; undefined: nothing. Parsing, walking and checking a megabyte of `[],` takes
 * 200 ms, a megabyte of text 3 ms.
 */
export function excessOf(bytes: Buffer, from: number, to: number): string | undefined {
  if (to - from <= limits.messageCountedBytes) return undefined
  let items = 0
  let depth = 0
  let inText = false
  for (let at = from; at < to; at++) {
    const byte = bytes[at]
    if (inText) {
      if (byte === BACKSLASH) at++
      else if (byte === QUOTE) inText = false
    } else if (byte === QUOTE) inText = true
    else if (byte === COMMA) items++
    else if (byte === OPENING_BRACKET || byte === OPENING_BRACE) {
      items++
      if (++depth > limits.messageDepth) return `nested over ${limits.messageDepth} levels`
    } else if (byte === CLOSING_BRACKET || byte === CLOSING_BRACE) depth--
    if (items > limits.messageItems) return `over ${limits.messageItems} values`
  }
  return undefined
}
