import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ResultStatus } from '../../actors/messages/task-entries.js'
import { each } from '../../actors/tasks/each.js'
import { map } from '../../actors/tasks/map.js'
import { createTaskPool } from '../../actors/tasks/task-pool.js'
import { tasksOf } from '../../actors/tasks/task-proxy.js'
import { FiresteelError, isFiresteelError } from '../../runtime/errors.js'
import { HandExecutor } from '../tools/hand-executor.js'
import { VirtualTime } from '../tools/virtual-time.js'

/* What the error of a task says of the call: which input it was, and where the program made the call. */

interface Functions {
  half(input: unknown): number
}

/** Every task with an input of `fails` ends so. */
function bench(status: ResultStatus = 'failure', thrown: Error = new RangeError('it is odd')) {
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
  })
  const executor = new HandExecutor(time, pool, 1, 8)
  executor.onRun = (taskId, input) =>
    void setImmediate(() => executor.end(taskId, input === 'odd' ? status : 'value', thrown))
  const { half } = tasksOf<Functions>(pool, 'file:///t.js', { retries: 0 })
  return { pool, half }
}

async function failureOf(promise: Promise<unknown>): Promise<FiresteelError> {
  const error = await promise.then(
    () => assert.fail('it did not fail'),
    (caught: unknown) => caught,
  )
  assert.ok(error instanceof FiresteelError, String(error))
  return error
}

/** The functions of this file in the stack of an error, and that nothing of ours is there. */
function callersOf({ stack = '' }: Error): string[] {
  assert.doesNotMatch(stack, /actors\/tasks/)
  return [...stack.matchAll(/at (?:async )?(\w+) \(\S*tasks-errors\.test\S*\)/g)].map(([, name = '']) => name)
}

const inputs = [2, 4, 'odd', 8]

test('the error of map has the index of its input and the stack of the call, and keeps that of the task', async () => {
  const { pool, half } = bench()
  const called = new Error('here')
  async function readsAll(): Promise<void> {
    for await (const _value of map(pool, half, inputs));
  }
  const error = await failureOf(readsAll())
  assert.equal(error.index, 2)
  assert.equal(error.message, 'The task half (input 2) failed: it is odd')
  assert.match(error.stack ?? '', /^FiresteelError: The task half \(input 2\) failed: it is odd\n/)
  assert.deepEqual(callersOf(error).slice(0, 1), ['readsAll'])
  assert.doesNotMatch(error.stack ?? '', /node:internal/)
  const cause = error.cause as Error
  assert.ok(cause instanceof RangeError)
  assert.notEqual(cause.stack, called.stack)
  assert.match(cause.stack ?? '', /^RangeError: it is odd\n/)
})

test('so has each, and every task of a call shares one stack', async () => {
  const { pool, half } = bench()
  async function readsEach(): Promise<Error[]> {
    const errors: Error[] = []
    for await (const { index, error } of each(pool, half, ['odd', 1, 'odd', 'odd'])) {
      if (error === undefined) continue
      assert.equal((error as FiresteelError).index, index)
      errors.push(error)
    }
    return errors
  }
  const errors = await readsEach()
  assert.equal(errors.length, 3)
  for (const error of errors) assert.deepEqual(callersOf(error).slice(0, 1), ['readsEach'])
})

test('a single call has the stack of those who await it, and no index', async () => {
  const { half } = bench()
  async function inner(): Promise<number> {
    return await half('odd')
  }
  async function outer(): Promise<number> {
    return await inner()
  }
  const error = await failureOf(outer())
  assert.deepEqual(callersOf(error), ['inner', 'outer', 'failureOf'])
  assert.doesNotMatch(error.stack ?? '', /node:internal/)
  assert.equal(error.index, undefined)
  assert.equal(Object.hasOwn(error, 'index'), false)
  assert.equal(error.message, 'The task half failed: it is odd')
})

test('an error of Firesteel itself arrives as it is, with index and the stack of the call after its own', async () => {
  const own = new FiresteelError('TASK_NOT_A_FUNCTION', 'half is no function.', { place: 'file:///t.js' })
  const { pool, half } = bench('permanent', own)
  async function readsAll(): Promise<void> {
    for await (const _value of map(pool, half, inputs));
  }
  const error = await failureOf(readsAll())
  assert.ok(isFiresteelError(error, 'TASK_NOT_A_FUNCTION'))
  assert.equal(error.message, 'half is no function.')
  assert.equal(error.place, 'file:///t.js')
  assert.equal(error.index, 2)
  assert.ok(error.stack?.startsWith(own.stack as string))
  assert.ok(callersOf(error).includes('readsAll'))
})

test('an input that cannot travel says which it was', async () => {
  const { pool, half } = bench()
  const [first, second] = [each(pool, half, [1, { a: () => 1 }]), map(pool, half, [1, { a: () => 1 }])]
  const results = []
  for await (const result of first) results.push(result)
  const refused = results.find(({ error }) => error !== undefined)?.error as FiresteelError
  assert.ok(isFiresteelError(refused, 'INPUT_NOT_CLONEABLE'))
  assert.equal(refused.index, 1)
  assert.equal(refused.place, 'input.a')
  const error = await failureOf(
    (async () => {
      for await (const _value of second);
    })(),
  )
  assert.equal(error.index, 1)
})

test('a closed application says which input had not ended', async () => {
  const { pool, half } = bench()
  const reading = each(pool, half, ['first']).next()
  await Promise.resolve()
  pool.close({ reason: 'it was closed' })
  const error = await failureOf(reading)
  assert.ok(isFiresteelError(error, 'APPLICATION_CLOSED'))
  assert.equal(error.message, 'The task half (input 0) had not ended: it was closed.')
})
