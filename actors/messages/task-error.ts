import { Buffer } from 'node:buffer'
import { type ErrorName, errorNameOf, FiresteelError } from '../../runtime/errors.js'
import { limits } from '../../runtime/limits.js'
import { isNoRetry, NoRetry } from './no-retry.js'
import { mayFit } from './value-bound.js'
import { ValueCodec } from './value-codec.js'
import { isError } from './value-parts.js'

/*
 * Errors travel as our own record, not as V8 clones: V8 drops `code`, and Node 22 and 24 cannot read an Error
 * with a cause that Node 20 wrote.
 */

const { errorDepth: DEPTH_MAX, errorsTogether: ERRORS_MAX } = limits

export interface ErrorRecord {
  readonly name: string
  readonly message: string
  readonly stack?: string
  readonly code?: string | number
  readonly place?: string
  readonly help?: string
  readonly cause?: ErrorRecord
  /** The errors of an AggregateError. */
  readonly errors?: readonly ErrorRecord[]
  /** True: the thrown value was not an Error, and `message` is its text. */
  readonly thrown?: boolean
  /** A cause or one of `errors` that is not an Error, as base64 of the bytes of its value. */
  readonly value?: string
  /** True: it is a NoRetry, perhaps under another name. */
  readonly noRetry?: boolean
  /** Its other own fields, each as base64 of the bytes of its value. */
  readonly fields?: Readonly<Record<string, string>>
}

/** The codec of values between a driver and its executors. */
export const valueCodec = new ValueCodec({
  encode: (error, depth) => encodeError(error, depth),
  decode: (bytes) => decodeError(bytes),
})

/** The record of any thrown value. It never throws, although getters of the user's errors may. */
function recordOf(thrown: unknown, depth: number, inside: number): ErrorRecord {
  try {
    return describe(thrown, depth, inside)
  } catch {
    return { name: 'Error', message: 'an error that cannot be read', thrown: true }
  }
}

/** `depth` counts causes; `inside` counts the errors whose fields hold this one. */
function describe(thrown: unknown, depth: number, inside: number): ErrorRecord {
  if (!isErrorLike(thrown)) return describeOther(thrown, depth, inside)
  const { name, message, code, cause, errors, place, help } = thrown as ErrorFields
  const stack = stackOf(thrown as ErrorFields)
  const deeper = depth < DEPTH_MAX
  const ours = name === 'FiresteelError'
  // JSON has no NaN, so such a number is a field like any other.
  const hasCode = typeof code === 'string' || Number.isFinite(code)
  const told = [...TOLD, ...(hasCode ? ['code'] : []), ...(ours ? ['place', 'help'] : [])]
  const fields = fieldsOf(thrown, isListOfErrors(thrown, errors) ? [...told, 'errors'] : told, inside)
  const listed = Array.isArray(errors) && fields?.errors === undefined
  return {
    name: cut(textOf(name)),
    message: cut(textOf(message)),
    ...(stack !== undefined && { stack: cut(stack) }),
    ...(isNoRetry(thrown) && { noRetry: true }),
    ...(hasCode && { code: typeof code === 'string' ? cut(code) : (code as number) }),
    ...(ours && typeof place === 'string' && { place: cut(place) }),
    ...(ours && typeof help === 'string' && { help: cut(help) }),
    ...(deeper && cause !== undefined && { cause: recordOf(cause, depth + 1, inside) }),
    ...(deeper &&
      listed && {
        errors: errors.slice(0, ERRORS_MAX).map((error) => recordOf(error, depth + 1, inside)),
      }),
    ...(fields && { fields }),
  }
}

/** What is thrown becomes an Error there. A cause or one of `errors` arrives as what it is, if it can. */
function describeOther(thrown: unknown, depth: number, inside: number): ErrorRecord {
  const fields = fieldsOf(thrown, [], inside)
  const isPart = depth > 0 && inside <= limits.errorFieldDepth
  const bytes = isPart ? valueBytes(() => thrown, limits.errorFieldsBytes, inside) : undefined
  return {
    name: 'Error',
    message: cut(textOf(thrown)),
    thrown: true,
    ...(bytes && { value: bytes.toString('base64') }),
    ...(fields && { fields }),
  }
}

/** Fields that a record always has by themselves. The first three are texts, as in every Error. */
const TOLD = ['name', 'message', 'stack', 'cause']

/**
 * True: `errors` is what an AggregateError holds. Many errors have a field of that name which holds something
 * else, such as the reason for each field of a form.
 */
function isListOfErrors(error: unknown, errors: unknown): boolean {
  if (!Array.isArray(errors)) return false
  return !Object.prototype.propertyIsEnumerable.call(error, 'errors') || errors.some(isErrorLike)
}

/**
 * The own fields of an error that can be cloned and fit. So `status` and `retryable` arrive and a socket does
 * not, but the error itself always arrives.
 */
function fieldsOf(
  thrown: unknown,
  told: readonly string[],
  inside: number,
): Record<string, string> | undefined {
  if (typeof thrown !== 'object' || thrown === null || inside > limits.errorFieldDepth) return undefined
  const fields: [string, string][] = []
  let capacity: number = limits.errorFieldsBytes
  for (const key of Object.keys(thrown)) {
    if (told.includes(key)) continue
    const bytes = valueBytes(() => (thrown as Record<string, unknown>)[key], capacity, inside)
    if (bytes === undefined || bytes.length + key.length > capacity) continue
    capacity -= bytes.length + key.length
    fields.push([key, bytes.toString('base64')])
  }
  return fields.length === 0 ? undefined : Object.fromEntries(fields)
}

/** Undefined: the value has no room, cannot be cloned, is nested too deep, or its getter throws. */
function valueBytes(read: () => unknown, capacity: number, inside: number): Buffer | undefined {
  try {
    const value = read()
    if (!mayFit(value, capacity)) return undefined
    const bytes = valueCodec.write(value, inside, { maxBytes: capacity, levels: limits.errorValueDepth })
    return bytes.length > capacity ? undefined : bytes
  } catch {
    return undefined
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

/** `instanceof` would miss errors of other realms (vm contexts). */
function isErrorLike(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false
  return isError(value) || Object.prototype.toString.call(value) === '[object Error]'
}

function textOf(value: unknown): string {
  if (typeof value === 'string') return value
  try {
    return JSON.stringify(value) ?? String(value)
  } catch {
    return String(value)
  }
}

/** Node makes it when it is read, of a name that may be no text, or lets the program make something else. */
function stackOf(error: ErrorFields): string | undefined {
  try {
    const { stack } = error
    if (stack === undefined) return undefined
    return Array.isArray(stack) ? stack.join('\n') : textOf(stack)
  } catch {
    return undefined
  }
}

const cut = (text: string): string =>
  text.length > limits.errorTextLength ? `${text.slice(0, limits.errorTextLength)}...` : text

/** `inside` is the number of errors whose fields hold this one. */
export function encodeError(thrown: unknown, inside = 0): Buffer {
  const record = recordOf(thrown, 0, inside)
  const bytes = Buffer.from(JSON.stringify(record))
  if (bytes.length <= limits.errorRecordBytes) return bytes
  const { cause: _cause, errors: _errors, ...top } = record
  return Buffer.from(JSON.stringify(top))
}

/** Rebuilds what `encodeError` wrote. It never throws: an invalid record becomes an Error that says so. */
export function decodeError(bytes: Uint8Array): Error {
  try {
    return rebuild(JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString()), 0)
  } catch {
    return new Error('an executor sent an error that cannot be read')
  }
}

/** A cause or one of `errors`, which may be no Error. */
function rebuildPart(value: unknown, depth: number): unknown {
  const text = (value as Partial<ErrorRecord> | null)?.value
  if (typeof text === 'string') {
    try {
      return valueCodec.read(Buffer.from(text, 'base64'))
    } catch {
      // It arrives as the Error that earlier releases make of it.
    }
  }
  return rebuild(value, depth)
}

function rebuild(value: unknown, depth: number): Error {
  const record = (typeof value === 'object' && value !== null ? value : {}) as Partial<ErrorRecord>
  const message = typeof record.message === 'string' ? record.message : 'unknown error'
  const deeper = depth < DEPTH_MAX
  const cause = deeper && record.cause !== undefined ? rebuildPart(record.cause, depth + 1) : undefined
  const own = firesteelName(record)
  const error = own
    ? new FiresteelError(own, message, {
        ...(typeof record.place === 'string' && { place: record.place }),
        ...(typeof record.help === 'string' && { help: record.help }),
        ...(cause !== undefined && { cause }),
      })
    : foreign(record, message, cause)
  if (deeper && Array.isArray(record.errors)) addErrors(error, record.errors, depth)
  if (typeof record.stack === 'string') hide(error, 'stack', record.stack)
  addFields(error, record.fields)
  return error
}

function addErrors(error: Error, records: readonly unknown[], depth: number): void {
  const value = records.slice(0, ERRORS_MAX).map((inner) => rebuildPart(inner, depth + 1))
  // Those of an AggregateError are hidden; others are a field that somebody has set.
  const enumerable = !(error instanceof AggregateError)
  Object.defineProperty(error, 'errors', { value, configurable: true, writable: true, enumerable })
}

function addFields(error: Error, fields: unknown): void {
  if (typeof fields !== 'object' || fields === null) return
  for (const [key, text] of Object.entries(fields)) {
    try {
      const value = valueCodec.read(Buffer.from(String(text), 'base64'))
      Object.defineProperty(error, key, { value, configurable: true, writable: true, enumerable: true })
    } catch {
      // One unreadable field must not cost the whole error.
    }
  }
}

function foreign(record: Partial<ErrorRecord>, message: string, cause: unknown): Error {
  const options = cause === undefined ? undefined : { cause }
  const error = blank(record, message, options)
  if (typeof record.name === 'string' && record.name !== error.name) hide(error, 'name', record.name)
  const { code } = record
  if (typeof code === 'string' || typeof code === 'number') Object.assign(error, { code })
  return error
}

function blank(
  { name, noRetry, errors }: Partial<ErrorRecord>,
  message: string,
  options?: ErrorOptions,
): Error {
  if (noRetry === true) return new NoRetry(message, options)
  const type = standard.get(String(name))
  if (type !== undefined) return new type(message, options)
  const isAggregate = name === 'AggregateError' || Array.isArray(errors)
  return isAggregate ? new AggregateError([], message, options) : new Error(message, options)
}

/** The standard errors, so that `instanceof TypeError` holds in the driver. */
const standard: ReadonlyMap<string, ErrorConstructor> = new Map<string, ErrorConstructor>(
  [Error, EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError].map((type) => [
    type.name,
    type,
  ]),
)

function firesteelName({ name, code }: Partial<ErrorRecord>): ErrorName | undefined {
  if (name !== 'FiresteelError' || typeof code !== 'string') return undefined
  return errorNameOf(code)
}

function hide(error: Error, key: 'stack' | 'name', value: string): void {
  Object.defineProperty(error, key, { value, configurable: true, writable: true, enumerable: false })
}
