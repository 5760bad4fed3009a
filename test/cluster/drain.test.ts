import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { connect } from '../../actors/client/connect.js'
import { createTestCluster, type TestCluster } from '../harness/index.js'
import { waitUntil } from '../harness/wait-until.js'
import { atEnd, firesteel, folder, isAlive, startUp, type Up } from '../tools/command-fixture.js'

/* Drain (protocol 8.7) with real processes: under load, across a kill of the leader, and before a stop. */

const tasksUrl = new URL('../tools/failover-tasks.js', import.meta.url)
const driverMain = fileURLToPath(new URL('../tools/failover-driver.js', import.meta.url))
type Tasks = typeof import('../tools/failover-tasks.js')

const linesOf = async (file: string): Promise<string[]> =>
  (await readFile(file, 'utf8').catch(() => '')).split('\n').filter(Boolean)

async function submitDriver(cluster: TestCluster, file: string): Promise<string> {
  const args = ['submit', '--supervise', '--memory', '128m', '--json', driverMain, file]
  const { code, stdout, stderr } = await cluster.cli(args)
  assert.equal(code, 0, stderr)
  await cluster.waitUntil('the driver to run', async () => (await linesOf(file)).length === 1)
  return (JSON.parse(stdout) as { id: string }).id
}

const driverOf = async (cluster: TestCluster, id: string) =>
  (await cluster.status()).drivers.find((driver) => driver.id === id)

async function nameOfWorker(cluster: TestCluster, id: string | null | undefined): Promise<string> {
  const found = (await cluster.status()).workers.find((worker) => worker.id === id)
  assert.ok(found)
  return found.name
}

const stateOf = async (cluster: TestCluster, name: string) =>
  (await cluster.status()).workers.find((worker) => worker.name === name)?.state

/** Runs tasks, and does something when a quarter is done. */
async function underLoad(cluster: TestCluster, tasks: number, ms: number, then: () => Promise<unknown>) {
  const app = await cluster.connect({ cores: 3, executor: { cores: 1, memory: '128m' } })
  const causes: string[] = []
  const leaving: string[] = []
  app.on('taskRepeated', ({ cause }) => causes.push(cause))
  app.on('executorDecommissioned', ({ reason }) => leaving.push(reason))
  const file = join(cluster.directory, 'runs')
  const { mark } = app.tasks<Tasks>(tasksUrl)
  const inputs = Array.from({ length: tasks }, (_, id) => ({ file, id, ms }))
  let values = 0
  let done: Promise<unknown> | undefined
  for await (const _ of app.map(mark, inputs)) if (++values === Math.floor(tasks / 4)) done = then()
  await done
  const { retried, lost } = app.stats()
  await app.close()
  return { values, runs: (await linesOf(file)).length, causes, leaving, retried, lost }
}

test('drain under load: no task runs again, the driver moves and is never there twice', async () => {
  await using cluster = await createTestCluster({ workers: 2, cores: 4 })
  const drivers = join(cluster.directory, 'driver')
  const id = await submitDriver(cluster, drivers)
  const holder = await nameOfWorker(cluster, (await driverOf(cluster, id))?.worker)
  const [, firstPid] = (await linesOf(drivers))[0]!.split(' ')
  const result = await underLoad(cluster, 240, 20, async () => {
    const drained = await cluster.cli(['drain', holder, '--reason', 'a new kernel', '--wait', '--json'])
    assert.equal(drained.code, 0, drained.stderr)
    assert.deepEqual(
      JSON.parse(drained.stdout).workers.map((row: { name: string; executors: number }) => [
        row.name,
        row.executors,
      ]),
      [[holder, 0]],
    )
  })
  assert.deepEqual([result.values, result.runs, result.retried + result.lost], [240, 240, 0])
  assert.deepEqual(result.causes, [])
  assert.ok(result.leaving.every((reason) => reason === 'its Worker is drained: a new kernel'))
  await cluster.waitUntil('the next generation', async () => (await linesOf(drivers)).length === 2)
  assert.equal((await linesOf(drivers))[1]?.split(' ')[0], '2')
  assert.equal(isAlive(Number(firstPid)), false)
  assert.notEqual(await nameOfWorker(cluster, (await driverOf(cluster, id))?.worker), holder)
  const row = (await cluster.status()).workers.find(({ name }) => name === holder)
  assert.deepEqual([row?.state, row?.coresUsed], ['DECOMMISSIONED', 0])
  const shown = await cluster.cli(['status'])
  assert.match(shown.stdout, /DECOMMISSIONED[\s\S]*\(a new kernel\)[\s\S]*nothing is left on it/)
  const taken = await cluster.cli(['undrain', holder])
  assert.match(taken.stdout, /takes work again/)
  assert.equal(await stateOf(cluster, holder), 'ALIVE')
})

test('the leader is killed in the middle of a drain: the next one knows it, and nothing runs again', async () => {
  await using cluster = await createTestCluster({ workers: 2, cores: 4 })
  const drivers = join(cluster.directory, 'driver')
  const id = await submitDriver(cluster, drivers)
  const holder = await nameOfWorker(cluster, (await driverOf(cluster, id))?.worker)
  const result = await underLoad(cluster, 60, 150, async () => {
    const drained = await cluster.cli(['drain', holder, '--deadline', '5m'])
    assert.equal(drained.code, 0, drained.stderr)
    await cluster.kill('m1')
    await cluster.waitUntil('the new leader shows the drain', async () => {
      const state = await stateOf(cluster, holder).catch(() => undefined)
      return state === 'DECOMMISSIONED'
    })
  })
  assert.deepEqual([result.values, result.runs, result.retried + result.lost], [60, 60, 0])
  await cluster.waitUntil('the driver moved', async () => {
    const worker = (await driverOf(cluster, id))?.worker
    return worker !== null && worker !== undefined && (await nameOfWorker(cluster, worker)) !== holder
  })
  const waits = await cluster.cli(['submit', '--cores', '4', '--json', driverMain, drivers])
  const waiting = (JSON.parse(waits.stdout) as { id: string }).id
  await cluster.kill(holder)
  await cluster.waitUntil('it is started again, and still drained', async () => {
    const row = (await cluster.status()).workers.find(
      ({ name, state }) => name === holder && state !== 'DEAD',
    )
    return row?.state === 'DECOMMISSIONED' && row.coresUsed === 0
  })
  assert.equal((await driverOf(cluster, waiting))?.worker, null, 'nothing comes there')
})

test('at the deadline the rest runs elsewhere, with the drain as its cause', async () => {
  await using cluster = await createTestCluster({ workers: 1, cores: 1 })
  const app = await cluster.connect({ executor: { cores: 1, memory: '128m' } })
  const causes: string[] = []
  app.on('taskRepeated', ({ cause }) => causes.push(cause))
  const { mark } = app.tasks<Tasks>(tasksUrl)
  const file = join(cluster.directory, 'long')
  const long = mark({ file, id: 3, ms: 2500 })
  await cluster.waitUntil('the task runs', async () => (await linesOf(file)).length === 1)
  const drained = await cluster.cli(['drain', 'w1', '--deadline', '500ms', '--reason', 'no time'])
  assert.match(drained.stdout, /w1 is drained .*1 executor and 0 drivers are left there; deadline/)
  await cluster.waitUntil('it is cut off', () => causes.length === 1)
  assert.deepEqual(causes, ['executor lost: its Worker is drained: no time; its deadline has passed'])
  const explained = await cluster.cli(['explain', app.id])
  assert.match(explained.stdout, /drained, and takes no more work/)
  await cluster.cli(['undrain', 'w1'])
  assert.equal(await long, 9)
  assert.deepEqual([app.stats().lost, app.stats().retried], [1, 0])
})

test('what is wrong with a drain is said with its name, and nothing is done', async () => {
  await using cluster = await createTestCluster({ workers: 1 })
  const unknown = await cluster.cli(['drain', 'w1', 'nobody'])
  assert.notEqual(unknown.code, 0)
  assert.match(unknown.stderr, /FIRESTEEL_UNKNOWN_ID: No Worker is "nobody"\. Nothing was changed\./)
  assert.equal(await stateOf(cluster, 'w1'), 'ALIVE')
  const bad = await cluster.cli(['drain', 'w1', '--deadline', 'soon'])
  assert.equal(bad.code, 2)
  assert.match(bad.stderr, /must be a duration/)
  const long = await cluster.cli(['drain', 'w1', '--reason', 'x'.repeat(301)])
  assert.equal(long.code, 2)
})

const stopping = `
cluster: test
recovery: {mode: FILESYSTEM}
masters: [{name: m1, port: 0, web: 0}]
workers:
  - {name: w1, port: 0, web: 0, cores: 1, memory: 1g, drainOnStop: 30s}
  - {name: w2, port: 0, web: 0, cores: 1, memory: 1g, drainOnStop: 30s}
logging: {level: warn, format: text}
`

interface Exited {
  readonly node: string
  readonly code: number | null
}

const exitsOf = (up: Up, node: string): Exited[] =>
  up.lines.flatMap((line) => (line.event === 'exited' && line.node === node ? [line] : []))

/** The Workers' states by name. */
async function statesIn(cwd: string): Promise<ReadonlyMap<string, string>> {
  const { stdout } = await firesteel(['status', '--json'], { cwd })
  const { workers } = JSON.parse(stdout) as { workers: { name: string; state: string }[] }
  return new Map(workers.map(({ name, state }) => [name, state]))
}

async function running(t: Parameters<typeof folder>[0]) {
  const cwd = await folder(t, { 'c.yaml': stopping })
  const up = await startUp(t, cwd, ['c.yaml'])
  const { master, nodes } = await up.ready()
  const secret = (await readFile(join(cwd, '.firesteel', 'secret'), 'utf8')).trim()
  const app = await connect(master, { secret, executor: { cores: 1, memory: '128m' } })
  atEnd(t, () => app.close())
  const file = join(cwd, 'runs')
  const { mark } = app.tasks<Tasks>(tasksUrl)
  const started = (id: number) => waitUntil(`task ${id}`, async () => (await linesOf(file)).includes(`${id}`))
  const task = async (id: number, ms: number) => {
    const value = mark({ file, id, ms })
    await started(id)
    return { value }
  }
  const pidOf = (name: string): number => nodes.find((node) => node.name === name)!.pid
  return { cwd, up, app, file, task, pidOf }
}

test('SIGTERM with drainOnStop: tasks in hand finish, the node exits with 0, and takes work again', async (t) => {
  const { cwd, up, app, file, task, pidOf } = await running(t)
  const tasks = [await task(1, 3000), await task(2, 3000)]
  process.kill(pidOf('w1'), 'SIGTERM')
  assert.deepEqual(await Promise.all(tasks.map(({ value }) => value)), [1, 4])
  const [exit] = await waitUntil('w1 ends', () => {
    const exits = exitsOf(up, 'w1')
    return exits.length > 0 ? exits : undefined
  })
  assert.equal(exit?.code, 0)
  assert.equal((await linesOf(file)).length, 2, 'no task ran twice')
  assert.deepEqual([app.stats().lost, app.stats().retried], [0, 0])
  await waitUntil('w1 is back, and takes work', async () => (await statesIn(cwd)).get('w1') === 'ALIVE')
})

test('SIGTERM to `up` drains its Workers within their time', async (t) => {
  const { up, app, file, task } = await running(t)
  const { value } = await task(7, 2500)
  up.signal('SIGTERM')
  assert.equal(await value, 49)
  assert.equal((await linesOf(file)).length, 1)
  const { code } = await up.exited
  assert.equal(code, 0)
  assert.ok(['w1', 'w2'].every((name) => exitsOf(up, name)[0]?.code === 0))
  assert.equal(app.stats().lost, 0)
})

test('a second SIGTERM cuts a drain short', async (t) => {
  const { cwd, up, task, pidOf } = await running(t)
  const tasks = [await task(1, 60_000), await task(2, 60_000)]
  for (const { value } of tasks) value.catch(() => undefined)
  const pid = pidOf('w1')
  process.kill(pid, 'SIGTERM')
  await waitUntil('it is drained', async () => (await statesIn(cwd)).get('w1') === 'DECOMMISSIONED')
  assert.ok(isAlive(pid))
  process.kill(pid, 'SIGTERM')
  await waitUntil('w1 ends', () => exitsOf(up, 'w1').length > 0)
})
