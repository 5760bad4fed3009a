import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readlinkSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { startChild } from '../../runtime/process/child.js'
import { childEnvironment } from '../../runtime/process/environment.js'
import { readProcessTable } from '../../runtime/process/process-table.js'
import { startRedis } from '../harness/index.js'
import { anyDebuggerPort } from '../harness/up-process.js'
import { waitUntil } from '../harness/wait-until.js'
import { atEnd, bin, firesteel, folder, isAlive, startUp, type Up } from '../tools/command-fixture.js'
import { evaluateIn } from '../tools/node-debugger.js'

/* A node that has failed ends within a second and is started again; nothing that it started lives on. */

const single = 'recovery: {mode: FILESYSTEM}\nmasters: [{name: m1, port: 0, web: 0}]'
const clusterOf = (masters: string): string => `
cluster: test
${masters}
scheduling: {workerTimeout: 10s}
workers: [{name: w1, port: 0, web: 0, cores: 2, memory: 1g}]
logging: {level: warn, format: json}
`
/**
 * A node ends within a second, and the rest of this time is for a busy machine. A node that ends later has
 * waited for something that it must not wait for, such as a peer that says nothing.
 */
const END_MS = 10_000
/**
 * Throws wherever the time is asked for by this class: in the actor's handler, at its next message. The files
 * of a node are bundled, so that a stack trace names no file of ours.
 */
const plantIn = (className: string): string => `{
  const now = performance.now.bind(performance)
  performance.now = () => {
    if (new Error().stack.includes('${className}.')) throw new Error('planted')
    return now()
  }
}`

interface LogLine {
  readonly node: string
  readonly message: string
}

const logOf = (up: Up, node: string): LogLine[] =>
  up
    .stderr()
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as LogLine)
    .filter((line) => line.node === node)

interface Trial {
  /** The Masters, and how the state is kept. Default: one. */
  readonly masters?: string
  /** Which of the Masters, or the Worker. */
  readonly role: 'ALIVE' | 'STANDBY' | 'Worker'
  readonly plant: string
  /** The first line that tells of it. */
  readonly told: string
}

interface Started {
  readonly name: string
  readonly pid: number
  readonly web?: string | null
}

/** The node that plays this role. */
async function nodeOf(nodes: readonly Started[], role: Trial['role']): Promise<Started> {
  if (role === 'Worker') return nodes.find(({ name }) => name === 'w1')!
  return waitUntil(`a Master that is ${role}`, async () => {
    for (const node of nodes.filter(({ name }) => name.startsWith('m'))) {
      const answer = await fetch(`${node.web}/json/`)
      if (((await answer.json()) as { status: string }).status === role) return node
    }
    return undefined
  })
}

async function fails(t: TestContext, { masters = single, role, plant, told }: Trial): Promise<void> {
  const cwd = await folder(t, { 'c.yaml': clusterOf(masters) })
  const up = await startUp(t, cwd, ['c.yaml'], anyDebuggerPort)
  const { nodes } = await up.ready()
  const { name: node, pid, web } = await nodeOf(nodes, role)
  const submit = ['submit', '--json', '--supervise', '--memory', '16m', '/bin/sleep', '8642']
  const { id } = JSON.parse((await firesteel(submit, { cwd })).stdout) as { id: string }
  const running = async (): Promise<boolean> => {
    const { stdout } = await firesteel(['status', id, '--json'], { cwd })
    return stdout !== '' && (JSON.parse(stdout) as { state: string }).state === 'RUNNING'
  }
  await waitUntil('the driver to run', running)
  const before = sleepers(cwd)
  assert.equal(before.length, 1)
  // Somebody who is connected and says nothing holds nothing up.
  const idle = connect(Number(new URL(web!).port), '127.0.0.1')
  t.after(() => idle.destroy())
  idle.on('error', () => undefined)
  await once(idle, 'connect')

  await evaluateIn(pid, plant)
  const exited = await waitUntil(
    `${node} to end`,
    () => up.lines.find((line) => line.event === 'exited' && line.node === node),
    { deadlineMs: END_MS },
  )
  assert.deepEqual(exited, { event: 'exited', node, pid, code: 1, signal: null })
  assert.ok(!isAlive(pid))
  const lines = logOf(up, node)
  assert.ok(
    lines.some(({ message }) => message === told),
    up.stderr(),
  )
  assert.equal(lines.at(-1)?.message, 'this node ends: it cannot go on')
  assert.match(up.stderr(), /planted/)
  await waitUntil(`${node} to be started again`, () =>
    up.lines.find((line) => line.event === 'started' && line.node === node && line.pid !== pid),
  )
  const isRight = async (): Promise<boolean> => {
    const [now, ...others] = sleepers(cwd)
    // A driver does not outlive its Worker, and does not notice its Master.
    return (
      now !== undefined && others.length === 0 && (now === before[0]) === (role !== 'Worker') && running()
    )
  }
  await waitUntil('the driver to run once', isRight)
}

/** The processes of the driver. */
function sleepers(cwd: string): number[] {
  const pids: number[] = []
  for (const { pid } of readProcessTable().values()) {
    try {
      const at = readlinkSync(join('/proc', String(pid), 'cwd'))
      const program = readlinkSync(join('/proc', String(pid), 'exe'))
      if (at === cwd && program.endsWith('sleep')) pids.push(pid)
    } catch {
      // It has ended, or is another user's.
    }
  }
  return pids
}

test('the actor of a Worker throws', (t) =>
  fails(t, { role: 'Worker', plant: plantIn('WorkerShell'), told: 'an actor failed' }))

test('the actor of a STANDBY Master throws', async (t) => {
  const redis = await startRedis()
  t.after(() => redis.stop())
  const place = (name: string): string => `{name: ${name}, port: 0, web: 0}`
  const masters = `recovery: {mode: REDIS, redis: "${redis.url}"}\nmasters: [${place('m1')}, ${place('m2')}]`
  await fails(t, { masters, role: 'STANDBY', plant: plantIn('MasterShell'), told: 'an actor failed' })
})

test('a callback of a Worker throws', (t) => {
  // By then the debugger has closed.
  const plant = `void setTimeout(() => { throw new Error('planted') }, 500)`
  return fails(t, { role: 'Worker', plant, told: 'this node ends: it cannot go on' })
})

test('a promise of a Master is rejected', (t) => {
  const plant = `void setTimeout(() => Promise.reject(new Error('planted')), 500)`
  return fails(t, { role: 'ALIVE', plant, told: 'this node ends: it cannot go on' })
})

test('a node in the foreground ends as well, though nobody starts it again', async (t) => {
  const cwd = await folder(t)
  const child = await startChild({
    command: process.execPath,
    args: [bin, 'master', '--json', '--port', '0', '--web', '0'],
    cwd,
    env: childEnvironment(anyDebuggerPort),
    stdout: 'pipe',
    stderr: 'pipe',
    ownGroup: true,
  })
  atEnd(t, () => child.stop({ graceMs: 0 }))
  const said = { stdout: '', stderr: '' }
  for (const output of ['stdout', 'stderr'] as const) {
    child[output]?.on('data', (chunk: Buffer) => {
      said[output] += chunk
    })
  }
  await waitUntil('it to be ready', () => said.stdout.includes('"ready"'))
  await evaluateIn(child.pid, `void setTimeout(() => Promise.reject(new Error('planted')), 500)`)
  let exited: Awaited<typeof child.exited> | undefined
  void child.exited.then((end) => {
    exited = end
  })
  assert.deepEqual(await waitUntil('it to end', () => exited, { deadlineMs: END_MS }), {
    code: 1,
    signal: null,
  })
  await child.closed
  assert.match(said.stderr, /FIRESTEEL_INTERNAL[^\n]*planted/)
})
