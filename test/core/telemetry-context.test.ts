import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ByteReader, ByteWriter } from '../../actors/messages/bytes.js'
import { readTrace, traceBytes, writeTrace } from '../../actors/messages/trace-bytes.js'
import {
  isSampled,
  readContext,
  traceContextFrom,
  traceContextOf,
  traceEnvironment,
} from '../../runtime/telemetry/trace-context.js'

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736'
const SPAN = '00f067aa0ba902b7'
const parent = `00-${TRACE}-${SPAN}-01`

test('a context is taken as W3C Trace Context writes it', () => {
  assert.deepEqual(traceContextOf(parent), { traceparent: parent })
  assert.deepEqual(traceContextOf(parent, 'rojo=00f067aa0ba902b7, congo=t61rcWkgMzE'), {
    traceparent: parent,
    tracestate: 'rojo=00f067aa0ba902b7,congo=t61rcWkgMzE',
  })
  assert.deepEqual(traceContextOf(parent, 'tenant@vendor=1'), {
    traceparent: parent,
    tracestate: 'tenant@vendor=1',
  })
  // A later version may say more after the flags.
  assert.deepEqual(traceContextOf(`cc-${TRACE}-${SPAN}-01-what-comes-later`), { traceparent: parent })
})

const hostile: readonly unknown[] = [
  undefined,
  null,
  7,
  {},
  [],
  [parent],
  '',
  parent.toUpperCase(),
  ` ${parent}`,
  `${parent}\n`,
  `${parent}-more`,
  `ff-${TRACE}-${SPAN}-01`,
  `00-${'0'.repeat(32)}-${SPAN}-01`,
  `00-${TRACE}-${'0'.repeat(16)}-01`,
  `00-${TRACE}-${SPAN}-zz`,
  `00-${TRACE}-${SPAN}`,
  `00-${TRACE.slice(1)}-${SPAN}-01`,
  `00-${TRACE}-${SPAN}-01\u0000`,
  `cc-${TRACE}-${SPAN}-01-${'x'.repeat(1_000_000)}`,
  `00-${'\ud800'.repeat(32)}-${SPAN}-01`,
]

test('a malformed traceparent is dropped and never an error', () => {
  for (const value of hostile) {
    assert.equal(traceContextOf(value), undefined, String(value).slice(0, 80))
    assert.equal(readContext({ traceparent: value }), undefined)
  }
  for (const value of [undefined, null, 7, 'text', [], { traceparent: {} }, { tracestate: 'a=1' }])
    assert.equal(readContext(value), undefined)
})

test('a malformed tracestate is dropped, and the traceparent stays', () => {
  const states = [
    null,
    7,
    {},
    '',
    ',',
    'a',
    '=1',
    'A=1',
    'a=\n',
    'a=1,b=\u001b[2J',
    'a=1=2',
    `a=${'x'.repeat(600)}`,
    Array.from({ length: 33 }, (_, n) => `k${n}=1`).join(','),
  ]
  for (const state of states)
    assert.deepEqual(traceContextOf(parent, state), { traceparent: parent }, `${state}`)
})

test('the environment of a program carries it, and loses a former one', () => {
  const context = traceContextOf(parent, 'a=1')
  assert.deepEqual(traceContextFrom(traceEnvironment(context)), context)
  assert.deepEqual(traceEnvironment({ traceparent: parent }), { TRACEPARENT: parent, TRACESTATE: undefined })
  assert.deepEqual(traceEnvironment(undefined), {})
  assert.equal(traceContextFrom({ TRACEPARENT: 'x' }), undefined)
})

test('the flag says whether the trace is recorded', () => {
  assert.deepEqual(
    ['00', '01', '02', '03', 'ff'].map((flags) => isSampled({ traceparent: `00-${TRACE}-${SPAN}-${flags}` })),
    [false, true, false, true, true],
  )
})

test('beside a task it is two texts, of which malformed ones are dropped', () => {
  for (const context of [{ traceparent: parent }, { traceparent: parent, tracestate: 'a=1,b=2' }]) {
    const writer = new ByteWriter(traceBytes(context))
    writeTrace(writer, context)
    assert.deepEqual(readTrace(new ByteReader(writer.bytes)), context)
  }
  for (const value of hostile) {
    if (typeof value !== 'string') continue
    const texts = { traceparent: value, tracestate: '' }
    const writer = new ByteWriter(traceBytes(texts))
    writeTrace(writer, texts)
    assert.equal(readTrace(new ByteReader(writer.bytes)), undefined)
  }
})
