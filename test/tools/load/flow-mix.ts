import { limits } from '../../../runtime/limits.js'
import type { FlowInput } from './flow-tasks.js'

/** A result or error up to this size goes through the ring of its thread. A larger one takes another way. */
const INLINE = 16 * 1024
/** A link cuts payload into chunks of this size. */
const CHUNK = 64 * 1024
/** More than a link or a window accepts at once. */
const LARGE = 3 * 1024 * 1024

/** Encoding adds bytes around a body, so the thresholds are between these values. */
const around = (bytes: number): number[] => [-200, -100, -60, -30, 0, 1].map((more) => bytes + more)
const SIZES = [0, 100, ...around(INLINE), ...around(CHUNK), ...around(2 * CHUNK), 4 * CHUNK, LARGE]

/** One of so many tasks fails. It is repeated as often as `retries` says, and ends with its error. */
const FAILS_EVERY = 50
const WAITS_EVERY = 3

/** Characters of an unexpected error that a report shows. */
const SHOWN = 500

type Mixed = Pick<FlowInput, 'ms' | 'resultBytes' | 'errorCharacters' | 'padding'>

/**
 * Derives task `id` from its number alone, so that its result can be checked. The sizes of input and result
 * go through all pairs, some tasks wait, and some throw errors of all sizes.
 */
export function mixedTask(id: number, taskMs: number): Mixed {
  const size = SIZES[id % SIZES.length]!
  const other = SIZES[Math.floor(id / SIZES.length) % SIZES.length]!
  const ms = id % WAITS_EVERY === 0 ? 0 : taskMs
  if (id % FAILS_EVERY === FAILS_EVERY - 1) return { ms, errorCharacters: size }
  // One large body in each round of sizes is enough load.
  return { ms, resultBytes: size, ...(other < LARGE && { padding: new Uint8Array(other) }) }
}

/** Undefined: task `id` must give exactly this. */
export function wrongResult(
  id: number,
  { resultBytes }: Mixed,
  body: Uint8Array | undefined,
): string | undefined {
  if (body?.byteLength !== resultBytes) return `task ${id} gave ${body?.byteLength} bytes, not ${resultBytes}`
  if (body === undefined) return undefined
  const byte = id & 0xff
  return !Buffer.alloc(body.byteLength, byte).equals(body)
    ? `task ${id} gave the bytes of another`
    : undefined
}

/** Undefined: task `id` must end with exactly this error. */
export function wrongError(id: number, { errorCharacters }: Mixed, error: Error): string | undefined {
  if (errorCharacters === undefined) return `task ${id} failed: ${error.message.slice(0, SHOWN)}`
  // The library says how often it tried. The task's own error is the cause.
  const { message } = error.cause instanceof Error ? error.cause : error
  const whole = `${id} `.padEnd(errorCharacters, '.')
  const isCut = whole.length > limits.errorTextLength
  const isIts = message === (isCut ? `${whole.slice(0, limits.errorTextLength)}...` : whole)
  return isIts ? undefined : `task ${id} failed with another error: ${error.message.slice(0, SHOWN)}`
}
