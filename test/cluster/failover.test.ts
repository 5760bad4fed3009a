import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { createTestCluster, type TestCluster } from '../harness/index.js'

const tasksUrl = new URL('../tools/failover-tasks.js', import.meta.url)
const driverMain = fileURLToPath(new URL('../tools/failover-driver.js', import.meta.url))
type Tasks = typeof import('../tools/failover-tasks.js')

const linesOf = async (file: string): Promise<string[]> =>
  (await readFile(file, 'utf8').catch(() => '')).split('\n').filter(Boolean)

async function submitDriver(cluster: TestCluster, file: string): Promise<string> {
  const { code, stdout, stderr } = await cluster.cli([
    'submit',
    '--supervise',
    '--memory',
    '128m',
    '--json',
    driverMain,
    file,
  ])
  assert.equal(code, 0, stderr)
  await cluster.waitUntil('the driver to run', async () => (await linesOf(file)).length === 1)
  return (JSON.parse(stdout) as { id: string }).id
}

const driverOf = async (cluster: TestCluster, id: string) =>
  (await cluster.status()).drivers.find((driver) => driver.id === id)

/** Runs tasks and breaks something when a quarter is done. */
async function underLoad(
  cluster: TestCluster,
  tasks: number,
  ms: number,
  breakIt: () => Promise<unknown>,
): Promise<{ values: number[]; runs: string[]; causes: string[]; retried: number; dropped: number }> {
  const app = await cluster.connect({ name: 'load', executor: { cores: 1, memory: '128m' } })
  const causes: string[] = []
  app.on('taskRepeated', ({ cause }) => causes.push(cause))
  const file = join(cluster.directory, 'runs')
  const { mark } = app.tasks<Tasks>(tasksUrl)
  const inputs = Array.from({ length: tasks }, (_, id) => ({ file, id, ms }))
  const values: number[] = []
  let broken: Promise<unknown> | undefined
  for await (const value of app.map(mark, inputs)) {
    values.push(value)
    if (values.length === Math.floor(tasks / 4)) broken = breakIt()
  }
  await broken
  const { retried, dropped } = app.stats()
  await app.close()
  return { values, runs: await linesOf(file), causes, retried, dropped }
}

const squares = (tasks: number) => Array.from({ length: tasks }, (_, id) => id * id)

test('kill -9 of the Master: no task is lost or rerun, the driver is the same process', async () => {
  await using cluster = await createTestCluster({ workers: 2, cores: 2, recovery: 'FILESYSTEM' })
  const drivers = join(cluster.directory, 'driver')
  const id = await submitDriver(cluster, drivers)
  const result = await underLoad(cluster, 300, 15, async () => {
    await cluster.kill('m1')
    await cluster.waitAlive()
  })
  assert.deepEqual(result.values, squares(300))
  assert.equal(result.runs.length, 300)
  assert.equal(result.retried + result.dropped, 0)
  assert.deepEqual(result.causes, [])
  const driver = await driverOf(cluster, id)
  assert.equal(driver?.state, 'RUNNING')
  assert.equal(driver?.generation, 1)
  assert.equal((await linesOf(drivers)).length, 1)
})

test('kill -9 of the Master with recovery NONE: what runs is taken back from those who run it', async () => {
  await using cluster = await createTestCluster({ workers: 1, cores: 2, recovery: 'NONE' })
  const drivers = join(cluster.directory, 'driver')
  const id = await submitDriver(cluster, drivers)
  const result = await underLoad(cluster, 100, 15, async () => {
    await cluster.kill('m1')
    await cluster.waitAlive()
  })
  assert.deepEqual(result.values, squares(100))
  assert.equal(result.runs.length, 100)
  assert.equal((await driverOf(cluster, id))?.state, 'RUNNING')
  assert.equal((await linesOf(drivers)).length, 1)
})

test('kill -9 of a Worker: its tasks finish elsewhere with their cause, its driver runs again', async () => {
  await using cluster = await createTestCluster({ workers: 2, cores: 2, recovery: 'FILESYSTEM' })
  const drivers = join(cluster.directory, 'driver')
  const id = await submitDriver(cluster, drivers)
  const holder = (await driverOf(cluster, id))?.worker
  const name = (await cluster.status()).workers.find((worker) => worker.id === holder)?.name
  const [, firstPid] = (await linesOf(drivers))[0]!.split(' ')
  const result = await underLoad(cluster, 200, 20, () => cluster.kill(name!))
  assert.deepEqual(result.values, squares(200))
  assert.ok(result.runs.length <= 200 + result.causes.length, 'each repetition is named')
  assert.ok(result.causes.length > 0)
  for (const cause of result.causes) assert.match(cause, /lost|worker|executor/i)
  await cluster.waitUntil('the second generation', async () => (await linesOf(drivers)).length === 2)
  const [generation] = (await linesOf(drivers))[1]!.split(' ')
  assert.equal(generation, '2')
  assert.throws(() => process.kill(Number(firstPid), 0), 'the first generation is gone')
  assert.equal((await driverOf(cluster, id))?.generation, 2)
})
