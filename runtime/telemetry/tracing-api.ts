import { createRequire } from 'node:module'
import type * as Api from '@opentelemetry/api'
import { release } from '../release.js'
import { scopeName } from './names.js'
import { NO_SPAN, NO_TRACE, type TraceContext, traceContextOf } from './trace-context.js'

/*
 * OpenTelemetry in a process of a user. The user's program brings an SDK and registers it; this package only
 * uses the API, and only once somebody has registered a tracer provider. Until then nothing is loaded, and a
 * call costs the look at one property.
 */

export type TracingApi = typeof Api

/** Where the API keeps what was registered. It is shared by all its copies of one major version. */
const registryKey = Symbol.for('opentelemetry.js.api.1')
const registry = globalThis as { [registryKey]?: { readonly trace?: unknown } }
/** `null`: it cannot be loaded from here. */
let api: TracingApi | null | undefined

/** The API, if a tracer provider is registered in this thread. */
export function tracingApi(): TracingApi | undefined {
  if (registry[registryKey]?.trace === undefined) return undefined
  if (api === undefined) api = load()
  return api ?? undefined
}

/** It cannot wait for an import: a call of a user is under way. */
function load(): TracingApi | null {
  try {
    return createRequire(import.meta.url)('@opentelemetry/api') as TracingApi
  } catch {
    return null
  }
}

/** What a user's SDK throws costs a span, never the work that it would have shown. */
export function quietly<T>(action: () => T): T | undefined {
  try {
    return action()
  } catch {
    return undefined
  }
}

let tracer: Api.Tracer | undefined

export function tracerOf(from: TracingApi): Api.Tracer {
  tracer ??= from.trace.getTracer(scopeName, release())
  return tracer
}

/** The context of a span, as it travels; undefined for a span of nobody. */
export function contextOf({
  traceId,
  spanId,
  traceFlags,
  traceState,
}: Api.SpanContext): TraceContext | undefined {
  if (traceId === NO_TRACE || spanId === NO_SPAN) return undefined
  const flags = (traceFlags & 0xff).toString(16).padStart(2, '0')
  const traceparent = `00-${traceId}-${spanId}-${flags}`
  return traceState === undefined ? { traceparent } : traceContextOf(traceparent, traceState.serialize())
}

/** A context that came from elsewhere, for the API. */
export function spanContextOf(from: TracingApi, context: TraceContext): Api.SpanContext {
  const { traceparent, tracestate } = context
  const [, traceId, spanId, flags] = traceparent.split('-') as [string, string, string, string]
  const spanContext: Api.SpanContext = {
    traceId,
    spanId,
    traceFlags: Number.parseInt(flags, 16),
    isRemote: true,
  }
  return tracestate === undefined
    ? spanContext
    : { ...spanContext, traceState: from.createTraceState(tracestate) }
}

/** The context of the span that is active now, if there is one. */
export function activeContext(): TraceContext | undefined {
  const found = tracingApi()
  const span = found?.trace.getActiveSpan()
  return span === undefined ? undefined : contextOf(span.spanContext())
}

/** What a provider of an SDK has beside the API. */
interface Flushing {
  readonly getDelegate?: () => Flushing
  readonly forceFlush?: () => Promise<void>
}

/** Sends what the SDK of this thread still holds. Never rejects; it may take as long as a collector does. */
export async function flushSpans(): Promise<void> {
  try {
    const provider = tracingApi()?.trace.getTracerProvider() as Flushing | undefined
    // The API keeps a stand-in for what was registered.
    await (provider?.getDelegate?.() ?? provider)?.forceFlush?.()
  } catch {
    // A collector that is gone costs spans, never the end of a thread.
  }
}
