import { context, trace } from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto'
import { resourceFromAttributes } from '@opentelemetry/resources'
import { BatchSpanProcessor, SimpleSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace'

/* What a user's program does: it registers an SDK of its own, here one that sends each span at once. */

const exporter = new OTLPTraceExporter({ url: `${process.env.COLLECTOR}/v1/traces` })
const provider = new TracerProvider({
  resource: resourceFromAttributes({ 'service.name': process.env.SERVICE ?? 'tasks' }),
  spanProcessors: [
    process.env.BATCHED ? new BatchSpanProcessor({ exporter }) : new SimpleSpanProcessor({ exporter }),
  ],
})
trace.setGlobalTracerProvider(provider)
context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable())

export const tracer = trace.getTracer('test')
export const flush = (): Promise<void> => provider.forceFlush()
