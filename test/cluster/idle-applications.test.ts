import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { App, WaitingApplication } from '../../actors/client/app.js'
import { createTestCluster, type TestCluster, waitUntil } from '../harness/index.js'

/*
 * Two applications on two cores: the second says why it waits, and the first gives back what it does not use.
 */

let cluster: TestCluster
before(async () => {
  cluster = await createTestCluster({ workers: 1, cores: 2 })
  await cluster.waitAlive()
})
after(() => cluster.stop())

const tasks = new URL('./idle-tasks.js', import.meta.url)
const tasksOf = (app: App) => app.tasks<typeof import('./idle-tasks.js')>(tasks)
const small = { memory: '128m' } as const

test('a full cluster: the second application hears why it waits, and gets what the first no longer uses', async () => {
  const warnings: string[] = []
  const warn = (text: string): void => void warnings.push(text)
  const log = { ...silent(), warn }
  const first = await cluster.connect({ executor: { ...small, idleTimeout: '9s' } })
  assert.deepEqual(await Promise.all([1, 2].map((n) => tasksOf(first).wait(n))), [1, 2])
  await waitUntil('it has all cores', () => first.executors.length === 2)
  const second = await cluster.connect({ executor: small, log })
  try {
    const why = await new Promise<WaitingApplication>((resolve) => second.on('waiting', resolve))
    assert.deepEqual(why, { reason: 'NO_ROOM', message: why.message, workers: [] })
    assert.equal(why.message, 'waits: no Worker has 1 core, 128 MiB free now')
    assert.deepEqual(warnings, [`${second.id} has no executor and ${why.message}`])
    const { stdout } = await cluster.cli(['status', second.id, '--json'])
    assert.deepEqual(JSON.parse(stdout).waiting, { reason: 'NO_ROOM', workers: [] })
    assert.equal(await tasksOf(second).wait(3), 3, 'the first was idle for 9 s')
    await waitUntil('its other executor is idle as well', async () => {
      const { stdout: idle } = await cluster.cli(['status', first.id])
      return /^message +idle: it asks for no executors now$/m.test(idle)
    })
    await second.close()
    assert.equal(await tasksOf(first).wait(4), 4, 'work came, so it asked again')
  } finally {
    await first.close()
    await second.close()
  }
})

test('a lower total takes idle executors at once and busy ones when they are idle; no task is disturbed', async () => {
  const app = await cluster.connect({ executor: small })
  try {
    const { wait, ids } = tasksOf(app)
    await Promise.all([wait(1), wait(2)])
    await waitUntil('two executors', () => app.executors.length === 2)
    const repeated: number[] = []
    app.on('taskRepeated', ({ task }) => void repeated.push(task))
    const long = ids(1500)
    assert.equal(await app.requestExecutors(1), true)
    await waitUntil('one is left', () => app.executors.length === 1)
    assert.equal(app.executors[0]?.id, await long, 'the one with the task')
    const killed = app.executors[0]?.id as number
    const again = ids(1500)
    await waitUntil('it runs', () => app.stats().running === 1)
    assert.equal(await app.killExecutors([killed]), true)
    await waitUntil('none is left', () => app.executors.length === 0)
    assert.equal(await app.requestExecutors(1), true)
    assert.notEqual(await again, killed, 'its task ran elsewhere')
    assert.equal(repeated.length, 1)
  } finally {
    await app.close()
  }
})

test('each --idle-timeout gives back an executor while another still works', async () => {
  const options = ['--memory', '128m', '-j2', '--idle-timeout', '500ms']
  const running = cluster.cli(['each', ...options, 'sleep {}', ':::', '0', '12'])
  const executors = async () => {
    const { stdout } = await cluster.cli(['status', '--json'])
    const { applications } = JSON.parse(stdout) as { applications: { name: string; executors: number }[] }
    return applications.find(({ name, executors: count }) => name.startsWith('each ') && count > 0)?.executors
  }
  await waitUntil('both executors', async () => ((await executors()) === 2 ? true : undefined))
  await waitUntil('one is given back', async () => ((await executors()) === 1 ? true : undefined))
  assert.equal((await running).code, 0)
})

const silent = () => {
  const nothing = (): void => undefined
  const log = { error: nothing, warn: nothing, info: nothing, debug: nothing, isEnabled: () => true }
  return { ...log, child: () => silent() as never }
}
