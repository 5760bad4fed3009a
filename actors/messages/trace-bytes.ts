import { Buffer } from 'node:buffer'
import { type TraceContext, traceContextOf } from '../../runtime/telemetry/trace-context.js'
import type { ByteReader, ByteWriter } from './bytes.js'

/* The context of a span beside a task: two texts, of which the second may be empty. */

/** Both are ASCII. */
export const traceBytes = (context: TraceContext | undefined): number =>
  context === undefined ? 0 : 8 + context.traceparent.length + (context.tracestate?.length ?? 0)

export function writeTrace(writer: ByteWriter, { traceparent, tracestate = '' }: TraceContext): void {
  writer.text(Buffer.from(traceparent, 'latin1')).text(Buffer.from(tracestate, 'latin1'))
}

/** Undefined: it is malformed. That is no reason to cut a link. */
export function readTrace(reader: ByteReader): TraceContext | undefined {
  const traceparent = reader.text()
  return traceContextOf(traceparent, reader.text())
}
