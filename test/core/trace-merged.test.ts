import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MergedTrace, type TracedMessage } from '../../runtime/trace/merged-trace.js'
import type { TraceRecord } from '../../runtime/trace/record.js'
import { jsonLine, mergedTraceWriter } from '../../runtime/trace/show-merged-trace.js'
import { pathOf, recordOf } from '../tools/trace-fixture.js'

const master = pathOf('a:1')
const worker = pathOf('b:2', 'Worker')

const sentBy = (id: number, at: number, more: Partial<TraceRecord> = {}) =>
  recordOf({ id, at, direction: 'out', from: master, to: worker, ...more })
const receivedFrom = (peer: string, id: number, at: number, more: Partial<TraceRecord> = {}) =>
  recordOf({ id, at, direction: 'in', from: master, to: worker, peer, ...more })

const add = (mergedTrace: MergedTrace, incarnation: string, ...records: TraceRecord[]) =>
  mergedTrace.add({ incarnation, offsetMs: 0, records })

test('one message, with the bytes of its sender and the time of its receiver', () => {
  const mergedTrace = new MergedTrace()
  add(mergedTrace, 'm1', sentBy(1, 10, { bytes: 120, parent: 7 }))
  add(mergedTrace, 'w1', receivedFrom('m1', 1, 11, { tookUs: 42, parent: 7 }))
  assert.deepEqual(mergedTrace.take(), [
    {
      atMs: 10,
      id: 1,
      from: master,
      to: worker,
      message: 'm1',
      epoch: 1,
      trace: 1,
      parent: 7,
      bytes: 120,
      tookUs: 42,
    },
  ] satisfies TracedMessage[])
  assert.deepEqual(mergedTrace.absent(), [])
})

test('a client has one name, whoever speaks of it', () => {
  const mergedTrace = new MergedTrace()
  const itself = pathOf('client:0', 'ClientEndpoint')
  const seen = pathOf('127.0.0.1:5555', 'ClientEndpoint')
  const other = pathOf('127.0.0.1:6666', 'ClientEndpoint')
  const second = pathOf('c:3')
  add(mergedTrace, 'm1', recordOf({ id: 1, at: 1, direction: 'out', from: master, to: seen }))
  add(
    mergedTrace,
    'client-1',
    recordOf({ id: 1, at: 2, direction: 'in', from: master, to: itself, peer: 'm1' }),
    recordOf({ id: 2, at: 3, direction: 'local', from: itself, to: itself }),
    recordOf({ id: 3, at: 4, direction: 'out', from: itself, to: second }),
  )
  add(
    mergedTrace,
    'm2',
    recordOf({ id: 3, at: 5, direction: 'in', from: other, to: second, peer: 'client-1' }),
  )
  assert.deepEqual(
    mergedTrace.take().map(({ from, to }) => [from, to]),
    [
      [master, seen],
      [seen, seen],
      [seen, second],
    ],
  )
})

test('a client of whom nobody present heard is still told from others', () => {
  const mergedTrace = new MergedTrace()
  const itself = pathOf('client:0', 'ClientEndpoint')
  for (const [id, name] of [
    [1, 'client-1'],
    [2, 'client-2'],
  ] as const) {
    add(mergedTrace, name, recordOf({ id, direction: 'in', from: master, to: itself, peer: 'gone' }))
  }
  const [first, second] = mergedTrace.take()
  assert.equal(first?.to, pathOf('client-1:0', 'ClientEndpoint'))
  assert.equal(second?.to, pathOf('client-2:0', 'ClientEndpoint'))
})

test('who was heard and cannot be asked is absent; a process that lives on under another incarnation is not', () => {
  const mergedTrace = new MergedTrace()
  add(mergedTrace, 'w1', receivedFrom('m1-old', 1, 1), receivedFrom('m2-old', 2, 2, { from: pathOf('c:3') }))
  add(mergedTrace, 'm2-new', sentBy(2, 2, { from: pathOf('c:3') }))
  mergedTrace.take()
  assert.deepEqual(mergedTrace.absent(), [{ incarnation: 'm1-old', path: master }])
})

test('the asker is no part of the merged trace', () => {
  const mergedTrace = new MergedTrace(['client-me'])
  const me = pathOf('127.0.0.1:5555', 'ClientEndpoint')
  add(
    mergedTrace,
    'm1',
    recordOf({ id: 1, at: 1, direction: 'out', from: master, to: me, message: 'MasterChanged' }),
    recordOf({ id: 2, at: 2, direction: 'in', from: me, to: master, peer: 'client-me' }),
    recordOf({ id: 3, at: 3, direction: 'out', from: master, to: me, parent: 2 }),
    sentBy(4, 4),
  )
  assert.deepEqual(
    mergedTrace.take().map(({ id }) => id),
    [4],
  )
  assert.deepEqual(mergedTrace.absent(), [])
})

test('piece by piece: nothing twice, nothing before its time, nothing lost', () => {
  const mergedTrace = new MergedTrace()
  add(mergedTrace, 'w1', receivedFrom('m1', 1, 11), receivedFrom('m1', 2, 31))
  assert.deepEqual(mergedTrace.take(5), [])
  add(mergedTrace, 'm1', sentBy(1, 10, { bytes: 5 }), sentBy(2, 30), sentBy(3, 40))
  assert.deepEqual(
    mergedTrace.take(20).map(({ id, bytes }) => [id, bytes]),
    [[1, 5]],
  )
  add(mergedTrace, 'w1', receivedFrom('m1', 3, 41, { tookUs: 9 }))
  assert.deepEqual(
    mergedTrace.take(100).map(({ id, tookUs }) => [id, tookUs]),
    [
      [2, undefined],
      [3, 9],
    ],
  )
  // The other side of what was told, late.
  add(mergedTrace, 'm1', sentBy(1, 10))
  assert.deepEqual(mergedTrace.take(), [])
})

const message: TracedMessage = {
  atMs: Date.UTC(2026, 0, 2, 3, 4, 5, 678),
  id: 5,
  from: pathOf('h:7070', 'LeaderElectionAgent'),
  to: pathOf('h:7070'),
  message: 'ElectedLeader',
  epoch: 3,
  trace: 5,
  parent: undefined,
  bytes: undefined,
  tookUs: 1700,
}

test('JSON: exactly the public keys, null where nobody told; payloads only where asked for', () => {
  const line = jsonLine(message)
  assert.ok(line.endsWith('}\n'))
  assert.deepEqual(Object.entries(JSON.parse(line)), [
    ['at', '2026-01-02T03:04:05.678Z'],
    ['from', message.from],
    ['to', message.to],
    ['message', 'ElectedLeader'],
    ['epoch', 3],
    ['id', message.id],
    ['trace', 5],
    ['parent', null],
    ['bytes', null],
    ['tookUs', 1700],
  ])
  assert.deepEqual(JSON.parse(jsonLine({ ...message, payload: { a: 1 } })).payload, { a: 1 })
})

test('table: a head once, columns that fit, no control characters', () => {
  const table = mergedTraceWriter('table')
  assert.equal(table.write([]), '')
  const lines = table.write([message, { ...message, message: 'Odd\u001b[2J', tookUs: 12 }]).split('\n')
  assert.match(lines[0]!, /^TIME {10}FROM +TO +MESSAGE +EPOCH +TOOK$/)
  assert.match(
    lines[1]!,
    /^03:04:05\.678 {2}LeaderElectionAgent@h:7070 {2}-> {2}Master@h:7070 {2}ElectedLeader {2}3 {6}1\.7ms$/,
  )
  assert.match(lines[2]!, /Odd\\u001b\[2J +3 +12us$/)
  assert.equal(table.write([{ ...message, tookUs: undefined }]).split('\n').length, 2)
})

test('Mermaid: participants where they first speak, text that breaks nothing', () => {
  const mermaid = mergedTraceWriter('mermaid')
  const odd = { ...message, from: message.to, to: pathOf('x;y:1', 'a"b'), message: 'end; #1\n<b>', epoch: 0 }
  assert.equal(
    mermaid.write([message, odd]),
    [
      'sequenceDiagram',
      '    participant p1 as LeaderElectionAgent h:7070',
      '    participant p2 as Master h:7070',
      '    p1->>p2: ElectedLeader (epoch 3)',
      '    participant p3 as a#34;b x#59;y:1',
      '    p2->>p3: #101;nd#59; #35;1#10;#60;b#62;',
      '',
    ].join('\n'),
  )
  assert.equal(mermaid.write([message]), '    p1->>p2: ElectedLeader (epoch 3)\n')
  assert.equal(mergedTraceWriter('mermaid').write([]), 'sequenceDiagram\n')
})

test('what its receiver refused is shown as refused: a column, a key, a cross', () => {
  const mergedTrace = new MergedTrace()
  add(mergedTrace, 'm1', sentBy(1, 10))
  add(mergedTrace, 'w1', receivedFrom('m1', 1, 11, { tookUs: 42, refused: true }))
  const messages = mergedTrace.take()
  assert.equal(messages[0]?.refused, true)
  assert.match(mergedTraceWriter('table').write(messages), / refused\n$/)
  assert.equal(JSON.parse(jsonLine(messages[0]!)).refused, true)
  assert.match(mergedTraceWriter('mermaid').write(messages), /p1-xp2: m1 /)
})
