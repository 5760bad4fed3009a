import { CHUNK_BYTES, INLINE_BYTES } from '../../actors/messages/tasks.js'
import { limits } from '../../runtime/limits.js'
import type { Random } from './random.js'

/** Bytes that a task gets or returns. They are recognised by their number, and by the value of each byte. */
export interface Bulk {
  readonly size: number
  readonly writeId: number
}

/** Share of inputs and results that are large. */
const SHARE = 0.03
/** Sizes around what goes in one piece, around what fills one chunk or two, and beyond a thread's ring. */
const thresholds = [INLINE_BYTES, limits.payloadChunkBytes, CHUNK_BYTES, 2 * CHUNK_BYTES, 3 * CHUNK_BYTES]
/** Other bytes are written beside them, so that the sizes fall on both sides. */
const AROUND_BYTES = 64
/** Not every byte is checked, but each part that travels as a whole is. */
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
