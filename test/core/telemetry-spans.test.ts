import assert from 'node:assert/strict'
import { test } from 'node:test'
import { RequestSpans } from '../../actors/master/request-spans.js'
import { ProcessSpans } from '../../actors/worker/process-spans.js'
import { innerLimits } from '../../runtime/inner-limits.js'
import type { Envelope } from '../../runtime/system/envelope.js'
import type { NodeSpan, NodeSpans, SpanFailure, SpanStart } from '../../runtime/telemetry/node-spans.js'
import { tracesUrl } from '../../runtime/telemetry/otlp.js'
import type { TraceContext } from '../../runtime/telemetry/trace-context.js'
import { decodeExport } from '../tools/otlp-decoder.js'
import { fixture, type Note, note, Wire } from '../tools/system-fixture.js'
import { launchDriver, launchExecutor } from '../tools/worker-fixture.js'

const contextOf = (span: number, flags = '01'): TraceContext => ({
  traceparent: `00-4bf92f3577b34da6a3ce929d0e0e4736-${String(span).padStart(16, '0')}-${flags}`,
})
const caller = contextOf(7)

/** Records what a node would send. */
class Recorded implements NodeSpans {
  readonly started: SpanStart[] = []
  readonly ended: (readonly [string, SpanFailure | undefined])[] = []

  start(span: SpanStart): NodeSpan {
    this.started.push(span)
    const context = contextOf(100 + this.started.length)
    return { context, set: () => undefined, end: (failure) => this.ended.push([span.name, failure]) }
  }

  origins(): unknown[] {
    return this.started.map(({ name, parent, link }) => [name, parent, link])
  }
}

const driver = (generation: number, attempt: number, trace: unknown = caller) =>
  ({
    kind: 'startDriver',
    process: `driver-1/${generation}/${attempt}`,
    launch: launchDriver(generation, {}, { trace }),
    attempt,
  }) as const
const executor = (execId: number, trace: unknown = caller) =>
  ({
    kind: 'startExecutor',
    process: `app-1/${execId}`,
    launch: launchExecutor(execId, { trace }),
  }) as const

test('the first process of a driver is a child; restarts and relaunches are traces with links', () => {
  const spans = new Recorded()
  const processes = new ProcessSpans(spans, 'w1')
  assert.deepEqual(processes.starting(driver(1, 1)), contextOf(102), 'its environment names its run')
  processes.starting(driver(1, 2))
  processes.starting(driver(2, 1))
  assert.deepEqual(spans.origins(), [
    ['launch driver', caller, undefined],
    ['run driver', contextOf(101), undefined],
    ['launch driver', undefined, caller],
    ['run driver', contextOf(103), undefined],
    ['launch driver', undefined, caller],
    ['run driver', contextOf(105), undefined],
  ])
})

test('the first executors are children of the registration, and later ones have a link', () => {
  const spans = new Recorded()
  const processes = new ProcessSpans(spans, 'w1')
  processes.starting(executor(innerLimits.registrationExecutors - 1))
  processes.starting(executor(innerLimits.registrationExecutors))
  const launches = spans.started.filter(({ name }) => name === 'launch executor')
  assert.deepEqual(
    launches.map(({ parent, link }) => [parent, link]),
    [
      [caller, undefined],
      [undefined, caller],
    ],
  )
})

test('what the caller did not sample begins no new trace, because its sampler would decide anew', () => {
  const spans = new Recorded()
  const unsampled = contextOf(7, '00')
  new ProcessSpans(spans, 'w1').starting(driver(1, 2, unsampled))
  assert.deepEqual(spans.started[0]?.parent, unsampled)
})

test('a Worker without tracing.otlp hands on the context of the caller to the first process only', () => {
  const processes = new ProcessSpans(undefined, 'w1')
  assert.deepEqual(processes.starting(driver(1, 1)), caller)
  assert.equal(processes.starting(driver(1, 2)), undefined)
  assert.deepEqual(processes.starting(executor(0)), caller)
  assert.equal(processes.starting(executor(0, null)), undefined)
  for (const hostile of [null, 'x', { traceparent: 'x' }, { traceparent: 7, tracestate: {} }])
    assert.equal(processes.starting(driver(1, 1, hostile)), undefined)
})

test('a launch ends when its process exists or cannot be made, and a run with its end, each once', () => {
  const spans = new Recorded()
  const processes = new ProcessSpans(spans, 'w1')
  const [first, second, third] = [driver(1, 1), driver(1, 2), executor(3)]
  for (const effect of [first, second, third]) processes.starting(effect)
  processes.started(first.process, 4711)
  processes.ended(first.process, { exitCode: 0, signal: null })
  processes.startFailed(second.process, { kind: 'host', code: 'SPAWN_FAILED', message: 'no sh' } as never)
  processes.started(third.process, 4712)
  processes.ended(third.process, { exitCode: null, signal: 'SIGKILL' })
  processes.ended(third.process, { exitCode: null, signal: 'SIGKILL' })
  const failure = { type: 'not_started', message: 'no sh' }
  assert.deepEqual(spans.ended, [
    ['launch driver', undefined],
    ['run driver', undefined],
    ['launch driver', failure],
    ['run driver', failure],
    ['launch executor', undefined],
    ['run executor', { type: 'SIGKILL', message: 'it ended with SIGKILL' }],
  ])
})

const submission = { type: 'RequestSubmitDriver', key: 'k', description: { name: 'etl' } } as never
const received = (id: number): Envelope => ({ id, trace: 1, context: caller }) as never
const tell = (message: object) => ({ kind: 'reply', reply: {}, message }) as never

test('a request ends with its answer, and what is written for it before', () => {
  const spans = new Recorded()
  const requests = new RequestSpans(spans, () => 3)
  assert.deepEqual(requests.begin(submission, received(1)), contextOf(101))
  requests.decided(received(1), 1, 1)
  assert.deepEqual(spans.ended, [])
  requests.released(tell({ type: 'SubmitDriverResponse', driverId: 'driver-1' }), received(1))
  assert.deepEqual(spans.ended, [
    ['persist', undefined],
    ['Master/RequestSubmitDriver', undefined],
  ])
  assert.deepEqual(spans.started[1]?.parent, contextOf(101))
  assert.equal(requests.begin({ type: 'Heartbeat' } as never, received(2)), undefined)
})

test('a refusal fails its request; a leadership that ends fails what waits; nothing is kept', () => {
  const spans = new Recorded()
  const requests = new RequestSpans(spans, () => 3)
  for (const id of [1, 2, 3]) requests.begin(submission, received(id))
  requests.decided(received(1), 0, 0)
  requests.decided(received(2), 1, 0)
  requests.released(tell({ type: 'Failure', code: 'FIRESTEEL_KEY_REUSED' }), received(2))
  requests.decided(received(3), 1, 1)
  requests.abandoned('the lease ran out')
  requests.abandoned('again')
  assert.deepEqual(
    spans.ended.map(([name, failure]) => [name, failure?.type]),
    [
      ['Master/RequestSubmitDriver', undefined],
      ['Master/RequestSubmitDriver', 'FIRESTEEL_KEY_REUSED'],
      ['persist', 'revoked'],
      ['Master/RequestSubmitDriver', 'revoked'],
    ],
  )
})

test('the context of a message is that of its cause, over links too; a malformed one is dropped', async () => {
  const contexts: unknown[] = []
  const wire = new Wire()
  wire.two.system.spawn<Note>('far', () => ({
    receive: (_, { context }) => void contexts.push(context),
  }))
  const far = wire.one.system.remote<Note>(wire.toTwo, '/user/far')
  const cause = { id: 1, trace: 1 }
  wire.one.system.tell(far, note('a'), undefined, { ...cause, context: caller })
  wire.one.system.tell(far, note('b'), undefined, cause)
  for (const hostile of [
    null,
    7,
    'x',
    [],
    { traceparent: 'x' },
    { traceparent: { length: 55 } },
    { tracestate: 'a=1' },
  ])
    wire.one.system.tell(far, note('c'), undefined, { ...cause, context: hostile as never })
  await wire.settle()
  assert.deepEqual(contexts.slice(0, 2), [caller, undefined])
  assert.deepEqual(contexts.slice(2), new Array(7).fill(undefined), 'they arrive, without a context')
})

test('a system may say to which span messages belong whose cause belongs to none', async () => {
  const contexts: unknown[] = []
  const { system } = fixture({ context: () => caller })
  const near = system.spawn<Note>('near', () => ({
    receive: (_, { context }) => void contexts.push(context),
  }))
  system.tell(near, note('a'))
  system.tell(near, note('b'), undefined, { id: 1, trace: 1, context: contextOf(9) })
  await system.idle()
  assert.deepEqual(contexts, [caller, contextOf(9)])
})

test('/v1/traces is added to the address of a collector once', () => {
  for (const url of ['http://h:4318', 'http://h:4318/', 'http://h:4318/v1/traces'])
    assert.equal(tracesUrl(url), 'http://h:4318/v1/traces')
  assert.equal(tracesUrl('https://h/otlp?key=1'), 'https://h/otlp/v1/traces?key=1')
})

test('the reader of OTLP refuses what the schema does not have', () => {
  const refused: readonly (readonly [readonly number[], RegExp])[] = [
    [[0x12, 0], /has no field 2/],
    [[0x08, 1], /wire type 0/],
    [[0x0a, 5, 0], /ends after its message/],
    [[0x0a, 2, 0x1a, 0, 0x0a], /does not end/],
    [[0x0a, 3, 0x1a, 1, 0xff], /encoded data/],
    [[0x0a, 4, 0x1a, 0, 0x1a, 0], /occurs twice/],
    // A span of a kind that is not there.
    [[0x0a, 6, 0x12, 4, 0x12, 2, 0x30, 9], /9 is over 5/],
  ]
  for (const [bytes, reason] of refused) assert.throws(() => decodeExport(Uint8Array.from(bytes)), reason)
  assert.deepEqual(decodeExport(Uint8Array.from([0x0a, 2, 0x12, 0])), {
    resourceSpans: [{ scopeSpans: [{}] }],
  })
})
