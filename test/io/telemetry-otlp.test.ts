import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Log, type LogFields, silentLog } from '../../runtime/observe/log.js'
import { openTracing } from '../../runtime/telemetry/otlp.js'
import { waitUntil } from '../harness/wait-until.js'
import { OtlpCollector } from '../tools/otlp-collector.js'

/* The spans of a node on their way to its collector. */

const node = { cluster: 'c', role: 'master', node: 'm1', incarnation: 'm1-aaaa' }
const span = { name: 'persist', kind: 'internal', attributes: { 'firesteel.epoch': 3 } } as const

test('what a node has recorded is sent when it closes, and conforms to the protocol', async () => {
  await using collector = await OtlpCollector.start()
  const tracing = await openTracing({ ...node, url: collector.url, log: silentLog })
  const first = tracing.start(span)
  tracing.start({ ...span, parent: first.context }).end({ type: 'revoked', message: 'the lease ran out' })
  first.end()
  tracing.start({ ...span, link: first.context }).end()
  await tracing.close()
  assert.deepEqual(collector.problems, [])
  const [child, parent, linked] = collector.spans
  assert.ok(child !== undefined && parent !== undefined && linked !== undefined)
  assert.deepEqual([child.parentSpanId, child.status], [parent.spanId, 2])
  assert.deepEqual(child.attributes, { 'firesteel.epoch': 3, 'error.type': 'revoked' })
  assert.deepEqual(linked.links, [{ traceId: parent.traceId, spanId: parent.spanId }])
  assert.equal(parent.service, 'firesteel-master')
})

test('a collector that refuses costs spans and a warning, and holds no node up', async () => {
  const collector = await OtlpCollector.start()
  const { url } = collector
  await collector[Symbol.asyncDispose]()
  const warned: LogFields[] = []
  const log: Log = {
    ...silentLog,
    isEnabled: () => true,
    warn: (message, fields) => void warned.push({ message, ...fields }),
  }
  const tracing = await openTracing({ ...node, url, log })
  tracing.start(span).end()
  // It resolves although nothing was sent. The exporter tries on until its own deadline, and then says so.
  await tracing.close()
  await waitUntil('the warning', () => warned.length > 0)
  assert.deepEqual(
    warned.map(({ message, url: to, spans }) => ({ message, to, spans })),
    [{ message: 'spans could not be sent to the collector', to: url, spans: 1 }],
  )
})
