import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { parseActorAddress } from '../../runtime/addresses.js'
import { startChild } from '../../runtime/process/child.js'
import { identityOf, isAlive } from '../../runtime/process/find-process.js'
import { thisBuild } from '../harness/build-copy.js'
import { createTestCluster, type TestCluster } from '../harness/index.js'
import { commandEnvironment } from '../harness/up-process.js'
import { waitUntil } from '../harness/wait-until.js'
import { atEnd, errorOf, folder } from '../tools/command-fixture.js'

/* Workers that restart as announced, under a flow of tasks and supervised drivers (protocol 8.6). */

const tasksUrl = new URL('../tools/failover-tasks.js', import.meta.url)
const driverMain = fileURLToPath(new URL('../tools/failover-driver.js', import.meta.url))
type Tasks = typeof import('../tools/failover-tasks.js')

const DRIVERS = 4
const LANES = 8

const linesOf = async (file: string): Promise<string[]> =>
  (await readFile(file, 'utf8').catch(() => '')).split('\n').filter(Boolean)

async function submitDriver(cluster: TestCluster, file: string): Promise<string> {
  const args = ['submit', '--supervise', '--memory', '64m', '--json', driverMain, file]
  const { code, stdout, stderr } = await cluster.cli(args)
  assert.equal(code, 0, stderr)
  await cluster.waitUntil('the driver to run', async () => (await linesOf(file)).length === 1)
  return (JSON.parse(stdout) as { id: string }).id
}

/** Its next process has the same work, and is known again. Returns the results that came meanwhile. */
async function restarted(cluster: TestCluster, name: string, results: () => number): Promise<number> {
  const { starts } = cluster.node(name)
  const former = identityOf(cluster.node(name).pid)!
  await cluster.kill(name, 'SIGUSR2')
  await cluster.waitUntil(`${name} to end`, () => !isAlive(former))
  const before = results()
  await cluster.waitUntil(`${name} to be started again`, () => cluster.node(name).starts === starts + 1)
  await cluster.waitAlive()
  await cluster.waitUntil(`${name} to be back`, async () => {
    const { workers } = await cluster.status()
    const found = workers.filter((worker) => worker.name === name)
    return found.length === 1 && found[0]!.state === 'ALIVE'
  })
  return results() - before
}

test('two Workers restart one after the other: tasks go on, none is lost or run again, no driver notices', async () => {
  await using cluster = await createTestCluster({ workers: 2, cores: 4, recovery: 'FILESYSTEM' })
  const files = Array.from({ length: DRIVERS }, (_, n) => join(cluster.directory, `driver-${n}`))
  const ids: string[] = []
  for (const file of files) ids.push(await submitDriver(cluster, file))
  const workers = async (): Promise<string[]> => (await cluster.status()).workers.map(({ id }) => id).sort()
  const before = await workers()
  const app = await cluster.connect({ name: 'flow', executor: { cores: 1, memory: '128m' } })
  const causes: string[] = []
  const ended: unknown[] = []
  app.on('taskRepeated', ({ cause }) => causes.push(cause))
  app.on('executorLost', (lost) => ended.push(lost))
  const runs = join(cluster.directory, 'runs')
  const { mark } = app.tasks<Tasks>(tasksUrl)
  let next = 0
  let results = 0
  let isOver = false
  let longestGapMs = 0
  let lastMs: number | undefined
  const lane = async (): Promise<void> => {
    while (!isOver) {
      const id = next++
      assert.equal(await mark({ file: runs, id, ms: 10 }), id * id)
      results++
      const nowMs = performance.now()
      longestGapMs = Math.max(longestGapMs, nowMs - (lastMs ?? nowMs))
      lastMs = nowMs
    }
  }
  const lanes = Array.from({ length: LANES }, lane)
  await cluster.waitUntil('the flow', () => next > 10 * LANES)
  longestGapMs = 0
  for (const name of ['w1', 'w2']) {
    const meanwhile = await restarted(cluster, name, () => results)
    assert.ok(meanwhile > 0, `${name} was away, and no task ended`)
  }
  const asked = await cluster.cli(['restart', 'worker', '--all', '--json'])
  assert.equal(asked.code, 0, asked.stderr)
  const { workers: back } = JSON.parse(asked.stdout) as {
    workers: { name: string; gapMs: number; drivers: number }[]
  }
  assert.deepEqual(back.map(({ name }) => name).sort(), ['w1', 'w2'])
  assert.equal(
    back.reduce((sum, { drivers }) => sum + drivers, 0),
    DRIVERS,
  )
  for (const { gapMs } of back) assert.ok(gapMs > 0)
  isOver = true
  await Promise.all(lanes)
  const { retried, dropped } = app.stats()
  await app.close()

  assert.equal((await linesOf(runs)).length, next, 'each task ran once')
  assert.deepEqual([retried, dropped, causes, ended], [0, 0, [], []])
  for (const file of files) assert.equal((await linesOf(file)).length, 1, 'each driver was started once')
  const { drivers } = await cluster.status()
  for (const id of ids) {
    const driver = drivers.find((each) => each.id === id)
    assert.deepEqual([driver?.state, driver?.generation], ['RUNNING', 1])
  }
  assert.deepEqual(await workers(), before, 'they are the same Workers')
  console.log(`# ${next} tasks, the longest time without a result: ${Math.round(longestGapMs)} ms`)
})

/** Listens at the port as soon as its owner has ended. */
function take(port: number): Promise<Server> {
  return waitUntil(
    `port ${port} to be free`,
    () =>
      new Promise<Server | undefined>((resolve) => {
        const server = createServer()
        server.once('error', () => resolve(undefined))
        server.listen(port, '127.0.0.1', () => resolve(server))
      }),
    { everyMs: 1 },
  )
}

test('somebody gets the port of a Worker while it restarts: it waits for that, and its work goes on', async () => {
  await using cluster = await createTestCluster({ workers: 1, recovery: 'FILESYSTEM' })
  const file = join(cluster.directory, 'driver')
  await submitDriver(cluster, file)
  const [line] = await linesOf(file)
  const { address, starts } = cluster.node('w1')
  const taking = take(parseActorAddress(address).port)
  await cluster.kill('w1', 'SIGUSR2')
  const thief = await taking
  await cluster.waitUntil('it to wait', () =>
    cluster.log.includes('a port is taken, and this Worker waits for it'),
  )
  thief.close()
  await cluster.waitUntil('the Worker', async () => {
    const { workers } = await cluster.status()
    return workers.length === 1 && workers[0]!.state === 'ALIVE' && cluster.node('w1').starts === starts + 1
  })
  assert.equal(cluster.node('w1').address, address)
  assert.deepEqual(await linesOf(file), [line], 'its driver was started once')
  const [driver] = (await cluster.status()).drivers
  assert.deepEqual([driver?.state, driver?.generation], ['RUNNING', 1])
})

test('a restart that no leader can note is called off: the Worker goes on, and restarts when one can', async () => {
  await using cluster = await createTestCluster({ workers: 1 })
  const file = join(cluster.directory, 'driver')
  await submitDriver(cluster, file)
  const [line] = await linesOf(file)
  const { pid, starts } = cluster.node('w1')
  await cluster.freeze('m1')
  await cluster.kill('w1', 'SIGUSR2')
  await cluster.waitUntil('it to say why', () =>
    cluster.log.includes('No leader has written down within 2 s'),
  )
  cluster.thaw('m1')
  await cluster.waitAlive({ workers: 1 })
  assert.deepEqual([cluster.node('w1').pid, cluster.node('w1').starts], [pid, starts])
  await restarted(cluster, 'w1', () => 0)
  assert.deepEqual(await linesOf(file), [line], 'its driver was started once')
})

test('a restart that is asked for: an unknown Worker and one that nobody would start again are refused', async (t) => {
  await using cluster = await createTestCluster({ workers: 1 })
  const refusal = async (...words: string[]): Promise<[number | null, string, string]> => {
    const outcome = await cluster.cli(['restart', '--json', 'worker', ...words])
    const { code, message } = errorOf(outcome)
    return [outcome.code, code, message]
  }
  const [unknownExit, unknown] = await refusal('w9')
  assert.deepEqual([unknownExit, unknown], [4, 'FIRESTEEL_UNKNOWN_ID'])
  for (const words of [[], ['w1', '--all']])
    assert.deepEqual((await refusal(...words)).slice(0, 2), [2, 'FIRESTEEL_USAGE'])
  const flags = [
    '--cluster',
    'test',
    '--name',
    'w2',
    '--port',
    '0',
    '--web',
    '0',
    '--cores',
    '1',
    '--memory',
    '1g',
  ]
  const worker = await startChild({
    command: process.execPath,
    args: [thisBuild.bin, 'worker', ...flags],
    cwd: await folder(t),
    env: commandEnvironment({ FIRESTEEL_MASTER: cluster.address, FIRESTEEL_SECRET: cluster.secret }),
    stdin: 'ignore',
    stdout: 'ignore',
    stderr: 'inherit',
    ownGroup: true,
    followDescendants: false,
  })
  atEnd(t, () => worker.stop({ graceMs: 10_000 }))
  const known = async (): Promise<boolean> => (await cluster.status()).workers.length === 2
  await cluster.waitUntil('the Worker in the foreground', known)
  const [, code, message] = await refusal('w2')
  assert.equal(code, 'FIRESTEEL_RESTART_REFUSED')
  assert.match(message, /^nobody would start w2 again/)
  const { pid, starts } = cluster.node('w1')
  const outcome = await cluster.cli(['restart', 'worker', 'w1'])
  assert.match(
    outcome.stdout,
    /^w1 has restarted: it took no work for .*; 0 executors and 0 drivers ran on$/m,
  )
  assert.equal(cluster.node('w1').starts, starts + 1)
  assert.notEqual(cluster.node('w1').pid, pid)
})
