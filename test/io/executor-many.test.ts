import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { each } from '../../actors/tasks/each.js'
import type { TaskProgress } from '../../actors/tasks/task-options.js'
import { type TaskFunctions, tasksOf } from '../../actors/tasks/task-proxy.js'
import { isFiresteelError } from '../../runtime/errors.js'
import { waitUntil } from '../harness/wait-until.js'
import { type StartOptions, startDriver, type TestDriver } from '../tools/tasks-fixture.js'
import { timeToBeginMs } from '../tools/time-to-begin.js'

/* Many tasks at once on one core of a real executor. */

type Sample = typeof import('./tasks-sample.js')
const sample = (driver: TestDriver, options = {}): TaskFunctions<Sample> =>
  tasksOf<Sample>(driver.pool, new URL('./tasks-sample.js', import.meta.url), options)
const code = (name: string): { code: string } => ({ code: `FIRESTEEL_${name}` })

const folder = mkdtempSync(join(tmpdir(), 'firesteel-many-'))
after(() => rmSync(folder, { recursive: true, force: true }))
const path = (name: string): string => join(folder, name)

async function withExecutor(options: StartOptions): Promise<TestDriver> {
  const driver = await startDriver(undefined, options.tasksPerCore)
  await driver.start(options)
  return driver
}

const numbers = (count: number): number[] => Array.from({ length: count }, (_, index) => index)
const causes = (driver: TestDriver): string[] =>
  driver.events.flatMap((event) => (event.name === 'taskRepeated' ? [event.cause] : []))
const charged = ({ pool }: TestDriver) => {
  const { retried, quarantined, failed } = pool.stats()
  return { retried, quarantined, failed }
}
const nothing = { retried: 0, quarantined: 0, failed: 0 }

test('as many tasks run on one core as it may have, and no more', async () => {
  await using driver = await withExecutor({ cores: 1, tasksPerCore: 7 })
  const { together } = sample(driver)
  const ends = await Promise.all(numbers(28).map(() => together(7)))
  assert.deepEqual([...new Set(ends.map(({ thread }) => thread))].length, 1)
  assert.equal(Math.max(...ends.map(({ most }) => most)), 7)
})

test('one at a time, where nothing else is said', async () => {
  await using driver = await withExecutor({ cores: 1 })
  const { together } = sample(driver)
  const ends = await Promise.all(numbers(4).map(() => together(1)))
  assert.deepEqual(
    ends.map(({ most }) => most),
    [1, 1, 1, 1],
  )
})

test('each has a context and a console of its own, whatever it waits for', async () => {
  const driver = await startDriver(undefined, 64)
  const { child } = await driver.start({ cores: 1, tasksPerCore: 64, pipe: true })
  let text = ''
  child.stdout?.on('data', (chunk: Buffer) => {
    text += chunk.toString()
  })
  const { ownContext } = sample(driver)
  const ends = (await Promise.all(numbers(200).map(ownContext))) as {
    value: number
    own: [number, number]
    seen: unknown[]
  }[]
  for (const { own, seen } of ends) assert.deepEqual(seen, [own, own, own])
  await waitUntil('all have printed', () => text.split('\n').length > 200)
  for (const { value, own } of ends)
    assert.ok(text.includes(`[task ${own[0]} attempt ${own[1]}] value ${value}\n`), `value ${value}`)
  await driver[Symbol.asyncDispose]()
})

test('one that is over its time and heeds its signal ends alone, and its thread goes on', async () => {
  await using driver = await withExecutor({ cores: 1, tasksPerCore: 3 })
  const file = path('heeds')
  const other = sample(driver).noted(file, 300)
  await assert.rejects(sample(driver, { timeout: 50, retries: 0 }).untilAborted(), code('TASK_TIMEOUT'))
  const thread = await other
  assert.equal((await sample(driver).together(1)).thread, thread)
  assert.equal(readFileSync(file, 'utf8'), '+-')
  assert.deepEqual(driver.warnings, [])
})

test('one that ignores it costs its thread: others that end in time give their results, the rest runs again uncharged', async () => {
  await using driver = await withExecutor({ cores: 1, tasksPerCore: 4 })
  const [short, long] = [path('short'), path('long')]
  // A charge would be the end of both.
  const uncharged = sample(driver, { retries: 1 })
  const results = Promise.all([uncharged.noted(short, 800), uncharged.noted(long, 2000)])
  await waitUntil('both run', () => driver.pool.stats().running >= 2)
  await assert.rejects(sample(driver, { timeout: 100, retries: 0 }).deaf(), code('TASK_TIMEOUT'))
  const [one, other] = await results
  assert.notEqual(one, other)
  assert.equal(readFileSync(short, 'utf8'), '+-', 'it ended within the grace')
  assert.equal(readFileSync(long, 'utf8'), '++-')
  assert.deepEqual(causes(driver).length, 1)
  assert.match(
    causes(driver)[0] ?? '',
    /^thread lost: task \d+ was longer than its timeout, and did not end$/,
  )
  assert.deepEqual(charged(driver), { ...nothing, failed: 1 })
  assert.equal(driver.pool.stats().lost, 1)
})

test('with retries: 0 what is lost with its thread is not run again, and the error names the cause', async () => {
  await using driver = await withExecutor({ cores: 1, tasksPerCore: 4 })
  const file = path('once')
  const once = sample(driver, { retries: 0 })
    .noted(file, 60_000)
    .catch((error: unknown) => error)
  await assert.rejects(sample(driver, { timeout: timeToBeginMs, retries: 0 }).deaf(), code('TASK_TIMEOUT'))
  const error = await once
  assert.ok(isFiresteelError(error, 'TASK_OUTCOME_UNKNOWN'))
  assert.match(error.message, /its thread was lost \(task \d+ was longer than its timeout, and did not end\)/)
  assert.equal(readFileSync(file, 'utf8'), '+')
})

for (const how of ['exitsSoon', 'throwsSoon', 'rejectsSoon'] as const) {
  test(`${how}: the one that ends the thread is charged, and no other`, async () => {
    await using driver = await withExecutor({ cores: 1, tasksPerCore: 8 })
    const file = path(how)
    const others = numbers(5).map(() => sample(driver, { retries: 1 }).noted(`${file}-other`, 500))
    const deadly = sample(driver, { retries: 1 })
    const ends = how === 'exitsSoon' ? deadly.exitsSoon(50) : deadly[how](file)
    await assert.rejects(ends, code('TASK_FAILED'))
    await Promise.all(others)
    const { retried, failed, quarantined } = driver.pool.stats()
    assert.deepEqual({ retried, failed, quarantined }, { retried: 1, failed: 1, quarantined: 0 })
    for (const cause of causes(driver)) assert.match(cause, /^(failure|thread lost: .*(code 3|outside))$/)
  })
}

test('an executor that is killed gives all its tasks to another; none is charged, and none is quarantined', async () => {
  await using driver = await withExecutor({ cores: 1, tasksPerCore: 64 })
  const file = path('killed')
  const tasks = numbers(40).map(() => sample(driver, { retries: 1 }).noted(file, 400))
  await waitUntil('all run', () => driver.pool.stats().running === 40)
  await driver.kill(0)
  await driver.start({ cores: 1, tasksPerCore: 64 })
  await Promise.all(tasks)
  assert.deepEqual(charged(driver), nothing)
  assert.equal(causes(driver).length, 40)
  for (const cause of causes(driver)) assert.match(cause, /^executor lost: /)
})

test('a task that blocks its thread delays its neighbours, and they get to their end', async () => {
  await using driver = await withExecutor({ cores: 2, tasksPerCore: 8 })
  const uncharged = sample(driver, { retries: 1 })
  const spins = sample(driver, { timeout: 100, retries: 0 }).spins(path('blocked'))
  const squares = Promise.all(numbers(200).map((value) => uncharged.square(value)))
  await assert.rejects(spins, code('TASK_TIMEOUT'))
  assert.deepEqual(
    await squares,
    numbers(200).map((value) => value * value),
  )
  assert.deepEqual(charged(driver), { ...nothing, failed: 1 })
})

test('cancelled: each ends for itself', async () => {
  await using driver = await withExecutor({ cores: 1, tasksPerCore: 16 })
  const cancel = new AbortController()
  const results = each(driver.pool, sample(driver).untilAborted, numbers(8) as never[], {
    signal: cancel.signal,
  }).next()
  results.catch(() => undefined)
  const other = sample(driver).noted(path('beside'), 300)
  await waitUntil('they run', () => driver.pool.stats().running === 9)
  cancel.abort(new Error('enough'))
  await assert.rejects(results, /enough/)
  await other
  assert.deepEqual(driver.warnings, [], 'no thread was ended for it')
})

test('progress and stats tell apart what runs, waits at executors and waits here', async () => {
  await using driver = await withExecutor({ cores: 1, tasksPerCore: 4 })
  const seen: TaskProgress[] = []
  const options = { concurrency: 12, onProgress: (progress: TaskProgress) => void seen.push(progress) }
  const doors = numbers(24).map((number) => path(`progress-${number}`))
  let done = 0
  const ended = (async () => {
    for await (const { error } of each(driver.pool, sample(driver).waitsFor, doors, options)) {
      assert.equal(error, undefined)
      done++
    }
  })()
  for (const [index, door] of doors.entries()) {
    const full = Math.min(4, doors.length - index)
    const isFull = (): boolean => done === index && driver.pool.stats().running === full
    await waitUntil('the thread to be full', isFull)
    writeFileSync(door, '')
  }
  await ended
  assert.ok(seen.length > 3)
  for (const { running, atExecutors, waiting } of seen) {
    assert.ok(running <= 4, `${running} run`)
    assert.ok(running + atExecutors + waiting <= 12)
  }
  // The one that has just taken the place of another is not reported yet.
  assert.ok(Math.max(...seen.map(({ running }) => running)) >= 3)
  assert.ok(seen.some(({ waiting }) => waiting > 0))
  const { running, atExecutors, waiting, live } = driver.pool.stats()
  assert.deepEqual(
    { running, atExecutors, waiting, live },
    { running: 0, atExecutors: 0, waiting: 0, live: 0 },
  )
})

test('an error that cannot be read is the failure of its task, and of nobody else', async () => {
  await using driver = await withExecutor({ cores: 1, tasksPerCore: 4 })
  const { failsOddly, waitsFor, thread } = sample(driver, { retries: 0 })
  const released = path('odd')
  const neighbour = waitsFor(released)
  const before = await thread()
  for (const how of ['revoked', 'trapped'] as const) {
    await assert.rejects(failsOddly(how), (error: Error) => {
      assert.ok(isFiresteelError(error, 'TASK_FAILED'))
      assert.match(error.message, /an error that cannot be read/)
      return true
    })
  }
  writeFileSync(released, '')
  await neighbour
  assert.equal(await thread(), before)
})
