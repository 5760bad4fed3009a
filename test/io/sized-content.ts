import { createHash } from 'node:crypto'
import { limits } from '../../runtime/limits.js'

/* What the tasks of the tests return and throw: each differs from all others, so that a swap is seen. */

export interface Sized {
  readonly length: number
  /** Such as the number of a task. Contents of 256 seeds in a row differ in each byte. */
  readonly seed: number
}

/** Chunks of one content differ from each other, too: a chunk in the place of another is seen. */
export function contentOf({ length, seed }: Sized): Uint8Array {
  const content = new Uint8Array(length)
  for (let at = 0; at < length; at++) content[at] = seed + at + (at >> 8) + (at >> 16)
  return content
}

/** A message of at least so many characters. */
export const messageOf = ({ length, seed }: Sized): string => `${seed}:`.padEnd(length, 'x')

/** The same as its reader has it: a longer one is cut. */
export function readMessageOf(sized: Sized): string {
  const message = messageOf(sized)
  const most = limits.errorTextLength
  return message.length > most ? `${message.slice(0, most)}...` : message
}

export const digestOf = (content: Uint8Array): string => createHash('sha256').update(content).digest('hex')

export const isSame = (one: unknown, other: Uint8Array): boolean =>
  one instanceof Uint8Array && Buffer.compare(one, other) === 0
