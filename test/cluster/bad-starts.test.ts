import assert from 'node:assert/strict'
import { mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { createTestCluster, type TestCluster } from '../harness/index.js'
import { ASKING, statusOf } from '../tools/status.js'

/*
 * What cannot start, with real processes: a machine that cannot run the application beside one that can,
 * nobody who can, programs that are missing, services that end well because we stop them.
 */

const WORKERS = ['w1', 'w2']
const tasks = new URL('./start-tasks.js', import.meta.url)
let cluster: TestCluster
let folder = ''

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'firesteel-starts-'))
  // Executors are children of their Worker, whose command line names it.
  await writeFile(
    join(folder, 'bad-machine.cjs'),
    `const { readFileSync } = require('node:fs')
     if (/\\bw2\\b/.test(readFileSync('/proc/' + process.ppid + '/cmdline', 'latin1'))) {
       console.error('this machine is bad')
       process.exit(1)
     }`,
  )
  await writeFile(
    join(folder, 'bad-threads.cjs'),
    `const { isMainThread } = require('node:worker_threads')
     const { readFileSync } = require('node:fs')
     if (!isMainThread && /\\bw2\\b/.test(readFileSync('/proc/' + process.ppid + '/cmdline', 'latin1'))) {
       throw new Error('no thread starts on this machine')
     }`,
  )
  await writeFile(
    join(folder, 'service.mjs'),
    `console.log('up', process.env.FIRESTEEL_GENERATION)
     process.on('SIGTERM', () => setTimeout(() => process.exit(Number(process.argv[2] ?? 0)), 100))
     setInterval(() => {}, 1000)`,
  )
  cluster = await createTestCluster({ workers: 2, cores: 2 })
  await cluster.waitAlive()
})
after(async () => {
  await cluster.stop()
  await rm(folder, { recursive: true, force: true })
})

interface DriverRow {
  readonly state: string
  readonly generation: number
  readonly worker: string | null
  readonly message: string
}

const driver = (of: TestCluster, id: string): Promise<DriverRow> => statusOf(of, id)

async function submit(of: TestCluster, args: readonly string[]): Promise<string> {
  const { stdout, stderr } = await of.cli(['submit', '--supervise', '--memory', '128m', ...args])
  const id = /driver-\S+/.exec(stdout)?.[0]
  assert.ok(id, stderr)
  return id
}

const isRunning = async (of: TestCluster, id: string, generation: number): Promise<DriverRow | undefined> => {
  const row = await driver(of, id)
  return row.state === 'RUNNING' && row.generation >= generation ? row : undefined
}

/** Output folders of executors, of all Workers. */
async function executorFolders(appId: string): Promise<number> {
  let count = 0
  for (const entry of await readdir(cluster.directory, { recursive: true }))
    if (entry.includes(`${appId}/`) && /\/\d+$/.test(entry)) count++
  return count
}

test('one machine of two cannot run it: every application works on the other, and hears of host and reason', async () => {
  for (const name of ['half-0', 'half-1']) {
    const app = await cluster.connect({
      name,
      executor: { nodeOptions: ['--require', join(folder, 'bad-machine.cjs')], memory: '64m' },
    })
    const failures: { host: string; reason: { kind: string }; retryAt: Date }[] = []
    const ends: unknown[] = []
    app.on('executorFailed', (failure) => void failures.push(failure))
    app.on('removed', (error) => void ends.push(error))
    const { double } = app.tasks<typeof import('./start-tasks.js')>(tasks)
    assert.deepEqual(await Promise.all([1, 2, 3].map((value) => double(value))), [2, 4, 6])
    await cluster.waitUntil('three rounds on the bad machine', () => failures.length >= 6)
    assert.equal(await double(21), 42)
    assert.deepEqual(ends, [])
    assert.deepEqual([failures[0]?.host, failures[0]?.reason.kind], ['127.0.0.1', 'exit'])
    const { applications } = (await cluster.status()) as unknown as {
      applications: { id: string; state: string; waiting?: { reason: string; workers: { id: string }[] } }[]
    }
    const row = applications.find(({ id }) => id === app.id)
    assert.equal(row?.state, 'RUNNING')
    assert.equal(row?.waiting?.reason, 'LAUNCHES_FAILED')
    assert.match(row?.waiting?.workers[0]?.id ?? '', /^w2-/)
    await app.close()
  }
})

test('one machine of two runs executors, but not their threads: no task is harmed, and that machine is excluded', async () => {
  const app = await cluster.connect({
    name: 'threads',
    executor: { nodeOptions: ['--require', join(folder, 'bad-threads.cjs')], memory: '64m' },
  })
  const failures: { workerId: string; excluded: boolean; reason: { kind: string; exitStatus?: number } }[] =
    []
  const lost: string[] = []
  app.on('executorFailed', (failure) => void failures.push(failure as (typeof failures)[number]))
  app.on('executorLost', ({ reason }) => void lost.push(reason))
  const { double } = app.tasks<typeof import('./start-tasks.js')>(tasks, { retries: 0 })
  const inputs = Array.from({ length: 400 }, (_, n) => n)
  const values: number[] = []
  for await (const value of app.map(double, inputs)) values.push(value)
  assert.deepEqual(
    values,
    inputs.map((n) => 2 * n),
  )
  await cluster.waitUntil('it to be excluded', () => failures.some(({ excluded }) => excluded))
  assert.ok(failures.every(({ workerId }) => workerId.startsWith('w2-')))
  assert.deepEqual(
    failures.map(({ reason }) => [reason.kind, reason.exitStatus]),
    failures.map(() => ['exit', 4]),
  )
  assert.ok(failures.length <= 6, `${failures.length} failures`)
  assert.match(lost[0] ?? '', /5 task threads in a row ended before their first task: .*no thread starts on/)
  assert.deepEqual(app.stats().lost, 0)
  assert.equal(await double(21), 42)
  await app.close()
})

test('no machine can run it: it ends after a few rounds, says why and where the output is, and has left few folders', async () => {
  // Executors of the test before may hold a core still, and the first round would be one short.
  await cluster.waitUntil('all cores to be free', async () =>
    (await cluster.status()).workers.every(({ coresUsed }) => coresUsed === 0),
  )
  const app = await cluster.connect({
    name: 'never',
    executor: { nodeOptions: ['--no-such-option'], memory: '64m' },
  })
  let failed = 0
  app.on('executorFailed', () => void failed++)
  const removed = new Promise<Error>((resolve) => app.on('removed', resolve))
  const { message } = await removed
  assert.match(message, /12 executors in a row failed, and every Worker that is large enough is excluded/)
  const output = /firesteel logs (\S+) --stderr/.exec(message)?.[1]
  assert.ok(output, message)
  assert.ok(failed <= 12, `${failed} failures`)
  assert.equal(await executorFolders(app.id), 12)
  const { stdout } = await cluster.cli(['logs', output, '--stderr'])
  assert.match(stdout, /no-such-option/)
  await app.close()
})

test('a program that is missing at a restart is tried again, on each machine, until it is there', async () => {
  const main = join(folder, 'late.mjs')
  await writeFile(main, 'console.log(process.pid)\nsetInterval(() => {}, 1000)')
  const id = await submit(cluster, [main])
  await cluster.waitUntil('it to run', () => isRunning(cluster, id, 1), ASKING)
  const pid = await cluster.waitUntil('its first line', async () =>
    Number((await cluster.cli(['logs', id])).stdout.trim()),
  )
  await rename(main, `${main}.away`)
  process.kill(pid, 'SIGKILL')
  const row = await cluster.waitUntil(
    'both Workers to fail',
    async () => {
      const found = await driver(cluster, id)
      return found.generation >= 3 && found.message.includes('next try') ? found : undefined
    },
    ASKING,
  )
  assert.equal(row.state, 'SUBMITTED')
  const why =
    /could not be started on w\d-\S+ \(127\.0\.0\.1\): FIRESTEEL_MAIN_NOT_FOUND: \S+late\.mjs does not exist/
  assert.match(row.message, why)
  await rename(`${main}.away`, main)
  await cluster.waitUntil('it to run again', () => isRunning(cluster, id, 3), ASKING)
  await cluster.cli(['kill', id])
})

test('a supervised driver that ends over and over on one machine runs on the other, and its status says why', async () => {
  const main = join(folder, 'fragile.mjs')
  const bad = JSON.stringify(join(folder, 'bad-machine.cjs'))
  await writeFile(main, `import ${bad}\nsetInterval(() => {}, 1000)`)
  // They go to one Worker after the other.
  const ids = [await submit(cluster, [main]), await submit(cluster, [main])]
  const [moved] = await cluster.waitUntil(
    'both to run on the good machine, one after it was moved',
    async () => {
      const rows = await Promise.all(ids.map((id) => driver(cluster, id)))
      const runs = rows.every(({ state, worker }) => state === 'RUNNING' && worker?.startsWith('w1-'))
      const found = rows.filter(({ generation }) => generation > 1)
      return runs && found.length > 0 ? found : undefined
    },
    ASKING,
  )
  const why =
    /^launched again; it failed on w2-\S+ \(127\.0\.0\.1\): it ended 3 times in a row soon after its start; the last time: Command exited with code 1$/
  assert.match(moved?.message ?? '', why)
  for (const id of ids) await cluster.cli(['kill', id])
})

test('a supervised service that ends well on SIGTERM runs on when its Workers are restarted, and by down and up', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'firesteel-down-up-'))
  const options = { directory, cluster: 'starts', workers: 2, cores: 2 }
  let own = await createTestCluster(options)
  try {
    await own.waitAlive()
    const ids = [
      await submit(own, [join(folder, 'service.mjs'), '0']),
      await submit(own, [join(folder, 'service.mjs'), '1']),
    ]
    for (const id of ids) await own.waitUntil('it to run', () => isRunning(own, id, 1), ASKING)
    for (const name of WORKERS) {
      await own.kill(name, 'SIGTERM')
      await own.waitAlive()
      for (const id of ids) await own.waitUntil(`${id} to run`, () => isRunning(own, id, 1), ASKING)
    }
    const before = await Promise.all(ids.map((id) => driver(own, id)))
    await own.stop()
    own = await createTestCluster(options)
    await own.waitAlive()
    for (const [n, id] of ids.entries()) {
      const { worker } = await own.waitUntil(
        `${id} to run`,
        () => isRunning(own, id, before[n]!.generation + 1),
        ASKING,
      )
      assert.notEqual(worker, before[n]?.worker)
    }
    // A kill is final.
    await own.cli(['kill', ids[0]!])
    await own.waitUntil(
      'it to end',
      async () => ['KILLED', 'FINISHED'].includes((await driver(own, ids[0]!)).state),
      ASKING,
    )
  } finally {
    await own.stop()
    await rm(directory, { recursive: true, force: true })
  }
})
