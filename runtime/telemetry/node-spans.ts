import type { Attributes, Context, Span, Tracer } from '@opentelemetry/api'
import { spanKinds, statusCodes } from './api-values.js'
import { attributes as names } from './names.js'
import type { TraceContext } from './trace-context.js'
import { contextOf, quietly, spanContextOf, type TracingApi } from './tracing-api.js'

/* The spans of a node. Whoever records them needs to know nothing of OpenTelemetry. */

export type SpanKind = keyof typeof spanKinds
export type SpanAttributes = Readonly<Record<string, string | number | boolean | undefined>>

export interface SpanStart {
  readonly name: string
  readonly kind: SpanKind
  readonly attributes: SpanAttributes
  /** It is a child of this one. */
  readonly parent?: TraceContext | undefined
  /** It begins a trace of its own, with a link to this one. */
  readonly link?: TraceContext | undefined
}

export interface SpanFailure {
  /** The value of `error.type`. */
  readonly type: string
  readonly message: string
}

export interface NodeSpan {
  /** For what it leads to in other processes. */
  readonly context: TraceContext | undefined
  set(attributes: SpanAttributes): void
  /** Counts once. */
  end(failure?: SpanFailure): void
}

export interface NodeSpans {
  start(span: SpanStart): NodeSpan
}

/** Spans by a tracer of a node's own SDK. */
export function nodeSpans(api: TracingApi, tracer: Tracer): NodeSpans {
  return {
    start: ({ name, kind, attributes, parent, link }) => {
      const links = link === undefined ? [] : [{ context: spanContextOf(api, link) }]
      const options = { kind: spanKinds[kind], attributes: attributes as Attributes, links }
      const span = quietly(() => tracer.startSpan(name, options, contextFrom(api, parent)))
      return span === undefined ? silentSpan : new SpanOfNode(span)
    },
  }
}

/** Never the active context: a node handles many things at once, and names each parent. */
function contextFrom(api: TracingApi, parent: TraceContext | undefined): Context {
  return parent === undefined
    ? api.ROOT_CONTEXT
    : api.trace.setSpanContext(api.ROOT_CONTEXT, spanContextOf(api, parent))
}

class SpanOfNode implements NodeSpan {
  readonly context: TraceContext | undefined
  readonly #span: Span

  constructor(span: Span) {
    this.#span = span
    this.context = contextOf(span.spanContext())
  }

  set(attributes: SpanAttributes): void {
    quietly(() => this.#span.setAttributes(attributes as Attributes))
  }

  end(failure?: SpanFailure): void {
    quietly(() => {
      if (failure !== undefined) {
        this.#span.setAttribute(names.errorType, failure.type)
        this.#span.setStatus({ code: statusCodes.error, message: failure.message })
      }
      this.#span.end()
    })
  }
}

const silentSpan: NodeSpan = { context: undefined, set: () => undefined, end: () => undefined }
