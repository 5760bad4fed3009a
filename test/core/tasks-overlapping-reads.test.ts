import assert from 'node:assert/strict'
import { test } from 'node:test'
import { each } from '../../actors/tasks/each.js'
import { map } from '../../actors/tasks/map.js'
import { limits } from '../../runtime/limits.js'
import { HandPool } from '../tools/hand-pool.js'

/*
 * Reads of map and each that overlap: `next()` is called again before the one before has its result. They end
 * as those of an async generator do, in the order of their calls.
 */

type Read = IteratorResult<unknown>

/** What each read has come to by now: its value, `done`, what it throws, or `pending`. */
async function endsOf(reads: readonly Promise<Read>[]): Promise<unknown[]> {
  const ends: unknown[] = reads.map(() => 'pending')
  for (const [index, read] of reads.entries()) {
    read.then(
      ({ done, value }) => {
        const { error, value: result } = Object(value) as { error?: Error; value?: unknown }
        ends[index] = done ? 'done' : (error?.cause ?? result ?? value)
      },
      ({ message, cause = message }: Error) => {
        ends[index] = `throws ${cause}`
      },
    )
  }
  await new Promise(setImmediate)
  return ends
}

const next = (results: AsyncIterator<unknown>, count: number): Promise<Read>[] =>
  Array.from({ length: count }, () => results.next())

async function* later(inputs: readonly number[]): AsyncGenerator<number> {
  for (const input of inputs) {
    await Promise.resolve()
    yield input
  }
}

for (const run of [map, each] as const) {
  const { name } = run

  test(`${name}: reads beyond the last result are done when that has been read`, async () => {
    const hand = new HandPool()
    const results = run(hand.pool, hand.functions.count, [1])
    const reads = next(results, 3)
    hand.value(1, 10)
    assert.deepEqual(await endsOf(reads), [10, 'done', 'done'])
    assert.equal(hand.listeners.size, 0, 'it listens no more')
  })

  test(`${name}: so are those of asynchronous inputs, and of more reads than inputs`, async () => {
    const hand = new HandPool()
    const reads = next(run(hand.pool, hand.functions.count, later([1, 2])), 4)
    await endsOf(reads)
    hand.value(1, 10)
    hand.value(2, 20)
    assert.deepEqual(await endsOf(reads), [10, 20, 'done', 'done'])
  })

  test(`${name}: reads that wait are done when there are no inputs`, async () => {
    const hand = new HandPool()
    for (const inputs of [[], later([])])
      assert.deepEqual(await endsOf(next(run(hand.pool, hand.functions.count, inputs), 2)), ['done', 'done'])
  })

  test(`${name}: what ends the call is thrown by the first of the reads that wait; the others are done`, async () => {
    const hand = new HandPool()
    const aborter = new AbortController()
    const results = run(hand.pool, hand.functions.count, [1, 2], { signal: aborter.signal })
    const reads = next(results, 3)
    aborter.abort(new Error('enough'))
    assert.deepEqual(await endsOf(reads), ['throws enough', 'done', 'done'])
    assert.deepEqual(await endsOf(next(results, 1)), ['done'])
  })

  test(`${name}: return() ends the reads that wait, and nothing is read after it`, async () => {
    const hand = new HandPool()
    const results = run(hand.pool, hand.functions.count, [1, 2])
    const reads = next(results, 2)
    assert.deepEqual(await results.return?.(), { done: true, value: undefined })
    assert.deepEqual(await endsOf(reads), ['done', 'done'])
    const other = run(hand.pool, hand.functions.count, [1, 2, 3])
    const first = next(other, 1)
    const [one, two] = [...hand.open.keys()] as [number, number]
    hand.value(one, 10)
    hand.value(two, 20)
    assert.deepEqual(await endsOf(first), [10])
    await other.return?.()
    assert.deepEqual(await endsOf(next(other, 2)), ['done', 'done'])
  })

  test(`${name}: a result that came before what ended the call is not read after it`, async () => {
    const hand = new HandPool()
    const aborter = new AbortController()
    const results = run(hand.pool, hand.functions.count, [1, 2, 3], { signal: aborter.signal })
    const first = next(results, 1)
    hand.value(1, 10)
    hand.value(2, 20)
    assert.deepEqual(await endsOf(first), [10])
    aborter.abort(new Error('enough'))
    assert.deepEqual(await endsOf(next(results, 3)), ['throws enough', 'done', 'done'])
  })
}

test('map: after the failure nothing is read, whatever has ended behind it', async () => {
  const hand = new HandPool()
  const results = map(hand.pool, hand.functions.count, [1, 2, 3, 4])
  const reads = next(results, 4)
  hand.value(3, 30)
  hand.value(1, 10)
  hand.fail(2, 'second')
  assert.deepEqual(await endsOf(reads), [10, 'throws Error: second', 'done', 'done'])
  assert.deepEqual(hand.cancelled, [4])
  const other = map(hand.pool, hand.functions.count, [1, 2, 3])
  const first = next(other, 1)
  const [one, two, three] = [...hand.open.keys()] as [number, number, number]
  hand.value(three, 30)
  hand.value(one, 10)
  hand.fail(two, 'second')
  assert.deepEqual(await endsOf(first), [10])
  assert.deepEqual(await endsOf(next(other, 2)), ['throws Error: second', 'done'])
})

test('each: a failure ends its own read, and no other', async () => {
  const hand = new HandPool()
  const reads = next(each(hand.pool, hand.functions.count, [1, 2]), 3)
  hand.fail(2, 'second')
  hand.value(1, 10)
  assert.deepEqual((await endsOf(reads)).map(String), ['Error: second', '10', 'done'])
})

test('reads of a call of many inputs, a thousand at a time, all end', async () => {
  const hand = new HandPool()
  const count = 2 * limits.mapInFlightFirst + 7
  const inputs = Array.from({ length: count }, (_, index) => index)
  const reads = next(map(hand.pool, hand.functions.count, inputs), 1000)
  for (const taskId of hand.open.keys()) hand.value(taskId, hand.input(taskId))
  assert.deepEqual(await endsOf(reads), [...inputs, ...Array(1000 - count).fill('done')])
})
