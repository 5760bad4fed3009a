import { Buffer } from 'node:buffer'
import { type ErrorName, FiresteelError, reasonOf } from '../../runtime/errors.js'
import { notPlain, plainBytes, plainListBytes, readPlain, readPlainList } from './plain-bytes.js'
import { valueCodec } from './task-error.js'
import { NotWhole } from './value-codec.js'
import { type Loss, lookAt } from './value-parts.js'
import { pathOf, pathTo } from './value-path.js'

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

/**
 * The bytes of a value: those of node:v8, where V8 alone would lose nothing. Throws what `context` names, with the path
 * of the part that cannot be cloned or would not arrive whole.
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
    return valueCodec.write(value, 0, context.maxBytes)
  } catch (error) {
    throw notCloneable(value, context, error)
  }
}

const asBuffer = (bytes: Uint8Array): Buffer =>
  Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)

/** What `toBytes` wrote. Throws where the bytes are no value. */
export function fromBytes(bytes: Uint8Array): unknown {
  const plain = readPlain(asBuffer(bytes))
  return plain === notPlain ? valueCodec.read(bytes) : plain
}

/** What `toBytes` wrote of a list. */
export function listFromBytes(bytes: Uint8Array): unknown[] {
  const plain = readPlainList(asBuffer(bytes))
  if (plain !== notPlain) return plain
  const list = valueCodec.read(bytes)
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
  const place = pathOf(whole, root)
  const part = `${place} (${reasonOf(cause).slice(0, 200)})`
  return new FiresteelError(context.notCloneable, `${part} cannot be sent for ${task}.`, { place })
}

/** The only argument is named by itself. */
function namedRoot(value: unknown, { list, root }: CloneContext): readonly [unknown, string] {
  return list && Array.isArray(value) && value.length === 1 ? [value[0], root] : [value, root]
}

function lossOf(part: object): Loss {
  const look = lookAt(part)
  return look.kind === 'lost' ? look.loss : { why: 'would not arrive whole' }
}
