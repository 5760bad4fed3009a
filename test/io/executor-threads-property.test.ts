import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Attempt } from '../../actors/executor/attempt.js'
import { ThreadPool } from '../../actors/executor/threads.js'
import { fromBytes, toBytes } from '../../actors/messages/cloneable.js'
import type { ResultStatus } from '../../actors/messages/task-entries.js'
import { decodeError } from '../../actors/messages/task-error.js'
import { INLINE_BYTES } from '../../actors/messages/tasks.js'
import { isFiresteelError } from '../../runtime/errors.js'
import { limits } from '../../runtime/limits.js'
import { waitUntil } from '../harness/wait-until.js'
import { contentOf, isSame, readMessageOf } from './sized-content.js'

/*
 * Real threads, under whatever order the machine gives: sizes around every threshold, at once and later,
 * errors, cancels, time-outs, recalls and deaths. What the scheduled ones cannot show is that Node's ports,
 * memory and thread ends are what those take them for.
 */

const CLOSE_MS = 10_000
const MAX_RESULT_BYTES = 2 * limits.threadRingBytes
const url = new URL('./tasks-sample.js', import.meta.url).href
const names = ['bytes', 'bytesLater', 'failsWith', 'untilAborted', 'lasts', 'exits', 'exitsSoon'] as const
type Name = (typeof names)[number]

interface Planned {
  readonly name: Name
  readonly size: number
}
type Step =
  | { readonly kind: 'run'; readonly tasks: readonly Planned[] }
  | { readonly kind: 'cancel'; readonly task: number }
  | { readonly kind: 'recall'; readonly count: number }
  | { readonly kind: 'turn' }

const thresholds = [0, INLINE_BYTES, limits.payloadChunkBytes, limits.threadRingBytes, MAX_RESULT_BYTES]
const size = fc
  .tuple(fc.constantFrom(...thresholds), fc.integer({ min: -40, max: 40 }))
  .map(([around, more]) => Math.max(0, around + more))
const task = fc.record({
  name: fc.oneof(
    { weight: 12, arbitrary: fc.constantFrom('bytes' as const, 'bytesLater' as const) },
    { weight: 3, arbitrary: fc.constant('failsWith' as const) },
    {
      weight: 1,
      arbitrary: fc.constantFrom(
        'untilAborted' as const,
        'lasts' as const,
        'exits' as const,
        'exitsSoon' as const,
      ),
    },
  ),
  size,
})
/** Some of the same size beside each other: what is swapped there has the same length. */
const tasks = fc
  .array(fc.tuple(task, fc.integer({ min: 1, max: 4 })), { maxLength: 8 })
  .map((some) => some.flatMap(([one, times]) => Array<Planned>(times).fill(one)))
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant('run' as const), tasks }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('cancel' as const), task: fc.nat({ max: 60 }) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('recall' as const), count: fc.nat({ max: 8 }) }) },
  { weight: 2, arbitrary: fc.constant({ kind: 'turn' as const }) },
)

class Trial {
  readonly pool: ThreadPool
  readonly planned: Planned[] = []
  readonly attempts: Attempt[] = []
  readonly cancelled = new Set<number>()
  readonly ends = new Map<number, ResultStatus | 'returned'>()
  readonly wrong: string[] = []
  /** A thread with other tasks may end. */
  readonly #hasCompany: boolean

  constructor(tasksPerThread: number) {
    this.#hasCompany = tasksPerThread > 1
    this.pool = new ThreadPool({
      threads: 2,
      tasksPerThread,
      heapMib: 128,
      executor: { id: 'app/0', host: 'host-a', cores: 2, resources: {} },
      maxResultBytes: MAX_RESULT_BYTES,
      onResult: ({ taskId }, status, body) => this.#ended(taskId, status, body),
      onStarted: () => {},
      onProgress: () => {},
      onOutput: () => {},
      onReturned: (attempts) => {
        for (const { taskId } of attempts) this.#ended(taskId, 'returned', new Uint8Array())
      },
      onLog: () => {},
      onUseless: (_why, reason) => void this.wrong.push(reason),
    })
    this.pool.addFunctions(names.map((name, functionId) => ({ functionId, url, name })))
  }

  async play(steps: readonly Step[]): Promise<void> {
    for (const one of steps) {
      if (one.kind === 'run') this.#run(one.tasks)
      else if (one.kind === 'recall') this.pool.recall(one.count)
      else if (one.kind === 'turn') await new Promise((resolve) => setImmediate(resolve))
      else if (one.task < this.attempts.length && !this.ends.has(one.task)) {
        this.cancelled.add(one.task)
        this.pool.cancel(this.attempts[one.task]!)
      }
    }
    await waitUntil('every attempt has ended', () => this.ends.size === this.attempts.length)
  }

  #run(tasks: readonly Planned[]): void {
    const attempts = tasks.map(({ name, size }): Attempt => {
      const taskId = this.planned.push({ name, size }) - 1
      const timeoutMs = name === 'untilAborted' || name === 'lasts' ? 20 : 0
      const input = toBytes([argumentOf(name, size, taskId)], inputOptions)
      const functionId = names.indexOf(name)
      return { taskId, n: 1, functionId, timeoutMs, input, state: 'queued', reported: false }
    })
    this.attempts.push(...attempts)
    this.pool.run(attempts)
  }

  #ended(taskId: number, status: ResultStatus | 'returned', body: Uint8Array): void {
    const { name, size } = this.planned[taskId]!
    if (this.ends.has(taskId)) this.wrong.push(`task ${taskId} ends ${status} after ${this.ends.get(taskId)}`)
    this.ends.set(taskId, status)
    if (status === 'returned') return
    if (status === 'cancelled') {
      if (!this.cancelled.has(taskId)) this.wrong.push(`task ${taskId} is cancelled, and nobody asked for it`)
      return
    }
    if (status === 'lost') {
      if (!this.#hasCompany) this.wrong.push(`task ${taskId} is lost with a thread that it had to itself`)
      return
    }
    const what = `task ${taskId} (${name} of ${size}) ends ${status} with ${body.length} bytes`
    if (status !== expected(name, size, body.length)) this.wrong.push(what)
    else if (!isOwn(status, body, taskId, this.planned[taskId]!)) this.wrong.push(`${what} of another`)
  }
}

const inputOptions = {
  root: 'input',
  notCloneable: 'INPUT_NOT_CLONEABLE',
  tooLarge: 'INPUT_TOO_LARGE',
  maxBytes: 1024,
  list: true,
  task: 'a task',
} as const

/** Ignores its signal for so long that its thread is ended; exits a moment later than others begin. */
function argumentOf(name: Name, length: number, seed: number): unknown {
  if (name === 'lasts') return 60_000
  return name === 'exitsSoon' ? length % 20 : { length, seed }
}

/** What this task, and no other, returns or throws. */
function isOwn(status: ResultStatus, body: Uint8Array, seed: number, { name, size }: Planned): boolean {
  const sized = { length: size, seed }
  if (status === 'value') return isSame(fromBytes(body), contentOf(sized))
  const error = decodeError(body)
  if (status === 'timeout') return isFiresteelError(error, 'TASK_TIMEOUT')
  if (status === 'permanent') return isFiresteelError(error, 'RESULT_TOO_LARGE')
  if (name === 'failsWith') return error.message === readMessageOf(sized)
  return error.message.startsWith('The thread of this task ended: ')
}

/** Serialized, bytes have a few more. */
const HEADER_BYTES_MAX = 32

function expected(name: Name, size: number, bodyBytes: number): ResultStatus {
  if (name === 'untilAborted' || name === 'lasts') return 'timeout'
  if (name === 'failsWith' || name.startsWith('exits')) return 'failure'
  if (size > MAX_RESULT_BYTES) return 'permanent'
  // So near the limit its own words decide.
  if (size > MAX_RESULT_BYTES - HEADER_BYTES_MAX) return bodyBytes > size ? 'value' : 'permanent'
  return 'value'
}

for (const tasksPerThread of [1, 2, 7, 64]) {
  test(`each attempt ends once, with what is its own, whatever is mixed, with ${tasksPerThread} at a time`, async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 3, maxLength: 12 }), async (steps) => {
        const trial = new Trial(tasksPerThread)
        try {
          await trial.play(steps)
        } finally {
          await trial.pool.close(CLOSE_MS)
        }
        assert.deepEqual(trial.wrong, [])
      }),
      { numRuns: 6, endOnFailure: true },
    )
  })
}
