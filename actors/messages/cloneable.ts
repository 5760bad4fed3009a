import { Buffer } from 'node:buffer'
import { type ErrorName, FiresteelError, reasonOf } from '../../runtime/errors.js'
import { innerLimits } from '../../runtime/inner-limits.js'
import { limits } from '../../runtime/limits.js'
import { notPlain, plainBytes, plainListBytes, readPlain, readPlainList } from './plain-bytes.js'
import { valueCodec } from './task-error.js'
import { NotWhole, TooDeep } from './value-codec.js'
import { type Loss, lookAt } from './value-parts.js'
import { pathAlong, pathOf, pathTo } from './value-path.js'

export interface CloneContext {
  /** The name of the value in error texts: `input`, `result`. */
  readonly root: string
  readonly notCloneable: Extract<ErrorName, 'INPUT_NOT_CLONEABLE' | 'RESULT_NOT_CLONEABLE'>
  readonly tooLarge: Extract<ErrorName, 'INPUT_TOO_LARGE' | 'RESULT_TOO_LARGE'>
  readonly maxBytes: number
  /** The value is a list of arguments. A single argument is named `input`, others `input[1]`. */
  readonly list?: boolean
  /** The task that the value belongs to, for error texts. */
  readonly task: string
}

/**
 * The bytes of a value, in the format of node:v8 if V8 alone loses nothing. Throws the errors that `context`
 * names, with the path of the part that cannot be cloned or would arrive incomplete.
 */
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
    // The list of arguments is no part of them.
    const levels = limits.valueDepth + (context.list ? 1 : 0)
    return valueCodec.write(value, 0, { maxBytes: context.maxBytes, levels })
  } catch (error) {
    throw notCloneable(value, context, error)
  }
}

const asBuffer = (bytes: Uint8Array): Buffer =>
  Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)

/** Reads what `toBytes` wrote. Throws if the bytes are not a value. */
export function fromBytes(bytes: Uint8Array): unknown {
  const plain = readPlain(asBuffer(bytes))
  return plain === notPlain ? valueCodec.read(bytes) : plain
}

/** Reads a list that `toBytes` wrote. */
export function listFromBytes(bytes: Uint8Array): unknown[] {
  const plain = readPlainList(asBuffer(bytes))
  if (plain !== notPlain) return plain
  const list = valueCodec.read(bytes)
  if (!Array.isArray(list))
    throw new FiresteelError('INTERNAL', 'The input of a task is not a list of arguments.')
  return list
}

function notCloneable(value: unknown, context: CloneContext, cause: unknown): FiresteelError {
  // V8 reports a too long string and a lack of memory alike. Both are a matter of size.
  if (cause instanceof RangeError) {
    return new FiresteelError(
      context.tooLarge,
      `The ${context.root} of ${context.task} is too large to be cloned.`,
      {
        cause,
      },
    )
  }
  const { task } = context
  const [whole, root] = namedRoot(value, context)
  if (cause instanceof NotWhole) {
    const place = pathTo(whole, cause.part, root)
    const { why, help } = lossOf(cause.part)
    return new FiresteelError(context.notCloneable, `${place} ${why}; it cannot be sent for ${task}.`, {
      place,
      ...(help && { help }),
    })
  }
  if (cause instanceof TooDeep) {
    const chain = cause.chain.slice(cause.chain.indexOf(whole as object))
    const place = pathAlong(chain, root)
    const rule = `is nested more than ${limits.valueDepth} levels deep (valueDepth)`
    return new FiresteelError(context.notCloneable, `${place} ${rule}; it cannot be sent for ${task}.`, {
      place,
      help: 'Send what is linked or nested so as a flat list, or as text.',
    })
  }
  const place = pathOf(whole, root, isCloneable)
  const part = `${place} (${reasonOf(cause).slice(0, innerLimits.shownCauseChars)})`
  return new FiresteelError(context.notCloneable, `${part} cannot be sent for ${task}.`, { place })
}

/** What V8 refuses is searched for, and not what would arrive incomplete. */
function isCloneable(part: unknown): boolean {
  try {
    const unbounded = Number.POSITIVE_INFINITY
    valueCodec.write(part, 0, { maxBytes: unbounded, levels: unbounded })
    return true
  } catch (error) {
    return error instanceof NotWhole
  }
}

/** A single argument is the root itself. */
function namedRoot(value: unknown, { list, root }: CloneContext): readonly [unknown, string] {
  return list && Array.isArray(value) && value.length === 1 ? [value[0], root] : [value, root]
}

function lossOf(part: object): Loss {
  const look = lookAt(part)
  return look.kind === 'lost' ? look.loss : { why: 'would not arrive whole' }
}
