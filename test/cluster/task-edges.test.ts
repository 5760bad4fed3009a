import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { connect } from '../../actors/client/connect.js'
import { createTestCluster, type TestCluster } from '../harness/index.js'
import { blockingCommand, isAlive, pidsIn } from '../tools/blocking-command.js'
import { closeDeadlineMs } from '../tools/close-deadline.js'
import { timeToBeginMs } from '../tools/time-to-begin.js'

/*
 * Tasks at their edges on a whole cluster: calls that nothing interrupts, imports that fail on one machine,
 * modules of every form. The parts are in `executor-blocking` and `executor-modules`.
 */

let cluster: TestCluster
let folder = ''
const path = (name: string): string => join(folder, name)

const files: Readonly<Record<string, string>> = {
  'blocks.mjs': `
import { execSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
export const sleeps = (command) => execSync(command, { encoding: 'utf8' })
export const reads = (file) => readFileSync(file, 'utf8')
const begins = (file) => writeFileSync(file, String(process.pid))
const memory = new Int32Array(new SharedArrayBuffer(4))
export const never = {
  execSync: (file) => { begins(file); execSync("trap '' TERM; sleep 600") },
  FIFO: (file) => { execSync('mkfifo ' + file + '.fifo'); begins(file); readFileSync(file + '.fifo') },
  loop: (file) => { begins(file); for (;;); },
  atomics: (file) => { begins(file); Atomics.wait(memory, 0, 0) },
}
export const neverEnds = (how, file) => never[how](file)
export const square = (n) => n * n`,
  'bad-on-w2.mjs': `
import { readFileSync } from 'node:fs'
const worker = /\\bw\\d\\b/.exec(readFileSync('/proc/' + process.ppid + '/cmdline', 'latin1'))[0]
if (worker === 'w2') throw new Error('the database of w2 is away')
export const where = async (n) => { await new Promise((resolve) => setTimeout(resolve, 10)); return worker }`,
  'literal.cjs': 'module.exports = { square: (n) => n * n }',
  'assigned.cjs': 'module.exports = Object.assign({}, { square: (n) => n * n })',
  'instance.cjs': 'module.exports = new (class { by = 1; square(n) { return n * n * this.by } })()',
  'function.cjs': 'module.exports = (n) => n * n\nmodule.exports.square = module.exports',
  'static.cjs': 'module.exports = class { static square(n) { return n * n } }',
  'compiled.cjs':
    'Object.defineProperty(exports, "__esModule", { value: true })\nexports.square = void 0\nexports.square = (n) => n * n',
  'default-object.mjs': 'export default { square: (n) => n * n }',
  'named.mjs': 'const square = (n) => n * n\nexport { square }',
}

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'firesteel-edges-'))
  for (const [name, content] of Object.entries(files)) await writeFile(path(name), content)
  cluster = await createTestCluster({ workers: 2, cores: 1 })
  await cluster.waitAlive()
})
after(async () => {
  await cluster.stop()
  await rm(folder, { recursive: true, force: true })
})

interface Blocks {
  sleeps(command: string): string
  reads(file: string): string
  neverEnds(how: string, file: string): void
  square(n: number): number
}

const block = (name: string): string => blockingCommand(path(name))

test('a task in execSync: one copy at a time, each costs its executor, none is left when it is rejected', async () => {
  const app = await cluster.connect({ name: 'blocks', executor: { memory: '64m' } })
  const lost: string[] = []
  app.on('executorLost', ({ reason }) => void lost.push(reason))
  const options = { timeout: timeToBeginMs, retries: 1 }
  const { sleeps } = app.tasks<Blocks>(pathToFileURL(path('blocks.mjs')), options)
  await assert.rejects(sleeps(block('timed')), { code: 'FIRESTEEL_TASK_TIMEOUT' })
  const pids = pidsIn(path('timed'))
  assert.equal(pids.length, 2, 'two attempts')
  assert.deepEqual(pidsIn(`${path('timed')}.beside`), [])
  assert.deepEqual(pids.filter(isAlive), [])
  assert.equal(lost.length, 2)
  for (const reason of lost) assert.match(reason, /in a call that nothing interrupts/)
  const { square } = app.tasks<Blocks>(pathToFileURL(path('blocks.mjs')))
  assert.equal(await square(6), 36, 'other executors have taken their place')
  assert.equal(app.stats().lost, 0, 'nobody else suffered')
  await app.close()
})

test('a read of a FIFO costs its executor', async () => {
  const app = await cluster.connect({ name: 'fifo', executor: { memory: '64m' } })
  const lost: number[] = []
  app.on('executorLost', ({ id }) => void lost.push(id))
  const module = pathToFileURL(path('blocks.mjs'))
  await app.tasks<Blocks>(module, { retries: 0 }).sleeps(`mkfifo ${path('fifo')}`)
  const { reads } = app.tasks<Blocks>(module, { timeout: timeToBeginMs, retries: 0 })
  await assert.rejects(reads(path('fifo')), { code: 'FIRESTEEL_TASK_TIMEOUT' })
  assert.equal(lost.length, 1)
  await app.close()
})

for (const how of ['execSync', 'FIFO', 'loop', 'atomics']) {
  test(`close() waits for no call that does not end, and neither does its executor: ${how}`, async () => {
    const app = await cluster.connect({ name: how, executor: { memory: '64m' } })
    const file = path(`never-${how}`)
    const { neverEnds } = app.tasks<Blocks>(pathToFileURL(path('blocks.mjs')))
    const ended = assert.rejects(neverEnds(how, file), { code: 'FIRESTEEL_APPLICATION_CLOSED' })
    const executor = await cluster.waitUntil('it to begin', () => pidsIn(file)[0])
    let isClosed = false
    const closing = app.close().then(() => {
      isClosed = true
    })
    const deadlineMs = closeDeadlineMs
    await cluster.waitUntil('the application to close', () => isClosed, { deadlineMs })
    await cluster.waitUntil('its executor to end', () => !isAlive(executor), { deadlineMs })
    await Promise.all([closing, ended])
  })
}

test('close() of a cluster of one’s own waits for no call that does not end', async () => {
  const ways = ['execSync', 'FIFO', 'loop', 'atomics']
  const app = await connect('local', { local: { cores: ways.length } })
  const { neverEnds } = app.tasks<Blocks>(pathToFileURL(path('blocks.mjs')))
  const files = ways.map((how) => path(`local-${how}`))
  const ends = ways.map((how, at) =>
    assert.rejects(neverEnds(how, files[at]!), { code: 'FIRESTEEL_APPLICATION_CLOSED' }),
  )
  await cluster.waitUntil('all to begin', () => files.every((file) => pidsIn(file)[0]))
  let isClosed = false
  const closing = app.close().then(() => {
    isClosed = true
  })
  const deadlineMs = closeDeadlineMs
  await cluster.waitUntil('the application to close', () => isClosed, { deadlineMs })
  await Promise.all([closing, ...ends])
  assert.deepEqual(files.flatMap(pidsIn).filter(isAlive), [])
})

test('a module that cannot be imported on one machine: every task has its result on the other, at most once too', async () => {
  const app = await cluster.connect({ name: 'half', executor: { memory: '64m' } })
  await cluster.waitUntil('both executors', () => app.executors.length === 2)
  const options = { retries: 0 }
  const { where } = app.tasks<{ where(n: number): string }>(pathToFileURL(path('bad-on-w2.mjs')), options)
  const ends: string[] = []
  for await (const { value, error } of app.each(where, Array(60).keys())) ends.push(value ?? String(error))
  assert.deepEqual(ends, Array(60).fill('w1'))
  const { retried, lost, failed } = app.stats()
  assert.deepEqual({ retried, lost, failed }, { retried: 0, lost: 0, failed: 0 })
  await app.close()
})

test('what a module exports is found however it is written', async () => {
  const app = await cluster.connect({ name: 'forms', executor: { memory: '64m' } })
  const forms = Object.keys(files).filter((name) => /\bsquare\b/.test(files[name]!) && name !== 'blocks.mjs')
  assert.equal(forms.length, 8)
  for (const form of forms) {
    const { square } = app.tasks<Blocks>(pathToFileURL(path(form)), { retries: 0 })
    assert.deepEqual(await Promise.all([2, 3].map((n) => square(n))), [4, 9], form)
  }
  await app.close()
})
