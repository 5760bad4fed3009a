import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { after, test } from 'node:test'
import { fileURLToPath, pathToFileURL } from 'node:url'
import type { CommandPlace, CommandResult, CommandSpec } from '../../actors/executor/command.js'
import { COMMAND_URL } from '../../actors/executor/task-module.js'
import { NoRetry } from '../../actors/messages/no-retry.js'
import { each } from '../../actors/tasks/each.js'
import { map } from '../../actors/tasks/map.js'
import type { TaskOptions, TaskProgress } from '../../actors/tasks/task-options.js'
import { type TaskFunctions, tasksOf } from '../../actors/tasks/task-proxy.js'
import { type FiresteelError, isFiresteelError } from '../../runtime/errors.js'
import { limits } from '../../runtime/limits.js'
import { isRunning as isRunningEntry, readProcess } from '../../runtime/process/process-table.js'
import { waitUntil } from '../harness/wait-until.js'
import { startDriver, type TestDriver } from '../tools/tasks-fixture.js'
import { timeToBeginMs } from '../tools/time-to-begin.js'
import { contentOf, digestOf, isSame } from './sized-content.js'

type Sample = typeof import('./tasks-sample.js')
const sampleUrl = new URL('./tasks-sample.js', import.meta.url)
const sample = (driver: TestDriver, options = {}): TaskFunctions<Sample> =>
  tasksOf<Sample>(driver.pool, sampleUrl, options)

interface GivenCommand extends Omit<CommandSpec, 'command' | 'place'>, CommandPlace {
  readonly command: string
}

/** The builtin that runs a command of `each`. */
const commandOf = (driver: TestDriver, options: TaskOptions) => {
  const tasks = tasksOf<{ command(spec: CommandSpec): Promise<CommandResult> }>(
    driver.pool,
    COMMAND_URL,
    options,
  )
  return ({ command, cwd, env, ...rest }: GivenCommand): Promise<CommandResult> =>
    tasks.command({ command: Buffer.from(command), place: JSON.stringify({ cwd, env }), ...rest })
}

const code = (name: string): { code: string } => ({ code: `FIRESTEEL_${name}` })

/** One executor with two threads for all tests that leave it as it was. */
const shared = await startDriver({ maxResultBytes: 80 * 1024 * 1024 })
const sharedExecutor = await shared.start({ cores: 2 })
after(() => shared[Symbol.asyncDispose]())

const folder = mkdtempSync(join(tmpdir(), 'firesteel-tasks-'))
after(() => rmSync(folder, { recursive: true, force: true }))
const moduleFile = (name: string, text: string): URL => {
  writeFileSync(join(folder, name), text)
  return pathToFileURL(join(folder, name))
}

test('a task is a function call; inside it there is a context', async () => {
  const tasks = sample(shared)
  assert.equal(await tasks.square(5), 25)
  assert.deepEqual(await tasks.echo({ a: [1, new Map([[1, 'x']])] }), { a: [1, new Map([[1, 'x']])] })
  assert.deepEqual(await tasks.where(), {
    attempt: 1,
    taskId: ((await tasks.where()) as { taskId: number }).taskId - 1,
    executor: { id: 'app-test-1/0', host: 'host-a', cores: 2, resources: { gpu: ['0'] } },
    aborted: false,
  })
  assert.equal((tasks as { then?: unknown }).then, undefined)
  const { context } = await import('../../actors/executor/task.js')
  assert.throws(() => context(), code('NOT_IN_TASK'))
})

test('map gives values in order, each gives all as they end', async () => {
  const tasks = sample(shared)
  const values: number[] = []
  const numbers = Array.from({ length: 5000 }, (_, index) => index)
  for await (const value of map(shared.pool, tasks.square, numbers)) values.push(value)
  assert.deepEqual(
    values,
    numbers.map((number) => number * number),
  )
  const ended = new Map<number, unknown>()
  const inputs = [1, 2, () => undefined, 4]
  for await (const result of each(shared.pool, tasks.echo, inputs)) {
    assert.ok(!ended.has(result.index))
    ended.set(
      result.index,
      result.error ? [(result.error as { code?: string }).code, result.attempts] : result.value,
    )
  }
  assert.deepEqual([...ended].sort(), [
    [0, 1],
    [1, 2],
    [2, ['FIRESTEEL_INPUT_NOT_CLONEABLE', 0]],
    [3, 4],
  ])
})

test('errors of tasks come back as errors, with cause and code', async () => {
  const tasks = sample(shared, { retries: 0 })
  const error = await tasks.fails('broken').catch((caught: unknown) => caught as FiresteelError)
  assert.ok(isFiresteelError(error, 'TASK_FAILED'))
  const cause = error.cause as TypeError & { code?: string }
  assert.ok(cause instanceof TypeError)
  assert.equal(cause.message, 'broken')
  assert.equal(cause.code, 'E_OUTER')
  assert.ok(cause.cause instanceof RangeError)
  assert.equal((cause.cause as { code?: string }).code, 'E_INNER')
  assert.match(cause.stack ?? '', /tasks-sample/)
  const both = await tasks.failsTogether().catch((caught: unknown) => (caught as FiresteelError).cause)
  assert.ok(both instanceof AggregateError && both.errors[1] instanceof RangeError)
})

test('a failed task is tried again, four times in all', async () => {
  const tasks = sample(shared)
  assert.equal(await tasks.failsUntil(4), 'app-test-1/0 4')
  await assert.rejects(tasks.failsUntil(5), code('TASK_FAILED'))
  await assert.rejects(sample(shared, { retries: 1 }).failsUntil(3), code('TASK_FAILED'))
})

test('a NoRetry ends a task at its first attempt, and arrives as such', async () => {
  const tasks = sample(shared, { retries: 5 })
  for (const how of ['itself', 'cause'] as const) {
    const executed = shared.pool.stats().executed
    const error = await tasks.failsForGood(how).catch((caught: unknown) => caught as FiresteelError)
    assert.ok(isFiresteelError(error, 'TASK_FAILED'))
    assert.equal(shared.pool.stats().executed, executed + 1)
    const cause = error.cause as Error
    const found = how === 'itself' ? cause : cause.cause
    assert.ok(found instanceof NoRetry)
    assert.equal(found.message, 'no such page')
    assert.equal((found as NoRetry & { status?: number }).status, 404)
  }
})

test('a task tells how far it is, also one that keeps its thread to itself', async () => {
  for (const how of ['waits', 'spins'] as const) {
    const told: (TaskProgress['task'] & object)[] = []
    const onProgress = ({ task }: TaskProgress): void => void (task && told.push(task))
    for await (const { index, value } of each(shared.pool, sample(shared).reports, [how], { onProgress })) {
      assert.deepEqual({ index, value }, { index: 0, value: how })
    }
    const fractions = told.map(({ fraction }) => fraction)
    assert.ok(told.length > 0, how)
    assert.deepEqual(
      fractions,
      fractions.toSorted((one, other) => one - other),
    )
    for (const { index, fraction, text } of told) {
      assert.equal(index, 0)
      assert.equal(text, `step ${Math.round(fraction * 40)}`)
    }
  }
})

test('what cannot travel is refused at the call, naming its path', async () => {
  const tasks = sample(shared)
  await assert.rejects(tasks.echo({ a: [1, 2, { callback: () => undefined }] }), {
    ...code('INPUT_NOT_CLONEABLE'),
    place: 'input.a[2].callback',
  })
  await assert.rejects(tasks.functions(), { ...code('RESULT_NOT_CLONEABLE'), place: 'result.items[3].fn' })
  await assert.rejects(tasks.bytes({ length: 81 * 1024 * 1024, seed: 0 }), code('RESULT_TOO_LARGE'))
  await assert.rejects(tasks.digest(new Uint8Array(65 * 1024 * 1024)), code('INPUT_TOO_LARGE'))
})

test('the executor loads no schema library, no logger and no actor system', async () => {
  const entry = fileURLToPath(new URL('../../actors/executor/main.js', import.meta.url))
  const seen = new Set<string>()
  const open = [entry]
  for (let file = open.pop(); file !== undefined; file = open.pop()) {
    if (seen.has(file)) continue
    seen.add(file)
    for (const [, name] of readFileSync(file, 'utf8').matchAll(/^import .* from '(.+)';?$/gm)) {
      if (name?.startsWith('.')) open.push(resolve(dirname(file), name))
      else assert.match(name as string, /^node:/, `${file} imports ${name}`)
    }
  }
  assert.ok(seen.size > 10)
})

test('a module or export that is not there fails at once, naming host and path', async () => {
  const { retried } = shared.pool.stats()
  const missing = pathToFileURL(join(folder, 'missing.js'))
  const { run } = tasksOf<{ run(): void }>(shared.pool, missing)
  await assert.rejects(run(), (error: unknown) => {
    assert.ok(isFiresteelError(error, 'TASK_MODULE_NOT_FOUND'))
    assert.ok(error.message.includes('host-a') && error.message.includes('missing.js'), error.message)
    return true
  })
  moduleFile('typed.ts', 'export const run = (): number => 1')
  const typed = tasksOf<{ run(): void }>(shared.pool, pathToFileURL(join(folder, 'typed.js')))
  await assert.rejects(typed.run(), code('TASK_MODULE_TYPESCRIPT'))
  const broken = moduleFile('broken.js', 'throw new Error("at load")')
  await assert.rejects(tasksOf<{ run(): void }>(shared.pool, broken).run(), code('TASK_MODULE_FAILED'))
  const tasks = sample(shared) as unknown as { notAFunction(): Promise<void>; nothing(): Promise<void> }
  await assert.rejects(tasks.notAFunction(), code('TASK_NOT_A_FUNCTION'))
  await assert.rejects(tasks.nothing(), code('TASK_NOT_A_FUNCTION'))
  await assert.rejects(
    tasksOf<{ run(): void }>(shared.pool, 'http://x/y.js').run(),
    code('TASK_MODULE_NOT_FOUND'),
  )
  assert.equal(shared.pool.stats().retried, retried, 'none of them was tried again')
})

test('a .ts module runs: Node strips its types, or esbuild compiles it', async () => {
  const url = moduleFile('plain.ts', 'export const run = (): number => 41 + 1')
  assert.equal(await tasksOf<{ run(): number }>(shared.pool, url).run(), 42)
})

test('a runaway task is ended by its time or by cancel, and costs only its thread', async () => {
  const before = await sample(shared).pid()
  const spin = (name: string): string => join(folder, name)
  await assert.rejects(
    sample(shared, { retries: 0, timeout: timeToBeginMs }).spins(spin('timed')),
    code('TASK_TIMEOUT'),
  )
  const aborter = new AbortController()
  const { signal } = aborter
  const running = map(shared.pool, sample(shared).spins, [spin('one'), spin('two')], { signal })
  const first = running.next()
  await waitUntil('both threads run', () => existsSync(spin('one')) && existsSync(spin('two')))
  aborter.abort(new Error('enough'))
  await assert.rejects(first, /enough/)
  assert.equal(await sample(shared).pid(), before, 'the executor lives on')
  assert.equal(shared.pool.executors().length, 1)
  await waitUntil('three threads ended', () => shared.warnings.length >= 3)
})

test('a task that heeds its signal ends in order', async () => {
  const tasks = sample(shared, { retries: 0, timeout: 50 })
  await assert.rejects(tasks.untilAborted(), code('TASK_TIMEOUT'))
  const warnings = shared.warnings.length
  assert.equal(await sample(shared).square(3), 9)
  assert.equal(shared.warnings.length, warnings, 'no thread was ended for it')
})

test('process.exit and exceptions outside a task cost that thread and count as failures', async () => {
  const tasks = sample(shared, { retries: 1 })
  const exited = await tasks.exits().catch((error: unknown) => error)
  assert.ok(
    isFiresteelError(exited, 'TASK_FAILED') && /exited with code 3/.test(exited.message),
    String(exited),
  )
  const outside = await tasks.throwsOutside().catch((error: unknown) => error)
  assert.ok(isFiresteelError(outside, 'TASK_FAILED') && /outside/.test(outside.message), String(outside))
  assert.equal(await tasks.square(4), 16)
})

test('large inputs and results travel in chunks, while small tasks and heartbeats go on', async () => {
  const tasks = sample(shared)
  const megabytes50 = 50 * 1024 * 1024
  const content = contentOf({ length: megabytes50, seed: 7 })
  const large = tasks.bytes({ length: megabytes50, seed: 7 })
  const received = shared.links[0]?.lastReceivedMs ?? 0
  assert.equal(await tasks.square(3), 9)
  assert.ok(isSame(await large, content))
  assert.equal(await tasks.digest(content), digestOf(content))
  assert.ok((shared.links[0]?.lastReceivedMs ?? 0) > received)
  assert.equal(shared.links.length, 1, 'the link never broke')
})

test('a broken link loses nothing and runs nothing twice', async () => {
  const tasks = sample(shared)
  const before = shared.pool.stats()
  const numbers = Array.from({ length: 300 }, (_, index) => index)
  const values: number[] = []
  for await (const value of map(shared.pool, tasks.slowSquare, numbers)) {
    values.push(value)
    if (values.length % 100 === 50) shared.links.at(-1)?.replace('the test cuts it')
  }
  assert.deepEqual(
    values,
    numbers.map((number) => number * number),
  )
  const { lost, retried, executed } = shared.pool.stats()
  assert.equal(lost, before.lost)
  assert.equal(retried, before.retried)
  assert.equal(executed - before.executed, 300)
  assert.ok(shared.links.length > 1)
})

test('commands run in their own group, with folder and environment given; a code is a result', async () => {
  const command = commandOf(shared, { retries: 0 })
  const result = await command({
    command: 'echo "$WORD"; pwd; echo bad >&2; exit 3',
    cwd: folder,
    env: { WORD: 'hi' },
  })
  assert.equal(result.code, 3)
  assert.equal(Buffer.from(result.stdout.bytes).toString(), `hi\n${folder}\n`)
  assert.equal(Buffer.from(result.stderr.bytes).toString(), 'bad\n')
  assert.ok(result.ms >= 0 && result.startedAtMs > 0)
  await assert.rejects(command({ command: 'true', cwd: join(folder, 'none'), env: {} }), (error: unknown) => {
    assert.ok(isFiresteelError(error, 'FOLDER_MISSING'))
    assert.ok(error.message.includes('host-a') && error.message.includes('none'))
    return true
  })
  const flood = command({ command: 'yes', cwd: folder, env: {}, maxFileBytes: 100_000 })
  await assert.rejects(flood, code('RESULT_TOO_LARGE'))
})

test('a command ends with its task, and so does all that it started', async () => {
  const command = commandOf(shared, { retries: 0, timeout: timeToBeginMs })
  const text = 'sleep 600 & echo $! > pids; sleep 600 & echo $! >> pids; wait'
  await assert.rejects(command({ command: text, cwd: folder, env: {} }), code('TASK_TIMEOUT'))
  const pids = readFileSync(join(folder, 'pids'), 'utf8').trim().split('\n').map(Number)
  assert.equal(pids.length, 2)
  await waitUntil('both sleeps are gone', () => pids.every((pid) => !isRunning(pid)))
})

test('what a task prints carries task and attempt', async () => {
  await using driver = await startDriver()
  const { child } = await driver.start({ pipe: true })
  let out = ''
  child.stdout?.on('data', (chunk: Buffer) => {
    out += String(chunk)
  })
  await sample(driver).prints('two\nlines')
  await waitUntil('the lines', () => out.split('\n').length > 2)
  assert.match(out, /^\[task 1 attempt 1\] two\n\[task 1 attempt 1\] lines\n$/)
})

test('a poison task is quarantined while the others finish; its commands and executors are named', async () => {
  await using driver = await startDriver()
  const numbers = Array.from({ length: 40 }, (_, index) => index)
  await driver.start({ cores: 2 })
  driver.pool.on((event) => {
    if (event.name === 'executorLost') void driver.start({ cores: 2 })
  })
  const errors: unknown[] = []
  let values = 0
  for await (const result of each(driver.pool, sample(driver).poison, numbers)) {
    if (result.error) errors.push(result.error)
    else values++
  }
  assert.equal(values, 39)
  assert.equal(errors.length, 1)
  assert.ok(isFiresteelError(errors[0], 'TASK_QUARANTINED'), String(errors[0]))
  const named = (name: string) => driver.events.filter((event) => event.name === name)
  const [quarantined] = named('taskQuarantined') as unknown as { executors: number[] }[]
  assert.equal(quarantined?.executors.length, limits.quarantineLosses)
  assert.equal(named('executorLost').length, limits.quarantineLosses, JSON.stringify(driver.events))
  assert.ok(
    driver.events.some(
      ({ name, ...event }) => name === 'taskRepeated' && /SIGKILL/.test((event as { cause: string }).cause),
    ),
  )
})

test('a killed executor gives its tasks to another; retries: 0 says that the outcome is unknown', async () => {
  await using driver = await startDriver()
  const { child } = await driver.start()
  const tasks = sample(driver)
  const once = sample(driver, { retries: 0 }).untilAborted()
  await waitUntil('it runs', () => driver.pool.stats().dispatched === 1)
  const waiting = [1, 2, 3].map((number) => tasks.square(number))
  child.signal('SIGKILL')
  await assert.rejects(once, code('TASK_OUTCOME_UNKNOWN'))
  await driver.start()
  assert.deepEqual(await Promise.all(waiting), [1, 4, 9])
})

test('an executor killed under a command leaves nothing of it behind', async () => {
  await using driver = await startDriver()
  const { child } = await driver.start()
  const command = commandOf(driver, { retries: 0 })
  const running = command({ command: 'echo $$ > alone; sleep 600', cwd: folder, env: {} })
  running.catch(() => undefined)
  const file = join(folder, 'alone')
  await waitUntil('the command runs', () => existsSync(file) && readFileSync(file, 'utf8').length > 1)
  const pid = Number(readFileSync(file, 'utf8'))
  assert.ok(isRunning(pid))
  process.kill(child.pid, 'SIGKILL')
  await waitUntil('the command is gone', () => !isRunning(pid))
  await assert.rejects(running, code('TASK_OUTCOME_UNKNOWN'))
})

test('without its driver an executor ends by itself', async () => {
  const driver = await startDriver()
  const { child } = await driver.start({ applicationTimeoutMs: 200 })
  await waitUntil('it is linked', () => driver.links.length === 1)
  // Its port is closed, so each dial is refused.
  await driver.stopAccepting()
  driver.links[0]?.replace('gone')
  const { code: exitCode } = await child.exited
  assert.equal(exitCode, 3)
  await driver[Symbol.asyncDispose]()
})

test('close tells the executors to exit and ends what is left', async () => {
  const driver = await startDriver()
  const { child } = await driver.start()
  const pending = sample(driver).untilAborted()
  const rejected = assert.rejects(pending, code('APPLICATION_CLOSED'))
  await waitUntil('it runs', () => driver.pool.stats().dispatched === 1)
  driver.pool.close({ reason: 'the application was closed' })
  await rejected
  const { code: exitCode } = await child.exited
  assert.equal(exitCode, 0)
  await assert.rejects(sample(driver).square(1), code('APPLICATION_CLOSED'))
  await driver[Symbol.asyncDispose]()
})

test('the shared executor came through all of it as one process', async () => {
  assert.equal(await sample(shared).pid(), sharedExecutor.child.pid)
  assert.equal(shared.pool.stats().live, 0)
  assert.deepEqual(shared.killed, [])
})

/** A zombie that nobody has reaped yet runs no more. */
function isRunning(pid: number): boolean {
  const entry = readProcess(pid)
  return entry !== undefined && isRunningEntry(entry)
}
