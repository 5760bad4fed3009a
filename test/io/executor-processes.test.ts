import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { type TaskFunctions, tasksOf } from '../../actors/tasks/task-proxy.js'
import { innerLimits } from '../../runtime/inner-limits.js'
import { type ProcessEntry, readProcessTable } from '../../runtime/process/process-table.js'
import { type StartedProcess, treeOf } from '../../runtime/process/process-tree.js'
import { UncollectedChildren } from '../../runtime/process/uncollected.js'
import { waitUntil } from '../harness/wait-until.js'
import { blockingCommand, isAlive, pidsIn } from '../tools/blocking-command.js'
import { startDriver, type TestDriver } from '../tools/tasks-fixture.js'
import { timeToBeginMs } from '../tools/time-to-begin.js'

/* Processes that tasks start without blocking their thread: they end with the thread at the latest. */

type Sample = typeof import('./tasks-sample.js')
const sample = (driver: TestDriver, options = {}): TaskFunctions<Sample> =>
  tasksOf<Sample>(driver.pool, new URL('./tasks-sample.js', import.meta.url), options)
const code = (name: string): { code: string } => ({ code: `FIRESTEEL_${name}` })

const folder = mkdtempSync(join(tmpdir(), 'firesteel-processes-'))
after(() => rmSync(folder, { recursive: true, force: true }))
const path = (name: string): string => join(folder, name)

async function withExecutor(tasksPerCore = 1): Promise<TestDriver> {
  const driver = await startDriver(undefined, tasksPerCore)
  await driver.start({ cores: 1, tasksPerCore })
  return driver
}

/** Two attempts, one after the other, and nothing is left of them; their executor goes on. */
async function ranAlone(driver: TestDriver, file: string): Promise<void> {
  const pids = pidsIn(file)
  assert.equal(pids.length, 2, 'two attempts')
  assert.deepEqual(pidsIn(`${file}.beside`), [])
  assert.deepEqual(pids.filter(isAlive), [])
  assert.equal(await sample(driver).square(4), 16)
  assert.deepEqual(
    driver.events.filter(({ name }) => name === 'executorLost'),
    [],
  )
}

const commands: Readonly<Record<string, (file: string) => string>> = {
  'a command': blockingCommand,
  'what a shell has started': (file) => `(${blockingCommand(file)}); true`,
  'what ignores SIGTERM': (file) => `trap '' TERM; ${blockingCommand(file)}`,
}

for (const [index, [what, commandIn]] of Object.entries(commands).entries()) {
  test(`a task over its time waits for ${what}: one copy at a time, and none is left when it is rejected`, async () => {
    await using driver = await withExecutor()
    const file = path(`waits-${index}`)
    const { waitsForCommand } = sample(driver, { timeout: timeToBeginMs, retries: 1 })
    await assert.rejects(waitsForCommand(commandIn(file)), code('TASK_TIMEOUT'))
    await ranAlone(driver, file)
  })
}

test('of a process that was killed after its thread its executor keeps the pid: no thread of Node collects it', async () => {
  await using driver = await withExecutor()
  const file = path('kept')
  const executor = await sample(driver).pid()
  const uncollected = new UncollectedChildren(executor)
  const { waitsForCommand } = sample(driver, { timeout: timeToBeginMs, retries: 1 })
  await assert.rejects(waitsForCommand(blockingCommand(file)), code('TASK_TIMEOUT'))
  const table = readProcessTable()
  const parents = pidsIn(file).map((pid) => table.get(pid)?.parentPid)
  const looks = Array.from({ length: innerLimits.uncollectedLooks }, () => uncollected.look(table))
  assert.deepEqual(looks.slice(-2), [0, 2], `${parents} of ${executor}`)
})

test('so it is with a task that never gives its thread back after it has started one', async () => {
  await using driver = await withExecutor()
  const file = path('spins')
  const { startsAndSpins } = sample(driver, { timeout: timeToBeginMs, retries: 1 })
  await assert.rejects(startsAndSpins(blockingCommand(file)), code('TASK_TIMEOUT'))
  await ranAlone(driver, file)
})

test('and with one that ends its thread', async () => {
  await using driver = await withExecutor()
  const file = path('exits')
  const { exitsBeside } = sample(driver, { retries: 1 })
  await assert.rejects(exitsBeside(blockingCommand(file), file), code('TASK_FAILED'))
  await ranAlone(driver, file)
})

test('the commands of its neighbours end with their thread, and run again with them', async () => {
  await using driver = await withExecutor(4)
  const file = path('neighbour')
  const neighbour = sample(driver).waitsForCommand(blockingCommand(file))
  neighbour.catch(() => undefined)
  await waitUntil('it runs', () => pidsIn(file).length === 1)
  await assert.rejects(sample(driver, { timeout: timeToBeginMs, retries: 0 }).deaf(), code('TASK_TIMEOUT'))
  await waitUntil('it runs again', () => pidsIn(file).length === 2)
  const [first, second] = pidsIn(file) as [number, number]
  assert.deepEqual([isAlive(first), isAlive(second)], [false, true])
  assert.deepEqual(pidsIn(`${file}.beside`), [])
})

/* Only Linux tells whose thread a process has lost. */
const workersTold = { skip: process.platform !== 'linux' }

test('what a Worker of a task has started ends with the thread of the task', workersTold, async () => {
  await using driver = await withExecutor()
  const file = path('worker-waits')
  const { waitsForWorker } = sample(driver, { timeout: timeToBeginMs, retries: 1 })
  await assert.rejects(waitsForWorker(blockingCommand(file)), code('TASK_TIMEOUT'))
  await ranAlone(driver, file)
})

test('also where the task ends its thread', workersTold, async () => {
  await using driver = await withExecutor()
  const file = path('worker-exits')
  const { exitsBesideWorker } = sample(driver, { retries: 1 })
  await assert.rejects(exitsBesideWorker(blockingCommand(file), file), code('TASK_FAILED'))
  await ranAlone(driver, file)
})

test(
  'what the ended Worker of another thread has left goes on while that thread lives',
  workersTold,
  async () => {
    await using driver = await startDriver()
    await driver.start({ cores: 2 })
    const [lives, ends, until] = [path('worker-left'), path('worker-other'), path('worker-until')]
    const { outlivesWorker, exitsBesideWorker } = sample(driver, { retries: 0 })
    const living = outlivesWorker(blockingCommand(lives), lives, until)
    await waitUntil('its Worker has ended', () => existsSync(`${lives}.ended`))
    await assert.rejects(exitsBesideWorker(blockingCommand(ends), ends), code('TASK_FAILED'))
    assert.deepEqual([...pidsIn(lives), ...pidsIn(ends)].map(isAlive), [true, false])
    writeFileSync(until, '')
    await living
  },
)

test(
  'so does what it has left while its task keeps the thread, where nobody can tell whose it is',
  workersTold,
  async () => {
    await using driver = await startDriver()
    const { child } = await driver.start({ cores: 2 })
    const [lives, ends, until] = [path('deaf-left'), path('deaf-other'), path('deaf-until')]
    const { outlivesWorkerDeaf, exitsBesideWorker, exits } = sample(driver, { retries: 0 })
    const living = outlivesWorkerDeaf(blockingCommand(lives), until)
    living.catch(() => undefined)
    const given = `/proc/${child.pid}/task/${child.pid}/children`
    await waitUntil('its Worker has ended', () =>
      readFileSync(given, 'latin1')
        .split(' ')
        .includes(String(pidsIn(lives)[0])),
    )
    await assert.rejects(exitsBesideWorker(blockingCommand(ends), ends), code('TASK_FAILED'))
    assert.deepEqual(pidsIn(lives).map(isAlive), [true])
    writeFileSync(until, '')
    await living
    await Promise.allSettled([exits(), exits()])
    await waitUntil('both are ended', () => ![...pidsIn(lives), ...pidsIn(ends)].some(isAlive))
  },
)

test('what the main thread of the executor has started goes on, before and after its first thread', async () => {
  await using driver = await startDriver()
  const [early, late, begun] = [path('main-early'), path('main-late'), path('main-begun')]
  const preload = path('main-spawns.cjs')
  writeFileSync(
    preload,
    `const { existsSync } = require('node:fs')
     const start = (command) => require('node:child_process').spawn('sh', ['-c', command], { stdio: 'ignore' })
     if (require('node:worker_threads').isMainThread) {
       start(${JSON.stringify(blockingCommand(early))})
       const timer = setInterval(() => {
         if (!existsSync(${JSON.stringify(begun)})) return
         clearInterval(timer)
         start(${JSON.stringify(blockingCommand(late))})
       }, 5)
     }`,
  )
  const { child } = await driver.start({ cores: 1, nodeOptions: ['--require', preload] })
  await sample(driver).square(2)
  writeFileSync(begun, '')
  await waitUntil('both run', () => pidsIn(early).length === 1 && pidsIn(late).length === 1)
  const file = path('main-worker')
  await assert.rejects(
    sample(driver, { retries: 0 }).exitsBesideWorker(blockingCommand(file), file),
    code('TASK_FAILED'),
  )
  const alive = [early, late].map((name) => isAlive(pidsIn(name)[0] as number))
  child.signal('SIGTERM')
  await child.exited
  for (const pid of [...pidsIn(early), ...pidsIn(late)]) if (isAlive(pid)) process.kill(pid, 'SIGKILL')
  assert.deepEqual(alive, [true, true])
})

test('what a task leaves behind goes on while its thread lives', async () => {
  await using driver = await withExecutor()
  const file = path('left')
  await sample(driver).leavesBehind(blockingCommand(file), file)
  assert.equal(await sample(driver).square(3), 9)
  assert.deepEqual(pidsIn(file).map(isAlive), [true])
  await assert.rejects(sample(driver, { retries: 0 }).exits(), code('TASK_FAILED'))
  assert.deepEqual(pidsIn(file).map(isAlive), [false])
})

test('a detached process lives on: its task wanted that', async () => {
  await using driver = await withExecutor()
  const file = path('detached')
  const { startsDetached } = sample(driver, { timeout: timeToBeginMs, retries: 0 })
  await assert.rejects(startsDetached(blockingCommand(file)), code('TASK_TIMEOUT'))
  const [pid] = pidsIn(file) as [number]
  assert.ok(isAlive(pid))
  process.kill(pid, 'SIGKILL')
})

const OWN = 100
const entry = (pid: number, fields: Partial<ProcessEntry> = {}): ProcessEntry => ({
  ...{ pid, parentPid: OWN, groupId: OWN, sessionId: OWN, state: 'S', startTime: `${pid}0` },
  ...fields,
})
const found = (roots: readonly StartedProcess[], entries: readonly ProcessEntry[]): number[] =>
  treeOf(roots, new Map([entry(OWN), ...entries].map((each) => [each.pid, each])), OWN).map(({ pid }) => pid)
const root = { pid: 101, startTime: '1010' }

test('a pid that is used again is not taken for the process that had it', () => {
  assert.deepEqual(found([root], [entry(101)]), [101])
  assert.deepEqual(found([root], [entry(101, { startTime: '999' })]), [])
  assert.deepEqual(found([root], [entry(101, { parentPid: 1 })]), [])
  assert.deepEqual(found([root], [entry(101, { state: 'Z' })]), [])
  assert.deepEqual(found([{ pid: 101, startTime: undefined }], [entry(101)]), [101])
  assert.deepEqual(found([root], []), [])
})

test('what a process has started counts, to any depth; what is in another group does not', () => {
  const [child, grandchild] = [entry(102, { parentPid: 101 }), entry(103, { parentPid: 102 })]
  assert.deepEqual(found([root], [grandchild, child, entry(101), entry(200)]), [101, 102, 103])
  assert.deepEqual(found([root], [grandchild, { ...child, groupId: 102 }, entry(101)]), [101])
  assert.deepEqual(found([root], [child, entry(101, { groupId: 101 })]), [])
})
