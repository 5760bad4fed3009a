import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { isFiresteelError } from '../../runtime/errors.js'
import { type Child, type ChildOptions, startChild } from '../../runtime/process/child.js'
import { childEnvironment } from '../../runtime/process/environment.js'
import { identityOf, isAlive, type ProcessIdentity } from '../../runtime/process/find-process.js'
import { type MemoryExcess, MemoryWatch } from '../../runtime/process/memory-watch.js'
import { GroupFollower } from '../../runtime/process/process-group.js'
import { readProcess } from '../../runtime/process/process-table.js'
import { signalMembers } from '../../runtime/process/send-signal.js'
import { waitUntil } from '../harness/wait-until.js'

const linux = process.platform === 'linux'

async function start(t: TestContext, options: Partial<ChildOptions>): Promise<Child> {
  const child = await startChild({
    command: process.execPath,
    args: [],
    cwd: tmpdir(),
    env: childEnvironment(),
    stdout: 'ignore',
    stderr: 'inherit',
    ownGroup: true,
    ...options,
  })
  t.after(() => child.stop({ graceMs: 0 }))
  return child
}

/** Runs code that prints pids, one a line; gives them as identities once all are there. */
async function startPrinting(
  t: TestContext,
  code: string,
  count: number,
  more: Partial<ChildOptions> = {},
): Promise<{ child: Child; pids: ProcessIdentity[] }> {
  const child = await start(t, { args: ['-e', code], stdout: 'pipe', ...more })
  let text = ''
  child.stdout!.on('data', (chunk) => {
    text += chunk
  })
  await waitUntil('the pids', () => text.split('\n').length > count)
  const pids = text
    .trim()
    .split('\n')
    .map((pid) => identityOf(Number(pid))!)
  t.after(() => {
    for (const identity of pids) if (isAlive(identity)) process.kill(identity.pid, 'SIGKILL')
  })
  return { child, pids }
}

const spawnSleeps = `const { spawn } = require('node:child_process')
  const same = spawn('sleep', ['600'], { stdio: 'ignore' })
  const own = spawn('sleep', ['600'], { stdio: 'ignore', detached: true })
  const shell = spawn('sh', ['-c', 'sleep 600 & echo $!; wait'])
  shell.stdout.on('data', (pid) => process.stdout.write(pid))
  console.log(same.pid + '\\n' + own.pid)`

test('a child that blocks its loop and ignores SIGTERM is stopped with all it started', async (t) => {
  const code = `process.on('SIGTERM', () => {}); ${spawnSleeps}; setTimeout(() => { for (;;); }, 300)`
  const { child, pids } = await startPrinting(t, code, 3)
  assert.ok(pids.every(isAlive))
  assert.equal(child.groupEmpty(), false)
  const exit = await child.stop({ graceMs: 200 })
  assert.deepEqual(exit, { code: null, signal: 'SIGKILL' })
  assert.deepEqual(pids.filter(isAlive), [])
  assert.equal(isAlive(child), false)
  assert.equal(child.groupEmpty(), true)
})

test('stop sends SIGTERM first, and a child that ends in order keeps its code', async (t) => {
  const code = `process.on('SIGTERM', () => process.exit(7)); console.log(process.pid); setInterval(() => {}, 1000)`
  const { child } = await startPrinting(t, code, 1)
  assert.deepEqual(await child.stop({ graceMs: 30_000 }), { code: 7, signal: null })
  assert.deepEqual(await child.stop({ graceMs: 0 }), { code: 7, signal: null })
})

test('the end of the leader ends what it left in its group; only then is the group gone', async (t) => {
  // This one holds out against SIGTERM until the grace is over.
  const stubborn = `process.on('SIGTERM', () => {}); console.log(process.pid); setInterval(() => {}, 1000)`
  const code = `const { spawn } = require('node:child_process')
    const child = spawn(process.execPath, ['-e', ${JSON.stringify(stubborn)}], { stdio: ['ignore', 'inherit', 'ignore'] })
    process.on('SIGUSR2', () => process.exit(3))
    setInterval(() => {}, 1000)`
  const { child, pids } = await startPrinting(t, code, 1, { leftoverGraceMs: 200 })
  let gone = false
  void child.groupGone.then(() => {
    gone = true
  })
  process.kill(child.pid, 'SIGUSR2')
  assert.deepEqual(await child.exited, { code: 3, signal: null })
  await Promise.resolve()
  assert.equal(gone, false)
  assert.equal(child.groupEmpty(), false)
  await child.groupGone
  assert.deepEqual(pids.filter(isAlive), [])
})

test('what left the session stays known once it was seen', { skip: !linux }, async (t) => {
  const code = `const { spawn } = require('node:child_process')
    console.log(spawn('sleep', ['600'], { stdio: 'ignore', detached: true }).pid)
    process.on('SIGUSR2', () => process.exit(0))
    setInterval(() => {}, 1000)`
  const { child, pids } = await startPrinting(t, code, 1)
  const watch = new MemoryWatch(0)
  watch.watch({ follower: child.follower })
  watch.look()
  assert.equal(isAlive(pids[0]!), true)
  process.kill(child.pid, 'SIGUSR2')
  await child.groupGone
  assert.deepEqual(pids.filter(isAlive), [])
})

test('what leaves the group between a look and the signal to the group gets the signal too', async (t) => {
  const { child, pids } = await startPrinting(t, spawnSleeps, 3)
  const own = pids[1]!
  const entry = readProcess(own.pid)!
  assert.equal(entry.groupId, own.pid, 'it has left')
  const follower = new GroupFollower(child, { ownGroup: true, followDescendants: true })
  signalMembers(follower, [{ ...entry, groupId: child.pid }], 'SIGTERM')
  await waitUntil('it has ended', () => !isAlive(own))
})

test('without a group of its own a child is stopped with its descendants, and nobody else', async (t) => {
  const bystander = await start(t, { command: 'sleep', args: ['600'], ownGroup: false })
  const { child, pids } = await startPrinting(t, `${spawnSleeps}; setInterval(() => {}, 1000)`, 3, {
    ownGroup: false,
  })
  await child.stop({ graceMs: 5_000 })
  assert.deepEqual(pids.filter(isAlive), [])
  assert.equal(isAlive(bystander), true)
})

test('the boot text comes by descriptor 3, and is in neither argv nor environment', async (t) => {
  const secret = 'boot-secret-0123456789'
  const code = `const text = require('node:fs').readFileSync(3, 'utf8')
    console.log(text.length + '\\n' + text.endsWith('!')); setInterval(() => {}, 1000)`
  const child = await start(t, { args: ['-e', code], stdout: 'pipe', boot: `${secret.repeat(5_000)}!` })
  let out = ''
  child.stdout!.on('data', (chunk) => {
    out += chunk
  })
  await waitUntil('the text', () => out.trim().split('\n').length === 2)
  assert.deepEqual(out.trim().split('\n'), [String(secret.length * 5_000 + 1), 'true'])
  if (linux) {
    const seen = await Promise.all(
      ['cmdline', 'environ'].map((name) => readFile(`/proc/${child.pid}/${name}`, 'utf8')),
    )
    assert.ok(!seen.join().includes(secret))
  }
})

test('a child that never reads its boot text and ends is no problem', async (t) => {
  const child = await start(t, { command: 'true', boot: 'x'.repeat(4_000_000) })
  assert.deepEqual(await child.exited, { code: 0, signal: null })
})

test('the environment is exactly what was given', async (t) => {
  process.env.FIRESTEEL_TEST_LEAK = 'leak'
  t.after(() => delete process.env.FIRESTEEL_TEST_LEAK)
  const child = await start(t, {
    args: ['-p', 'JSON.stringify(process.env)'],
    stdout: 'pipe',
    env: { ONLY: 'this' },
  })
  let out = ''
  child.stdout!.on('data', (chunk) => {
    out += chunk
  })
  await child.closed
  assert.deepEqual(JSON.parse(out), { ONLY: 'this' })
})

test('the control pipe speaks JSON lines both ways and ends with the child', async (t) => {
  const url = new URL('../../runtime/process/inherited-pipe.js', import.meta.url).href
  const code = `const { openInheritedControl } = await import(${JSON.stringify(url)})
    const control = openInheritedControl()
    control.onMessage((message) => control.send({ echo: message }))
    await control.ended; process.exit(9)`
  const child = await start(t, {
    args: ['--input-type=module', '-e', code],
    control: true,
    boot: '{"first":"é"}',
  })
  const messages: unknown[] = []
  child.control!.onMessage((message) => messages.push(message))
  child.control!.send([1, 2])
  await waitUntil('both echoes', () => messages.length === 2)
  assert.deepEqual(messages, [{ echo: { first: 'é' } }, { echo: [1, 2] }])
  child.control!.end()
  assert.deepEqual(await child.exited, { code: 9, signal: null })
  await child.control!.ended
  assert.equal(child.control!.send('late'), false)
})

test('a start that fails says why in one sentence', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'firesteel-spawn-'))
  t.after(() => rm(folder, { recursive: true }))
  await writeFile(join(folder, 'plain.txt'), 'no program', { mode: 0o644 })
  const cases = [
    [{ command: 'no-such-command-here' }, 'SPAWN_FAILED', /not found in PATH \(\S+\)/],
    [{ command: '/no/such/program' }, 'SPAWN_FAILED', /no such file/],
    [{ command: join(folder, 'plain.txt') }, 'SPAWN_FAILED', /not executable/],
    [{ command: 'a\0b' }, 'SPAWN_FAILED', /could not be started/],
    [{ args: ['x'.repeat(4_000_000)] }, 'SPAWN_FAILED', /too long/],
    [{ command: 'true', cwd: join(folder, 'missing') }, 'FOLDER_MISSING', /missing does not exist/],
  ] as const
  for (const [options, code, sentence] of cases) {
    await assert.rejects(
      start(t, options),
      (error) => isFiresteelError(error, code) && sentence.test(error.message),
      String(sentence),
    )
  }
})

test('isAlive knows a process from another that has its pid', async (t) => {
  const child = await start(t, { command: 'sleep', args: ['600'] })
  assert.equal(isAlive(child), true)
  assert.equal(isAlive({ pid: child.pid, startTime: 'another' }), false)
  await child.stop({ graceMs: 0 })
  assert.equal(isAlive(child), false)
})

test('the memory watch trips on what a grandchild allocates', { skip: !linux }, async (t) => {
  const allocate = `console.log(process.pid); const kept = []
    setInterval(() => { if (kept.length < 15) kept.push(Buffer.alloc(10 * 1024 * 1024, 1)) }, 5)`
  const code = `require('node:child_process').spawn(process.execPath, ['-e', ${JSON.stringify(allocate)}], { stdio: 'inherit' })`
  const { child, pids } = await startPrinting(t, code, 1)
  const excesses: MemoryExcess[] = []
  const watch = new MemoryWatch(20)
  t.after(() => watch.close())
  const calm: MemoryExcess[] = []
  watch.watch({ follower: child.follower, memoryMib: 120, onExceeded: (excess) => excesses.push(excess) })
  watch.watch({ follower: child.follower, memoryMib: 2_000, onExceeded: (excess) => calm.push(excess) })
  await waitUntil('the excess', () => excesses.length > 0)
  const [excess] = excesses
  assert.ok(excess!.residentMib > 120 && excess!.residentMib < 400, `${excess!.residentMib}`)
  assert.deepEqual([...excess!.pids].sort(), [child.pid, pids[0]!.pid].sort())
  await child.stop({ graceMs: 0 })
  assert.deepEqual(calm, [])
})
