import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { test } from 'node:test'
import { runCommand } from '../harness/run-command.js'
import { waitUntil } from '../harness/wait-until.js'
import {
  atEnd,
  bin,
  errorOf,
  firesteel,
  folder,
  isAlive,
  smallCluster,
  startUp,
} from '../tools/command-fixture.js'
import { ASKING, statusOf } from '../tools/status.js'

test('up: lines, state in the folder, and nothing left after SIGTERM', async (t) => {
  const cwd = await folder(t, { 'c.yaml': smallCluster(2) })
  const up = await startUp(t, cwd, ['c.yaml'])
  const ready = await up.ready()
  assert.deepEqual(Object.keys(ready), ['event', 'cluster', 'master', 'nodes'])
  assert.equal(ready.cluster, 'test')
  assert.deepEqual(
    ready.nodes.map(({ name, role }) => [name, role]),
    [
      ['m1', 'master'],
      ['w1', 'worker'],
      ['w2', 'worker'],
    ],
  )
  for (const node of ready.nodes) {
    assert.deepEqual(Object.keys(node), ['name', 'role', 'pid', 'address', 'web', 'rest'])
    assert.match(node.address, /^firesteel:\/\/127\.0\.0\.1:\d+$/)
    assert.equal((await fetch(`${node.web}/healthz`)).status, 200)
    assert.equal(node.rest, null)
  }
  assert.equal(statSync(join(cwd, '.firesteel/secret')).mode & 0o777, 0o600)
  const state = JSON.parse(readFileSync(join(cwd, '.firesteel/cluster.json'), 'utf8')) as Record<
    string,
    unknown
  >
  assert.deepEqual([state.cluster, state.masters, state.pid], ['test', [ready.master], up.pid])
  const started = up.lines.filter(({ event }) => event === 'started')
  assert.equal(started.length, 3)

  const second = await firesteel(['up', '--json', 'c.yaml'], { cwd })
  assert.equal(second.code, 2)
  assert.equal(errorOf(second).code, 'FIRESTEEL_ALREADY_UP')

  up.signal('SIGTERM')
  assert.deepEqual(await up.exited, { code: 0, signal: null })
  const exited = up.lines.flatMap((line) => (line.event === 'exited' ? [line] : []))
  assert.equal(exited.at(-1)?.node, 'm1', 'Workers first')
  assert.deepEqual(
    exited.map(({ code, signal }) => [code, signal]),
    [
      [0, null],
      [0, null],
      [0, null],
    ],
  )
  for (const { pid, web } of ready.nodes) {
    assert.ok(!isAlive(pid))
    await assert.rejects(fetch(`${web}/healthz`))
  }
  assert.ok(!existsSync(join(cwd, '.firesteel/cluster.json')))
  assert.deepEqual(readdirSync(join(cwd, '.firesteel')).sort(), ['secret', 'work'])
})

test('up: a killed Master is back at the same port with the Workers, in a higher epoch', async (t) => {
  const cwd = await folder(t, { 'c.yaml': smallCluster() })
  const up = await startUp(t, cwd, ['c.yaml'])
  const ready = await up.ready()
  const master = ready.nodes[0]!
  const json = async (): Promise<{ status: string; aliveworkers: number; firesteel: { epoch: number } }> =>
    (await fetch(`${master.web}/json/`)).json() as ReturnType<typeof json>
  const before = await json()
  process.kill(master.pid, 'SIGKILL')
  const after = await waitUntil('the Master to be ALIVE with its Worker', async () => {
    const now = await json()
    const isBack = now.firesteel.epoch > before.firesteel.epoch && now.status === 'ALIVE'
    return isBack && now.aliveworkers === 1 ? now : undefined
  })
  assert.ok(after.firesteel.epoch > before.firesteel.epoch)
  const exited = up.lines.find(({ event }) => event === 'exited')
  assert.deepEqual(exited, { event: 'exited', node: 'm1', pid: master.pid, code: null, signal: 'SIGKILL' })
  const again = up.lines.filter((line) => line.event === 'started' && line.node === 'm1')
  assert.equal(again.length, 2)
  up.signal('SIGINT')
  assert.equal((await up.exited).code, 130)
})

test('up: a terminal that closes stops it in order', async (t) => {
  const cwd = await folder(t, { 'c.yaml': smallCluster() })
  const up = await startUp(t, cwd, ['c.yaml'])
  const { nodes } = await up.ready()
  up.signal('SIGHUP')
  assert.deepEqual(await up.exited, { code: 0, signal: null })
  assert.deepEqual(
    nodes.filter(({ pid }) => isAlive(pid)),
    [],
  )
})

test('up: its nodes end when it is killed itself', async (t) => {
  const cwd = await folder(t, { 'c.yaml': smallCluster() })
  const up = await startUp(t, cwd, ['c.yaml'])
  const ready = await up.ready()
  process.kill(up.pid, 'SIGKILL')
  await waitUntil('the nodes to end', () => ready.nodes.every(({ pid }) => !isAlive(pid)))
  // And the folder is not blocked by the dead.
  const again = await startUp(t, cwd, ['c.yaml'])
  await again.ready()
})

test('up without a file: a port that is taken is said once, exit 2, nothing left', async (t) => {
  const server = createServer().listen(0, '127.0.0.1')
  t.after(() => server.close())
  await waitUntil('a port', () => server.listening)
  const { port } = server.address() as { port: number }
  const cwd = await folder(t, {
    'c.yaml': `masters: [{port: 0, web: ${port}}]\nworkers: [{port: 0, web: 0}]\n`,
  })
  const outcome = await firesteel(['up', '--json', 'c.yaml'], { cwd })
  assert.equal(outcome.code, 2)
  const error = errorOf(outcome)
  assert.equal(error.code, 'FIRESTEEL_PORT_IN_USE')
  assert.match(error.message, new RegExp(`127\\.0\\.0\\.1:${port}`))
  assert.ok(!existsSync(join(cwd, '.firesteel/cluster.json')))
})

test('up --detach returns when ready; commands find it; down stops it', async (t) => {
  const cwd = await folder(t, { 'c.yaml': smallCluster() })
  const started = await firesteel(['up', 'c.yaml', '--detach', '--json'], { cwd })
  atEnd(t, () => firesteel(['down'], { cwd }))
  assert.equal(started.code, 0, started.stderr)
  const ready = JSON.parse(started.stdout.trim().split('\n').at(-1) ?? '') as { nodes: { pid: number }[] }
  assert.equal(ready.nodes.length, 2)
  const status = await firesteel(['status', '--json'], { cwd })
  assert.equal(status.code, 0, status.stderr)
  const down = await firesteel(['down', '--json'], { cwd })
  assert.deepEqual(JSON.parse(down.stdout), { stopped: true })
  for (const { pid } of ready.nodes) assert.ok(!isAlive(pid))
  assert.deepEqual(JSON.parse((await firesteel(['down', '--json'], { cwd })).stdout), { stopped: false })
})

test('commands in the folder find a secret that is in the file of the deployment', async (t) => {
  const file = `${smallCluster()}security: {file: kept}\n`
  const cwd = await folder(t, { 'c.yaml': file, kept: `${'k'.repeat(40)}\n` })
  await (await startUp(t, cwd, ['c.yaml'])).ready()
  assert.ok(!existsSync(join(cwd, '.firesteel/secret')))
  const status = await firesteel(['status', '--json'], { cwd })
  assert.equal(status.code, 0, status.stderr)
})

test('up --detach says why the cluster could not start', async (t) => {
  const cwd = await folder(t, { 'c.yaml': 'masters: [{port: 0, web: 0}]\nsecurity: {file: ./none}\n' })
  const outcome = await firesteel(['up', 'c.yaml', '--detach', '--json'], { cwd })
  assert.equal(outcome.code, 2)
  assert.equal(errorOf(outcome).code, 'FIRESTEEL_SECRET_MISSING')
})

test('up --ephemeral keeps everything in its folder, which goes with its standard input', async (t) => {
  const cwd = await folder(t)
  const { code, stdout, stderr } = await firesteel(
    ['up', '--json', '--ephemeral', 'e', '--cores', '1', '--memory', '512m', '--until-stdin-ends'],
    { cwd, input: '' },
  )
  assert.equal(code, 0, stderr)
  assert.deepEqual(readdirSync(cwd), [])
  assert.match(stdout, /"event":"started"/)
})

test('submissions of a file are made once per content, over restarts', async (t) => {
  const cwd = await folder(t, {
    'job.mjs': 'process.stdout.write("ran\\n")',
    'c.yaml': `${smallCluster()}submissions: [{name: nightly, main: ./job.mjs}]\n`,
  })
  const drivers = async (): Promise<{ id: string; name: string; state: string }[]> => {
    const { stdout } = await firesteel(['status', '--json'], { cwd })
    return (JSON.parse(stdout) as { drivers: { id: string; name: string; state: string }[] }).drivers
  }
  const up = await startUp(t, cwd, ['c.yaml'])
  await up.ready()
  const first = await waitUntil('the driver to finish', async () => {
    const list = await drivers()
    return list[0]?.state === 'FINISHED' ? list : undefined
  })
  assert.deepEqual([first.length, first[0]?.name], [1, 'nightly'])
  up.signal('SIGTERM')
  await up.exited
  const again = await startUp(t, cwd, ['c.yaml'])
  await again.ready()
  await waitUntil('the submission to be answered', () => again.stderr().includes('nightly: driver-'))
  assert.deepEqual(
    (await drivers()).map(({ id }) => id),
    [first[0]?.id],
  )
})

test('master and worker: single nodes that find each other', async (t) => {
  const cwd = await folder(t, { 'm.yaml': 'masters: [{port: 0, web: 0}]\n' })
  const up = await startUp(t, cwd, ['m.yaml'])
  const ready = await up.ready()
  const controller = new AbortController()
  const worker = runCommand({
    command: process.execPath,
    args: [
      bin,
      ...[
        'worker',
        '--master',
        ready.master,
        '--name',
        'joined',
        '--web',
        '0',
        '--cores',
        '1',
        '--memory',
        '512m',
      ],
      ...['--resource', 'gpu=0,1', '--label', 'zone=a', '--json'],
    ],
    cwd,
    env: { PATH: process.env.PATH ?? '' },
    signal: controller.signal,
  })
  const seen = await waitUntil(
    'the Worker to be registered',
    async () => {
      return statusOf<{ resources: unknown; labels: unknown; cores: number }>({ directory: cwd }, 'joined')
    },
    ASKING,
  )
  assert.deepEqual([seen.resources, seen.labels, seen.cores], [{ gpu: ['0', '1'] }, { zone: 'a' }, 1])
  controller.abort()
  const outcome = await worker
  assert.equal(outcome.code, 130)
  assert.match(outcome.stdout, /"event":"ready"/)
})
