import type { Context, Span } from '@opentelemetry/api'
import { reasonOf, seen } from '../../runtime/errors.js'
import { spanKinds, statusCodes } from '../../runtime/telemetry/api-values.js'
import { attributes as names, systemName, taskMethod } from '../../runtime/telemetry/names.js'
import type { TraceContext } from '../../runtime/telemetry/trace-context.js'
import {
  contextOf,
  quietly,
  spanContextOf,
  type TracingApi,
  tracerOf,
  tracingApi,
} from '../../runtime/telemetry/tracing-api.js'
import type { FunctionEntry, ResultStatus } from '../messages/task-entries.js'

/** The span of a task while it runs, in the thread that runs it. */
export interface RunSpan {
  /** Its own context, for programs that the task starts. */
  readonly context: TraceContext | undefined
  /** Calls `run` with the span active, so that the spans of the user's code nest under it. */
  within<T>(run: () => T): T
  ended(status: ResultStatus, error: unknown): void
}

export interface TracedRun {
  readonly context: TraceContext
  readonly entry: Pick<FunctionEntry, 'url' | 'name'>
  readonly taskId: number
  readonly attempt: number
  readonly executorId: string
}

/** Undefined: the task's modules have registered no SDK in this thread, so nobody would see a span. */
export function runSpan(run: TracedRun): RunSpan | undefined {
  const api = tracingApi()
  return api && quietly(() => new SpanOfRun(api, run))
}

class SpanOfRun implements RunSpan {
  readonly context: TraceContext | undefined
  readonly #api: TracingApi
  readonly #span: Span
  readonly #active: Context

  constructor(api: TracingApi, { context, entry, taskId, attempt, executorId }: TracedRun) {
    this.#api = api
    const method = taskMethod(entry)
    const caller = api.trace.setSpanContext(api.ROOT_CONTEXT, spanContextOf(api, context))
    const attributes = {
      [names.rpcSystem]: systemName,
      [names.rpcMethod]: method,
      [names.taskId]: taskId,
      [names.attempt]: attempt,
      [names.executorId]: executorId,
    }
    this.#span = tracerOf(api).startSpan(method, { kind: spanKinds.server, attributes }, caller)
    this.#active = api.trace.setSpan(caller, this.#span)
    this.context = contextOf(this.#span.spanContext())
  }

  within<T>(run: () => T): T {
    return this.#api.context.with(this.#active, run)
  }

  ended(status: ResultStatus, error: unknown): void {
    quietly(() => {
      if (status !== 'value') {
        const isError = seen(() => error instanceof Error, false)
        this.#span.setAttribute(
          names.errorType,
          isError ? seen(() => String((error as Error).name), status) : status,
        )
        if (isError) quietly(() => this.#span.recordException(error as Error))
        this.#span.setStatus({ code: statusCodes.error, message: isError ? reasonOf(error) : status })
      }
      this.#span.end()
    })
  }
}
