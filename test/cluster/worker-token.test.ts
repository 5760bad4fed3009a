import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { readdirSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { connect } from '../../actors/client/index.js'
import { createTestCluster, startRedis, type TestCluster } from '../harness/index.js'
import { waitUntil } from '../harness/wait-until.js'
import { writeFiles } from '../tools/code-folder.js'
import { firesteel } from '../tools/command-fixture.js'
import { FarWorker, farWorkersRefused } from '../tools/far-workers.js'

/*
 * Workers of machines that have no secret of the cluster, but a token of their own. They see none of the
 * files of this test, so what they run has travelled, also between themselves and a Worker that has the
 * secret.
 */

const skip = await farWorkersRefused()
/** Redis is shared: the name begins its keys. */
const NAME = `test-${randomBytes(4).toString('hex')}`

let redis: Awaited<ReturnType<typeof startRedis>>
let cluster: TestCluster
let project: string
/** Of a client of the role submit. */
let ci: string
const workers = new Map<string, FarWorker>()

async function create(role: string, name: string): Promise<string> {
  const { stdout, code, stderr } = await cluster.cli(
    ['token', 'create', '--role', role, '--name', name, '--json'],
    {},
  )
  assert.equal(code, 0, stderr)
  return (JSON.parse(stdout) as { token: string }).token
}

const placeOf = (name: string, secret: string) => ({
  name,
  secret,
  address: cluster.address,
  cluster: NAME,
  hidden: [project, cluster.directory],
  label: 'far=yes',
})

async function far(name: string, secret: string): Promise<FarWorker> {
  const worker = await FarWorker.start(placeOf(name, secret))
  workers.set(name, worker)
  return worker
}

/** A command of somebody who has this token, and nothing else. */
const asClient = (command: string, ...args: readonly string[]) =>
  firesteel([command, '--master', cluster.address, ...args], {
    cwd: project,
    env: { FIRESTEEL_TOKEN: ci },
  })

/** A driver of that somebody, on a Worker that sees no file of this test. Returns its id. */
async function submitJob(memory: string, ...more: readonly string[]): Promise<string> {
  const options = ['--on', 'far=yes', '--memory', memory, '--json', ...more]
  const submitted = await asClient('submit', ...options, 'job.js')
  assert.equal(submitted.code, 0, submitted.stderr)
  return (JSON.parse(submitted.stdout) as { id: string }).id
}

const codesOf = (worker: FarWorker): string[] =>
  readdirSync(worker.cache).filter((name) => !name.startsWith('.'))

const driverOf = async (id: string) => (await cluster.status()).drivers.find((driver) => driver.id === id)

const runsOn = async (id: string): Promise<string | undefined> => {
  const driver = await driverOf(id)
  return driver?.state === 'RUNNING' ? driver.worker?.slice(0, driver.worker.lastIndexOf('-')) : undefined
}

before(async () => {
  if (skip) return
  project = await mkdtemp(join(tmpdir(), 'firesteel-project-'))
  await writeFiles(project, {
    'package.json': JSON.stringify({ type: 'module' }),
    'tasks.js': 'export const where = () => ({ url: import.meta.url, pid: process.pid })',
    'job.js': "console.log('it runs in', import.meta.url)\nsetInterval(() => {}, 1000)",
  })
  redis = await startRedis()
  cluster = await createTestCluster({
    masters: 2,
    workers: 0,
    redis: redis.url,
    workerTimeout: '10s',
    cluster: NAME,
  })
  await cluster.waitAlive({ standbys: 1 })
  ci = await create('submit', 'ci')
  await far('far1', await create('worker', 'far1'))
})

after(async () => {
  for (const worker of workers.values()) await worker.stop()
  await cluster?.stop()
  await redis?.stop()
  if (project) await rm(project, { recursive: true, force: true })
})

test('a Worker with a token runs tasks whose code has come to it', { skip }, async () => {
  await using app = await connect(cluster.address, {
    token: ci,
    executors: 1,
    executor: { on: { far: 'yes' }, memory: '128m' },
  })
  const { where } = app.tasks<{ where(): { url: string } }>(pathToFileURL(join(project, 'tasks.js')))
  assert.match((await where()).url, /\/work\/far1\/code\/[0-9a-f]{64}\/files\/tasks\.js$/)
})

test('its drivers run with a credential of their own; others with a token read only their outputs', {
  skip,
}, async () => {
  const id = await submitJob('64m')
  await waitUntil('it runs', () => runsOn(id))
  const read = await waitUntil('its output', async () => {
    const logs = await asClient('logs', id)
    return logs.stdout.includes('it runs in') && logs
  })
  assert.equal((read as { code: number }).code, 0)
  const theirs = await cluster.cli(['submit', '--on', 'far=yes', '--memory', '64m', '--json', 'job.js'], {
    cwd: project,
  })
  assert.equal(theirs.code, 0, theirs.stderr)
  const other = (JSON.parse(theirs.stdout) as { id: string }).id
  await waitUntil('theirs runs', () => runsOn(other))
  assert.match((await cluster.cli(['logs', other])).stdout, /it runs in/)
  const refused = await asClient('logs', other)
  assert.match(refused.stderr, /FIRESTEEL_NOT_ALLOWED/)
  for (const driver of [id, other]) await cluster.cli(['kill', driver])
})

test('traces and codes of such a Worker are read as those of others', { skip }, async () => {
  const listed = await cluster.cli(['code', 'ls', '--json'])
  assert.equal(listed.stderr, '')
  const codes = JSON.parse(listed.stdout) as { workers: string[] }[]
  assert.ok(codes.some(({ workers }) => workers.some((worker) => worker.startsWith('far1-'))))
  const traced = await cluster.cli(['trace', '--json'])
  assert.equal(traced.code, 0, traced.stderr)
  assert.doesNotMatch(traced.stderr, /far1/)
  // Only this Worker knows what it tells itself.
  const { address } = (await cluster.status()).workers.find(({ name }) => name === 'far1')!
  const own = (line: string) =>
    line.includes('"ProcessStarted"') && line.includes(`${new URL(address).host}/user/Worker"`)
  assert.ok(traced.stdout.split('\n').some(own), 'its own messages')
})

test('a driver outlives a failover there; when its Worker goes, its code comes from another one', {
  skip,
}, async () => {
  const id = await submitJob('64m', '--supervise')
  assert.equal(await waitUntil('it runs', () => runsOn(id)), 'far1')
  await cluster.kill((await cluster.leader())!)
  await cluster.waitAlive()
  await waitUntil('its Worker is taken back', () => runsOn(id))
  assert.equal((await driverOf(id))?.generation, 1)
  const [far2, far3] = [await far('far2', await create('worker', 'far2')), await far('far3', cluster.secret)]
  await workers.get('far1')!.stop()
  workers.delete('far1')
  const next = (await waitUntil('it runs elsewhere', async () => {
    const name = await runsOn(id)
    return name !== 'far1' && name
  })) as string
  assert.ok(['far2', 'far3'].includes(next), next)
  assert.match((await asClient('logs', id)).stdout, new RegExp(`/work/${next}/code/`))
  // Two Workers keep the code of a driver: the one that lacks it fetches it from the other.
  await waitUntil('both have the code', () => [far2, far3].every((worker) => codesOf(worker).length > 0))
  await workers.get(next)!.stop()
  workers.delete(next)
  const last = next === 'far2' ? 'far3' : 'far2'
  assert.equal(await waitUntil('it runs on the last one', () => runsOn(id)), last)
  await cluster.cli(['kill', id])
})

test('a token opens nothing for another Worker, for a Master or for a command', { skip }, async () => {
  const token = await create('worker', 'far9')
  const env = { FIRESTEEL_SECRET: token }
  const at = ['--port', '0', '--web', '0', '--cluster', NAME] as const
  const start = (...args: readonly string[]) => firesteel([...args, ...at], { cwd: project, env })
  const master = await start('master', '--name', 'm9')
  assert.match(master.stderr, /FIRESTEEL_TOKEN_INVALID.*starts no Master/s)
  const command = await firesteel(['status', '--master', cluster.address], { cwd: project, env })
  assert.match(command.stderr, /FIRESTEEL_TOKEN_INVALID/)
  const client = await firesteel(['status', '--master', cluster.address], {
    cwd: project,
    env: { FIRESTEEL_TOKEN: token },
  })
  assert.match(client.stderr, /FIRESTEEL_TOKEN_INVALID.*token of a Worker/s)
  const other = await firesteel(['worker', '--master', cluster.address, '--name', 'w9', ...at], {
    cwd: project,
    env: { FIRESTEEL_SECRET: ci },
  })
  assert.match(other.stderr, /FIRESTEEL_TOKEN_INVALID.*starts no node/s)
  const wrong = await FarWorker.launch(placeOf('far8', token))
  await waitUntil('it is told why', () => wrong.said.includes('token is that of the Worker far9'))
  await wrong.stop()
  assert.ok((await cluster.status()).workers.every(({ name }) => name !== 'far8'))
})

test('a revoked token ends the link of its Worker, and its work runs elsewhere', { skip }, async () => {
  assert.equal(workers.size, 1, 'another Worker can take the work')
  await far('far5', await create('worker', 'far5'))
  const id = await submitJob('900m', '--supervise')
  const first = (await waitUntil('it runs', () => runsOn(id))) as string
  assert.equal((await cluster.cli(['token', 'revoke', 'far5'])).code, 0)
  await waitUntil('its Worker is lost', async () => {
    const { workers } = await cluster.status()
    return workers.every(({ name, state }) => name !== 'far5' || state === 'DEAD')
  })
  const now = await waitUntil('it runs', () => runsOn(id))
  if (first !== 'far5') assert.equal(now, first)
  else assert.notEqual(now, 'far5')
  await cluster.cli(['kill', id])
})
