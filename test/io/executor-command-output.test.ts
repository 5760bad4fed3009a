import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import type { CommandResult, CommandSpec } from '../../actors/executor/command.js'
import { COMMAND_URL } from '../../actors/executor/task-module.js'
import { each } from '../../actors/tasks/each.js'
import {
  type CallOptions,
  type InputOutput,
  type TakesOutput,
  takeOutput,
} from '../../actors/tasks/task-options.js'
import { tasksOf } from '../../actors/tasks/task-proxy.js'
import { waitUntil } from '../harness/wait-until.js'
import { startDriver } from '../tools/tasks-fixture.js'

/* What commands write, on its way to a reader that is as fast as it likes. */

const driver = await startDriver()
await driver.start({ cores: 2 })
after(() => driver[Symbol.asyncDispose]())
const folder = mkdtempSync(join(tmpdir(), 'firesteel-output-'))
after(() => rmSync(folder, { recursive: true, force: true }))

type Part = InputOutput<CommandSpec>

interface Outcome {
  readonly value: CommandResult | undefined
  readonly error: Error | undefined
  readonly outputs: readonly [string, string]
}

async function run(
  text: string,
  take: (part: Part) => Promise<void> = async () => undefined,
  more: Partial<CommandSpec> & CallOptions = { streams: true },
  pool = driver.pool,
): Promise<Outcome> {
  const { retries = 0, timeout, signal, ...spec } = more
  const tasks = tasksOf<{ command(spec: CommandSpec): Promise<CommandResult> }>(pool, COMMAND_URL)
  const outputs: [Buffer[], Buffer[]] = [[], []]
  const options: CallOptions<CommandSpec> & TakesOutput<CommandSpec> = {
    retries,
    ...(timeout !== undefined && { timeout }),
    ...(signal !== undefined && { signal }),
    [takeOutput]: async (part) => {
      outputs[part.output as 0 | 1].push(Buffer.from(part.bytes))
      await take(part)
    },
  }
  const place = JSON.stringify({ cwd: folder, env: { PATH: process.env.PATH } })
  const specs = [{ command: Buffer.from(text), place, ...spec }]
  for await (const { value, error } of each(pool, tasks.command, specs, options)) {
    const [out, err] = outputs.map((parts) => Buffer.concat(parts).toString('latin1')) as [string, string]
    return { value, error, outputs: [out, err] }
  }
  throw new Error('there was no result')
}

const seq = (last: number): string => Array.from({ length: last }, (_, index) => `${index + 1}\n`).join('')

test('output comes while its command runs, both outputs apart, and the result says how much it was', async () => {
  const seen: string[] = []
  const { value, outputs } = await run(
    'echo first; echo other >&2; while ! [ -e go ]; do sleep 0.01; done; printf last',
    async ({ bytes }) => {
      seen.push(Buffer.from(bytes).toString())
      if (seen.length === 2) writeFileSync(join(folder, 'go'), '')
    },
  )
  assert.deepEqual(outputs, ['first\nlast', 'other\n'])
  assert.deepEqual([value?.code, value?.stdout.sentBytes, value?.stderr.sentBytes], [0, 10, 6])
  assert.equal(value?.stdout.bytes.length, 0)
})

test('a slow reader slows the command; nothing is lost', async () => {
  const count = (): number => Number(readFileSync(join(folder, 'count'), 'utf8'))
  let release: (() => void) | undefined
  const held = new Promise<void>((resolve) => {
    release = resolve
  })
  const line = `${'0'.repeat(1023)}\n`
  const running = run(
    `i=0; while [ $i -lt 1000 ]; do printf '%01023d\\n' 0; i=$((i+1)); echo $i > count; done`,
    () => held,
  )
  let last = -1
  let same = 0
  // It stands still for a good while: nobody takes, so it cannot write.
  await waitUntil('the command waits', () => {
    const now = existing(count)
    same = now === last && now > 0 ? same + 1 : 0
    last = now
    return same > 50
  })
  assert.ok(last < 400, `it has written ${last} KiB, and nobody reads`)
  release?.()
  const { outputs, value } = await running
  assert.equal(outputs[0], line.repeat(1000))
  assert.equal(value?.stdout.sentBytes, 1024 * 1000)
})

const existing = (read: () => number): number => {
  try {
    return read()
  } catch {
    return -1
  }
}

test('a broken link loses no part and gives none twice', async () => {
  let parts = 0
  const { outputs } = await run('seq 200000', async () => {
    if (++parts % 4 === 0) driver.links.at(-1)?.replace('the test cuts it')
  })
  assert.equal(outputs[0], seq(200_000))
  assert.ok(driver.links.length > 2)
})

test('a command that nobody reads ends with its task', async () => {
  const never = new Promise<void>(() => {})
  const { error } = await run('yes', () => never, { streams: true, timeout: 300 })
  assert.match(String(error), /ran longer than its timeout/)
  const { outputs } = await run('echo on')
  assert.equal(outputs[0], 'on\n', 'its place is of use again')
})

test('what a command left behind with its output open is not waited for', async () => {
  const { outputs, value } = await run('(trap "" TERM; setsid sleep 600) & echo on')
  assert.deepEqual([outputs[0], value?.code], ['on\n', 0])
})

test('one command after the other: no descriptor of the thread is lost or known twice', async () => {
  await using own = await startDriver()
  const { child } = await own.start({ cores: 1, pipe: true })
  let said = ''
  child.stderr?.on('data', (chunk: Buffer) => {
    said += String(chunk)
  })
  const descriptors = (): number => readdirSync(`/proc/${child.pid}/fd`).length
  let before = 0
  for (let round = 0; round < 20; round++) {
    await run('echo x', undefined, { streams: true }, own.pool)
    if (round === 9) before = descriptors()
  }
  assert.ok(descriptors() <= before + 2, `${before} descriptors became ${descriptors()}`)
  assert.equal(said, '')
})

test('/dev/stdout and /dev/stderr can be opened', async () => {
  const { outputs } = await run('echo a > /dev/stdout; echo b > /dev/stderr; echo c | tee /dev/stderr')
  assert.deepEqual(outputs, ['a\nc\n', 'b\nc\n'])
})

test('large output comes in parts before the result; small output is in it', async () => {
  const large = await run('seq 30000; seq 10 >&2', undefined, { maxInlineBytes: 100_000 })
  assert.deepEqual(large.outputs, [seq(30_000), seq(10)])
  assert.deepEqual([large.value?.stdout.bytes.length, large.value?.stderr.bytes.length], [0, 0])
  const small = await run('seq 10', undefined, { maxInlineBytes: 100_000 })
  assert.deepEqual([small.outputs[0], small.value?.stdout.sentBytes], ['', 0])
  assert.equal(Buffer.from(small.value?.stdout.bytes ?? []).toString(), seq(10))
})

test('what its reader throws ends the call', async () => {
  await assert.rejects(
    run('yes', () => Promise.reject(new Error('no space left'))),
    /no space left/,
  )
})
