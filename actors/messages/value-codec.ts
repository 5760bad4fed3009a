import { Buffer } from 'node:buffer'
import { types } from 'node:util'
import { DefaultDeserializer, DefaultSerializer, serialize } from 'node:v8'
import { lookAt, type WholeKind } from './value-parts.js'
import { type Examined, examine, examineUnwritten } from './value-walk.js'

/** Encodes errors. It is passed in, because fields of an error are values again. */
export interface ErrorCodec {
  encode(error: object, depth: number): Uint8Array
  decode(bytes: Uint8Array): Error
}

/** A part that V8 accepts but would clone incompletely. */
export class NotWhole {
  readonly part: object

  constructor(part: object) {
    this.part = part
  }
}

/** A part that is nested deeper than the reader's stack may carry. */
export class TooDeep {
  /** The objects from the value to that part. */
  readonly chain: readonly object[]

  constructor(chain: readonly object[]) {
    this.chain = chain
  }
}

interface WriteBounds {
  readonly maxBytes: number
  /** Objects inside one another. */
  readonly levels: number
}

/**
 * Numbers of our own kinds, far from those that Node gives to views of buffers. FROZEN: other versions read
 * them.
 */
const numbers: Readonly<Record<WholeKind, number>> = { URL: 1001, URLSearchParams: 1002, error: 1003 }

/**
 * The bytes of node:v8, with three kinds that V8 cannot clone completely: URL, URLSearchParams and errors
 * with own fields. Each of them is written as a host object, so that an object that is mentioned twice
 * arrives as one object.
 */
export class ValueCodec {
  readonly #errors: ErrorCodec

  constructor(errors: ErrorCodec) {
    this.#errors = errors
  }

  /** Throws NotWhole, TooDeep, or an error of V8. `depth` is the number of errors that hold this value. */
  write(value: unknown, depth: number, { maxBytes, levels }: WriteBounds): Buffer {
    let bytes: Buffer
    try {
      bytes = serialize(value)
    } catch (error) {
      if (!isOnlyErrors(error, value, levels)) throw error
      return this.#writeSpecial(value, depth)
    }
    // The value is too large whatever it contains, so it is not examined.
    if (bytes.length > maxBytes) return bytes
    return specialIn(examine(value, bytes.length, levels)) ? this.#writeSpecial(value, depth) : bytes
  }

  #writeSpecial(value: unknown, depth: number): Buffer {
    const standIns = new StandIns()
    const writer = new Writer(standIns, (error) => this.#errors.encode(error, depth + 1))
    writer.writeHeader()
    writer.writeValue(standIns.copyOf(value))
    return writer.releaseBuffer()
  }

  /** Throws if the bytes are not a value. */
  read(bytes: Uint8Array): unknown {
    const reader = new Reader(bytes, (record) => this.#errors.decode(record))
    reader.readHeader()
    return reader.readValue()
  }
}

/**
 * What V8 refuses may be inside an error alone, such as a function in its cause. Errors are not left to V8,
 * so the value may be written without it. V8 writes more levels than it can read, but not any number of them.
 */
function isOnlyErrors(refusal: unknown, value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return false
  const examined = examineUnwritten(value, levels)
  if (refusal instanceof RangeError) return specialIn(examined)
  return examined.special && examined.lost === undefined && examined.deep === undefined
}

/** Throws for what would not arrive. */
function specialIn({ lost, deep, special }: Examined): boolean {
  if (lost !== undefined) throw new NotWhole(lost)
  if (deep !== undefined) throw new TooDeep(deep)
  return special
}

interface HostHooks {
  _writeHostObject(view: ArrayBufferView): void
  _readHostObject(): unknown
}

/**
 * Copies containers and puts an empty view in the place of each special part, because V8 asks us how to write
 * a view.
 */
class StandIns {
  readonly #copies = new Map<object, object>()
  readonly #originals = new Map<object, { readonly value: object; readonly kind: WholeKind }>()

  original(view: object): { readonly value: object; readonly kind: WholeKind } | undefined {
    return this.#originals.get(view)
  }

  copyOf(value: unknown): unknown {
    if (typeof value !== 'object' || value === null) return value
    const known = this.#copies.get(value)
    if (known !== undefined) return known
    // V8 refuses a Proxy. A copy would be none.
    if (types.isProxy(value)) return value
    const look = lookAt(value)
    switch (look.kind) {
      case 'whole': {
        const view = this.#remember(value, new Uint8Array(0))
        this.#originals.set(view, { value, kind: look.of })
        return view
      }
      case 'list':
        return this.#fields(value, this.#remember(value, new Array((value as unknown[]).length)))
      case 'fields':
        // The copy has no prototype, so that `__proto__` is a field like any other.
        return this.#fields(value, this.#remember(value, Object.create(null) as object))
      case 'map': {
        const map = this.#remember(value, new Map())
        for (const [key, item] of value as Map<unknown, unknown>) map.set(this.copyOf(key), this.copyOf(item))
        return map
      }
      case 'set': {
        const set = this.#remember(value, new Set())
        for (const item of value as Set<unknown>) set.add(this.copyOf(item))
        return set
      }
      default:
        return value
    }
  }

  #remember<T extends object>(value: object, copy: T): T {
    this.#copies.set(value, copy)
    return copy
  }

  #fields(value: object, copy: object): object {
    for (const key of Object.keys(value)) {
      ;(copy as Record<string, unknown>)[key] = this.copyOf((value as Record<string, unknown>)[key])
    }
    return copy
  }
}

class Writer extends DefaultSerializer {
  readonly #standIns: StandIns
  readonly #encodeError: (error: object) => Uint8Array

  constructor(standIns: StandIns, encodeError: (error: object) => Uint8Array) {
    super()
    this.#standIns = standIns
    this.#encodeError = encodeError
  }

  _writeHostObject(view: ArrayBufferView): void {
    const original = this.#standIns.original(view)
    if (original === undefined) {
      ;(DefaultSerializer.prototype as unknown as HostHooks)._writeHostObject.call(this, view)
      return
    }
    const { value, kind } = original
    const body = kind === 'error' ? this.#encodeError(value) : Buffer.from(String(value))
    this.writeUint32(numbers[kind])
    this.writeUint32(body.byteLength)
    this.writeRawBytes(body)
  }
}

class Reader extends DefaultDeserializer {
  readonly #decodeError: (record: Uint8Array) => Error
  /** The number of a view, which Node's own method reads again. */
  #again: number | undefined

  constructor(bytes: Uint8Array, decodeError: (record: Uint8Array) => Error) {
    super(bytes)
    this.#decodeError = decodeError
  }

  _readHostObject(): unknown {
    const number = super.readUint32()
    switch (number) {
      case numbers.URL:
        return new URL(this.#body().toString())
      case numbers.URLSearchParams:
        return new URLSearchParams(this.#body().toString())
      case numbers.error:
        return this.#decodeError(this.#body())
      default:
        this.#again = number
        return own((DefaultDeserializer.prototype as unknown as HostHooks)._readHostObject.call(this))
    }
  }

  override readUint32(): number {
    const again = this.#again
    if (again === undefined) return super.readUint32()
    this.#again = undefined
    return again
  }

  #body(): Buffer {
    return this.readRawBytes(super.readUint32())
  }
}

/**
 * Views of Node's deserializer look into the message. Their `buffer` is to have their bytes alone, as the
 * sender's had. A Buffer stays: it may share its memory with others anywhere.
 */
function own(view: unknown): unknown {
  if (!ArrayBuffer.isView(view) || Buffer.isBuffer(view)) return view
  const { buffer, byteOffset, byteLength } = view
  if (byteLength === buffer.byteLength) return view
  const bytes = buffer.slice(byteOffset, byteOffset + byteLength)
  return new (view.constructor as new (bytes: ArrayBufferLike) => ArrayBufferView)(bytes)
}
