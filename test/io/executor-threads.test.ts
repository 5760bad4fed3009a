import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Attempt } from '../../actors/executor/attempt.js'
import { ThreadPool } from '../../actors/executor/threads.js'
import { fromBytes, toBytes } from '../../actors/messages/cloneable.js'
import type { ResultStatus } from '../../actors/messages/task-entries.js'
import { decodeError } from '../../actors/messages/task-error.js'
import { INLINE_BYTES } from '../../actors/messages/tasks.js'
import { waitUntil } from '../harness/wait-until.js'
import { contentOf, isSame, readMessageOf } from './sized-content.js'

/* The threads of an executor in this process: no driver, no link. */

const MAX_RESULT_BYTES = 1024 * 1024
const url = new URL('./tasks-sample.js', import.meta.url).href
const functions = ['bytes', 'bytesLater', 'failsWith'] as const
type FunctionName = (typeof functions)[number]

interface End {
  readonly status: ResultStatus
  readonly body: Uint8Array
}

class Threads {
  readonly ends = new Map<number, End>()
  readonly pool: ThreadPool
  #taskId = 0

  constructor(threads: number) {
    this.pool = new ThreadPool({
      threads,
      heapMib: 128,
      executor: { id: 'app/0', host: 'host-a', cores: threads, resources: {} },
      maxResultBytes: MAX_RESULT_BYTES,
      onResult: ({ taskId }, status, body) => {
        assert.ok(!this.ends.has(taskId), `task ${taskId} ended twice`)
        this.ends.set(taskId, { status, body })
      },
      onStarted: () => {},
      onProgress: () => {},
      onOutput: () => {},
      onReturned: () => assert.fail('nothing was taken back'),
      onLog: (text) => assert.fail(text),
      onUseless: (_why, reason) => assert.fail(reason),
    })
    this.pool.addFunctions(functions.map((name, functionId) => ({ functionId, url, name })))
  }

  /** The number of a task is the seed of its content. */
  run(name: FunctionName, lengths: readonly number[]): void {
    const functionId = functions.indexOf(name)
    this.pool.run(
      lengths.map((length): Attempt => {
        const taskId = this.#taskId++
        const bytes = toBytes([{ length, seed: taskId }], inputOptions)
        return { taskId, n: 1, functionId, timeoutMs: 0, input: bytes, state: 'queued', reported: false }
      }),
    )
  }

  async [Symbol.asyncDispose](): Promise<void> {
    assert.ok(await this.pool.close(10_000), 'threads were left')
  }
}

const inputOptions = {
  root: 'input',
  notCloneable: 'INPUT_NOT_CLONEABLE',
  tooLarge: 'INPUT_TOO_LARGE',
  maxBytes: 1024,
  task: 'a task',
} as const

/** Around the size from which a body goes beside the ring, and that of what the ring holds. */
const sizes = [0, INLINE_BYTES - 100, INLINE_BYTES + 1, 10, 64 * 1024, 300_000, MAX_RESULT_BYTES - 100]

for (const name of ['bytes', 'bytesLater'] as const) {
  test(`results of all sizes come, each once and whole: ${name}`, async () => {
    await using threads = new Threads(2)
    const inputs = Array.from({ length: 600 }, (_, index) => sizes[index % sizes.length] as number)
    threads.run(name, inputs)
    await waitUntil('every task has ended', () => threads.ends.size === inputs.length)
    for (const [taskId, { status, body }] of threads.ends) {
      assert.equal(status, 'value')
      const content = contentOf({ length: inputs[taskId] as number, seed: taskId })
      assert.ok(isSame(fromBytes(body), content), `task ${taskId}`)
    }
  })
}

test('errors of all sizes come, and what is over the limit is an error', async () => {
  await using threads = new Threads(2)
  const inputs = Array.from({ length: 300 }, (_, index) => [10, 8000, 100_000][index % 3] as number)
  threads.run('failsWith', inputs)
  threads.run('bytes', [MAX_RESULT_BYTES + 1])
  await waitUntil('every task has ended', () => threads.ends.size === inputs.length + 1)
  for (const [seed, length] of inputs.entries()) {
    const { status, body } = threads.ends.get(seed) as End
    assert.equal(status, 'failure')
    assert.equal(decodeError(body).message, readMessageOf({ length, seed }))
  }
  assert.equal(threads.ends.get(inputs.length)?.status, 'permanent')
})
