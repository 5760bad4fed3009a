import { type FieldSchema, type MessageName, otlpSchema } from './otlp-schema.js'

export type OtlpMessage = Readonly<Record<string, unknown>>

/** Wire types of protobuf: a varint, eight bytes, a length with so many bytes, four bytes. */
const wire = { varint: 0, fixed64: 1, bytes: 2, fixed32: 5 } as const
const wireOf: Readonly<Record<string, number>> = {
  bool: wire.varint,
  int64: wire.varint,
  uint32: wire.varint,
  enum: wire.varint,
  fixed64: wire.fixed64,
  double: wire.fixed64,
  fixed32: wire.fixed32,
}

/**
 * Reads a trace export. It is strict: a field that the schema does not have, a wrong wire type, text that is
 * not UTF-8, a repeated field that occurs once only, and a value out of its range throw with their place.
 */
export const decodeExport = (bytes: Uint8Array): OtlpMessage =>
  message(Buffer.from(bytes), 'ExportTraceServiceRequest', 'request')

function message(bytes: Buffer, type: MessageName, place: string): OtlpMessage {
  const fields = otlpSchema[type]
  const found: Record<string, unknown> = {}
  for (let at = 0; at < bytes.length; ) {
    const [tag, next] = varint(bytes, at, place)
    const field = fields[Number(tag >> 3n)]
    if (field === undefined) throw new Error(`${place}: ${type} has no field ${tag >> 3n}`)
    const path = `${place}.${field.name}`
    if (Number(tag & 7n) !== (wireOf[field.type] ?? wire.bytes))
      throw new Error(`${path}: wire type ${tag & 7n} for ${field.type}`)
    const [value, end] = read(bytes, next, field, path)
    at = end
    if (field.isList) found[field.name] = [...((found[field.name] as unknown[]) ?? []), value]
    else if (field.name in found) throw new Error(`${path}: it occurs twice`)
    else found[field.name] = value
  }
  return found
}

function read(bytes: Buffer, at: number, { type, most }: FieldSchema, path: string): [unknown, number] {
  switch (type) {
    case 'fixed64':
      return [bytes.readBigUInt64LE(at), at + 8]
    case 'double':
      return [bytes.readDoubleLE(at), at + 8]
    case 'fixed32':
      return [bytes.readUInt32LE(at), at + 4]
    case 'bool':
    case 'int64':
    case 'uint32':
    case 'enum': {
      const [value, end] = varint(bytes, at, path)
      if (most !== undefined && value > BigInt(most)) throw new Error(`${path}: ${value} is over ${most}`)
      return [type === 'bool' ? value === 1n : Number(BigInt.asIntN(64, value)), end]
    }
    default: {
      const [length, start] = varint(bytes, at, path)
      const end = start + Number(length)
      if (end > bytes.length) throw new Error(`${path}: it ends after its message`)
      const body = bytes.subarray(start, end)
      if (type === 'string') return [new TextDecoder('utf-8', { fatal: true }).decode(body), end]
      return [type === 'bytes' ? body.toString('hex') : message(body, type as MessageName, path), end]
    }
  }
}

function varint(bytes: Buffer, from: number, place: string): [bigint, number] {
  let value = 0n
  for (let at = from, shift = 0n; at < bytes.length && shift < 70n; at++, shift += 7n) {
    const byte = bytes[at] as number
    value |= BigInt(byte & 0x7f) << shift
    if (byte < 0x80) return [value, at + 1]
  }
  throw new Error(`${place}: a number does not end`)
}
