/*
 * The messages of OTLP that a trace export consists of: each field by its number, with its name and type.
 * These are the facts of opentelemetry-proto 1.x (collector/trace/v1, trace/v1, resource/v1, common/v1),
 * which is under the Apache License 2.0: https://github.com/open-telemetry/opentelemetry-proto
 */

type Scalar = 'string' | 'bytes' | 'bool' | 'int64' | 'uint32' | 'fixed32' | 'fixed64' | 'double' | 'enum'

export interface FieldSchema {
  readonly name: string
  /** A scalar type, or the name of a message. */
  readonly type: Scalar | MessageName
  readonly isList?: boolean
  /** The highest value of an enum. */
  readonly most?: number
}

const one = (name: string, type: FieldSchema['type'], most?: number): FieldSchema => ({
  name,
  type,
  ...(most !== undefined && { most }),
})
const list = (name: string, type: FieldSchema['type']): FieldSchema => ({ name, type, isList: true })

export type MessageName =
  | 'ExportTraceServiceRequest'
  | 'ResourceSpans'
  | 'Resource'
  | 'ScopeSpans'
  | 'InstrumentationScope'
  | 'Span'
  | 'Event'
  | 'Link'
  | 'Status'
  | 'KeyValue'
  | 'AnyValue'
  | 'ArrayValue'
  | 'KeyValueList'

export const otlpSchema: Readonly<Record<MessageName, Readonly<Record<number, FieldSchema>>>> = {
  ExportTraceServiceRequest: { 1: list('resourceSpans', 'ResourceSpans') },
  ResourceSpans: {
    1: one('resource', 'Resource'),
    2: list('scopeSpans', 'ScopeSpans'),
    3: one('schemaUrl', 'string'),
  },
  Resource: { 1: list('attributes', 'KeyValue'), 2: one('droppedAttributesCount', 'uint32') },
  ScopeSpans: {
    1: one('scope', 'InstrumentationScope'),
    2: list('spans', 'Span'),
    3: one('schemaUrl', 'string'),
  },
  InstrumentationScope: {
    1: one('name', 'string'),
    2: one('version', 'string'),
    3: list('attributes', 'KeyValue'),
    4: one('droppedAttributesCount', 'uint32'),
  },
  Span: {
    1: one('traceId', 'bytes'),
    2: one('spanId', 'bytes'),
    3: one('traceState', 'string'),
    4: one('parentSpanId', 'bytes'),
    5: one('name', 'string'),
    6: one('kind', 'enum', 5),
    7: one('startTimeUnixNano', 'fixed64'),
    8: one('endTimeUnixNano', 'fixed64'),
    9: list('attributes', 'KeyValue'),
    10: one('droppedAttributesCount', 'uint32'),
    11: list('events', 'Event'),
    12: one('droppedEventsCount', 'uint32'),
    13: list('links', 'Link'),
    14: one('droppedLinksCount', 'uint32'),
    15: one('status', 'Status'),
    16: one('flags', 'fixed32'),
  },
  Event: {
    1: one('timeUnixNano', 'fixed64'),
    2: one('name', 'string'),
    3: list('attributes', 'KeyValue'),
    4: one('droppedAttributesCount', 'uint32'),
  },
  Link: {
    1: one('traceId', 'bytes'),
    2: one('spanId', 'bytes'),
    3: one('traceState', 'string'),
    4: list('attributes', 'KeyValue'),
    5: one('droppedAttributesCount', 'uint32'),
    6: one('flags', 'fixed32'),
  },
  Status: { 2: one('message', 'string'), 3: one('code', 'enum', 2) },
  KeyValue: { 1: one('key', 'string'), 2: one('value', 'AnyValue') },
  AnyValue: {
    1: one('stringValue', 'string'),
    2: one('boolValue', 'bool'),
    3: one('intValue', 'int64'),
    4: one('doubleValue', 'double'),
    5: one('arrayValue', 'ArrayValue'),
    6: one('kvlistValue', 'KeyValueList'),
    7: one('bytesValue', 'bytes'),
  },
  ArrayValue: { 1: list('values', 'AnyValue') },
  KeyValueList: { 1: list('values', 'KeyValue') },
}
