import type { Attributes, Link, Span, SpanContext } from '@opentelemetry/api'
import { spanKinds, statusCodes } from '../../runtime/telemetry/api-values.js'
import { attributes as names, systemName, taskMethod, taskRepeated } from '../../runtime/telemetry/names.js'
import { isSampled, type TraceContext } from '../../runtime/telemetry/trace-context.js'
import {
  contextOf,
  quietly,
  type TracingApi,
  tracerOf,
  tracingApi,
} from '../../runtime/telemetry/tracing-api.js'
import type { RepetitionCause, TaskEnd } from './dispatch-types.js'

/*
 * The spans of tasks in the driver. A single call is a child of the span that called it. Each task of a map
 * or an each, and each repetition, begins a trace of its own with a link to where it comes from: a trace
 * without an end could not be shown.
 */

/** What a pool tells of one task. */
export interface TaskTrace {
  /** The context for the next attempt that is given to an executor. */
  attempt(taskId: number): TraceContext | undefined
  /** The attempt counts as lost or failed, and another follows. */
  repeated(cause: RepetitionCause): void
  ended(end: TaskEnd, attempts: number): void
}

interface FunctionName {
  readonly url: string
  readonly name: string
}

/** A single call, made now; undefined: nobody traces in this program. */
export function traceCall(ref: FunctionName): TaskTrace | undefined {
  const api = tracingApi()
  if (api === undefined) return undefined
  return quietly(
    () =>
      new SpanOfTask(api, ref, (name, attributes) =>
        tracerOf(api).startSpan(name, { kind: spanKinds.client, attributes }),
      ),
  )
}

/**
 * The tasks of a map or an each that is made now. The caller's span decides for all of them: if it is not
 * sampled, none is, and its context goes with them.
 */
export function traceMany(ref: FunctionName): (() => TaskTrace | undefined) | undefined {
  const api = tracingApi()
  if (api === undefined) return undefined
  const caller = api.trace.getActiveSpan()?.spanContext()
  const context = caller && contextOf(caller)
  if (context !== undefined && !isSampled(context)) {
    const unsampled = new Unsampled(context)
    return () => unsampled
  }
  const links = context === undefined ? [] : [{ context: caller as SpanContext }]
  return () => quietly(() => new SpanOfTask(api, ref, (name, of) => rootSpan(api, name, of, links)))
}

function rootSpan(api: TracingApi, name: string, attributes: Attributes, links: Link[]): Span {
  return tracerOf(api).startSpan(name, { kind: spanKinds.client, attributes, links, root: true })
}

class Unsampled implements TaskTrace {
  readonly #context: TraceContext

  constructor(context: TraceContext) {
    this.#context = context
  }

  attempt(): TraceContext {
    return this.#context
  }

  repeated(): void {}

  ended(): void {}
}

class SpanOfTask implements TaskTrace {
  readonly #api: TracingApi
  readonly #method: string
  readonly #span: Span
  /** The span of a repetition that is under way. */
  #repetition: Span | undefined
  #isRepeated = false

  constructor(api: TracingApi, ref: FunctionName, start: (name: string, attributes: Attributes) => Span) {
    this.#api = api
    this.#method = taskMethod(ref)
    this.#span = start(this.#method, this.#attributes())
  }

  attempt(taskId: number): TraceContext | undefined {
    return quietly(() => {
      if (this.#isRepeated) this.#repetition ??= this.#begin(taskId)
      else this.#span.setAttribute(names.taskId, taskId)
      return contextOf((this.#repetition ?? this.#span).spanContext())
    })
  }

  /** Its sampler would decide anew for a new trace. What the caller did not sample stays so. */
  #begin(taskId: number): Span {
    const first = this.#span.spanContext()
    const context = contextOf(first)
    if (context === undefined || !isSampled(context)) return this.#span
    const attributes = { ...this.#attributes(), [names.taskId]: taskId }
    return rootSpan(this.#api, this.#method, attributes, [{ context: first }])
  }

  repeated(cause: RepetitionCause): void {
    const repetition = this.#repetition
    this.#repetition = undefined
    this.#isRepeated = true
    quietly(() => {
      this.#span.addEvent(taskRepeated, { [names.cause]: cause })
      if (repetition === undefined || repetition === this.#span) return
      repetition.setStatus({ code: statusCodes.error, message: cause })
      repetition.end()
    })
  }

  ended(end: TaskEnd, attempts: number): void {
    for (const span of new Set([this.#repetition, this.#span]))
      quietly(() => span && endSpan(span, end, attempts))
  }

  #attributes(): Attributes {
    return { [names.rpcSystem]: systemName, [names.rpcMethod]: this.#method }
  }
}

function endSpan(span: Span, end: TaskEnd, attempts: number): void {
  span.setAttribute(names.attempt, attempts)
  if (end.kind !== 'value') {
    span.setAttribute(names.errorType, end.kind === 'failed' ? end.cause : end.kind)
    span.setStatus({ code: statusCodes.error, message: messageOf(end) })
  }
  span.end()
}

function messageOf(end: Exclude<TaskEnd, { kind: 'value' }>): string {
  switch (end.kind) {
    case 'failed':
      return end.cause === 'timeout' ? 'it ran longer than its timeout' : 'its function threw'
    case 'cancelled':
    case 'closed':
      return end.reason
    case 'unknown':
      return end.why
    case 'quarantined':
      return 'executors died while it ran there'
  }
}
