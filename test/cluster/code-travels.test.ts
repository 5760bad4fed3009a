import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { parse, stringify } from 'yaml'
import type { ExecutorFailure } from '../../actors/client/app.js'
import { type App, connect } from '../../actors/client/index.js'
import { createTestCluster, type TestCluster } from '../harness/index.js'
import { waitUntil } from '../harness/wait-until.js'
import { writeFiles } from '../tools/code-folder.js'
import { firesteel } from '../tools/command-fixture.js'
import { FarWorker, farWorkersRefused } from '../tools/far-workers.js'

/* Applications whose code lies on no Worker: it travels, once for each. */

const skip = await farWorkersRefused()

const FILES = {
  'package.json': JSON.stringify({
    type: 'module',
    dependencies: { dep: '1' },
    devDependencies: { dev: '1' },
  }),
  'lib/tasks.js': `
import { readFileSync } from 'node:fs'
import { threadId } from 'node:worker_threads'
import { dep } from 'dep'
import { word } from './word.js'
export const where = () => ({
  url: import.meta.url, cwd: process.cwd(), dep, word,
  data: readFileSync(new URL('../data.txt', import.meta.url), 'utf8'),
})
export const dev = async () => (await import('dev')).default
`,
  'lib/word.js': "export const word = 'first'",
  'data.txt': 'data',
  'node_modules/dep/package.json': JSON.stringify({ name: 'dep', main: 'index.cjs' }),
  'node_modules/dep/index.cjs': "exports.dep = 'a dependency'",
  'node_modules/dev/package.json': JSON.stringify({ name: 'dev' }),
  'node_modules/dev/index.js': 'module.exports = 1',
}

interface Where {
  readonly url: string
  readonly cwd: string
  readonly dep: string
  readonly word: string
  readonly data: string
}
interface Tasks {
  where(): Where
  dev(): number
}

let cluster: TestCluster
let project: string
const workers: FarWorker[] = []

async function far(name: string): Promise<FarWorker> {
  const { address, secret } = cluster
  const worker = await FarWorker.start({
    name,
    address,
    secret,
    cluster: 'test',
    hidden: [project],
    label: 'far=yes',
  })
  workers.push(worker)
  return worker
}

/** An application on far Workers only. */
const connectFar = (executors: number, code?: URL): Promise<App> =>
  connect(cluster.address, {
    secret: cluster.secret,
    executors,
    executor: { on: { far: 'yes' }, memory: '128m' },
    ...(code && { code }),
  })
const tasksOf = (app: App) => app.tasks<Tasks>(pathToFileURL(join(project, 'lib/tasks.js')))
const codesOf = (worker: FarWorker): string[] =>
  readdirSync(worker.cache).filter((name) => !name.startsWith('.'))

before(async () => {
  if (skip) return
  project = await mkdtemp(join(tmpdir(), 'firesteel-project-'))
  await writeFiles(project, FILES)
  cluster = await createTestCluster({ workers: 1, cores: 1 })
  await far('far1')
})

after(async () => {
  for (const worker of workers) await worker.stop()
  await cluster?.stop()
  if (project) await rm(project, { recursive: true, force: true })
})

test('tasks run on a Worker that has none of their files, with their production dependencies', {
  skip,
}, async () => {
  await using app = await connectFar(1)
  const { where, dev } = tasksOf(app)
  const { url, cwd, dep, word, data } = await where()
  assert.deepEqual([dep, word, data], ['a dependency', 'first', 'data'])
  assert.match(url, /\/code\/[0-9a-f]{64}\/files\/lib\/tasks\.js$/)
  // The folder of this test's process is no part of the code: an executor has its own work folder then.
  assert.match(cwd, /\/work\/far1\/app-.*\/\d+$/)
  await assert.rejects(dev(), { code: 'FIRESTEEL_TASK_FAILED' })
})

test('a Worker that joins later runs a task; the same code does not come twice; a change brings another', {
  skip,
}, async () => {
  await using app = await connectFar(3)
  const { where } = tasksOf(app)
  await where()
  const far2 = await far('far2')
  await waitUntil('an executor on far2', () =>
    app.executors.some(({ workerId }) => workerId.startsWith('far2')),
  )
  await waitUntil('the code on far2', () => codesOf(far2).length === 1)
  assert.deepEqual(codesOf(far2), codesOf(workers[0]!))
  await writeFiles(project, { 'lib/word.js': "export const word = 'second'" })
  await using changed = await connectFar(1, pathToFileURL(`${project}/`))
  assert.equal((await tasksOf(changed).where()).word, 'second')
  // Who runs has the code that it began with.
  assert.equal((await where()).word, 'first')
})

test('code that cannot travel is said to the application, with the file', { skip }, async () => {
  await writeFiles(project, { secret: { to: '/etc/hostname' } })
  await using app = await connectFar(1)
  const failures: ExecutorFailure[] = []
  app.on('executorFailed', (failure) => void failures.push(failure))
  const { where } = tasksOf(app)
  const result = where()
  await waitUntil('a failure', () => failures.length > 0)
  const [{ reason }] = failures as [ExecutorFailure]
  assert.equal(reason.kind === 'start' && reason.code, 'FIRESTEEL_CODE_UNREADABLE')
  await rm(join(project, 'secret'))
  // It was mended, and the next launch finds it so.
  assert.equal((await result).dep, 'a dependency')
})

const driver = `
import { readFileSync, writeFileSync } from 'node:fs'
import { dep } from 'dep'
import { word } from './lib/word.js'
console.log(JSON.stringify({
  dep, word, url: import.meta.url, cwd: process.cwd(),
  data: readFileSync('data.txt', 'utf8'),
}))`

/** Submits to a Worker that does not see the files of this test. */
const submitFar = (cwd: string, ...args: readonly string[]) =>
  firesteel(['submit', '--master', cluster.address, '--on', 'far=yes', ...args], {
    cwd,
    env: { FIRESTEEL_SECRET: cluster.secret },
  })

test('a driver runs on a Worker that has none of its files, also after its submitter is gone', {
  skip,
}, async () => {
  await writeFiles(project, { 'job.js': driver })
  const submitProject = () => submitFar(project, '--memory', '64m', '--wait', '.')
  const first = await submitProject()
  assert.equal(first.code, 2, 'there is no main program yet')
  await writeFiles(project, {
    'package.json': JSON.stringify({ type: 'module', main: 'job.js', dependencies: { dep: '1' } }),
  })
  const { code, stdout, stderr } = await submitProject()
  assert.equal(code, 0, stderr)
  const said = JSON.parse(/^\{.*\}$/m.exec(stdout)?.[0] ?? stderr) as Where
  assert.deepEqual([said.dep, said.data], ['a dependency', 'data'])
  assert.match(said.url, /\/code\/[0-9a-f]{64}\/files\/job\.js$/)
  // It was submitted in its folder, so it runs in it.
  assert.equal(`${said.cwd}/job.js`, new URL(said.url).pathname)
  assert.match(stderr, /Sent .* of code \(/)
  // Two Workers hold it, so nothing is sent again.
  const again = await submitProject()
  assert.equal(again.code, 0, again.stderr)
  assert.doesNotMatch(again.stderr, /Sent/)
})

test('a submission of a deployment file runs on a Worker that has none of its files', { skip }, async () => {
  const folder = join(project, 'deployed')
  await writeFiles(folder, {
    'package.json': JSON.stringify({ type: 'module' }),
    'job.js': "console.log('ran in', import.meta.url)",
  })
  const file = join(cluster.directory, 'cluster.yaml')
  const main = join(folder, 'job.js')
  const submissions = [{ name: 'deployed', main, memory: '64m', on: { far: 'yes' } }]
  await writeFile(file, stringify({ ...parse(await readFile(file, 'utf8')), submissions }))
  const { code, stdout, stderr } = await cluster.cli(['apply', file])
  assert.equal(code, 0, stderr)
  assert.match(stdout, /deployed/)
  const state = async () => (await cluster.status()).drivers.find(({ name }) => name === 'deployed')?.state
  await waitUntil('its end', async () => (await state()) === 'FINISHED')
  const logs = await cluster.cli(['logs', 'deployed'])
  assert.match(logs.stdout, /ran in file:.*\/code\/[0-9a-f]{64}\/files\/job\.js/)
})

test('--no-code leaves it to the Workers, as before', { skip }, async () => {
  const { code, stdout } = await submitFar(project, '--no-code', '--memory', '64m', 'job.js')
  assert.equal(code, 0)
  const id = stdout.split(' ')[0] ?? ''
  const status = await waitUntil('its failure', async () => {
    const text = await cluster.cli(['status', id, '--json'])
    return /MAIN_NOT_FOUND|FOLDER_MISSING/.test(text.stdout) && text.stdout
  })
  assert.match(String(status), /does not exist on/)
  await cluster.cli(['kill', id])
})

test('code ls lists what Workers have, and code rm removes what nothing uses', { skip }, async () => {
  const env = { FIRESTEEL_SECRET: cluster.secret }
  const code = async (...args: string[]) =>
    firesteel(['code', ...args, '--master', cluster.address, '--json'], { cwd: project, env })
  await using app = await connectFar(1)
  const { url } = await tasksOf(app).where()
  const used = /\/code\/([0-9a-f]{64})\//.exec(url)?.[1] as string
  const listed = JSON.parse((await code('ls')).stdout) as { id: string; files: number; heldOn: string[] }[]
  const own = listed.find(({ id }) => id === used)
  assert.ok(
    (own?.files ?? 0) > 5 && own?.heldOn.some((worker) => worker.startsWith('far')),
    JSON.stringify(listed),
  )
  const kept = await code('rm', used.slice(0, 20))
  assert.equal(kept.code, 1)
  assert.match(kept.stdout, /work uses it/)
  const idle = listed.find(({ heldOn }) => heldOn.length === 0)
  assert.ok(idle, 'there is code of work that has ended')
  assert.equal((await code('rm', idle.id)).code, 0)
  assert.ok(workers.every((worker) => !codesOf(worker).includes(idle.id)))
  const unknown = await code('rm', idle.id)
  assert.equal(unknown.code, 4)
  assert.match(unknown.stderr, /firesteel code ls/)
  const { stdout } = await firesteel(['code', 'ls', '--master', cluster.address], { cwd: project, env })
  assert.match(stdout, /^CODE +SIZE +FILES +USED +WORKERS +IN USE\n/)
})

test('tasks and drivers in TypeScript travel as they are', { skip }, async () => {
  await writeFiles(project, {
    'lib/typed.ts': "import { two } from './two.ts'\nexport const four = (): number => two * two",
    'lib/two.ts': 'type Two = 2\nexport const two: Two = 2',
    'typed-job.ts':
      "import { four } from './lib/typed.ts'\nconst value: number = four()\nconsole.log('it is', value)",
  })
  await using app = await connectFar(1)
  const typed = app.tasks<{ four(): number }>(pathToFileURL(join(project, 'lib/typed.ts')))
  assert.equal(await typed.four(), 4)
  const { code, stdout, stderr } = await submitFar(project, '--memory', '128m', '--wait', 'typed-job.ts')
  assert.equal(code, 0, stderr)
  assert.match(stdout, /^it is 4$/m)
})

test('a program of the machine does not travel, nor does its folder', { skip }, async () => {
  const { code, stdout, stderr } = await submitFar('/', '--memory', '64m', '--wait', '/bin/echo', 'here')
  assert.equal(code, 0, stderr)
  assert.match(stdout, /^here$/m)
  assert.doesNotMatch(stderr, /Sent/)
})
