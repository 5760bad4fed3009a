import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { type CommitEnd, CommitQueue } from '../../runtime/persistence/commit-queue.js'
import {
  CommitQueueDriver,
  type CommitQueueDriverOptions,
} from '../../runtime/persistence/commit-queue-driver.js'
import type { CommitOutcome, CommitRequest, StoreDegradation } from '../../runtime/persistence/engine.js'
import { RecordTables } from '../../runtime/persistence/record-tables.js'
import { VirtualTime } from '../tools/virtual-time.js'

interface Call {
  readonly kind: 'commit' | 'touch'
  readonly request: CommitRequest | undefined
  readonly lock: string | undefined
  answer(outcome: CommitOutcome): void
  fail(error: Error): void
}

/** A driver over an engine whose answers the test gives, on virtual time. */
function harness(more: Partial<CommitQueueDriverOptions<string>> = {}) {
  const calls: Call[] = []
  const log: string[] = []
  const ends: CommitEnd[] = []
  const problems: (StoreDegradation | undefined)[] = []
  const confirmed: number[] = []
  const recordCache = new RecordTables()
  const time = new VirtualTime()
  const call = (kind: Call['kind'], request?: CommitRequest, lock?: string) =>
    new Promise<CommitOutcome>((answer, fail) => calls.push({ kind, request, lock, answer, fail }))
  let writeIds = 0
  const base = { epoch: 0, seq: 0 }
  const commitQueue = new CommitQueue<string>({
    epoch: 1,
    base,
    writeId: 'e',
    newWriteId: () => `${++writeIds}`,
  })
  const driver = new CommitQueueDriver<string>({
    commitQueue,
    engine: {
      commit: (_fence, request) => call('commit', request),
      touch: (_fence, lock) => call('touch', undefined, lock),
    },
    fence: { epoch: 1, owner: 'me' },
    lock: () => 'the-lock',
    monotonicMs: () => time.monotonicMs(),
    timers: time,
    onReleased: (effect) => void log.push(effect),
    onEnded: (end) => ends.push(end),
    onDegraded: (degradation) => problems.push(degradation),
    onDurable: ({ puts, deletes }) => recordCache.apply(puts, deletes),
    onConfirmed: (sentAtMs) => confirmed.push(sentAtMs),
    ...more,
  })
  const turn = () => new Promise<void>((resolve) => setImmediate(resolve))
  const advance = async (ms: number) => {
    time.advance(ms)
    await turn()
  }
  const nextTimer = async () => {
    assert.ok(time.fireNext())
    await turn()
  }
  return {
    driver,
    calls,
    log,
    ends,
    troubles: problems,
    confirmed,
    image: recordCache,
    time,
    turn,
    advance,
    nextTimer,
  }
}

const put = (id: string, ...effects: string[]) => ({
  puts: [{ table: 'app' as const, id, value: { id } }],
  deletes: [],
  effects,
})
const ok = (seq: number): CommitOutcome => ({ kind: 'ok', position: { epoch: 1, seq } })

test('steps of one turn share a commit; the next is sent when the first has its answer', async () => {
  const { driver, calls, log, image: recordCache, confirmed, time, turn } = harness()
  driver.submit(put('a', 'a'))
  driver.submit(put('b', 'b'))
  assert.equal(calls.length, 0)
  await turn()
  assert.equal(calls.length, 1)
  assert.equal(calls[0]!.request?.puts.length, 2)
  driver.submit(put('c', 'c'))
  await turn()
  assert.equal(calls.length, 1)
  assert.deepEqual(log, [])
  time.spend(7)
  calls[0]!.answer(ok(1))
  await turn()
  assert.deepEqual(log, ['a', 'b'])
  assert.equal(recordCache.size, 2)
  assert.equal(JSON.parse(recordCache.get('app', 'a')!).at.seq, 1)
  assert.equal(calls.length, 2)
  calls[1]!.answer(ok(2))
  await turn()
  assert.deepEqual(log, ['a', 'b', 'c'])
  assert.deepEqual(confirmed, [0, 7], 'the sending times, not those of the answers')
})

test('effects alone go behind a touch with the present lock', async () => {
  const { driver, calls, log, turn } = harness()
  driver.submit({ puts: [], deletes: [], effects: ['status'] })
  await turn()
  assert.equal(calls[0]!.kind, 'touch')
  assert.equal(calls[0]!.lock, 'the-lock')
  calls[0]!.answer(ok(0))
  await turn()
  assert.deepEqual(log, ['status'])
})

test('degraded: said once, waited out, the same commit sent again, its end said', async () => {
  const { driver, calls, time, troubles: problems, log, turn, advance } = harness()
  driver.submit(put('a', 'a'))
  await turn()
  calls[0]!.fail(new Error('the socket closed'))
  await turn()
  driver.submit(put('b', 'b'))
  await turn()
  assert.equal(calls.length, 1, 'new steps do not shorten the back-off')
  assert.equal(time.pending, 1)
  await advance(19)
  assert.equal(calls.length, 1)
  await advance(1)
  assert.equal(calls.length, 2)
  assert.deepEqual(calls[1]!.request, calls[0]!.request)
  calls[1]!.answer({ kind: 'refused', code: 'STORE_UNAVAILABLE', reason: 'loading' })
  await turn()
  await advance(40)
  calls[2]!.answer({ kind: 'duplicate', position: { epoch: 1, seq: 1 } })
  await turn()
  assert.deepEqual(problems, ['STORE_UNAVAILABLE', undefined])
  assert.deepEqual(log, ['a'])
  assert.equal(calls.length, 4)
})

test('drained: when all is released; also when the commit queue ends', async () => {
  const { driver, calls, log, turn } = harness()
  await driver.drained()
  driver.submit(put('a', 'a'))
  let drained = false
  const waiting = driver.drained().then(() => {
    drained = true
  })
  await turn()
  assert.equal(drained, false)
  calls[0]!.answer(ok(1))
  await waiting
  assert.deepEqual(log, ['a'])
  driver.submit(put('b', 'b'))
  await turn()
  const ending = driver.drained()
  calls[1]!.answer({ kind: 'deposed', epoch: 2, owner: 'm2' })
  await ending
  assert.deepEqual(log, ['a'])
})

test('the end is said once; then stop gives what never left', async () => {
  const { driver, calls, ends, log, turn } = harness()
  driver.submit(put('a', 'a'))
  await turn()
  driver.submit(put('b', 'b'))
  const deposed = { kind: 'deposed', epoch: 2, owner: 'm2' } as const
  calls[0]!.answer(deposed)
  await turn()
  assert.deepEqual(ends, [deposed])
  assert.equal(driver.submit(put('c', 'c')), 'ended')
  assert.deepEqual(driver.stop(), { unknown: ['a'], neverSent: ['b'] })
  await turn()
  assert.equal(calls.length, 1)
  assert.deepEqual(log, [])
  assert.equal(ends.length, 1)
})

test('after stop a late answer releases nothing, and a waiting back-off sends nothing', async () => {
  const { driver, calls, ends, log, time, turn } = harness()
  driver.submit(put('a', 'a'))
  await turn()
  assert.deepEqual(driver.stop(), { unknown: ['a'], neverSent: [] })
  calls[0]!.answer(ok(1))
  await turn()
  assert.deepEqual([log, ends], [[], []])
  const second = harness()
  second.driver.submit(put('a', 'a'))
  await second.turn()
  second.calls[0]!.answer({ kind: 'unknown', reason: 'time-out' })
  await second.turn()
  assert.equal(second.time.pending, 1)
  second.driver.stop()
  assert.equal(second.time.pending, 0)
  assert.equal(time.pending, 0)
})

test('an effect that throws when released ends the leadership', async () => {
  const ends: CommitEnd[] = []
  const { driver, calls, turn } = harness({
    onReleased: () => {
      throw new Error('no such link')
    },
    onEnded: (end) => ends.push(end),
  })
  driver.submit(put('a', 'a'))
  await turn()
  driver.submit(put('b', 'b'))
  calls[0]!.answer(ok(1))
  await turn()
  assert.equal(ends.length, 1)
  assert.equal(ends[0]!.kind, 'failed')
  assert.equal(calls.length, 1)
})

describe('effects of one commit are released a turn at a time', () => {
  const release = { releaseEffects: 3, releaseMs: 5 }
  const effects = ['1', '2', '3', '4', '5', '6', '7']

  test('in order, before the next commit is sent, and drained means that all have left', async () => {
    const { driver, calls, log, turn, nextTimer } = harness({ release })
    driver.submit(put('a', ...effects))
    await turn()
    driver.submit(put('b', '8'))
    let isDrained = false
    void driver.drained().then(() => {
      isDrained = true
    })
    calls[0]!.answer(ok(1))
    await turn()
    assert.deepEqual(log, ['1', '2', '3'])
    assert.equal(calls.length, 1, 'the next commit waits')
    await nextTimer()
    assert.deepEqual(log, effects.slice(0, 6))
    await nextTimer()
    assert.deepEqual(log, effects)
    assert.equal(calls.length, 2)
    assert.equal(isDrained, false)
    calls[1]!.answer(ok(2))
    await turn()
    assert.deepEqual(log.at(-1), '8')
    assert.equal(isDrained, true)
  })

  test('a turn ends after its time too: some effects are large', async () => {
    const { driver, calls, log, time, turn, nextTimer } = harness({
      release: { releaseEffects: 100, releaseMs: 5 },
      onReleased: (effect) => {
        log.push(effect)
        time.spend(4)
      },
    })
    driver.submit(put('a', ...effects))
    await turn()
    calls[0]!.answer(ok(1))
    await turn()
    assert.deepEqual(log, ['1', '2'])
    await nextTimer()
    assert.deepEqual(log, ['1', '2', '3', '4'])
  })

  test('past the deadline nothing of the rest leaves, and who waits for it hears that its outcome is unknown', async () => {
    let mayAct = true
    const { driver, calls, log, ends, turn, advance } = harness({ release, mayAct: () => mayAct })
    driver.submit(put('a', ...effects))
    await turn()
    calls[0]!.answer(ok(1))
    await turn()
    mayAct = false
    await advance(0)
    assert.deepEqual(log, ['1', '2', '3'])
    assert.deepEqual(ends, [{ kind: 'failed', reason: 'the lease ran out' }])
    assert.deepEqual(driver.stop(), { neverSent: [], unknown: ['4', '5', '6', '7'] })
    await advance(1000)
    assert.deepEqual(log, ['1', '2', '3'])
  })

  test('the leadership ends between two turns: nothing more leaves', async () => {
    const { driver, calls, log, turn, advance } = harness({ release })
    driver.submit(put('a', ...effects))
    await turn()
    driver.submit(put('b', '8'))
    calls[0]!.answer(ok(1))
    await turn()
    assert.deepEqual(driver.stop(), { neverSent: ['8'], unknown: ['4', '5', '6', '7'] })
    await advance(1000)
    assert.deepEqual(log, ['1', '2', '3'])
  })
})
