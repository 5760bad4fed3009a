import { CHUNK_BYTES, INLINE_BYTES } from '../../actors/messages/tasks.js'
import { limits } from '../../runtime/limits.js'
import type { Random } from './random.js'

/** Bytes that a task gets or gives: known again by how many they are, and by what each of them is. */
export interface Bulk {
  readonly size: number
  readonly writeId: number
}

/** Of what tasks get and give, so much is large. */
const SHARE = 0.03
/** Around what goes in one piece, what fills one chunk or two, and what is beyond a thread's ring. */
const thresholds = [INLINE_BYTES, limits.payloadChunkBytes, CHUNK_BYTES, 2 * CHUNK_BYTES, 3 * CHUNK_BYTES]
/** What is written beside them counts too, so that they fall on both sides. */
const AROUND_BYTES = 64
/** Not every byte is looked at; each part of them that travels together is. */
const STRIDE = 1021

export function drawBulk(random: Random): Bulk | undefined {
  if (!random.chance(SHARE)) return undefined
  return {
    size: random.pick(thresholds) + random.int(AROUND_BYTES) - AROUND_BYTES / 2,
    writeId: random.int(256),
  }
}

export const bytesOf = ({ size, writeId }: Bulk): Uint8Array => new Uint8Array(size).fill(writeId)

export function isWhole(value: unknown, { size, writeId }: Bulk): boolean {
  if (!(value instanceof Uint8Array) || value.length !== size || value.at(-1) !== writeId) return false
  for (let at = 0; at < size; at += STRIDE) if (value[at] !== writeId) return false
  return true
}
