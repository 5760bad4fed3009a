import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import type { Attempt } from '../../actors/executor/attempt.js'
import { type SpawnThread, spawnThread } from '../../actors/executor/spawn-thread.js'
import { ThreadStarts } from '../../actors/executor/thread-starts.js'
import { ThreadPool, type Useless } from '../../actors/executor/threads.js'
import { toBytes } from '../../actors/messages/cloneable.js'
import type { ResultStatus } from '../../actors/messages/task-entries.js'
import { map } from '../../actors/tasks/map.js'
import { type TaskFunctions, tasksOf } from '../../actors/tasks/task-proxy.js'
import { limits } from '../../runtime/limits.js'
import { waitUntil } from '../harness/wait-until.js'
import { startDriver, type TestDriver } from '../tools/tasks-fixture.js'

/*
 * Task threads that end before they have begun anything: they are not started again and again, and cost their
 * executor.
 */

type Sample = typeof import('./tasks-sample.js')
const sampleUrl = new URL('./tasks-sample.js', import.meta.url)
const sample = (driver: TestDriver, options = {}): TaskFunctions<Sample> =>
  tasksOf<Sample>(driver.pool, sampleUrl, options)

const folder = mkdtempSync(join(tmpdir(), 'firesteel-starts-'))
after(() => rmSync(folder, { recursive: true, force: true }))

test('each start is later than the one before, those of one moment count as one, and a task that begins ends it', () => {
  const starts = new ThreadStarts()
  assert.ok(starts.mayStart(3, 0), 'before the first failure many start at once')
  const together = [starts.deathsBefore, starts.deathsBefore, starts.deathsBefore]
  for (const deathsBefore of together) starts.failed(deathsBefore, 1000)
  assert.equal(starts.failures, 1)
  const pauses: number[] = []
  let nowMs = 1000
  for (let n = 1; n < 12; n++) {
    const sinceMs = nowMs
    while (!starts.mayStart(0, nowMs)) nowMs += 50
    pauses.push(nowMs - sinceMs)
    assert.ok(!starts.mayStart(1, nowMs), 'one at a time')
    starts.failed(starts.deathsBefore, nowMs)
  }
  assert.deepEqual(pauses, [100, 200, 400, 800, 1600, 3200, 6400, 10_000, 10_000, 10_000, 10_000])
  starts.began(together[0]!)
  assert.ok(starts.areUnrecoverable, 'one that was there before says nothing')
  starts.began(starts.deathsBefore)
  assert.deepEqual([starts.failures, starts.areUnrecoverable, starts.mayStart(5, nowMs)], [0, false, true])
})

interface Trial {
  readonly pool: ThreadPool
  /** The numbers of the threads that were started. */
  readonly spawned: number[]
  readonly useless: { readonly why: Useless; readonly reason: string }[]
  readonly ends: Map<number, ResultStatus | 'returned'>
  run(count: number): void
}

/** `spawn` gets the number of the thread, from 0. */
function trial(threads: number, heapMib: number, spawn: (number: number) => SpawnThread): Trial {
  const spawned: number[] = []
  const useless: Trial['useless'] = []
  const ends: Trial['ends'] = new Map()
  const pool = new ThreadPool({
    threads,
    heapMib,
    executor: { id: 'app/0', host: 'host-a', cores: threads, resources: {} },
    maxResultBytes: 1024,
    spawn: (...args) => {
      spawned.push(spawned.length)
      return spawn(spawned.length - 1)(...args)
    },
    onResult: ({ taskId }, status) => void ends.set(taskId, status),
    onStarted: () => {},
    onProgress: () => {},
    onOutput: () => {},
    onReturned: (attempts) => {
      for (const { taskId } of attempts) ends.set(taskId, 'returned')
    },
    onLog: () => {},
    onUseless: (why, reason) => void useless.push({ why, reason }),
  })
  pool.addFunctions([{ functionId: 0, url: sampleUrl.href, name: 'square' }])
  let nextTask = 0
  const attempt = (): Attempt => {
    const input = toBytes([3], inputOptions)
    return { taskId: nextTask++, n: 1, functionId: 0, timeoutMs: 0, input, state: 'queued', reported: false }
  }
  return { pool, spawned, useless, ends, run: (count) => pool.run(Array.from({ length: count }, attempt)) }
}

const inputOptions = {
  root: 'input',
  notCloneable: 'INPUT_NOT_CLONEABLE',
  tooLarge: 'INPUT_TOO_LARGE',
  maxBytes: 1024,
  list: true,
  task: 'a task',
} as const

/** Node runs no thread in it, but says so. With less, Node 22 and later end the whole process. */
const TOO_SMALL_MIB = 3

test('a heap that is too small for a thread: a few tries, then the executor is of no use and gives all back', async () => {
  const { pool, spawned, useless, ends, run } = trial(2, TOO_SMALL_MIB, () => spawnThread)
  run(20)
  await waitUntil('it is given up', () => useless.length > 0)
  assert.equal(useless[0]?.why, 'startless')
  assert.match(useless[0]?.reason ?? '', /^5 task threads in a row ended before their first task: .*memory/i)
  assert.ok(spawned.length <= 2 + limits.threadStartFailures, `${spawned.length} threads`)
  assert.deepEqual([...ends.values()], Array(20).fill('returned'))
  run(1)
  assert.equal(ends.get(20), 'returned', 'what crosses its end is given back as well')
  assert.ok(await pool.close(10_000))
})

test('it shows without tasks too', async () => {
  const { pool, useless } = trial(2, TOO_SMALL_MIB, () => spawnThread)
  pool.warm()
  await waitUntil('it is given up', () => useless.length > 0)
  assert.ok(await pool.close(10_000))
})

test('a machine that gives no thread for a while costs nothing but that while', async () => {
  const refuses: SpawnThread = (_data, _heapMib, listener) => {
    setImmediate(() => listener.exited('it could not be started: EAGAIN'))
    return { post: () => {}, takeBody: () => undefined, terminate: () => {} }
  }
  const { pool, useless, ends, run } = trial(2, 128, (number) => (number < 4 ? refuses : spawnThread))
  run(20)
  await waitUntil('every task has ended', () => ends.size === 20)
  assert.deepEqual([...ends.values()], Array(20).fill('value'))
  assert.deepEqual(useless, [])
  assert.ok(await pool.close(10_000))
})

test('a preload that throws in threads costs the executor: exit code 4, its tasks run elsewhere, at most once too', async () => {
  await using driver = await startDriver()
  const preload = join(folder, 'throws.cjs')
  writeFileSync(
    preload,
    "if (!require('node:worker_threads').isMainThread) throw new Error('not in threads')",
  )
  const bad = await driver.start({ nodeOptions: ['--require', preload] })
  const { square } = sample(driver, { retries: 0 })
  const results: number[] = []
  const reading = (async () => {
    for await (const value of map(driver.pool, square, Array(50).keys(), {})) results.push(value)
  })()
  const { code, signal } = await bad.child.exited
  assert.deepEqual({ code, signal }, { code: 4, signal: null })
  await driver.start()
  await reading
  assert.deepEqual(
    results,
    [...Array(50).keys()].map((n) => n * n),
  )
  const lost = driver.events.find(({ name }) => name === 'executorLost')
  assert.match(
    lost?.name === 'executorLost' ? lost.reason : '',
    /^it ended itself: 5 task threads in a row ended before their first task: .*not in threads/,
  )
  const worked = driver.events.flatMap((event) => (event.name === 'executorWorked' ? [event.execId] : []))
  assert.deepEqual(worked, [1], 'the bad one is none that has worked')
  const { unknown, quarantined, lost: tasksLost } = driver.pool.stats()
  assert.deepEqual({ unknown, quarantined, tasksLost }, { unknown: 0, quarantined: 0, tasksLost: 0 })
})

test('an exception in the main thread of an executor ends it with exit code 5, and says so', async () => {
  await using driver = await startDriver()
  const preload = join(folder, 'main-throws.cjs')
  writeFileSync(
    preload,
    // Not before the executor handles exceptions: until then it is Node that ends the process, with 1.
    `const isHandled = () => process.listenerCount('uncaughtException') > 0
    if (require('node:worker_threads').isMainThread)
      setInterval(() => { if (isHandled()) throw new Error('planted') }, 20)`,
  )
  const { child } = await driver.start({ pipe: true, nodeOptions: ['--require', preload] })
  let words = ''
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    words += text
  })
  const { code } = await child.exited
  assert.equal(code, 5)
  await waitUntil('its last words', () => /ends: a defect: Error: planted\n +at /.test(words))
})
