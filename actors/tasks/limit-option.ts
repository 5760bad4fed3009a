import { FiresteelError, reasonOf } from '../../runtime/errors.js'
import { checkKnownOptions } from '../../runtime/known-options.js'
import { DURATION_MS_MAX } from '../../runtime/units.js'
import { KeyLimit, type LimitKey } from './key-limit.js'

/** How many tasks of a call may run for one key, such as the host of a page. */
// biome-ignore lint/suspicious/noExplicitAny: the one type that takes a function of any inputs
export interface LimitOptions<I = any> {
  /** The key of an input. Default: one key for all inputs of the call. */
  readonly key?: (input: I) => LimitKey
  /** Tasks of one key that have begun and not ended, the waits between their attempts included. */
  readonly concurrency?: number
  /** Attempts of one key that begin in a second, evenly spaced; 0.5 is one in two seconds. */
  readonly perSecond?: number
}

const names = ['key', 'concurrency', 'perSecond'] as const satisfies (keyof LimitOptions)[]

/** Throws USAGE. */
export function checkLimit(value: unknown, help: string): void {
  checkKnownOptions(value, { what: 'limit', names, help })
  const { key, concurrency, perSecond } = value as Readonly<Record<string, unknown>>
  if (key !== undefined && typeof key !== 'function')
    refuse('limit.key', 'limit.key must be a function.', help)
  if (concurrency === undefined && perSecond === undefined)
    refuse('limit', 'limit has neither concurrency nor perSecond, so it would limit nothing.', help)
  if (concurrency !== undefined && !(Number.isSafeInteger(concurrency) && (concurrency as number) >= 1)) {
    const message = `limit.concurrency is ${String(concurrency)}; it must be a whole number from 1.`
    refuse('limit.concurrency', message, help)
  }
  if (perSecond === undefined) return
  const intervalMs = typeof perSecond === 'number' ? 1000 / perSecond : Number.NaN
  if (intervalMs > 0 && intervalMs <= DURATION_MS_MAX) return
  const message = `limit.perSecond is ${String(perSecond)}; it must be a number above 0, such as 10 or 0.5.`
  refuse('limit.perSecond', message, help)
}

/** The limit of one call. `concurrency` is that of the call, for all keys together. */
export function limitOf(options: LimitOptions, concurrency: number | undefined): KeyLimit<unknown> {
  const most = Number.POSITIVE_INFINITY
  return new KeyLimit({
    concurrency: options.concurrency ?? most,
    intervalMs: options.perSecond === undefined ? 0 : 1000 / options.perSecond,
    concurrencyOfCall: concurrency ?? most,
  })
}

/** The key of an input. Throws CALLBACK_FAILED if the caller's function throws, or gives what is no key. */
export function keyOf({ key }: LimitOptions, input: unknown, index: number): LimitKey {
  if (key === undefined) return ''
  let given: unknown
  try {
    given = key(input)
  } catch (cause) {
    throw failed(`threw for input ${index}: ${reasonOf(cause)}`, cause)
  }
  if (['string', 'number', 'bigint', 'boolean'].includes(typeof given)) return given as LimitKey
  const what = given === null || typeof given !== 'object' ? String(given) : 'an object'
  // Each object would be a key of its own, and limit nothing.
  throw failed(`gave ${what} for input ${index}; a key must be text or a number`, undefined)
}

function failed(what: string, cause: unknown): FiresteelError {
  return new FiresteelError('CALLBACK_FAILED', `limit.key ${what}.`, { place: 'limit.key', cause })
}

function refuse(place: string, message: string, help: string): never {
  throw new FiresteelError('USAGE', message, { place, help })
}
