import assert from 'node:assert/strict'
import { test } from 'node:test'
import { innerLimits } from '../../runtime/inner-limits.js'
import { CommitMetrics } from '../../runtime/metrics/commit-metrics.js'
import { FailoverWatch } from '../../runtime/metrics/failover-watch.js'
import { Histogram } from '../../runtime/metrics/histogram.js'
import { LabelCounts } from '../../runtime/metrics/label-counts.js'
import { MessageCounts } from '../../runtime/metrics/message-counts.js'
import type { CommitRequest, PersistenceEngine } from '../../runtime/persistence/engine.js'
import { newStoreRoundTrips, timedEngine } from '../../runtime/persistence/timed-engine.js'
import { deferred, fixture, type Note, note } from '../tools/system-fixture.js'
import { VirtualTime } from '../tools/virtual-time.js'

test('a histogram counts a value at its bound in that bucket, and has sum and count', () => {
  const histogram = new Histogram([1, 2, 5])
  for (const value of [0, 1, 1.5, 5, 6]) histogram.observe(value)
  assert.deepEqual(histogram.cumulative(), [2, 3, 4, 5])
  assert.equal(histogram.sum, 13.5)
  assert.equal(histogram.count, 5)
})

test('a label has the values that were named, from the beginning, and takes no other', () => {
  const counts = new LabelCounts<string>(['a', 'b'])
  counts.add('b')
  counts.add('b', 2)
  counts.add('driver-1')
  assert.deepEqual(
    [...counts.entries],
    [
      ['a', 0],
      ['b', 3],
    ],
  )
  assert.equal(counts.total, 3)
})

test('the time between two readings of the clock is shared among the messages handled in it', () => {
  const counts = new MessageCounts()
  counts.handled('A')
  counts.took(5)
  for (const type of ['A', 'B', 'A', 'A']) counts.handled(type)
  counts.took(8)
  counts.took(100)
  assert.deepEqual(
    counts.all.map(({ type, handled, handlerMs }) => [type, handled, handlerMs]),
    [
      ['A', 4, 11],
      ['B', 1, 2],
    ],
  )
})

test('ever more types of messages make no more series', () => {
  const counts = new MessageCounts()
  for (let number = 0; number < 2 * innerLimits.metricMessageTypes; number++) {
    counts.of(`T${number}`).received++
    counts.handled(`T${number}`)
  }
  counts.took(1)
  assert.equal(counts.all.length, innerLimits.metricMessageTypes + 1)
  assert.equal(counts.all.at(-1)?.type, 'other')
  assert.equal(counts.all.at(-1)?.handled, innerLimits.metricMessageTypes)
})

test('an actor system counts what it handles, how long that takes, and how long messages wait', async () => {
  const { system, time, idle } = fixture()
  const ref = system.spawn<Note>('busy', () => ({
    receive: ({ text }) => void time.advance(Number(text)),
  }))
  system.tell(ref, note('5'))
  time.advance(30)
  await idle()
  system.tell(ref, note('7'))
  await idle()
  const { messages, mailboxWait } = system.metrics
  assert.deepEqual(
    messages.all.map(({ type, handled, handlerMs }) => [type, handled, Math.round(handlerMs)]),
    [['Note', 2, 12]],
  )
  assert.equal(mailboxWait.count, 2)
  assert.equal(mailboxWait.sum, 0.03)
})

test('time in which a handler waits for its promise is not time of the event loop', async () => {
  const { system, time, idle } = fixture()
  const gate = deferred()
  const ref = system.spawn<Note>('slow', () => ({
    async receive() {
      time.advance(4)
      await gate.promise
    },
  }))
  system.tell(ref, note('a'))
  await idle()
  time.advance(1000)
  gate.resolve()
  await idle()
  assert.equal(system.metrics.messages.of('Note').handlerMs, 4)
})

test('a message that was dropped from a full mailbox does not end the measuring of waits', async () => {
  const { system, time, idle } = fixture()
  const gate = deferred()
  const ref = system.spawn<Note>('full', () => ({ receive: () => gate.promise }), {
    mailbox: { messages: 1, overflow: 'drop-oldest' },
  })
  system.tell(ref, note('in hand'))
  await idle()
  system.tell(ref, note('dropped'))
  time.advance(10)
  system.tell(ref, note('kept'))
  time.advance(20)
  gate.resolve()
  await idle()
  assert.equal(system.metrics.mailboxWait.count, 2)
  assert.equal(system.metrics.mailboxWait.sum, 0.02)
})

test('dead letters are counted by reason', async () => {
  const { system, idle } = fixture()
  const ref = system.spawn<Note>('gone', () => ({ receive: () => {} }))
  await system.stop(ref)
  system.tell(ref, note('a'))
  await idle()
  assert.equal(system.metrics.deadLetters.get('stopped'), 1)
  assert.equal(system.metrics.deadLetters.total, 1)
})

test('a commit is measured from its first sending until it is durable, and each answer counts', () => {
  const commits = new CommitMetrics()
  commits.sent('w1', 1000)
  commits.answered('unknown', 3, 1500)
  commits.sent('w1', 1600)
  commits.answered('duplicate', 3, 1700)
  commits.sent('w2', 2000)
  commits.answered('deposed', 1, 2001)
  assert.deepEqual([commits.duration.count, commits.duration.sum], [1, 0.7])
  assert.deepEqual([commits.records.count, commits.records.sum], [1, 3])
  assert.deepEqual(
    [...commits.outcomes.entries].filter(([, count]) => count > 0),
    [
      ['duplicate', 1],
      ['unknown', 1],
      ['deposed', 1],
    ],
  )
})

test('a failover counts from the end of the leader, else from its last sign of life', () => {
  const ended = new FailoverWatch()
  ended.leads('m1', 100)
  ended.linkEnded('w1', 150)
  ended.linkEnded('m1', 200)
  ended.linkEnded('m1', 250)
  assert.equal(ended.alive(700), 500)

  const silent = new FailoverWatch()
  silent.leads('m1', 100)
  silent.leads('m1', 400)
  assert.equal(silent.alive(3000), 2600)

  const handedOver = new FailoverWatch()
  handedOver.leads('m1', 100)
  handedOver.gone(110)
  assert.equal(handedOver.alive(130), 20)

  const first = new FailoverWatch()
  assert.equal(first.alive(500), undefined, 'there was no leader before')
})

test('a leader that is back ends no failover of others', () => {
  const watch = new FailoverWatch()
  watch.leads('m1', 100)
  watch.linkEnded('m1', 200)
  watch.leads('m2', 300)
  watch.linkEnded('m1', 400)
  watch.linkEnded('m2', 1000)
  assert.equal(watch.alive(1500), 500)
  assert.equal(watch.alive(9000), undefined, 'a leadership of its own began, and its end is not known')
})

test('each call of a store is measured by operation, also one that fails', async () => {
  const time = new VirtualTime()
  const roundTrips = newStoreRoundTrips()
  const engine = {
    commit: async () => {
      time.spend(30)
      return { kind: 'unknown', reason: 'slow' } as const
    },
    leader: async () => {
      time.spend(200)
      throw new Error('away')
    },
  } as unknown as PersistenceEngine
  const timed = timedEngine(engine, roundTrips, () => time.monotonicMs())
  const outcome = await timed.commit({ epoch: 1, owner: 'm' }, {} as CommitRequest)
  assert.deepEqual(outcome, { kind: 'unknown', reason: 'slow' })
  await assert.rejects(timed.leader(), /away/)
  const measured = [...roundTrips].filter(([, times]) => times.count > 0)
  assert.deepEqual(
    measured.map(([operation, { count, sum }]) => [operation, count, sum]),
    [
      ['leader', 1, 0.2],
      ['commit', 1, 0.03],
    ],
  )
})
