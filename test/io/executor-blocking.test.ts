import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { each } from '../../actors/tasks/each.js'
import { type TaskFunctions, tasksOf } from '../../actors/tasks/task-proxy.js'
import type { ProcessExit } from '../../runtime/process/child-end.js'
import { waitUntil } from '../harness/wait-until.js'
import { blockingCommand, isAlive, pidsIn } from '../tools/blocking-command.js'
import { closeDeadlineMs } from '../tools/close-deadline.js'
import { type StartOptions, startDriver, type TestDriver } from '../tools/tasks-fixture.js'
import { timeToBeginMs } from '../tools/time-to-begin.js'

/*
 * Tasks that nothing interrupts: a blocking call to another program, or on a file that never answers. One
 * copy of a task runs at a time: the next attempt begins when the one before has ended, if need be with its
 * executor.
 */

type Sample = typeof import('./tasks-sample.js')
const sample = (driver: TestDriver, options = {}): TaskFunctions<Sample> =>
  tasksOf<Sample>(driver.pool, new URL('./tasks-sample.js', import.meta.url), options)
const code = (name: string): { code: string } => ({ code: `FIRESTEEL_${name}` })

const folder = mkdtempSync(join(tmpdir(), 'firesteel-blocking-'))
after(() => rmSync(folder, { recursive: true, force: true }))
const path = (name: string): string => join(folder, name)

/** A driver whose executors are replaced, as a Master does. */
async function withExecutors(options: StartOptions): Promise<TestDriver> {
  const driver = await startDriver()
  driver.pool.on((event) => {
    if (event.name === 'executorLost') void driver.start(options)
  })
  await driver.start(options)
  return driver
}

const block = (name: string): string => blockingCommand(path(name))

test('a timed-out task in a blocking call: one copy at a time, and none is left when it is rejected', async () => {
  await using driver = await withExecutors({ cores: 1 })
  const { blocksIn, square } = sample(driver, { timeout: timeToBeginMs, retries: 2 })
  await assert.rejects(blocksIn(block('timed')), code('TASK_TIMEOUT'))
  const pids = pidsIn(path('timed'))
  assert.equal(pids.length, 3, 'three attempts')
  assert.deepEqual(pidsIn(`${path('timed')}.beside`), [])
  assert.deepEqual(pids.filter(isAlive), [])
  assert.equal(await square(4), 16)
  const { retried, quarantined, lost } = driver.pool.stats()
  assert.deepEqual({ retried, quarantined, lost }, { retried: 2, quarantined: 0, lost: 0 })
  assert.match(
    driver.events.flatMap((event) => (event.name === 'executorLost' ? [event.reason] : [])).join(),
    /nothing interrupts/,
  )
})

test('a read that never ends costs its executor too; with retries: 0 it ran once', async () => {
  await using driver = await withExecutors({ cores: 1 })
  const fifo = path('fifo')
  await sample(driver).blocksIn(`mkfifo ${fifo}`)
  await assert.rejects(
    sample(driver, { timeout: timeToBeginMs, retries: 0 }).reads(fifo),
    code('TASK_TIMEOUT'),
  )
  assert.equal(await sample(driver).square(5), 25)
  assert.equal(driver.pool.stats().executed, 3)
})

test('what else ran there runs again elsewhere, uncharged, the cause named; so it is with a cancelled one', async () => {
  await using driver = await withExecutors({ cores: 2 })
  const released = path('released')
  // It may fail not even once: a charge would end it.
  const other = sample(driver, { retries: 1 }).waitsFor(released)
  const aborter = new AbortController()
  const results = each(driver.pool, sample(driver).blocksIn, [block('cancelled')], { signal: aborter.signal })
  const first = results.next()
  await waitUntil('it blocks', () => pidsIn(path('cancelled')).length === 1)
  aborter.abort(new Error('enough'))
  await assert.rejects(first, /enough/)
  await waitUntil('its executor is lost', () => driver.events.some(({ name }) => name === 'executorLost'))
  writeFileSync(released, '')
  assert.ok(isAlive(await other))
  const causes = driver.events.flatMap((event) => (event.name === 'taskRepeated' ? [event.cause] : []))
  assert.equal(causes.length, 1)
  assert.match(
    causes[0] ?? '',
    /^executor lost: it ended itself: task \d+ is in a call that nothing interrupts$/,
  )
  assert.deepEqual(pidsIn(path('cancelled')).filter(isAlive), [])
  const { retried, quarantined } = driver.pool.stats()
  assert.deepEqual({ retried, quarantined }, { retried: 0, quarantined: 0 })
})

const inThread = ['spins', 'matches', 'waitsForMemory'] as const

test('an endless loop, match or Atomics.wait is ended with its thread, and costs nobody the executor', async () => {
  await using driver = await withExecutors({ cores: inThread.length })
  const tasks = sample(driver, { timeout: timeToBeginMs, retries: 0 })
  const ends = inThread.map((name) => assert.rejects(tasks[name](path(name)), code('TASK_TIMEOUT'), name))
  await Promise.all(ends)
  for (const name of inThread) assert.ok(existsSync(path(name)), `${name} had begun`)
  assert.deepEqual(await Promise.all([6, 7, 8].map((n) => tasks.square(n))), [36, 49, 64])
  assert.deepEqual(
    driver.events.filter(({ name }) => name === 'executorLost'),
    [],
  )
  assert.equal(driver.pool.stats().executed, 6)
})

type Blocks = (tasks: TaskFunctions<Sample>, file: string) => Promise<unknown>

/** Calls that do not end by themselves. Each leaves a file when it has begun. */
const blocking: Readonly<Record<string, Blocks>> = {
  execSync: (tasks, file) => tasks.blocksIn(blockingCommand(file)),
  'a read of a FIFO': async (tasks, file) => {
    await tasks.blocksIn(`mkfifo ${file}.fifo`)
    await tasks.reads(`${file}.fifo`, file)
  },
  'an endless loop': (tasks, file) => tasks.spins(file),
  'an endless match': (tasks, file) => tasks.matches(file),
  'Atomics.wait': (tasks, file) => tasks.waitsForMemory(file),
}

for (const [name, call] of Object.entries(blocking)) {
  test(`an executor ends in time after close, with what it started: ${name}`, async () => {
    await using driver = await startDriver()
    const { child } = await driver.start({ cores: 2 })
    const begun = path(`closed-${name.replaceAll(' ', '-')}`)
    const blocked = assert.rejects(call(sample(driver), begun), code('APPLICATION_CLOSED'))
    await waitUntil('it to block', () => existsSync(begun))
    driver.pool.close({ reason: 'closed' })
    await blocked
    let end: ProcessExit | undefined
    void child.exited.then((status) => {
      end = status
    })
    const deadlineMs = closeDeadlineMs
    const { signal } = await waitUntil('the executor to end', () => end, { deadlineMs })
    if (name !== 'execSync') return
    assert.equal(signal, 'SIGKILL', 'process.exit() would wait for the thread')
    await waitUntil('the command to be gone', () => !pidsIn(begun).some(isAlive), { deadlineMs })
  })
}

test('the next attempt of a task that heeds its signal begins when that one has ended', async () => {
  await using driver = await withExecutors({ cores: 2 })
  const file = path('late')
  await assert.rejects(
    sample(driver, { timeout: timeToBeginMs, retries: 2 }).endsLate(file),
    code('TASK_TIMEOUT'),
  )
  assert.equal(readFileSync(file, 'utf8'), '+-+-+-')
})

test('a task that ends well, but after its time, has timed out', async () => {
  await using driver = await withExecutors({ cores: 1 })
  await assert.rejects(sample(driver, { timeout: 50, retries: 0 }).lasts(200), code('TASK_TIMEOUT'))
  assert.equal(driver.events.filter(({ name }) => name === 'executorLost').length, 0)
})
