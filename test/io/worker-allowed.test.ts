import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { COMMAND_URL, loadTaskFunction } from '../../actors/executor/task-module.js'
import { applicationDescription } from '../../actors/messages/samples.js'
import { driverPlan, executorPlan } from '../../actors/worker/child-plans.js'
import type { WorkerConfig } from '../../actors/worker/worker-config.js'
import { findUser } from '../../runtime/process/run-as.js'
import { launchDriver, launchExecutor, ME } from '../tools/worker-fixture.js'

/* Whose code a Worker runs, and as whom. */

const folder = mkdtempSync(join(tmpdir(), 'firesteel-allowed-'))
after(() => rmSync(folder, { recursive: true, force: true }))
const [roots, outside] = [join(folder, 'jobs'), join(folder, 'jobs-of-others')]
for (const path of [roots, outside]) mkdirSync(path)
for (const path of [roots, outside]) writeFileSync(join(path, 'job.mjs'), 'export const one = () => 1')
symlinkSync(join(outside, 'job.mjs'), join(roots, 'link.mjs'))
symlinkSync(roots, join(folder, 'way'))

const config: WorkerConfig = {
  name: 'w1',
  cluster: 'test',
  secret: 'a secret of the tests only, long enough',
  host: '127.0.0.1',
  port: 9001,
  web: null,
  cores: 4,
  memoryMib: 4096,
  resources: {},
  labels: {},
  workDir: folder,
  masters: [],
  workerTimeoutMs: 60_000,
  orphanGraceMs: 0,
  applicationTimeoutMs: 60_000,
  code: { cache: join(folder, 'code'), maxBytes: 2 ** 30, inPlace: true },
  codeRoots: [join(folder, 'missing'), roots],
}
const masters = ['firesteel://10.0.0.1:7070']
const plan = (main: string, changes: Partial<WorkerConfig> = {}) =>
  driverPlan(launchDriver(1, { cwd: folder, main }), 1, { ...config, ...changes }, masters)

test('a driver runs only from a code root, wherever links lead', async () => {
  for (const main of [join(roots, 'job.mjs'), join(folder, 'way/job.mjs'), 'jobs/job.mjs'])
    assert.ok((await plan(main)).args.at(-1)?.endsWith('job.mjs'), main)
  const refused = { code: 'FIRESTEEL_CODE_NOT_ALLOWED', message: /which runs only code in .*\/jobs$/ }
  for (const main of [
    join(outside, 'job.mjs'),
    join(roots, 'link.mjs'),
    join(roots, '../jobs-of-others/job.mjs'),
    '/bin/sh',
  ])
    await assert.rejects(plan(main), refused, main)
  await assert.rejects(plan(join(roots, 'job.mjs'), { codeRoots: [] }), /which runs no code at all/)
  assert.ok(await plan('/bin/sh', { codeRoots: null }), 'without code roots any program runs')
  await assert.rejects(plan(join(roots, 'none.mjs')), { code: 'FIRESTEEL_MAIN_NOT_FOUND' })
})

test('an executor knows its code roots, and loads no task from elsewhere and no command line', async () => {
  const launch = launchExecutor(1, { application: { ...applicationDescription, cwd: folder } })
  const { boot } = await executorPlan(launch, config, ME)
  const { codeRoots } = JSON.parse(boot) as { codeRoots: string[] }
  assert.deepEqual(codeRoots, config.codeRoots)
  assert.equal(
    JSON.parse((await executorPlan(launch, { ...config, codeRoots: null }, ME)).boot).codeRoots,
    undefined,
  )

  const load = (path: string) => loadTaskFunction(pathToFileURL(path).href, 'one', 'h', codeRoots)
  assert.equal((await load(join(roots, 'job.mjs')))(), 1)
  const refused = { code: 'FIRESTEEL_CODE_NOT_ALLOWED' }
  for (const path of [join(outside, 'job.mjs'), join(roots, 'link.mjs')])
    await assert.rejects(load(path), refused)
  await assert.rejects(loadTaskFunction(COMMAND_URL, 'command', 'h', codeRoots), refused)
  await assert.rejects(loadTaskFunction('data:text/javascript,export const one=1', 'one', 'h', codeRoots), {
    code: 'FIRESTEEL_TASK_MODULE_NOT_FOUND',
  })
})

test('the environment and the options of an executor obey the same rules as those of a driver', async () => {
  const rules: WorkerConfig = { ...config, codeRoots: null, allowEnv: ['LANG'] }
  const env = { LANG: 'C', TOKEN: 'x' }
  const driver = launchDriver(1, { cwd: folder, main: join(roots, 'job.mjs'), env })
  const executor = launchExecutor(1, { application: { ...applicationDescription, cwd: folder, env } })
  const refused = { code: 'FIRESTEEL_ENV_NOT_ALLOWED', place: 'TOKEN' }
  await assert.rejects(driverPlan(driver, 1, rules, masters), refused)
  await assert.rejects(executorPlan(executor, rules, ME), refused)
})

test('work of another user has its home, and only a user that the Worker may become is taken', async () => {
  const runAs = { user: 'jobs', uid: 1001, gid: 1001, home: '/home/jobs' }
  assert.equal((await plan(join(roots, 'job.mjs'), { runAs })).env.HOME, '/home/jobs')
  const refused = (message: RegExp) => ({ code: 'FIRESTEEL_RUN_AS_REFUSED', message })
  assert.throws(() => findUser('no-such-user'), refused(/no such user/))
  assert.throws(() => findUser('0'), refused(/it is root|is that user/))
  if (process.getuid?.() === 0) assert.equal(findUser('nobody').uid, 65_534)
  else assert.throws(() => findUser('nobody'), refused(/only root/))
})
