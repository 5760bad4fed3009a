import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ThreadListener } from '../../actors/executor/spawn-thread.js'
import type { ToThread } from '../../actors/executor/thread-messages.js'
import { ThreadPool } from '../../actors/executor/threads.js'
import { limits } from '../../runtime/limits.js'
import { VirtualTime } from '../tools/virtual-time.js'

/* How long an executor that is told to end waits for its threads, in virtual time. */

interface Thread {
  readonly listener: ThreadListener
  readonly told: ToThread['kind'][]
  /** When it was told to end. Nothing here ends by itself. */
  terminatedMs: number | undefined
}

function bench(threads: number) {
  const time = new VirtualTime()
  const started: Thread[] = []
  const pool = new ThreadPool({
    threads,
    heapMib: 32,
    executor: { id: 'app/0', host: 'host-a', cores: threads, resources: {} },
    maxResultBytes: 1000,
    onResult: () => {},
    onStarted: () => {},
    onProgress: () => {},
    onOutput: () => {},
    onReturned: () => {},
    onLog: () => {},
    onUseless: (_why, reason) => assert.fail(reason),
    dependencies: {
      nowMs: () => time.monotonicMs(),
      after: (ms, run) => time.after(ms, run),
      soon: queueMicrotask,
    },
    spawn: (_data, _heapMib, listener) => {
      const thread: Thread = { listener, told: [], terminatedMs: undefined }
      started.push(thread)
      return {
        post: ({ kind }) => void thread.told.push(kind),
        takeBody: () => undefined,
        terminate: () => {
          thread.terminatedMs = time.monotonicMs()
        },
      }
    },
  })
  const input = new Uint8Array()
  const tasks = Array.from({ length: threads }, (_, taskId) => ({
    taskId,
    n: 1,
    functionId: 0,
    timeoutMs: 0,
  }))
  pool.run(tasks.map((task) => ({ ...task, input, state: 'queued', reported: false })))
  assert.equal(started.length, threads)
  return { time, pool, started }
}

/** When `close` came to its answer, and which; undefined: not within a minute. */
async function closed({ time, pool }: ReturnType<typeof bench>): Promise<[number, boolean] | undefined> {
  let answer: [number, boolean] | undefined
  const startMs = time.monotonicMs()
  void pool.close(limits.executorExitMs).then((haveEnded) => {
    answer = [time.monotonicMs() - startMs, haveEnded]
  })
  for (let step = 0; answer === undefined && step < 60_000; step++) await time.advanceSettling(1)
  return answer
}

test('threads that end by nothing are waited for one second, and no longer', async () => {
  const one = bench(2)
  const [ends, blocks] = one.started as [Thread, Thread]
  one.time.after(300, () => ends.listener.exited('it was told to'))
  assert.deepEqual(await closed(one), [1000, false])
  assert.equal(ends.terminatedMs, 0)
  assert.equal(blocks.terminatedMs, 0)
})

test('when all threads have ended, nothing is waited for', async () => {
  const one = bench(2)
  for (const [index, { listener }] of one.started.entries())
    one.time.after(200 + 100 * index, () => listener.exited('it was told to'))
  assert.deepEqual(await closed(one), [300, true])
  assert.deepEqual(await closed(one), [0, true])
})

test('a thread that sends its spans first has less time to end, not more', async () => {
  const one = bench(2)
  const [flushes, hangs] = one.started as [Thread, Thread]
  for (const { listener } of one.started) listener.message({ kind: 'traced' })
  one.time.after(100, () => flushes.listener.message({ kind: 'flushed' }))
  assert.deepEqual(await closed(one), [1000, false])
  assert.deepEqual(
    [flushes, hangs].map(({ terminatedMs }) => terminatedMs),
    [100, 700],
  )
  assert.equal(flushes.told.at(-1), 'flush')
})
