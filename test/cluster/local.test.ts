import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { connect } from '../../actors/client/connect.js'
import { type EmbeddedMaster, startEmbeddedCluster } from '../../actors/client/embedded-cluster.js'
import { childEnvironment } from '../../runtime/process/environment.js'
import { runCommand } from '../harness/run-command.js'
import { firesteel, folder } from '../tools/command-fixture.js'

const client = fileURLToPath(new URL('../../actors/client/index.js', import.meta.url))

const tasks = `
export function greet() {
  console.log('a task says', process.env.GREETING)
  console.error('and warns')
  return process.env.GREETING
}
`
const main = `
import { connect } from ${JSON.stringify(client)}
const app = await connect(process.argv[2] || undefined, { cores: 1 })
const { greet } = app.tasks(new URL('./tasks.mjs', import.meta.url))
console.log('value', await greet())
await app.close()
`
const files = {
  'tasks.mjs': tasks,
  'main.mjs': main,
  'job.mjs': "console.log('a driver says', process.env.GREETING)",
}
const env = { GREETING: 'hello' }

test("connect('local'): tasks have the environment and the console of the program", async (t) => {
  const cwd = await folder(t, files)
  const outcome = await runCommand({
    command: process.execPath,
    args: ['main.mjs', 'local'],
    cwd,
    env: { ...childEnvironment(), ...env },
  })
  assert.equal(outcome.code, 0, outcome.stderr)
  assert.match(outcome.stdout, /^value hello$/m)
  assert.match(outcome.stdout, /a task says hello$/m)
  assert.match(outcome.stderr, /and warns$/m)
})

test('run and submit with --master local: so do the work of the program, and a driver', async (t) => {
  const cwd = await folder(t, files)
  const run = await firesteel(['run', '--master', 'local', 'main.mjs'], { cwd, env })
  assert.equal(run.code, 0, run.stderr)
  assert.match(run.stdout, /^value hello$/m)
  assert.match(run.stdout, /a task says hello$/m)
  const submit = await firesteel(['submit', '--master', 'local', '--wait', 'job.mjs'], { cwd, env })
  assert.equal(submit.code, 0, submit.stderr)
  assert.equal(submit.stdout.match(/^a driver says hello$/gm)?.length, 1)
  const lines = await firesteel(['submit', '--master', 'local', '--wait', '--json', 'job.mjs'], { cwd, env })
  for (const line of lines.stdout.trim().split('\n'))
    assert.ok(JSON.parse(line), 'and with --json not at all')
})

test('a cluster of one’s own names its Master once, before its Workers are ready', async () => {
  const order: (EmbeddedMaster | 'ready')[] = []
  const cluster = await startEmbeddedCluster({ cores: 1, onMaster: (found) => order.push(found) })
  order.push('ready')
  const { cluster: name, master, secret } = cluster
  await cluster.stop()
  assert.deepEqual(order, [{ cluster: name, master, secret }, 'ready'])
})

test("connect('local') that is aborted rejects with the reason, wherever its start is, and leaves nothing", async () => {
  for (const afterMs of [0, 100, 200, 300, 400, 600, 800, 1200]) {
    const ending = new AbortController()
    const reason = new Error(`after ${afterMs} ms`)
    const opening = connect('local', { local: { cores: 1 }, signal: ending.signal })
    const timer = setTimeout(() => ending.abort(reason), afterMs)
    const outcome = await opening.then(
      (app) => app.close().then(() => 'opened'),
      (error: unknown) => error,
    )
    clearTimeout(timer)
    assert.ok(outcome === reason || outcome === 'opened', String(outcome))
    assert.equal(readFileSync(`/proc/self/task/${process.pid}/children`, 'utf8'), '')
    if (outcome === 'opened') return
  }
})
