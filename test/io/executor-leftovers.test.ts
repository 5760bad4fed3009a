import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { type TaskFunctions, tasksOf } from '../../actors/tasks/task-proxy.js'
import { waitUntil } from '../harness/wait-until.js'
import { startDriver, type TestDriver } from '../tools/tasks-fixture.js'

/* What tasks that have ended leave behind in their thread. */

type Sample = typeof import('./tasks-sample.js')
const sample = (driver: TestDriver, options = {}): TaskFunctions<Sample> =>
  tasksOf<Sample>(driver.pool, new URL('./tasks-sample.js', import.meta.url), options)

const folder = mkdtempSync(join(tmpdir(), 'firesteel-leftovers-'))
after(() => rmSync(folder, { recursive: true, force: true }))

for (const how of ['spins', 'microtasks'] as const) {
  test(`tasks go on in a fresh thread where one that ended keeps its own busy: ${how}`, async () => {
    await using driver = await startDriver()
    await driver.start({ cores: 1 })
    const { leavesBusy, square } = sample(driver, { retries: 0 })
    const file = join(folder, how)
    assert.equal(await leavesBusy(how, file), 'returned')
    await waitUntil('it keeps its thread busy', () => existsSync(file))
    assert.deepEqual(await Promise.all([square(2), square(3), square(4)]), [4, 9, 16])
    const { retried, lost } = driver.pool.stats()
    assert.deepEqual({ retried, lost }, { retried: 0, lost: 0 })
    assert.deepEqual(
      driver.events.filter(({ name }) => name === 'executorLost' || name === 'taskRepeated'),
      [],
    )
  })
}

test('in a call that nothing interrupts it costs its executor, too', async () => {
  await using driver = await startDriver()
  driver.pool.on((event) => {
    if (event.name === 'executorLost') void driver.start({ cores: 1 })
  })
  await driver.start({ cores: 1 })
  const { leavesBusy, square } = sample(driver, { retries: 0 })
  const file = join(folder, 'blocks')
  await leavesBusy('blocks', file)
  await waitUntil('it keeps its thread busy', () => existsSync(file))
  assert.equal(await square(5), 25)
  const lost = (): string[] =>
    driver.events.flatMap((event) => (event.name === 'executorLost' ? [event.reason] : []))
  await waitUntil('its executor ends', () => lost().length === 1)
  assert.equal(await square(6), 36)
  assert.match(
    lost().join(),
    /a thread is in a call that nothing interrupts: for 2 s it began nothing, .*\(leavesBusy of file:/,
  )
})

test('tasks go on in a thread whose clock and timers one has replaced', async () => {
  await using driver = await startDriver()
  await driver.start({ cores: 1 })
  const { fakesTimers, thread, square, failsUntil, failsBeside } = sample(driver, {
    retries: 0,
    timeout: 60_000,
  })
  const faked = await fakesTimers()
  assert.deepEqual(await Promise.all([square(2), square(3), square(4)]), [4, 9, 16])
  await assert.rejects(failsUntil(2), /attempt 1/)
  assert.equal(await thread(), faked)
  // Not even process.exit is what it was, and an exception outside ends the thread all the same.
  await assert.rejects(failsBeside(), { code: 'FIRESTEEL_TASK_FAILED' })
  assert.notEqual(await thread(), faked)
})
