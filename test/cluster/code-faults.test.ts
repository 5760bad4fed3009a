import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { existsSync, readdirSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { startChild } from '../../runtime/process/child.js'
import { createTestCluster, type RedisServer, startRedis, type TestCluster } from '../harness/index.js'
import { binPath, commandEnvironment } from '../harness/up-process.js'
import { waitUntil } from '../harness/wait-until.js'
import { writeFiles } from '../tools/code-folder.js'
import { firesteel } from '../tools/command-fixture.js'
import { FarWorker, farWorkersRefused } from '../tools/far-workers.js'

/* Code meets a full disk, a submitter that dies, and a leader that dies: it comes whole or not at all. */

const skip = await farWorkersRefused()
const MIB = 2 ** 20

let redis: RedisServer
let cluster: TestCluster
let project: string
const workers: FarWorker[] = []

async function far(name: string, diskBytes?: number): Promise<FarWorker> {
  const { address, secret } = cluster
  const place = { name, address, secret, cluster: 'code', hidden: [project] }
  const worker = await FarWorker.start({
    ...place,
    label: `far=${diskBytes === undefined ? 'yes' : 'small'}`,
    ...(diskBytes !== undefined && { diskBytes }),
  })
  workers.push(worker)
  return worker
}

const submitArguments = (...more: string[]): string[] => [
  'submit',
  '--master',
  cluster.address,
  '--memory',
  '64m',
  ...more,
  'job.js',
]
const submit = (...more: string[]) =>
  firesteel(submitArguments(...more), { cwd: project, env: { FIRESTEEL_SECRET: cluster.secret } })

const codesOf = ({ cache }: FarWorker): string[] =>
  existsSync(cache) ? readdirSync(cache).filter((name) => !name.startsWith('.')) : []
const unfinishedOf = ({ cache }: FarWorker): string[] =>
  existsSync(join(cache, '.unfinished')) ? readdirSync(join(cache, '.unfinished')) : []

before(async () => {
  if (skip) return
  project = await mkdtemp(join(tmpdir(), 'firesteel-project-'))
  await writeFiles(project, {
    'package.json': '{}',
    'job.js': "console.log('it ran')",
    'data.bin': randomBytes(60 * MIB),
  })
  redis = await startRedis()
  cluster = await createTestCluster({ masters: 2, workers: 1, cores: 1, redis: redis.url, cluster: 'code' })
  await far('far1')
  await far('far2')
})

after(async () => {
  for (const worker of workers) await worker.stop()
  await cluster?.stop()
  await redis?.stop()
  if (project) await rm(project, { recursive: true, force: true })
})

test('a submitter that is killed in the middle leaves nothing, and the next one goes on', {
  skip,
}, async () => {
  const child = await startChild({
    command: process.execPath,
    args: [binPath, ...submitArguments('--name', 'halfway')],
    cwd: project,
    env: commandEnvironment({ FIRESTEEL_SECRET: cluster.secret }),
    stdin: 'ignore',
    stdout: 'ignore',
    stderr: 'ignore',
    ownGroup: true,
  })
  await waitUntil('code on its way', () => workers.some((worker) => unfinishedOf(worker).length > 0))
  child.signal('SIGKILL')
  await child.exited
  await waitUntil('nothing of it', () => workers.every((worker) => unfinishedOf(worker).length === 0))
  // It may have been quick, and then it is whole. It was not submitted before two had it.
  const { drivers } = await cluster.status()
  if (workers.filter((worker) => codesOf(worker).length > 0).length < 2) assert.deepEqual(drivers, [])
  const { code, stdout, stderr } = await submit('--wait', '--on', 'far=yes')
  assert.equal(code, 0, stderr)
  assert.match(stdout, /^it ran$/m)
})

test('after the submitter has gone and a leader was killed, a Worker that joins fetches the code from another', {
  skip,
}, async () => {
  const { code, stdout } = await submit('--name', 'waits', '--on', 'zone=late')
  assert.equal(code, 0)
  const id = stdout.split(' ')[0] ?? ''
  const leader = await cluster.waitAlive({ standbys: 1 })
  await cluster.kill(leader)
  await cluster.waitAlive()
  const { address, secret } = cluster
  const late = await FarWorker.start({
    name: 'late',
    address,
    secret,
    cluster: 'code',
    hidden: [project],
    label: 'zone=late',
  })
  workers.push(late)
  await waitUntil('its end', async () => {
    const { stdout: text } = await cluster.cli(['status', id, '--json'])
    return (JSON.parse(text) as { state: string }).state === 'FINISHED' || Promise.reject(new Error(text))
  })
  assert.equal(codesOf(late).length, 1)
})

test('a full disk refuses the code and says so; the Worker goes on, and holds nothing half', {
  skip,
}, async () => {
  const small = await far('small', 30 * MIB)
  const { stdout } = await submit('--on', 'far=small')
  const id = stdout.split(' ')[0] ?? ''
  const message = await waitUntil('the reason', async () => {
    const { stdout: text } = await cluster.cli(['status', id, '--json'])
    return /DISK_FULL/.test(text) && text
  })
  assert.match(String(message), /no space is left for/)
  await cluster.cli(['kill', id])
  assert.doesNotMatch(small.said, /"error".*defect/)
  // What is small enough still runs there.
  await rm(join(project, 'data.bin'))
  const { code, stdout: said, stderr } = await submit('--wait', '--on', 'far=small')
  assert.equal(code, 0, stderr)
  assert.match(said, /^it ran$/m)
})
