import assert from 'node:assert/strict'
import { test } from 'node:test'
import { traceChunk } from '../../actors/messages/trace.js'
import { innerLimits } from '../../runtime/inner-limits.js'
import { limits } from '../../runtime/limits.js'
import { matchesActor, shortPath } from '../../runtime/trace/actor-path.js'
import { answerTrace } from '../../runtime/trace/answer-trace.js'
import { type MessageSearch, newestMessages } from '../../runtime/trace/newest-messages.js'
import { shownPayload } from '../../runtime/trace/payload.js'
import type { TraceQuery } from '../../runtime/trace/record.js'
import { TraceRing } from '../../runtime/trace/ring.js'
import { envelopeOf, pathOf, sinkOf } from '../tools/trace-fixture.js'

function ringOf(types: readonly string[], size = 100): TraceRing {
  const ring = new TraceRing(size)
  for (const [index, type] of types.entries()) ring.record(envelopeOf({ type }), index)
  return ring
}

const typesOf = (ring: TraceRing, query: TraceQuery, nowMs = 100): string[] =>
  ring.read(query, nowMs).entries.map(({ message }) => message)

test('read gives what was recorded, from a cursor on, and says what was lost', () => {
  const ring = ringOf(['A', 'B', 'C', 'D', 'E'], 3)
  const first = ring.read({}, 50)
  assert.deepEqual(
    first.entries.map(({ message, at }) => [message, at]),
    [
      ['C', 2],
      ['D', 3],
      ['E', 4],
    ],
  )
  assert.deepEqual([first.next, first.more, first.dropped, first.nowMs], [5, false, 2, 50])
  for (const type of ['F', 'G']) ring.record(envelopeOf({ type }), 5)
  const second = ring.read({ afterCursor: first.next }, 50)
  assert.deepEqual(
    second.entries.map(({ message }) => message),
    ['F', 'G'],
  )
  assert.equal(second.dropped, 0)
  const late = ring.read({ afterCursor: 1 }, 50)
  assert.deepEqual(
    late.entries.map(({ message }) => message),
    ['E', 'F', 'G'],
  )
  assert.equal(late.dropped, 3)
  assert.deepEqual(ring.read({ afterCursor: 1_000_000 }, 50).entries, [])
})

test('the newest are found without a look at the whole ring', () => {
  const ring = ringOf(['A', 'B', 'C', 'B', 'A', 'B'], 4)
  const isB = ({ message }: { message: { type: string } }) => message.type === 'B'
  const told = (before?: number, most = 9, looks = 9) => {
    const { messages, from, to, more } = ring.newest(isB, { before, most, looks })
    return [messages.map(({ number }) => number), from, to, more]
  }
  assert.deepEqual(told(), [[5, 3], 6, 2, false])
  assert.deepEqual(told(undefined, 1), [[5], 6, 5, true])
  assert.deepEqual(told(5), [[3], 5, 2, false])
  assert.deepEqual(told(5, 9, 1), [[], 5, 4, true])
  assert.deepEqual(told(1), [[], 2, 2, false], 'those are forgotten')
  assert.deepEqual(told(999), [[5, 3], 6, 2, false])
})

test('a search that takes long gives up its turn, and the next one goes on from there', () => {
  const ring = ringOf(Array(5000).fill('A'), 5000)
  let looks = 0
  // Each look at the time finds a millisecond gone.
  const found = newestMessages(ring, { message: 'b' }, () => looks++)
  assert.deepEqual(found.messages, [])
  const looked = found.from - found.to
  assert.ok(looked > 0 && looked <= limits.httpSliceMs * innerLimits.traceLooks, `${looked} in one turn`)
  assert.ok(found.more)
  const next = newestMessages(ring, { message: 'b', before: found.to }, () => looks++)
  assert.equal(next.from, found.to)
  let before = next.to
  for (let turns = 2; before > 0; turns++) {
    assert.ok(turns < 5000 / innerLimits.traceLooks)
    before = newestMessages(ring, { message: 'b', before }, () => looks++).to
  }
})

test('a search takes parts of types and actors in whatever case, a trace, or what is not said all the time', () => {
  const ring = new TraceRing(9)
  const [master, worker] = [pathOf('10.0.0.1:7070'), pathOf('10.0.0.7:7071', 'Worker')]
  ring.record(envelopeOf({ type: 'Heartbeat', from: worker, to: master }), 1)
  ring.record(envelopeOf({ type: 'LaunchDriver', from: master, to: worker, trace: 7 }), 2)
  ring.record(envelopeOf({ type: 'TimerDue', from: master, to: master }), 3)
  const found = (search: MessageSearch) =>
    newestMessages(ring, search, () => 0).messages.map(({ message }) => message)
  assert.deepEqual(found({}), ['TimerDue', 'LaunchDriver', 'Heartbeat'])
  assert.deepEqual(found({ message: 'launch' }), ['LaunchDriver'])
  assert.deepEqual(found({ actor: 'worker@10' }), ['LaunchDriver', 'Heartbeat'])
  assert.deepEqual(found({ actor: worker }), ['LaunchDriver', 'Heartbeat'])
  assert.deepEqual(found({ actor: 'firesteel' }), [], 'what each path begins with is no part of it')
  assert.deepEqual(found({ trace: 7 }), ['LaunchDriver'])
  assert.deepEqual(found({ except: ['Heartbeat'], toOthers: true }), ['LaunchDriver'])
  assert.deepEqual(found({ before: 1 }), ['Heartbeat'])
})

test('what is too old for the question is not lost', () => {
  const ring = ringOf(['A', 'B', 'C', 'D', 'E'], 3)
  const { entries, dropped } = ring.read({ sinceAgoMs: 2 }, 5)
  assert.deepEqual(
    entries.map(({ message }) => message),
    ['D', 'E'],
  )
  assert.equal(dropped, 0)
  assert.equal(ring.read({ sinceAgoMs: 100 }, 5).dropped, 2)
})

test('filters: types, not these types, actors, not to itself', () => {
  const ring = new TraceRing(100)
  const master = pathOf('a:1', 'Master')
  const worker = pathOf('b:2', 'Worker')
  ring.record(envelopeOf({ type: 'Heartbeat', from: worker, to: master, sink: sinkOf('w1', 'b:2') }), 1)
  ring.record(envelopeOf({ type: 'Timer', from: master, to: master }), 2)
  ring.record(envelopeOf({ type: 'LaunchDriver', from: master, to: worker }), 3)
  ring.record(envelopeOf({ type: 'ElectedLeader', from: pathOf('a:1', 'Agent'), to: master }), 4)
  assert.deepEqual(typesOf(ring, { messages: ['Timer', 'Heartbeat'] }), ['Heartbeat', 'Timer'])
  assert.deepEqual(typesOf(ring, { except: ['Heartbeat'], toOthers: true }), [
    'LaunchDriver',
    'ElectedLeader',
  ])
  assert.deepEqual(typesOf(ring, { actor: 'Worker' }), ['Heartbeat', 'LaunchDriver'])
  assert.deepEqual(typesOf(ring, { actor: 'Agent@a:1', sinceAgoMs: 1 }, 5), ['ElectedLeader'])
  assert.deepEqual(
    ring.read({}, 5).entries.map(({ direction, peer }) => [direction, peer]),
    [
      ['in', 'w1'],
      ['local', undefined],
      ['out', undefined],
      ['local', undefined],
    ],
  )
})

test('an actor is named by path, part of it, or what tables print', () => {
  const path = 'firesteel://demo@h:7070/user/Master/child'
  for (const wanted of [
    path,
    'firesteel://demo@h:7070',
    '/user/Master',
    'h:7070',
    'Master/child',
    shortPath(path),
  ]) {
    assert.ok(matchesActor(path, wanted), wanted)
  }
  for (const wanted of ['firesteel://demo@h:70', '/user/Mast', 'Master', 'h', 'child']) {
    assert.ok(!matchesActor(path, wanted), wanted)
  }
  assert.equal(shortPath('firesteel://demo@[::1]:7070/system'), 'system@[::1]:7070')
  assert.equal(shortPath('firesteel://demo@10.0.0.9:5000/client'), 'client@10.0.0.9:5000')
  assert.equal(shortPath('/user/Master'), 'Master')
})

test('tracing itself is never recorded', () => {
  const ring = ringOf(['A', 'RequestTrace', 'TraceChunk', 'B'])
  assert.deepEqual(typesOf(ring, {}), ['A', 'B'])
})

test('an odd message of a peer spoils no answer', () => {
  const ring = new TraceRing(10)
  const sink = sinkOf('w1', 'b:2')
  ring.record(envelopeOf({ type: 'A' }), 1)
  ring.record(
    envelopeOf({
      type: 'B'.repeat(10_000),
      from: `firesteel://demo@b:2/user/${'x'.repeat(10_000)}`,
      sink,
      trace: Number.POSITIVE_INFINITY,
      parent: Number.NEGATIVE_INFINITY,
      epoch: Number.NaN,
    }),
    2,
  )
  const answer = JSON.parse(JSON.stringify(answerTrace(ring, {}, 5)))
  assert.equal(traceChunk.safeParse(answer).error, undefined)
  assert.equal(answer.entries.length, 2)
})

test('an answer is bounded and goes on where it ended', () => {
  const count = limits.traceChunkEntries * 2 + 5
  const ring = new TraceRing(count)
  for (let index = 0; index < count; index++) ring.record(envelopeOf({ type: `T${index}` }), index)
  const seen: string[] = []
  let cursor: number | undefined
  for (let chunks = 0; chunks < 10; chunks++) {
    const chunk = answerTrace(ring, { ...(cursor !== undefined && { afterCursor: cursor }) }, 0)
    assert.ok(traceChunk.safeParse(JSON.parse(JSON.stringify(chunk))).success)
    for (const { message } of chunk.entries) seen.push(message)
    cursor = chunk.next
    if (!chunk.more) break
  }
  assert.deepEqual(
    seen,
    Array.from({ length: count }, (_, index) => `T${index}`),
  )
  assert.deepEqual(answerTrace(undefined, {}, 7), {
    type: 'TraceChunk',
    entries: [],
    next: 0,
    more: false,
    dropped: 0,
    nowMs: 7,
  })
})

test('answers with payloads are bounded by bytes, and still give each message', () => {
  const ring = new TraceRing(1000)
  const message = { type: 'Big', text: Array.from({ length: 15 }, () => 'x'.repeat(200)) }
  for (let index = 0; index < 1000; index++) ring.record({ ...envelopeOf(), message }, index)
  let total = 0
  for (let cursor = 0, more = true; more; ) {
    const batch = ring.read({ payloads: true, afterCursor: cursor }, 0)
    assert.ok(
      JSON.stringify(batch.entries.map(({ payload }) => payload)).length <= limits.traceChunkBytes + 1000,
    )
    assert.ok(batch.entries.length > 0)
    total += batch.entries.length
    cursor = batch.next
    more = batch.more
  }
  assert.equal(total, 1000)
})

test('payloads: nothing secret, wherever it stands, and nothing long', () => {
  const message = {
    type: 'RequestSubmitDriver',
    key: 'nightly',
    description: { env: { PASSWORD: 'hunter2', TZ: 'UTC' }, args: ['--db-password=hunter2'], cores: 2 },
    nested: [{ clientSecret: 'hunter2', api_key: 'hunter2', authToken: { deep: 'hunter2' } }],
    records: [['driver', 'd1', JSON.stringify({ env: { A: 'hunter2' }, id: 'd1' })]],
    torn: '{"env":{"A":"hunter2',
    long: 'y'.repeat(1000),
    many: Array.from({ length: 60 }, (_, index) => index),
    big: 2n ** 60n,
    bytes: new Uint8Array(9),
  }
  const shown = shownPayload(message) as typeof message
  const text = JSON.stringify(shown)
  assert.ok(!text.includes('hunter2'), text)
  assert.deepEqual(shown.description, {
    env: { PASSWORD: '[removed]', TZ: '[removed]' },
    args: '[1 removed]',
    cores: 2,
  })
  assert.equal(shown.key, 'nightly')
  assert.ok(shown.long.length < 250)
  assert.equal(shown.many.length, 51)
  assert.deepEqual(
    shownPayload({
      type: 'Huge',
      ...Object.fromEntries(Array.from({ length: 40 }, (_, i) => [`k${i}`, 'z'.repeat(190)])),
    }),
    {
      type: 'Huge',
      cut: '7965 characters',
    },
  )
})
