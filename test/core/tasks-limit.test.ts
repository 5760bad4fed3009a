import assert from 'node:assert/strict'
import { test } from 'node:test'
import { each } from '../../actors/tasks/each.js'
import { map } from '../../actors/tasks/map.js'
import type { CallOptions } from '../../actors/tasks/task-options.js'
import { createTaskPool } from '../../actors/tasks/task-pool.js'
import { tasksOf } from '../../actors/tasks/task-proxy.js'
import { isFiresteelError } from '../../runtime/errors.js'
import { limits } from '../../runtime/limits.js'
import { HandExecutor } from '../tools/hand-executor.js'
import { VirtualTime } from '../tools/virtual-time.js'

/* `limit` of map and each, with the shipped pool, in virtual time. */

interface Functions {
  page(url: string): null
}

interface Begun {
  readonly url: string
  readonly atMs: number
}

/** Executors whose tasks take `taskMs`, and all that begins there. */
function bench({ taskMs = 50, cores = 1000, fails = (_url: string): boolean => false } = {}) {
  const time = new VirtualTime()
  const pool = createTaskPool({
    appId: 'app',
    clock: time,
    timers: time,
    log: { info: () => {}, warn: () => {} },
    killExecutor: () => {},
    onDefect: (error) => {
      throw error
    },
    random: () => 1,
  })
  const executor = new HandExecutor(time, pool, 1, cores)
  const begun: Begun[] = []
  let running = 0
  const most = { inAll: 0, ofKey: 0 }
  const byHost = new Map<string, number>()
  executor.onRun = (taskId, input) => {
    const url = input as string
    const host = hostOf(url)
    begun.push({ url, atMs: time.monotonicMs() })
    const count = (byHost.get(host) ?? 0) + 1
    byHost.set(host, count)
    most.inAll = Math.max(most.inAll, ++running)
    most.ofKey = Math.max(most.ofKey, count)
    time.after(taskMs, () => {
      running--
      byHost.set(host, (byHost.get(host) as number) - 1)
      executor.end(taskId, fails(url) ? 'failure' : 'value')
    })
  }
  const { page } = tasksOf<Functions>(pool, 'file:///t.js')
  return { time, pool, page, begun, most }
}

const hostOf = (url: string): string => url.split('/')[0] as string
const startsOf = (begun: readonly Begun[], host: string): number[] =>
  begun.filter(({ url }) => hostOf(url) === host).map(({ atMs }) => atMs)

/** Reads a call to its end while time goes on. */
async function runs<T>(time: VirtualTime, results: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = []
  let done = false
  const reading = (async () => {
    for await (const result of results) all.push(result)
  })().finally(() => {
    done = true
  })
  reading.catch(() => {})
  for (let turn = 0; !done; turn++) {
    assert.ok(turn < 20_000, 'the call does not end')
    await time.advanceSettling(20)
  }
  await reading
  return all
}

const pages = (host: string, count: number): string[] =>
  Array.from({ length: count }, (_, index) => `${host}/${index}`)
const limit = { key: hostOf, concurrency: 4, perSecond: 10 }

test('each host has its share, and a host that is full keeps no other back', async () => {
  const { time, pool, page, begun, most } = bench()
  // A user's list is sorted by host.
  const urls = [...pages('a', 300), ...pages('b', 50), ...pages('c', 5)]
  const results = await runs(time, each(pool, page, urls, { limit }))
  assert.equal(results.length, 355)
  assert.deepEqual(startsOf(begun, 'c').length, 5)
  assert.ok((startsOf(begun, 'c').at(-1) as number) <= 500, 'c waited for the hosts before it')
  assert.ok((startsOf(begun, 'b').at(-1) as number) <= 5000, 'b waited for a')
  const ofA = startsOf(begun, 'a')
  assert.ok((ofA.at(-1) as number) <= 30_000, `a took ${ofA.at(-1)} ms`)
  for (let index = 1; index < ofA.length; index++) {
    assert.ok((ofA[index] as number) - (ofA[index - 1] as number) >= 100 - limits.limitCatchUpMs)
  }
  assert.ok(most.ofKey <= 4)
})

test('concurrency of a key counts until the task has ended; concurrency of the call holds as well', async () => {
  const { time, pool, page, most } = bench({ taskMs: 500 })
  const urls = [...pages('a', 30), ...pages('b', 30), ...pages('c', 30)]
  await runs(time, each(pool, page, urls, { limit: { key: hostOf, concurrency: 4 } }))
  assert.deepEqual(most, { inAll: 12, ofKey: 4 })
  const other = bench({ taskMs: 500 })
  const options: CallOptions = { limit: { key: hostOf, concurrency: 4 }, concurrency: 6 }
  await runs(other.time, each(other.pool, other.page, urls, options))
  assert.deepEqual(other.most, { inAll: 6, ofKey: 4 })
})

test('map keeps the order of its inputs, whatever each key is allowed', async () => {
  const { time, pool, page, begun } = bench()
  const urls = Array.from({ length: 60 }, (_, index) => `${index % 7 === 0 ? 'slow' : `h${index}`}/${index}`)
  const results = await runs(time, map(pool, page, urls, { limit: { key: hostOf, perSecond: 5 } }))
  assert.equal(results.length, 60)
  assert.notDeepEqual(
    begun.map(({ url }) => url),
    urls,
    'slow ones were overtaken',
  )
})

test('without a key the whole call is one key', async () => {
  const { time, pool, page, begun } = bench()
  await runs(time, each(pool, page, pages('a', 10), { limit: { perSecond: 2 } }))
  assert.deepEqual(
    begun.map(({ atMs }) => atMs),
    Array.from({ length: 10 }, (_, index) => (begun[0] as Begun).atMs + 500 * index),
  )
})

test('a further attempt needs its turn as well, and a task keeps its place of the key meanwhile', async () => {
  const { time, pool, page, begun, most } = bench({ taskMs: 10, fails: () => true })
  const options: CallOptions = {
    limit: { key: hostOf, perSecond: 4, concurrency: 1 },
    backoff: 10,
    retries: 2,
  }
  await runs(time, each(pool, page, pages('a', 3), options))
  const starts = startsOf(begun, 'a')
  assert.deepEqual(
    begun.map(({ url }) => url),
    ['a/0', 'a/0', 'a/0', 'a/1', 'a/1', 'a/1', 'a/2', 'a/2', 'a/2'],
  )
  for (let index = 1; index < starts.length; index++)
    assert.ok((starts[index] as number) - (starts[index - 1] as number) >= 250 - limits.limitCatchUpMs)
  assert.equal(most.ofKey, 1)
})

test('the rate holds between inputs that come slowly, one after the other', async () => {
  const { time, pool, page, begun } = bench({ taskMs: 1 })
  async function* slowly(): AsyncGenerator<string> {
    for (const url of pages('a', 5)) {
      yield url
      await new Promise<void>((resolve) => time.after(30, resolve))
    }
  }
  await runs(time, each(pool, page, slowly(), { limit: { perSecond: 1 } }))
  const starts = startsOf(begun, 'a')
  assert.ok((starts.at(-1) as number) >= 4 * (1000 - limits.limitCatchUpMs), `${starts}`)
})

test('20,000 keys: what is pulled ahead is bounded, and all are served', async () => {
  const { time, pool, page } = bench({ taskMs: 40, cores: 50 })
  let pulled = 0
  let ended = 0
  let ahead = 0
  function* urls(): Generator<string> {
    for (; pulled < 20_000; pulled++) {
      ahead = Math.max(ahead, pulled - ended)
      // Half of them are of one host, which may never have its share in time.
      yield pulled % 2 === 0 ? `big/${pulled}` : `h${pulled}/`
    }
  }
  const results = each(pool, page, urls(), { limit: { key: hostOf, perSecond: 20 } })
  const reading = (async () => {
    for await (const _result of results) ended++
  })()
  for (let turn = 0; ended < 20_000; turn++) {
    assert.ok(turn < 20_000)
    await time.advanceSettling(100)
  }
  await reading
  assert.ok(ahead > limits.mapHeldTasks / 2, `${ahead} ahead: nothing was held`)
  assert.ok(ahead <= limits.mapHeldTasks + limits.mapInFlightFirst + limits.mapUnreadResults, `${ahead}`)
})

test('a key function that throws, or gives no key, is named with the index of its input', async () => {
  for (const [key, message] of [
    [
      (url: string): string => {
        if (url === 'a/1') throw new RangeError('no host')
        return url
      },
      /^limit\.key threw for input 1: no host\.$/,
    ],
    [
      (url: string) => (url === 'a/1' ? { url } : url),
      /gave an object for input 1; a key must be text or a number/,
    ],
    [(url: string) => (url === 'a/1' ? undefined : url), /gave undefined for input 1/],
  ] as const) {
    const options = { limit: { key, concurrency: 1 } } as CallOptions
    const { time, pool, page } = bench()
    const results = await runs(time, each(pool, page, pages('a', 3), options))
    const failed = results.filter(({ error }) => error !== undefined)
    assert.deepEqual(
      failed.map(({ index }) => index),
      [1],
    )
    const { error } = failed[0] as { error: Error }
    assert.ok(isFiresteelError(error, 'CALLBACK_FAILED'))
    assert.match(error.message, message)
    assert.equal(error.place, 'limit.key')
    const other = bench()
    await assert.rejects(runs(other.time, map(other.pool, other.page, pages('a', 3), options)), {
      code: 'FIRESTEEL_CALLBACK_FAILED',
    })
  }
})

test('leaving the loop, an aborted signal and close() end what waits for its turn, and leave no timer', async () => {
  for (const how of ['leave', 'abort', 'close'] as const) {
    const { time, pool, page, begun } = bench()
    const timersBefore = time.pending
    const aborter = new AbortController()
    const options = { limit: { perSecond: 0.1 }, signal: aborter.signal }
    const results = each(pool, page, pages('a', 50), options)
    await Promise.all([results.next(), time.advanceSettling(1000)])
    const next = results.next()
    next.catch(() => {})
    if (how === 'leave') await results.return?.()
    if (how === 'abort') aborter.abort(new Error('enough'))
    if (how === 'close') pool.close({ reason: 'enough' })
    if (how !== 'leave') await assert.rejects(next)
    await time.advanceSettling(0)
    assert.equal(pool.stats().live, 0)
    if (how !== 'close') assert.equal(time.pending, timersBefore, how)
    await time.advanceSettling(100_000)
    assert.equal(begun.length, 1)
  }
})
