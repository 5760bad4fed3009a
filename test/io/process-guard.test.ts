import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { constants, tmpdir, uptime } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { type Child, startChild } from '../../runtime/process/child.js'
import { childEnvironment } from '../../runtime/process/environment.js'
import { identityOf, isAlive, type ProcessIdentity } from '../../runtime/process/find-process.js'
import { addLine } from '../../runtime/process/guard-ledger.js'
import { waitUntil } from '../harness/wait-until.js'

const moduleUrl = (name: string): string => new URL(`../../runtime/process/${name}`, import.meta.url).href

/** Blocks its loop for ever, after it has started a sleep in its group and one in a session of its own. */
const BLOCKING = `const { spawn } = require('node:child_process')
  const sleeps = [false, true].map((detached) => spawn('sleep', ['600'], { stdio: 'ignore', detached }).pid)
  require('node:fs').writeSync(1, sleeps.join() + '\\n')
  for (;;);`

/**
 * A small worker: guards one blocking child and one shell; says pids by its control pipe. `extra` runs in it
 * with `guard`, `shell` and `bystander` (a pid of the test's own, or undefined).
 */
async function startWorker(t: TestContext, { extra = '', orphanGraceMs = 0, bystander = 0 } = {}) {
  const code = `
    const { startGuard } = await import(${JSON.stringify(moduleUrl('guard.js'))})
    const { startChild } = await import(${JSON.stringify(moduleUrl('child.js'))})
    const { openInheritedControl } = await import(${JSON.stringify(moduleUrl('inherited-pipe.js'))})
    const bystander = ${bystander}
    const control = openInheritedControl()
    const guard = await startGuard({ orphanGraceMs: ${orphanGraceMs}, onEvent: (event) => control.send(event) })
    const common = { cwd: '/', env: { PATH: process.env.PATH }, stderr: 'inherit', ownGroup: true }
    const startGuarded = async (options) => {
      const child = await startChild({ ...common, ...options })
      guard.add({ pid: child.pid, startTime: child.startTime })
      void child.groupGone.then(() => guard.remove(child.pid))
      return child
    }
    const blocking = await startGuarded({ command: process.execPath, args: ['-e', ${JSON.stringify(BLOCKING)}], stdout: 'pipe' })
    const sleeps = await new Promise((resolve) => blocking.stdout.once('data', (pids) => resolve(String(pids))))
    const shell = await startGuarded({ command: 'sh', args: ['-c', 'trap "" TERM; sleep 600 & wait'], stdout: 'ignore' })
    ${extra}
    control.send({ event: 'up', children: [blocking.pid, shell.pid, ...sleeps.split(',').map(Number)], shell: shell.pid })
    control.onMessage(async (message) => {
      if (message !== 'close') return
      await blocking.stop({ graceMs: 0 })
      await shell.stop({ graceMs: 0 })
      control.unref()
      await guard.close()
      process.exitCode = 5
    })`
  const worker: Child = await startChild({
    command: process.execPath,
    args: ['--input-type=module', '-e', code],
    cwd: tmpdir(),
    env: childEnvironment(),
    stdout: 'ignore',
    stderr: 'inherit',
    control: true,
    ownGroup: true,
    followDescendants: false,
  })
  t.after(() => worker.stop({ graceMs: 0 }))
  const events: { event: string; pid?: number; children?: number[]; shell?: number }[] = []
  worker.control!.onMessage((message) => events.push(message as (typeof events)[number]))
  const up = await waitUntil('the worker is up', () => events.find(({ event }) => event === 'up'))
  const children = up.children!.map((pid) => identityOf(pid)!)
  const guards = (): ProcessIdentity[] =>
    events
      .filter(({ event }) => event === 'started')
      .map(({ pid }) => identityOf(pid!) ?? { pid: pid!, startTime: '' })
  const guard = guards()[0]!
  t.after(() => {
    // Whole groups: with their guard gone too, nobody else would end what the shell has started.
    for (const each of [...children, guard, ...guards()]) killGroup(each)
  })
  assert.equal(children.filter(isAlive).length, 4)
  return { worker, events, children, guard, guards, shell: identityOf(up.shell!)! }
}

function killGroup(leader: ProcessIdentity): void {
  for (const pid of [-leader.pid, ...(isAlive(leader) ? [leader.pid] : [])]) {
    try {
      process.kill(pid, 'SIGKILL')
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
    }
  }
}

/**
 * Only a guard that is up catches signals: one that has just been forked would die of them, and be replaced.
 */
function catches({ pid }: ProcessIdentity, signals: readonly NodeJS.Signals[]): boolean {
  const mask = /^SigCgt:\s*([0-9a-f]+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? '0'
  const caught = (signal: NodeJS.Signals) =>
    (BigInt(`0x${mask}`) >> BigInt(constants.signals[signal] - 1)) & 1n
  return signals.every((signal) => caught(signal) === 1n)
}

/** User and system time of a process, in ticks of the kernel. */
function cpuTicks({ pid }: ProcessIdentity): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ')
  return Number(fields[11]) + Number(fields[12])
}

// The promise is one second; the rest is for a test machine whose cores are all busy.
const GONE = { deadlineMs: 10_000 }

test('kill -9 of a worker ends all its children, who block their loops, and what they started', async (t) => {
  const { worker, children, guard } = await startWorker(t)
  const signals = ['SIGTERM', 'SIGINT', 'SIGHUP'] as const
  await waitUntil('the guard is up', () => catches(guard, signals))
  // Neither a signal to everybody nor one by hand opens the way for orphans.
  for (const signal of signals) process.kill(guard.pid, signal)
  process.kill(worker.pid, 'SIGKILL')
  await waitUntil('all are gone', () => !children.some(isAlive), GONE)
  await waitUntil('the guard has ended', () => !isAlive(guard), GONE)
})

test('a guard that dies is replaced at once by one that knows everything', async (t) => {
  const { worker, children, guard, guards } = await startWorker(t)
  process.kill(guard.pid, 'SIGKILL')
  const second = await waitUntil('the next guard', () => guards()[1])
  assert.notEqual(second.pid, guard.pid)
  assert.equal(children.every(isAlive), true)
  process.kill(worker.pid, 'SIGKILL')
  await waitUntil('all are gone', () => !children.some(isAlive), GONE)
  await waitUntil('the guard has ended', () => !isAlive(second), GONE)
})

test('a pid that belongs to somebody else now is left alone', async (t) => {
  const bystander = await startChild({
    command: 'sleep',
    args: ['600'],
    cwd: tmpdir(),
    env: childEnvironment(),
    stdout: 'ignore',
    stderr: 'ignore',
    ownGroup: true,
  })
  t.after(() => bystander.stop({ graceMs: 0 }))
  const extra = `guard.add({ pid: bystander, startTime: 'another' })`
  const { worker, children, guard } = await startWorker(t, { extra, bystander: bystander.pid })
  process.kill(worker.pid, 'SIGKILL')
  await waitUntil('the guard has done its work', () => !isAlive(guard), GONE)
  assert.equal(children.some(isAlive), false)
  assert.equal(isAlive(bystander), true)
})

const UPTIME = `(await import('node:os')).uptime() * 1000`

test('"valid until" ends one group though its worker is frozen, not before it has come, and no other', async (t) => {
  const extra = `guard.extend(shell.pid, ${UPTIME} + 1500)`
  const { worker, children, shell, guard } = await startWorker(t, { extra })
  const upAtMs = uptime() * 1000
  process.kill(worker.pid, 'SIGSTOP')
  await waitUntil('the one is gone', () => !isAlive(shell))
  // It was set some time before we heard that the worker is up.
  assert.ok(uptime() * 1000 - upAtMs >= 500, 'and has lived until then')
  assert.equal(children.filter(isAlive).length, 3)
  assert.equal(isAlive(guard), true)
})

/** Each extension lasts so long: far more than a busy machine keeps the process that extends from running. */
const VALID_MS = 2500

test('a "valid until" that moves on keeps its group alive; once it stands still the group ends, in the ledger of a second guard too', async (t) => {
  const extra = `
    const extend = async () => guard.extend(shell.pid, ${UPTIME} + ${VALID_MS})
    await extend()
    setInterval(extend, 100)`
  const { worker, children, shell, guard, guards } = await startWorker(t, { extra })
  const untilMs = performance.now() + 1.5 * VALID_MS
  await waitUntil('more than its time', () => {
    assert.equal(isAlive(shell), true)
    return performance.now() > untilMs
  })
  process.kill(guard.pid, 'SIGKILL')
  const second = await waitUntil('the next guard', () => guards()[1])
  await waitUntil('it is up', () => catches(second, ['SIGTERM']))
  process.kill(worker.pid, 'SIGSTOP')
  await waitUntil('the one is gone', () => !isAlive(shell))
  assert.equal(children.filter(isAlive).length, 3)
})

test('a guard that was frozen itself reads what has moved on before it kills', async (t) => {
  const extra = `
    const extend = async () => guard.extend(shell.pid, ${UPTIME} + ${VALID_MS})
    await extend()
    setInterval(extend, 100)`
  const { shell, guard, children } = await startWorker(t, { extra })
  await waitUntil('the guard is up', () => catches(guard, ['SIGTERM']))
  for (let round = 0; round < 2; round++) {
    process.kill(guard.pid, 'SIGSTOP')
    const untilMs = performance.now() + 1.2 * VALID_MS
    await waitUntil('what it knew is over', () => performance.now() > untilMs)
    process.kill(guard.pid, 'SIGCONT')
    const ticks = cpuTicks(guard)
    await waitUntil('it has run', () => cpuTicks(guard) > ticks || performance.now() > untilMs + 300)
    assert.equal(isAlive(shell), true)
  }
  assert.equal(children.every(isAlive), true)
})

test('a guard that stalls in the midst of a look kills nobody whose time has moved on meanwhile', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'firesteel-guard-'))
  t.after(() => rm(folder, { recursive: true }))
  const [stall, after] = [join(folder, 'stall'), join(folder, 'after')]
  // Where SIGSTOP may meet it as well, but rarely.
  const stalling = `import fs from 'node:fs'
    import { syncBuiltinESMExports } from 'node:module'
    const { readdirSync } = fs
    let hasStalled = false
    fs.readdirSync = (...args) => {
      if (hasStalled) fs.writeFileSync(${JSON.stringify(after)}, '')
      if (!hasStalled && fs.existsSync(${JSON.stringify(stall)})) {
        hasStalled = true
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 6000)
      }
      return readdirSync(...args)
    }
    syncBuiltinESMExports()`
  const preload = `data:text/javascript,${encodeURIComponent(stalling)}`
  const common = { cwd: tmpdir(), env: childEnvironment(), stdout: 'ignore', stderr: 'inherit' } as const
  let extending: NodeJS.Timeout | undefined
  // First of all: a guard that has ended reads nothing.
  t.after(() => clearInterval(extending))
  const bystander = await startChild({ ...common, command: 'sleep', args: ['600'], ownGroup: true })
  t.after(() => bystander.stop({ graceMs: 0 }))
  const guard = await startChild({
    ...common,
    command: process.execPath,
    args: ['--import', preload, fileURLToPath(moduleUrl('guard-main.js'))],
    link: true,
    ownGroup: true,
  })
  t.after(() => guard.stop({ graceMs: 0 }))
  // It is killed before it has read everything.
  guard.duplex!.on('error', () => undefined)
  const { pid } = bystander
  const { startTime } = identityOf(pid)!
  // Longer than this process waits for a processor, and shorter than the guard stalls.
  const extend = () =>
    guard.duplex!.write(`${addLine({ pid, startTime, validUntilBootMs: uptime() * 1000 + 5000 })}\n`)
  extend()
  extending = setInterval(extend, 100)
  await writeFile(stall, '')
  await waitUntil('it has stalled, and looked again', () => existsSync(after))
  assert.equal(isAlive({ pid, startTime }), true)
})

test('after the orphan grace, not before', async (t) => {
  const orphanGraceMs = 1_000
  const { worker, children } = await startWorker(t, { orphanGraceMs })
  const killedAt = performance.now()
  process.kill(worker.pid, 'SIGKILL')
  await worker.exited
  await waitUntil('all are gone', () => !children.some(isAlive))
  assert.ok(performance.now() - killedAt >= orphanGraceMs * 0.95)
})

test('a worker that ends in order leaves no guard behind', async (t) => {
  const { worker, children, guard } = await startWorker(t)
  worker.control!.send('close')
  assert.deepEqual(await worker.exited, { code: 5, signal: null })
  assert.deepEqual([...children, guard].filter(isAlive), [])
})
