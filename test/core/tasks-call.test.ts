import assert from 'node:assert/strict'
import { test } from 'node:test'
import { each } from '../../actors/tasks/each.js'
import { map } from '../../actors/tasks/map.js'
import type { TaskProgress } from '../../actors/tasks/task-options.js'
import { tasksOf } from '../../actors/tasks/task-proxy.js'
import { limits } from '../../runtime/limits.js'
import { HandPool } from '../tools/hand-pool.js'

function* countingFrom(start: number, pulled: number[]): Generator<number> {
  try {
    for (let number = start; ; number++) {
      pulled.push(number)
      yield number
    }
  } finally {
    pulled.push(-1)
  }
}

test('tasks() is typed as the module and gives nothing that promises look for', () => {
  const { functions } = new HandPool()
  const count: (input: number) => Promise<number> = functions.count
  const text: (input: string, times?: number) => Promise<string> = functions.text
  assert.equal(count.name, 'count')
  assert.equal(functions.text, text)
  // @ts-expect-error what is no function of the module is no task
  functions.version
  // @ts-expect-error the function's own types hold
  void ((): unknown => functions.count('x'))
  assert.equal((functions as { then?: unknown }).then, undefined)
})

test('nothing is pulled before it is read; then only as much as there is room', async () => {
  const hand = new HandPool()
  const pulled: number[] = []
  const results = map(hand.pool, hand.functions.count, countingFrom(1, pulled))
  assert.equal(pulled.length, 0)
  const first = results.next()
  assert.equal(pulled.length, limits.mapInFlightFirst)
  hand.value(1, 10)
  assert.deepEqual(await first, { done: false, value: 10 })
  // The reader stops: what ends is kept, up to a bound, and no more is pulled.
  for (let taskId = 2; taskId < 5000; taskId++) if (hand.open.has(taskId)) hand.value(taskId, taskId)
  assert.ok(pulled.length <= limits.mapUnreadResults + limits.mapInFlightFirst + 1, `${pulled.length} pulled`)
  await results.return?.()
  assert.equal(pulled.at(-1), -1, 'the inputs were closed')
  assert.equal(hand.open.size, 0, 'the rest was cancelled')
  assert.equal(hand.listeners.size, 0)
})

test('what is under way follows the executors, or concurrency', async () => {
  const hand = new HandPool()
  hand.windowSize = 100
  void map(hand.pool, hand.functions.count, countingFrom(1, [])).next()
  assert.equal(hand.open.size, 200)
  const other = new HandPool()
  void map(other.pool, other.functions.count, countingFrom(1, []), { concurrency: 3 }).next()
  for (let taskId = 1; taskId < 20; taskId++) other.value(taskId, 0)
  assert.equal(other.most, 3)
})

test('tasks that wait for their next attempt make room for others, up to a bound; concurrency counts them', async () => {
  const hand = new HandPool()
  const repeated = (): void => {
    for (const listener of hand.listeners)
      listener({ name: 'taskRepeated', taskId: 1, group: 1, execId: 0, cause: 'failure' })
  }
  void map(hand.pool, hand.functions.count, countingFrom(1, [])).next()
  assert.equal(hand.open.size, limits.mapInFlightFirst)
  hand.waiting = 10
  repeated()
  assert.equal(hand.open.size, limits.mapInFlightFirst + 10)
  hand.waiting = 10 * limits.mapHeldTasks
  repeated()
  assert.equal(hand.open.size, limits.mapInFlightFirst + limits.mapHeldTasks)
  const other = new HandPool()
  void map(other.pool, other.functions.count, countingFrom(1, []), { concurrency: 3 }).next()
  other.waiting = 3
  for (const listener of other.listeners)
    listener({ name: 'taskRepeated', taskId: 1, group: 1, execId: 0, cause: 'failure' })
  assert.equal(other.open.size, 3)
})

test('map keeps the order whatever ends first; async inputs too', async () => {
  const hand = new HandPool()
  async function* inputs(): AsyncGenerator<number> {
    for (let number = 0; number < 6; number++) yield number
  }
  const results = map(hand.pool, hand.functions.count, inputs())
  const all = (async () => {
    const values: number[] = []
    for await (const value of results) values.push(value)
    return values
  })()
  for (let left = 6; left > 0; ) {
    await new Promise(setImmediate)
    const taskId = [...hand.open.keys()].at(-1)
    if (taskId === undefined) continue
    hand.value(taskId, hand.input(taskId))
    left--
  }
  assert.deepEqual(await all, [0, 1, 2, 3, 4, 5])
})

test('map: a failure cancels all behind it at once, and is thrown after the values before it', async () => {
  const hand = new HandPool()
  const pulled: number[] = []
  const results = map(hand.pool, hand.functions.count, countingFrom(0, pulled))
  const first = results.next()
  hand.fail(3, 'third')
  assert.deepEqual([...hand.open.keys()], [1, 2])
  assert.equal(pulled.at(-1), -1)
  hand.value(2, 'b')
  hand.value(1, 'a')
  assert.deepEqual(await first, { done: false, value: 'a' })
  assert.deepEqual(await results.next(), { done: false, value: 'b' })
  await assert.rejects(results.next(), { code: 'FIRESTEEL_TASK_FAILED', message: /third/ })
  assert.deepEqual(await results.next(), { done: true, value: undefined })
})

test('each never throws for a task; leaving the loop cancels the rest', async () => {
  const hand = new HandPool()
  const results = each(hand.pool, hand.functions.count, [5, 6, 7, 8])
  const first = results.next()
  hand.fail(2, 'no')
  hand.value(1, 50)
  const { value } = await first
  assert.equal(value.index, 1)
  assert.equal(value.input, 6)
  assert.equal(value.attempts, 1)
  assert.match(value.error.message, /no/)
  for await (const result of results) {
    assert.deepEqual(result, { index: 0, input: 5, value: 50 })
    break
  }
  assert.deepEqual(hand.cancelled, [3, 4])
})

test('an aborted signal and a closed application end both kinds', async () => {
  for (const run of [map, each] as const) {
    const hand = new HandPool()
    const aborter = new AbortController()
    const pending = run(hand.pool, hand.functions.count, [1, 2], { signal: aborter.signal }).next()
    aborter.abort(new Error('enough'))
    await assert.rejects(pending as Promise<unknown>, /enough/)
    assert.equal(hand.open.size, 0)
    await assert.rejects(
      run(hand.pool, hand.functions.count, [1], { signal: aborter.signal }).next() as Promise<unknown>,
      /enough/,
    )

    for (const code of [undefined, 'APPLICATION_KILLED', 'APPLICATION_FAILED'] as const) {
      const closed = run(hand.pool, hand.functions.count, [1]).next()
      hand.end([...hand.open.keys()][0] as number, { kind: 'closed', reason: 'It was over.', code })
      await assert.rejects(closed as Promise<unknown>, {
        code: `FIRESTEEL_${code ?? 'APPLICATION_CLOSED'}`,
        message: 'The task count (input 0) had not ended: It was over.',
      })
    }
  }
})

test('inputs that throw: what has been submitted is read first, and then the error', async () => {
  const broke = /inputs broke/
  const sync = function* (): Generator<number> {
    yield* [1, 2]
    throw new Error('inputs broke')
  }
  const async = async function* (): AsyncGenerator<number> {
    yield* [1, 2]
    throw new Error('inputs broke')
  }
  for (const inputs of [sync, async])
    for (const run of [map, each] as const) {
      const hand = new HandPool()
      const results = run(hand.pool, hand.functions.count, inputs()) as AsyncIterableIterator<unknown>
      const reads = [results.next(), results.next(), results.next(), results.next()]
      await new Promise(setImmediate)
      assert.deepEqual([...hand.open.keys()], [1, 2], 'no task was cancelled')
      hand.value(1, 10)
      hand.value(2, 20)
      const [one, two, failed, over] = await Promise.allSettled(reads)
      assert.deepEqual(
        [one, two].map((read) => read?.status),
        ['fulfilled', 'fulfilled'],
      )
      assert.match(String(failed?.status === 'rejected' && failed.reason), broke)
      assert.deepEqual(over, { status: 'fulfilled', value: { done: true, value: undefined } })
      assert.equal(hand.listeners.size, 0)
    }
})

test('inputs that throw before a task of map has failed: the earlier input is thrown', async () => {
  const hand = new HandPool()
  const inputs = function* (): Generator<number> {
    yield 1
    throw new Error('inputs broke')
  }
  const first = map(hand.pool, hand.functions.count, inputs()).next()
  hand.end(1, { kind: 'cancelled', reason: 'by hand' })
  await assert.rejects(first, { code: 'FIRESTEEL_TASK_CANCELLED' })
})

test('inputs whose iterator is none, or that gives none, are refused', async () => {
  const hand = new HandPool()
  const none = { [Symbol.iterator]: () => ({}) } as unknown as number[]
  const throws = {
    [Symbol.iterator]: () => {
      throw new RangeError('no inputs')
    },
  } as unknown as number[]
  await assert.rejects(map(hand.pool, hand.functions.count, none).next(), {
    code: 'FIRESTEEL_USAGE',
    message: 'The iterator of the inputs has no function next.',
  })
  await assert.rejects(map(hand.pool, hand.functions.count, throws).next(), /no inputs/)
})

test('bad arguments are refused at the call', () => {
  const hand = new HandPool()
  const { count } = hand.functions
  const plain = async (input: number): Promise<number> => input
  assert.throws(() => map(hand.pool, plain, [1]), { code: 'FIRESTEEL_USAGE' })
  assert.throws(() => map(hand.pool, count, 5 as unknown as number[]), { code: 'FIRESTEEL_USAGE' })
  assert.throws(() => each(hand.pool, count, [1], { retries: -1 }), { code: 'FIRESTEEL_USAGE' })
  assert.throws(() => each(hand.pool, count, [1], { timeout: 'soon' }), { code: 'FIRESTEEL_USAGE' })
  assert.throws(() => each(hand.pool, count, [1], { timeout: 0 }), {
    code: 'FIRESTEEL_USAGE',
    message: 'timeout is 0; an attempt needs time. Infinity means no timeout.',
  })
  assert.throws(() => each(hand.pool, count, [1], { concurrency: 0 }), { code: 'FIRESTEEL_USAGE' })
  assert.throws(() => tasksOf(hand.pool, './relative.js'), { code: 'FIRESTEEL_USAGE' })
})

test('progress comes once for what ends together, with the total where there is one', async () => {
  const hand = new HandPool()
  const seen: TaskProgress[] = []
  const onProgress = (progress: TaskProgress): void => void seen.push(progress)
  const results = each(hand.pool, hand.functions.count, [1, 2, 3], { onProgress })
  const first = results.next()
  hand.value(1, 1)
  hand.fail(2, 'x')
  for (const listener of hand.listeners) {
    listener({ name: 'taskRepeated', taskId: 3, group: 1, execId: 0, cause: 'failure' })
    listener({ name: 'taskRepeated', taskId: 3, group: 99, execId: 0, cause: 'failure' })
  }
  await first
  assert.deepEqual(seen, [
    { done: 1, failed: 1, retried: 1, running: 1, atExecutors: 0, waiting: 0, total: 3 },
  ])
})

test('an executor that links is given work at once, not when a task ends', async () => {
  const hand = new HandPool()
  hand.windowSize = 1
  void each(hand.pool, hand.functions.count, Array(500).fill(1)).next()
  assert.equal(hand.open.size, limits.mapInFlightFirst)
  hand.windowSize = 100
  const executor = { execId: 1, workerId: 'w', host: 'h', cores: 1 }
  for (const listener of hand.listeners) listener({ name: 'executorLinked', executor })
  assert.equal(hand.open.size, 200)
})

test('a value of an input over the limit fails that input only', async () => {
  const hand = new HandPool()
  const results = each(hand.pool, hand.functions.text, ['x'.repeat(2000), 'y'])
  const { value } = await results.next()
  assert.equal((value.error as { code?: string }).code, 'FIRESTEEL_INPUT_TOO_LARGE')
  assert.equal(hand.open.size, 1)
})

test('the key function of a limit has the type of the inputs', async () => {
  const hand = new HandPool()
  const { count } = hand.functions
  const results = each(hand.pool, count, [1], { limit: { key: (input) => input.toFixed(0), concurrency: 1 } })
  // @ts-expect-error an input is a number, and has no host
  each(hand.pool, count, [1], { limit: { key: (input) => input.host, concurrency: 1 } })
  void results.next()
  assert.equal(hand.open.get(1)?.key, '1')
})
