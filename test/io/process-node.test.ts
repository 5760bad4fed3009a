import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { startChild } from '../../runtime/process/child.js'
import { childEnvironment } from '../../runtime/process/environment.js'
import { identityOf, isAlive } from '../../runtime/process/find-process.js'
import { prepareNode } from '../../runtime/process/node-process.js'
import { waitUntil } from '../harness/wait-until.js'
import { startNode } from '../tools/start-node.js'

const moduleUrl = (name: string): string => new URL(`../../runtime/process/${name}`, import.meta.url).href
const SECRET = 'secret-of-this-cluster-0123456789'

/** A node: says it is ready with what it was told, echoes, and stops in order when its launcher is gone. */
async function nodeScript(t: TestContext): Promise<{ folder: string; script: string }> {
  const folder = await mkdtemp(join(tmpdir(), 'firesteel-node-'))
  t.after(() => rm(folder, { recursive: true }))
  const script = join(folder, 'node.mjs')
  await writeFile(
    script,
    `import { execFileSync } from 'node:child_process'
     import { writeFileSync } from 'node:fs'
     import { openNodeControl } from ${JSON.stringify(moduleUrl('node-control.js'))}
     const control = await openNodeControl()
     const file = control.spec.folder + '/descriptors'
     if (process.platform === 'linux') execFileSync('sh', ['-c', 'ls -l /proc/self/fd > "$0"', file], { stdio: 'ignore' })
     control.send({ event: 'ready', pid: process.pid, secret: control.spec.secret })
     control.onMessage((message) => control.send({ event: 'echo', message }))
     setInterval(() => {}, 1000)
     await control.launcherGone
     writeFileSync(control.spec.folder + '/stopped', 'in order')
     process.exit(0)`,
  )
  return { folder, script }
}

test('a node gets its secret by the pipe, talks to its launcher, and passes the pipe on to nobody', async (t) => {
  const { folder, script } = await nodeScript(t)
  const events: { event: string; [key: string]: unknown }[] = []
  const node = await startNode({
    script,
    args: ['worker'],
    spec: { secret: SECRET, folder },
    cwd: folder,
    env: childEnvironment(),
    stdout: 'ignore',
    stderr: 'inherit',
    onEvent: (event) => events.push(event as (typeof events)[number]),
  })
  t.after(() => node.stop({ graceMs: 0 }))
  node.send({ hello: 1 })
  await waitUntil('ready and echo', () => events.length === 2)
  assert.deepEqual([events[0]!.pid, events[0]!.secret], [node.pid, SECRET])
  assert.deepEqual(events[1], { event: 'echo', message: { hello: 1 } })
  if (process.platform === 'linux') {
    const descriptors = await readFile(join(folder, 'descriptors'), 'utf8')
    assert.match(descriptors, /0 -> \/dev\/null/)
    assert.ok(!descriptors.includes('socket:'), descriptors)
    for (const name of ['cmdline', 'environ']) {
      assert.ok(!(await readFile(`/proc/${node.pid}/${name}`, 'utf8')).includes(SECRET))
    }
  }
  assert.equal((await node.stop({ graceMs: 5_000 })).signal, 'SIGTERM')
})

test('a node that is prepared waits for what it is, and begins or is discarded', async (t) => {
  const { folder, script } = await nodeScript(t)
  const program = { script, args: [], cwd: folder, env: childEnvironment() }
  const outputs = { stdout: 'ignore', stderr: 'inherit' } as const
  const [prepared, spare] = await Promise.all([
    prepareNode({ ...program, ...outputs }),
    prepareNode({ ...program, ...outputs }),
  ])
  const events: { event: string; pid?: number }[] = []
  const node = prepared.begin({
    spec: { secret: SECRET, folder },
    onEvent: (event) => events.push(event as (typeof events)[number]),
  })
  t.after(() => node.stop({ graceMs: 0 }))
  await waitUntil('ready', () => events.length === 1)
  assert.deepEqual([events[0]?.event, events[0]?.pid], ['ready', node.pid])
  const exited = spare.begin({ spec: { secret: SECRET, folder }, onEvent: () => undefined }).exited
  spare.discard()
  assert.equal((await exited).signal, 'SIGKILL')
  assert.equal((await node.stop({ graceMs: 5_000 })).signal, 'SIGTERM')
})

test('kill -9 of the launcher: its node stops in order', async (t) => {
  const { folder, script } = await nodeScript(t)
  const code = `const { prepareNode } = await import(${JSON.stringify(moduleUrl('node-process.js'))})
    const { begin } = await prepareNode({ script: ${JSON.stringify(script)}, args: [],
      cwd: '/', env: { PATH: process.env.PATH }, stdout: 'ignore', stderr: 'inherit' })
    begin({ spec: { secret: 'x', folder: ${JSON.stringify(folder)} },
      onEvent: (event) => event.event === 'ready' && process.stdout.write(event.pid + '\\n') })`
  const launcher = await startChild({
    command: process.execPath,
    args: ['--input-type=module', '-e', code],
    cwd: folder,
    env: childEnvironment(),
    stdout: 'pipe',
    stderr: 'inherit',
    ownGroup: true,
    followDescendants: false,
  })
  t.after(() => launcher.stop({ graceMs: 0 }))
  const pid = Number(await new Promise((resolve) => launcher.stdout!.once('data', resolve)))
  const node = identityOf(pid)!
  t.after(() => isAlive(node) && process.kill(pid, 'SIGKILL'))
  assert.equal(isAlive(node), true)
  launcher.signal('SIGKILL')
  await waitUntil('the node has stopped', () => !isAlive(node))
  assert.equal(await readFile(join(folder, 'stopped'), 'utf8'), 'in order')
})

test('a node command without a launcher is a usage error', () => {
  const code = `const { openNodeControl } = await import(${JSON.stringify(moduleUrl('node-control.js'))})
    await openNodeControl().catch((error) => { console.log(error.code); process.exit(2) })`
  const { stdout, status } = spawnSync(process.execPath, ['--input-type=module', '-e', code], {
    encoding: 'utf8',
  })
  assert.deepEqual([stdout.trim(), status], ['FIRESTEEL_USAGE', 2])
})

test('a detached process says it is ready and outlives who started it', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'firesteel-detach-'))
  const inner = `const { openInheritedControl } = await import(${JSON.stringify(moduleUrl('inherited-pipe.js'))})
    const control = openInheritedControl()
    control.onMessage((boot) => { console.log('boot', boot.name); control.send({ event: 'ready' }) })
    await control.ended
    console.log('let go'); setInterval(() => {}, 1000)`
  const code = `const { startDetached } = await import(${JSON.stringify(moduleUrl('detach.js'))})
    const detached = await startDetached({ command: process.execPath, args: ['--input-type=module', '-e', ${JSON.stringify(inner)}],
      cwd: '/', env: { PATH: process.env.PATH }, outputPath: ${JSON.stringify(join(folder, 'up.log'))}, boot: '{"name":"d"}' })
    await new Promise((resolve) => detached.control.onMessage(resolve))
    console.log(detached.pid)
    detached.release()`
  // It ends by itself: nothing of the detached process keeps it.
  const { stdout, stderr, status } = spawnSync(process.execPath, ['--input-type=module', '-e', code], {
    encoding: 'utf8',
    timeout: 10_000,
  })
  assert.deepEqual([stderr, status], ['', 0])
  const detached = identityOf(Number(stdout))!
  t.after(async () => {
    if (isAlive(detached)) process.kill(detached.pid, 'SIGKILL')
    await rm(folder, { recursive: true })
  })
  assert.equal(isAlive(detached), true)
  const log = () => readFile(join(folder, 'up.log'), 'utf8')
  await waitUntil('its output', async () => (await log()) === 'boot d\nlet go\n')
  assert.equal(isAlive(detached), true)
})
