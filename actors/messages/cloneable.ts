import { Buffer } from 'node:buffer'
import { deserialize, serialize } from 'node:v8'
import { type ErrorName, FiresteelError, reasonOf } from '../../runtime/errors.js'
import { notPlain, plainBytes, plainListBytes, readPlain, readPlainList } from './plain-bytes.js'

export interface CloneContext {
  /** How the value is called in messages: `input`, `result`. */
  readonly root: string
  readonly notCloneable: Extract<ErrorName, 'INPUT_NOT_CLONEABLE' | 'RESULT_NOT_CLONEABLE'>
  readonly tooLarge: Extract<ErrorName, 'INPUT_TOO_LARGE' | 'RESULT_TOO_LARGE'>
  readonly maxBytes: number
  /** The value is a list of arguments, named by its only item where it has one: `input`, else `input[1]`. */
  readonly list?: boolean
  /** Whose: the task, for the message. */
  readonly task: string
}

/** node:v8 bytes of a value. Throws what `context` names, with the path of the part that cannot be cloned. */
export function toBytes(value: unknown, context: CloneContext): Uint8Array {
  const bytes = plainOf(value, context) ?? serialized(value, context)
  if (bytes.length > context.maxBytes) {
    throw new FiresteelError(
      context.tooLarge,
      `The ${context.root} of ${context.task} has ${bytes.length} bytes; at most ${context.maxBytes} may travel.`,
    )
  }
  return bytes
}

const plainOf = (value: unknown, { list }: CloneContext): Buffer | undefined =>
  list ? plainListBytes(value as unknown[]) : plainBytes(value)

function serialized(value: unknown, context: CloneContext): Buffer {
  try {
    return serialize(value)
  } catch (error) {
    throw notCloneable(value, context, error)
  }
}

const asBuffer = (bytes: Uint8Array): Buffer =>
  Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)

/** What `toBytes` wrote. Throws where the bytes are no value. */
export function fromBytes(bytes: Uint8Array): unknown {
  const plain = readPlain(asBuffer(bytes))
  return plain === notPlain ? deserialize(bytes) : plain
}

/** What `toBytes` wrote of a list. */
export function listFromBytes(bytes: Uint8Array): unknown[] {
  const plain = readPlainList(asBuffer(bytes))
  if (plain !== notPlain) return plain
  const list: unknown = deserialize(bytes)
  if (!Array.isArray(list))
    throw new FiresteelError('INTERNAL', 'The input of a task is no list of arguments.')
  return list
}

function notCloneable(value: unknown, context: CloneContext, cause: unknown): FiresteelError {
  // V8 has one message for a string that is too long and for memory that has run out: that is size, not kind.
  if (cause instanceof RangeError) {
    return new FiresteelError(
      context.tooLarge,
      `The ${context.root} of ${context.task} is too large to be cloned.`,
      {
        cause,
      },
    )
  }
  const only = context.list && Array.isArray(value) && value.length === 1
  const path = only ? pathOf(value[0], context.root) : pathOf(value, context.root)
  const part = `${path} (${reasonOf(cause).slice(0, 200)})`
  return new FiresteelError(context.notCloneable, `${part} cannot be sent for ${context.task}.`, {
    place: path,
  })
}

/** Path of the first part that V8 refuses. Only for values that it refused: costs up to depth times size. */
export function pathOf(value: unknown, root: string): string {
  const seen = new Set<unknown>()
  let path = root
  let current = value
  for (;;) {
    seen.add(current)
    const next = children(current, path).find(([child]) => !seen.has(child) && !isCloneable(child))
    if (next === undefined) return path
    current = next[0]
    path = next[1]
  }
}

function isCloneable(value: unknown): boolean {
  try {
    serialize(value)
    return true
  } catch {
    return false
  }
}

type Child = readonly [value: unknown, path: string]

function children(value: unknown, path: string): Child[] {
  if (typeof value !== 'object' || value === null) return []
  if (value instanceof Map) {
    return [...value].flatMap(([key, item]): Child[] => [
      [key, `${path} key ${labelOf(key)}`],
      [item, `${path}.get(${labelOf(key)})`],
    ])
  }
  if (value instanceof Set) return [...value].map((item, index) => [item, `${path} member ${index}`])
  const found: Child[] = []
  for (const key of Object.keys(value)) {
    try {
      found.push([(value as Record<string, unknown>)[key], `${path}${step(key, Array.isArray(value))}`])
    } catch {
      // A getter that throws is itself the part that cannot be cloned.
      return [[undefinedGetter, `${path}${step(key, false)}`]]
    }
  }
  return found
}

/** Stands for what a throwing getter would give: never cloneable, without children. */
const undefinedGetter = (): void => undefined

function step(key: string, isIndex: boolean): string {
  if (isIndex) return `[${key}]`
  return /^[A-Za-z_$][\w$]*$/.test(key) ? `.${key}` : `[${JSON.stringify(key)}]`
}

function labelOf(key: unknown): string {
  return typeof key === 'object' && key !== null ? 'object' : JSON.stringify(String(key))
}
