import { hostname } from 'node:os'
import type { ReadableSpan, SpanExporter } from '@opentelemetry/sdk-trace'
import { FiresteelError, reasonOf } from '../errors.js'
import { innerLimits } from '../inner-limits.js'
import type { Log } from '../observe/log.js'
import { ThrottledLog } from '../observe/log-throttle.js'
import { release } from '../release.js'
import { within } from '../timers.js'
import { attributes as names, scopeName } from './names.js'
import { type NodeSpans, nodeSpans } from './node-spans.js'

/* A node with `tracing.otlp` sends its spans to a collector: OTLP over HTTP. Only here an SDK is loaded. */

export interface TracingOptions {
  /** Of the collector. `/v1/traces` is added to it, as OpenTelemetry does to its endpoints. */
  readonly url: string
  readonly cluster: string
  readonly role: string
  readonly node: string
  readonly incarnation: string
  readonly log: Log
}

export interface NodeTracing extends NodeSpans {
  /** Sends what is left, for a bounded time. */
  close(): Promise<void>
}

/** Peers of this package that only a node with `tracing.otlp` needs. */
export const otlpPackages = [
  '@opentelemetry/api',
  '@opentelemetry/resources',
  '@opentelemetry/sdk-trace',
  '@opentelemetry/exporter-trace-otlp-proto',
] as const

/** Rejects with OTLP_MISSING. */
export async function openTracing(options: TracingOptions): Promise<NodeTracing> {
  const { api, resources, sdk, exporter } = await loadPackages()
  const inner = new exporter.OTLPTraceExporter({
    url: tracesUrl(options.url),
    timeoutMillis: innerLimits.otlpExportMs,
  })
  const throttle = new ThrottledLog(options.log)
  const spanProcessors = [new sdk.BatchSpanProcessor({ exporter: saying(inner, options.url, throttle) })]
  const provider = new sdk.TracerProvider({
    resource: resources.resourceFromAttributes(resourceOf(options)),
    spanProcessors,
  })
  const tracer = provider.getTracer(scopeName, release())
  return {
    ...nodeSpans(api, tracer),
    close: async () => {
      await within(
        provider.shutdown().catch(() => undefined),
        innerLimits.otlpCloseMs,
      )
      throttle.close()
    },
  }
}

async function loadPackages() {
  try {
    const [api, resources, sdk, exporter] = await Promise.all([
      import('@opentelemetry/api'),
      import('@opentelemetry/resources'),
      import('@opentelemetry/sdk-trace'),
      import('@opentelemetry/exporter-trace-otlp-proto'),
    ])
    return { api, resources, sdk, exporter }
  } catch (cause) {
    throw new FiresteelError(
      'OTLP_MISSING',
      `tracing.otlp needs packages that are missing: ${reasonOf(cause)}`,
      {
        place: 'tracing.otlp',
        help: `Run npm install ${otlpPackages.join(' ')}, or leave tracing.otlp out.`,
        cause,
      },
    )
  }
}

function resourceOf({ cluster, role, node, incarnation }: TracingOptions): Record<string, string | number> {
  return {
    [names.serviceName]: `firesteel-${role}`,
    [names.serviceNamespace]: cluster,
    [names.serviceInstanceId]: incarnation,
    [names.serviceVersion]: release(),
    [names.hostName]: hostname(),
    [names.processPid]: process.pid,
    [names.role]: role,
    [names.node]: node,
  }
}

export function tracesUrl(url: string): string {
  const parsed = new URL(url)
  if (!parsed.pathname.endsWith('/v1/traces'))
    parsed.pathname = `${parsed.pathname.replace(/\/$/, '')}/v1/traces`
  return parsed.href
}

/** The SDK drops spans that it could not send, and says so to nobody. */
function saying(inner: SpanExporter, url: string, log: ThrottledLog): SpanExporter {
  return {
    export: (spans: ReadableSpan[], done) =>
      inner.export(spans, (result) => {
        if (result.code !== 0)
          log.warn('otlp', 'spans could not be sent to the collector', {
            url,
            spans: spans.length,
            reason: result.error === undefined ? 'unknown' : reasonOf(result.error),
          })
        done(result)
      }),
    shutdown: () => inner.shutdown(),
    forceFlush: () => inner.forceFlush?.() ?? Promise.resolve(),
  }
}
