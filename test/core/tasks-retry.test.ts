import assert from 'node:assert/strict'
import { test } from 'node:test'
import { toBytes } from '../../actors/messages/cloneable.js'
import { forbidsRetry, NoRetry } from '../../actors/messages/no-retry.js'
import { decodeError, encodeError } from '../../actors/messages/task-error.js'
import { CallSite } from '../../actors/tasks/call-site.js'
import type { TaskOutcome } from '../../actors/tasks/dispatch-types.js'
import { errorOf } from '../../actors/tasks/outcome-error.js'
import { callSettings, type TaskOptions } from '../../actors/tasks/task-options.js'
import { createTaskPool } from '../../actors/tasks/task-pool.js'
import type { SubmitSpec } from '../../actors/tasks/task-pool-types.js'
import { isFiresteelError } from '../../runtime/errors.js'
import { limits } from '../../runtime/limits.js'
import { HandExecutor } from '../tools/hand-executor.js'
import { VirtualTime } from '../tools/virtual-time.js'

/*
 * What happens after a failure, in virtual time: how long a task waits, who decides, and what ends the wait.
 */

const input = toBytes([1], {
  root: 'input',
  notCloneable: 'INPUT_NOT_CLONEABLE',
  tooLarge: 'INPUT_TOO_LARGE',
  maxBytes: 100,
  list: true,
  task: 'f',
})

function bench(random = (): number => 1) {
  const time = new VirtualTime()
  const defects: unknown[] = []
  const pool = createTaskPool({
    appId: 'app',
    clock: time,
    timers: time,
    log: { info: () => {}, warn: () => {} },
    killExecutor: () => {},
    onDefect: (error) => void defects.push(error),
    random,
  })
  const outcomes = new Map<number, TaskOutcome>()
  const submit = async (options: TaskOptions & { group?: number } = {}): Promise<number> => {
    const { group = 0, ...given } = options
    const { retries, backoff, retryIf, timeoutMs } = callSettings(given)
    const spec: SubmitSpec = {
      fn: { url: 'file:///t.js', name: 'f' },
      input,
      retries,
      backoff,
      retryIf,
      timeoutMs,
      group,
      onEnd: (outcome) => void outcomes.set(outcome.taskId, outcome),
    }
    const taskId = pool.submit(spec)
    await Promise.resolve()
    return taskId
  }
  const errorFor = (taskId: number): Error =>
    errorOf(outcomes.get(taskId) as TaskOutcome, 'f', { site: new CallSite(bench) })
  return { time, pool, submit, outcomes, errorFor, defects, executor: new HandExecutor(time, pool, 1) }
}

/** The waits between the attempts of a task that always fails. */
async function waits(options: TaskOptions, random?: () => number): Promise<number[]> {
  const { time, submit, executor, outcomes } = bench(random)
  const taskId = await submit(options)
  const between: number[] = []
  for (let attempts = 1; ; attempts++) {
    assert.equal(executor.begun.length, attempts)
    const endedMs = time.monotonicMs()
    executor.end(taskId, attempts % 2 === 0 ? 'timeout' : 'failure')
    if (outcomes.has(taskId)) return between
    await time.advanceSettling(100_000)
    between.push((executor.begun.at(-1)?.atMs ?? Number.NaN) - endedMs)
  }
}

test('by default the waits double from 100 ms to 30 s, and half of each is random', async () => {
  const most = await waits({ retries: 11 }, () => 1)
  assert.deepEqual(most, [100, 200, 400, 800, 1600, 3200, 6400, 12_800, 25_600, 30_000, 30_000])
  assert.deepEqual(
    await waits({ retries: 11 }, () => 0),
    most.map((ms) => ms / 2),
  )
  assert.equal(limits.taskBackoffMostMs, 30_000)
})

test('first, factor, most and jitter say how long; false and 0 say not at all', async () => {
  const backoff = { first: '1s', factor: 3, most: '10s', jitter: 0 }
  assert.deepEqual(await waits({ retries: 4, backoff }, () => 0), [1000, 3000, 9000, 10_000])
  assert.deepEqual(await waits({ retries: 2, backoff: { jitter: 1 } }, () => 0.25), [25, 50])
  assert.deepEqual(await waits({ retries: 2, backoff: '2s' }), [2000, 4000])
  assert.deepEqual(await waits({ retries: 2, backoff: { first: '1m' } }), [60_000, 60_000])
  for (const none of [false, 0, '0ms'] as const)
    assert.deepEqual(await waits({ retries: 3, backoff: none }), [0, 0, 0])
})

test('a task that waits costs no core: another runs meanwhile', async () => {
  const { time, submit, executor } = bench()
  const first = await submit({ backoff: '1m' })
  executor.end(first, 'failure')
  const second = await submit()
  assert.equal(executor.begun.at(-1)?.taskId, second)
  executor.end(second, 'value')
  await time.advanceSettling(60_000)
  assert.deepEqual(
    executor.begun.map(({ taskId }) => taskId),
    [first, second, first],
  )
})

test('a lost executor causes no wait', async () => {
  const { time, pool, submit, executor } = bench()
  const taskId = await submit({ backoff: '1m' })
  const other = new HandExecutor(time, pool, 2)
  executor.die(pool)
  assert.deepEqual(other.begun, [{ taskId, n: 2, atMs: 0 }])
})

test('cancel and close end a wait at once, and no timer is left', async () => {
  for (const how of ['cancel', 'close'] as const) {
    const { time, pool, submit, executor, outcomes } = bench()
    const timersBefore = time.pending
    const taskId = await submit({ backoff: '1h', group: pool.newGroup() })
    executor.end(taskId, 'failure')
    assert.equal(pool.delayed(1), 1)
    assert.equal(time.pending, timersBefore + 1)
    if (how === 'cancel') pool.cancel([taskId], 'enough')
    else pool.close({ reason: 'enough' })
    assert.equal(outcomes.get(taskId)?.end.kind, how === 'cancel' ? 'cancelled' : 'closed')
    assert.equal(pool.delayed(1), 0)
    if (how === 'cancel') assert.equal(time.pending, timersBefore)
    await time.advanceSettling(2 * 3_600_000)
    assert.equal(executor.begun.length, 1)
  }
})

test('retryIf decides, with the error as it was thrown, and only where a retry is left', async () => {
  const { time, submit, executor, outcomes, errorFor } = bench()
  const asked: string[] = []
  const retryIf = (error: Error & { status?: number }): boolean => {
    asked.push(`${error.name} ${error.status}`)
    return error.status !== 404
  }
  const failure = (status: number): Error => Object.assign(new RangeError('no'), { status })
  const taskId = await submit({ retryIf })
  executor.end(taskId, 'failure', failure(503))
  await time.advanceSettling(1000)
  executor.end(taskId, 'failure', failure(404))
  assert.equal(outcomes.get(taskId)?.attempts, 2)
  assert.ok(isFiresteelError(errorFor(taskId), 'TASK_FAILED'))
  const last = await submit({ retryIf, retries: 0 })
  executor.end(last, 'failure', failure(503))
  assert.ok(outcomes.has(last))
  assert.deepEqual(asked, ['RangeError 503', 'RangeError 404'])
})

test('a retryIf that throws, or gives no boolean, is named in the error of its task; the pool goes on', async () => {
  const broken: [(error: Error) => boolean, RegExp][] = [
    [
      () => {
        throw new TypeError('oops')
      },
      /^retryIf threw when it was asked about a failure of the task f \(attempt 1\): oops$/,
    ],
    [(async () => true) as unknown as () => boolean, /it returned a promise, and must return true or false$/],
    [(() => 1) as unknown as () => boolean, /it returned 1, and must return true or false$/],
  ]
  const { submit, executor, errorFor, outcomes, defects } = bench()
  for (const [retryIf, message] of broken) {
    const taskId = await submit({ retryIf })
    executor.end(taskId, 'failure')
    const error = errorFor(taskId)
    assert.ok(isFiresteelError(error, 'CALLBACK_FAILED'), String(error))
    assert.match(error.message, message)
    assert.equal(error.place, 'retryIf')
    assert.ok(error.cause instanceof TypeError)
  }
  const next = await submit()
  executor.end(next, 'value')
  assert.equal(outcomes.get(next)?.end.kind, 'value')
  assert.deepEqual(defects, [])
})

test('a retryIf that closes or cancels is obeyed', async () => {
  const { pool, submit, executor, outcomes } = bench()
  let taskId = 0
  taskId = await submit({
    retryIf: () => {
      pool.cancel([taskId], 'enough')
      return true
    },
  })
  executor.end(taskId, 'failure')
  assert.equal(outcomes.get(taskId)?.end.kind, 'cancelled')
  assert.equal(executor.begun.length, 1)
})

test('NoRetry is found as the error or as a cause, under any name, and arrives as such', () => {
  class Fatal extends NoRetry {
    override readonly name = 'Fatal'
  }
  const inner = new RangeError('inner')
  const cases: [unknown, boolean][] = [
    [new NoRetry('no'), true],
    [new NoRetry(inner), true],
    [new Fatal('no'), true],
    [new Error('outer', { cause: new Error('middle', { cause: new NoRetry('no') }) }), true],
    [new Error('outer', { cause: inner }), false],
    [Object.assign(new Error('x'), { name: 'NoRetry' }), false],
    [undefined, false],
    ['NoRetry', false],
    [
      Object.defineProperty(new Error('x'), 'cause', {
        get() {
          throw new Error('a getter')
        },
      }),
      false,
    ],
  ]
  const round = new Error('round')
  round.cause = round
  assert.equal(forbidsRetry(round), false)
  for (const [thrown, expected] of cases) assert.equal(forbidsRetry(thrown), expected, String(thrown))
  const arrived = decodeError(encodeError(new Fatal(inner)))
  assert.ok(arrived instanceof NoRetry)
  assert.equal(arrived.name, 'Fatal')
  assert.equal(arrived.message, 'inner')
  assert.ok(arrived.cause instanceof RangeError)
  assert.equal(new NoRetry('x').name, 'NoRetry')
  assert.match(String(new NoRetry('x').stack), /^NoRetry: x\n/)
})

test('what is not retried is a failure of its task all the same', async () => {
  const { submit, executor, errorFor, outcomes } = bench()
  const taskId = await submit({ retries: 10 })
  executor.end(taskId, 'permanent', new NoRetry('no such page'))
  const error = errorFor(taskId)
  assert.ok(isFiresteelError(error, 'TASK_FAILED'))
  assert.match(error.message, /^The task f failed: no such page$/)
  assert.ok(error.cause instanceof NoRetry)
  assert.equal(outcomes.get(taskId)?.attempts, 1)
})
