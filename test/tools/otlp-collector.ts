import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { gunzipSync } from 'node:zlib'
import { decodeExport, type OtlpMessage } from './otlp-decoder.js'

/** A span that arrived, with the resource that sent it. */
export interface CollectedSpan {
  readonly service: string
  readonly name: string
  readonly kind: number
  readonly traceId: string
  readonly spanId: string
  /** Empty: it is the root of its trace. */
  readonly parentSpanId: string
  readonly links: readonly { readonly traceId: string; readonly spanId: string }[]
  readonly attributes: Readonly<Record<string, unknown>>
  readonly events: readonly string[]
  /** `STATUS_CODE_ERROR` is 2. */
  readonly status: number
}

/**
 * An endpoint for OTLP over HTTP. It takes what conforms to the schema of the protocol and to its rules about
 * ids and times, refuses all else with 400, and keeps both.
 */
export class OtlpCollector implements AsyncDisposable {
  readonly spans: CollectedSpan[] = []
  /** Why requests were refused. */
  readonly problems: string[] = []
  readonly #server = createServer((request, response) => void this.#serve(request, response))

  static async start(): Promise<OtlpCollector> {
    const collector = new OtlpCollector()
    await new Promise<void>((resolve) => collector.#server.listen(0, '127.0.0.1', resolve))
    return collector
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  named(name: string): CollectedSpan[] {
    return this.spans.filter((span) => span.name === name)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      const chunks: Buffer[] = []
      for await (const chunk of request) chunks.push(chunk as Buffer)
      if (request.method !== 'POST' || request.url !== '/v1/traces')
        throw new Error(`${request.method} ${request.url} is no export of traces`)
      const type = request.headers['content-type']
      if (type !== 'application/x-protobuf') throw new Error(`content type ${type}`)
      const sent = Buffer.concat(chunks)
      const body = request.headers['content-encoding'] === 'gzip' ? gunzipSync(sent) : sent
      this.spans.push(...spansOf(decodeExport(body)))
      // An ExportTraceServiceResponse without a partial success has no bytes.
      response.writeHead(200, { 'content-type': 'application/x-protobuf' }).end()
    } catch (error) {
      this.problems.push(String(error))
      response.writeHead(400).end()
    }
  }
}

const list = (value: unknown): OtlpMessage[] => (value ?? []) as OtlpMessage[]

function spansOf(request: OtlpMessage): CollectedSpan[] {
  return list(request.resourceSpans).flatMap(({ resource, scopeSpans }) => {
    const service = String(attributesOf((resource ?? {}) as OtlpMessage)['service.name'] ?? '')
    return list(scopeSpans).flatMap(({ spans }) => list(spans).map((span) => spanOf(span, service)))
  })
}

function spanOf(span: OtlpMessage, service: string): CollectedSpan {
  const { name, kind, startTimeUnixNano, endTimeUnixNano } = span
  const parentSpanId = (span.parentSpanId ?? '') as string
  const id = idsOf(span)
  if (parentSpanId !== '') requireId('parentSpanId', parentSpanId, 8)
  if (typeof name !== 'string' || name === '') throw new Error('a span has no name')
  if (typeof kind !== 'number' || kind === 0) throw new Error(`${name} has no kind`)
  if ((endTimeUnixNano as bigint) < (startTimeUnixNano as bigint))
    throw new Error(`${name} ends before it begins`)
  return {
    service,
    name,
    kind,
    ...id,
    parentSpanId,
    links: list(span.links).map(idsOf),
    attributes: attributesOf(span),
    events: list(span.events).map((event) => String(event.name)),
    status: ((span.status as OtlpMessage | undefined)?.code ?? 0) as number,
  }
}

function idsOf({ traceId, spanId }: OtlpMessage): { traceId: string; spanId: string } {
  requireId('traceId', traceId, 16)
  requireId('spanId', spanId, 8)
  return { traceId: traceId as string, spanId: spanId as string }
}

function requireId(what: string, id: unknown, bytes: number): void {
  if (typeof id !== 'string' || id.length !== 2 * bytes || /^0*$/.test(id))
    throw new Error(`${what} ${String(id)} is not valid`)
}

/** Keys are unique, and each has a value. */
function attributesOf({ attributes }: OtlpMessage): Record<string, unknown> {
  const found: Record<string, unknown> = {}
  for (const { key, value } of list(attributes)) {
    if (typeof key !== 'string' || key === '' || Object.hasOwn(found, key))
      throw new Error(`attribute ${key}`)
    const values = Object.values((value ?? {}) as object)
    if (values.length !== 1) throw new Error(`attribute ${key} has ${values.length} values`)
    found[key] = values[0]
  }
  return found
}
