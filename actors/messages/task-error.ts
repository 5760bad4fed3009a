import { Buffer } from 'node:buffer'
import { type ErrorName, errorCodes, FiresteelError } from '../../runtime/errors.js'

/*
 * Errors travel as a record of ours, not as V8 clones: V8 drops `code`, and an Error with a cause written by
 * Node 20 is unreadable in 22 and 24.
 */

const DEPTH_MAX = 8
const ERRORS_MAX = 32
const TEXT_MAX = 16 * 1024
const RECORD_BYTES_MAX = 1024 * 1024

export interface ErrorRecord {
  readonly name: string
  readonly message: string
  readonly stack?: string
  readonly code?: string | number
  readonly place?: string
  readonly help?: string
  readonly cause?: ErrorRecord
  /** Of an AggregateError. */
  readonly errors?: readonly ErrorRecord[]
  /** The thrown value was not an Error: `message` is its text. */
  readonly thrown?: boolean
}

/** The record of anything thrown. Never throws: getters of the user's errors may. */
export function recordOf(thrown: unknown, depth = 0): ErrorRecord {
  try {
    return describe(thrown, depth)
  } catch {
    return { name: 'Error', message: 'an error that cannot be read', thrown: true }
  }
}

function describe(thrown: unknown, depth: number): ErrorRecord {
  if (!isErrorLike(thrown)) return { name: 'Error', message: cut(textOf(thrown)), thrown: true }
  const { name, message, stack, code, cause, errors, place, help } = thrown as ErrorFields
  const deeper = depth < DEPTH_MAX
  return {
    name: cut(String(name)),
    message: cut(String(message)),
    ...(typeof stack === 'string' && { stack: cut(stack) }),
    ...((typeof code === 'string' || typeof code === 'number') && { code }),
    ...(typeof place === 'string' && { place: cut(place) }),
    ...(typeof help === 'string' && { help: cut(help) }),
    ...(deeper && cause !== undefined && { cause: recordOf(cause, depth + 1) }),
    ...(deeper &&
      Array.isArray(errors) && {
        errors: errors.slice(0, ERRORS_MAX).map((error) => recordOf(error, depth + 1)),
      }),
  }
}

interface ErrorFields {
  readonly name: unknown
  readonly message: unknown
  readonly stack?: unknown
  readonly code?: unknown
  readonly cause?: unknown
  readonly errors?: unknown
  readonly place?: unknown
  readonly help?: unknown
}

/** Not `instanceof`: errors of other realms (vm contexts) are errors too. */
function isErrorLike(value: unknown): boolean {
  return value instanceof Error || Object.prototype.toString.call(value) === '[object Error]'
}

function textOf(value: unknown): string {
  if (typeof value === 'string') return value
  try {
    return JSON.stringify(value) ?? String(value)
  } catch {
    return String(value)
  }
}

const cut = (text: string): string => (text.length > TEXT_MAX ? `${text.slice(0, TEXT_MAX)}...` : text)

export function encodeError(thrown: unknown): Buffer {
  const record = recordOf(thrown)
  const bytes = Buffer.from(JSON.stringify(record))
  if (bytes.length <= RECORD_BYTES_MAX) return bytes
  const { cause: _cause, errors: _errors, ...top } = record
  return Buffer.from(JSON.stringify(top))
}

/** Rebuilds what `encodeError` wrote. Never throws: what is no record becomes an Error that says so. */
export function decodeError(bytes: Uint8Array): Error {
  try {
    return rebuild(JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString()), 0)
  } catch {
    return new Error('an executor sent an error that cannot be read')
  }
}

function rebuild(value: unknown, depth: number): Error {
  const record = (typeof value === 'object' && value !== null ? value : {}) as Partial<ErrorRecord>
  const message = typeof record.message === 'string' ? record.message : 'unknown error'
  const deeper = depth < DEPTH_MAX
  const cause = deeper && record.cause !== undefined ? rebuild(record.cause, depth + 1) : undefined
  const own = firesteelName(record)
  const error = own
    ? new FiresteelError(own, message, {
        ...(typeof record.place === 'string' && { place: record.place }),
        ...(typeof record.help === 'string' && { help: record.help }),
        ...(cause && { cause }),
      })
    : foreign(record, message, cause, deeper ? depth : DEPTH_MAX)
  if (typeof record.stack === 'string') hide(error, 'stack', record.stack)
  return error
}

function foreign(
  record: Partial<ErrorRecord>,
  message: string,
  cause: Error | undefined,
  depth: number,
): Error {
  const options = cause === undefined ? undefined : { cause }
  const list =
    Array.isArray(record.errors) && depth < DEPTH_MAX ? record.errors.slice(0, ERRORS_MAX) : undefined
  const error = list
    ? new AggregateError(
        list.map((inner) => rebuild(inner, depth + 1)),
        message,
        options,
      )
    : new (constructorOf(record.name))(message, options)
  if (typeof record.name === 'string' && record.name !== error.name) hide(error, 'name', record.name)
  const { code } = record
  if (typeof code === 'string' || typeof code === 'number') Object.assign(error, { code })
  return error
}

/** The standard ones, so that `instanceof TypeError` holds on the driver. */
const standard: ReadonlyMap<string, ErrorConstructor> = new Map<string, ErrorConstructor>(
  [Error, EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError].map((type) => [
    type.name,
    type,
  ]),
)
const constructorOf = (name: unknown): ErrorConstructor => standard.get(String(name)) ?? Error

function firesteelName({ name, code }: Partial<ErrorRecord>): ErrorName | undefined {
  if (name !== 'FiresteelError' || typeof code !== 'string') return undefined
  const short = code.slice('FIRESTEEL_'.length)
  return Object.hasOwn(errorCodes, short) ? (short as ErrorName) : undefined
}

function hide(error: Error, key: 'stack' | 'name', value: string): void {
  Object.defineProperty(error, key, { value, configurable: true, writable: true, enumerable: false })
}
