import assert from 'node:assert/strict'
import { readFileSync, realpathSync } from 'node:fs'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { startChild } from '../../runtime/process/child.js'
import { childEnvironment } from '../../runtime/process/environment.js'
import { runCommand } from '../harness/run-command.js'
import { waitUntil } from '../harness/wait-until.js'
import { atEnd, bin, errorOf, firesteel, folder, isAlive, smallCluster } from '../tools/command-fixture.js'
import { ASKING, statusOf } from '../tools/status.js'

/** One cluster for all of these tests. */
let cwd: string

const client = fileURLToPath(new URL('../../actors/client/index.js', import.meta.url))

const files: Readonly<Record<string, string>> = {
  'c.yaml': smallCluster(2),
  'job.mjs': `
import { writeSync } from 'node:fs'
writeSync(1, 'out of ' + process.env.FIRESTEEL_DRIVER_ID + ' ' + process.argv.slice(2).join(',') + '\\n')
writeSync(2, 'one\\ntwo\\nthree\\n')
process.exit(Number(process.env.CODE ?? 0))
`,
  'service.mjs': `console.log('serving'); setInterval(() => {}, 1000)`,
  'app.mjs': `
import { connect } from ${JSON.stringify(client)}
const app = await connect({ name: 'mine', cores: 1 })
const { double } = app.tasks(new URL('./tasks.mjs', import.meta.url))
console.log(await double(21), process.env.FIRESTEEL_SECRET ?? 'no secret', process.argv.slice(2).join(' '))
if (process.argv[2] === 'wait') await new Promise((resolve) => app.on('closed', resolve))
await app.close()
process.exit(Number(process.argv[2] ?? 0))
`,
  'tasks.mjs': 'export const double = (n) => 2 * n\n',
}

before(async () => {
  cwd = realpathSync(await mkdtemp(join(tmpdir(), 'firesteel-command-')))
  for (const [name, content] of Object.entries(files)) await writeFile(join(cwd, name), content)
  const { code, stderr } = await firesteel(['up', 'c.yaml', '--detach'], { cwd })
  assert.equal(code, 0, stderr)
})

after(async () => {
  await firesteel(['down'], { cwd })
  await rm(cwd, { recursive: true, force: true, maxRetries: 3 })
})

const call = (...args: string[]) => firesteel(args, { cwd })
const parse = <T>({ stdout }: { stdout: string }): T => JSON.parse(stdout) as T
const lastLine = <T>({ stdout }: { stdout: string }): T =>
  JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as T

interface Driver {
  readonly id: string
  readonly state: string
}

test('status --json has exactly the documented keys', async () => {
  const status = parse<Record<string, unknown> & { workers: object[]; masters: object[] }>(
    await call('status', '--json'),
  )
  assert.deepEqual(Object.keys(status), [
    ...['cluster', 'epoch', 'leader', 'store', 'masters', 'workers', 'applications', 'drivers'],
  ])
  assert.deepEqual(Object.keys(status.masters[0]!), ['address', 'state', 'web'])
  assert.deepEqual(Object.keys(status.workers[0]!), [
    ...['id', 'name', 'address', 'state', 'cores', 'coresUsed', 'memoryMib', 'memoryMibUsed'],
  ])
  const text = await call('status')
  assert.equal(text.code, 0)
  assert.match(text.stdout, /^Cluster test, epoch 1, leader firesteel:\/\/127\.0\.0\.1:\d+$/m)
})

test('submit --wait: options after MAIN are its own, exit 0, its logs', async () => {
  const outcome = await call('submit', '--wait', '--json', '--name', 'mine', 'job.mjs', '--cores', '7')
  assert.equal(outcome.code, 0, outcome.stderr)
  const [submitted, ended] = outcome.stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Driver & { key: string; exitCode: number })
  assert.ok(submitted?.key)
  assert.deepEqual([ended?.id, ended?.state, ended?.exitCode], [submitted.id, 'FINISHED', 0])
  const logs = await call('logs', submitted.id)
  assert.equal(logs.stdout, `out of ${submitted.id} --cores,7\n`)
  const errors = await call('logs', submitted.id, '--stderr', '--tail', '2')
  assert.equal(errors.stdout, 'two\nthree\n')
  const row = parse<{ name: string }>(await call('status', submitted.id, '--json'))
  assert.equal(row.name, 'mine')
})

test('submit --wait of a driver that fails: exit 1, its code printed', async () => {
  const outcome = await call('submit', '--wait', '--env', 'CODE=3', 'job.mjs')
  assert.equal(outcome.code, 1)
  assert.match(outcome.stdout, /FAILED, exit 3$/m)
  assert.match(outcome.stderr, /^FIRESTEEL_DRIVER_FAILED: driver-\S+ ended FAILED, exit 3/m)
})

test('the same key is the same driver; other content is refused', async () => {
  const first = lastLine<Driver>(await call('submit', '--json', '--key', 'k1', 'job.mjs'))
  const again = lastLine<Driver>(await call('submit', '--json', '--key', 'k1', 'job.mjs'))
  assert.equal(again.id, first.id)
  const other = await call('submit', '--json', '--key', 'k1', 'job.mjs', 'more')
  assert.equal(other.code, 4)
  assert.equal(errorOf(other).code, 'FIRESTEEL_KEY_REUSED')
})

test('a key is of one version of its program; a program that failed and was mended is --again', async () => {
  const write = (text: string) => writeFile(join(cwd, 'version.mjs'), text)
  const submit = (...words: string[]) => call('submit', '--wait', ...words, 'version.mjs')
  await write("console.log('version 1')")
  const first = await submit('--key', 'v')
  assert.match(first.stdout, /^version 1$/m)
  assert.match((await submit('--key', 'v')).stdout, /^version 1$/m)
  await write("console.log('version 2')")
  for (const words of [[], ['--again']]) {
    const other = await submit('--key', 'v', ...words)
    assert.equal(other.code, 4, other.stdout)
    assert.match(
      other.stderr,
      /^FIRESTEEL_KEY_REUSED: the key "v" belongs to driver-\S+, whose program is another/,
    )
  }
  await write('process.exit(3)')
  assert.match((await submit('--key', 'mended')).stdout, /FAILED, exit 3$/m)
  await write("console.log('mended')")
  const again = await submit('--key', 'mended', '--again')
  assert.deepEqual([again.code, /^mended$/m.test(again.stdout)], [0, true], again.stderr)
})

test('kill of a driver; logs -f follows it to its end', async () => {
  const { id } = lastLine<Driver>(await call('submit', '--json', 'service.mjs'))
  await waitUntil(
    'it to run',
    async () => (await statusOf<Driver>({ directory: cwd }, id)).state === 'RUNNING',
    ASKING,
  )
  const following = call('logs', id, '-f')
  const killed = await call('kill', id, '--json')
  assert.equal(killed.code, 0, killed.stderr)
  assert.equal(parse<Driver>(killed).id, id)
  assert.match((await following).stdout, /^(serving\n)?$/)
  await waitUntil(
    'KILLED',
    async () => (await statusOf<Driver>({ directory: cwd }, id)).state === 'KILLED',
    ASKING,
  )
  assert.equal(parse<Driver>(await call('status', id, '--json')).state, 'KILLED')
})

test('unknown ids are refused with exit 4', async () => {
  for (const args of [
    ['kill', 'driver-0-0-0'],
    ['kill', 'app-0-0-0'],
    ['kill', 'app-0-0-0/1'],
    ['kill', 'nonsense'],
    ['logs', 'driver-0-0-0'],
    ['logs', 'app-0-0-0/1'],
    ['status', 'driver-0-0-0'],
  ]) {
    const outcome = await call(...args, '--json')
    assert.equal(outcome.code, 4, args.join(' '))
    assert.equal(errorOf(outcome).code, 'FIRESTEEL_UNKNOWN_ID', args.join(' '))
  }
})

test('a wrong secret is refused with exit 4, no Master with exit 3', async () => {
  const wrong = await firesteel(['status', '--json'], {
    cwd,
    env: { FIRESTEEL_SECRET: 'not the right secret, but long enough' },
  })
  assert.equal(wrong.code, 4)
  assert.equal(errorOf(wrong).code, 'FIRESTEEL_SECRET_WRONG')
  const none = await call(
    'status',
    '--json',
    '--master',
    'firesteel://127.0.0.1:1',
    '--master-timeout',
    '200ms',
  )
  assert.equal(none.code, 3)
  assert.equal(errorOf(none).code, 'FIRESTEEL_NO_MASTER')
})

test('run: connect() of MAIN finds the cluster without the secret; it ends with the exit code of MAIN', async () => {
  const good = await call('run', 'app.mjs')
  assert.equal(good.code, 0, good.stderr)
  assert.equal(good.stdout, '42 no secret \n')
  const bad = await call('run', 'app.mjs', '5', '--json')
  assert.equal(bad.stdout, '42 no secret 5 --json\n')
  assert.equal(bad.code, 5)
  assert.match(bad.stderr, /^FIRESTEEL_DRIVER_FAILED: app\.mjs ended with exit 5\.$/m)
  assert.match(bad.stderr, /^--json comes after app\.mjs, so it went to the program and not to run\./m)
})

test('run ends with 128 and the number of the signal, and passes SIGHUP on', async (t) => {
  const folderOfIt = await folder(t, {
    'killed.mjs': "process.kill(process.pid, 'SIGKILL'); setTimeout(() => {}, 60_000)",
    'reload.mjs': `process.on('SIGHUP', () => { console.log('again'); process.exit(7) })
setInterval(() => {}, 1000)
console.log('runs')`,
  })
  const master = JSON.parse(readFileSync(join(cwd, '.firesteel/cluster.json'), 'utf8')).master as string
  const secret = readFileSync(join(cwd, '.firesteel/secret'), 'utf8').trim()
  const env = { ...childEnvironment(), FIRESTEEL_MASTER: master, FIRESTEEL_SECRET: secret }
  const killed = await firesteel(['run', 'killed.mjs'], { cwd: folderOfIt, env })
  assert.equal(killed.code, 128 + 9)
  assert.match(killed.stderr, /ended with SIGKILL/)
  const child = await startChild({
    command: process.execPath,
    args: [bin, 'run', 'reload.mjs'],
    cwd: folderOfIt,
    env,
    stdout: 'pipe',
    stderr: 'ignore',
    ownGroup: true,
    followDescendants: false,
  })
  atEnd(t, () => child.stop({ graceMs: 1000 }))
  let output = ''
  child.stdout?.on('data', (chunk: Buffer) => {
    output += chunk
  })
  await waitUntil('the program to run', () => output.includes('runs'))
  process.kill(child.pid, 'SIGHUP')
  assert.deepEqual(await child.exited, { code: 7, signal: null })
  await child.closed
  assert.equal(output, 'runs\nagain\n')
})

test('submit --key of a driver that FAILED exits 1; --again submits it once more, whoever repeats it', async () => {
  const submit = (...options: string[]) =>
    call('submit', '--json', '--key', 'nightly', '--env', 'CODE=3', ...options, 'job.mjs')
  const first = lastLine<Driver>(await submit())
  const { id } = first
  assert.equal((await submit('--wait')).code, 1)
  const failed = await submit()
  assert.equal(failed.code, 1)
  assert.equal(lastLine<Driver>(failed).id, id)
  assert.equal(
    errorOf(failed).message,
    `${id} of the key nightly has ended FAILED before, and was not started again.`,
  )
  assert.match(errorOf(failed).help, /with --again it is submitted once more/)
  const second = lastLine<Driver & { key: string }>(await submit('--again'))
  assert.notEqual(second.id, id)
  assert.equal(second.key, 'nightly~2')
  await waitUntil(
    'the second try to fail',
    async () => {
      return (await statusOf<Driver>({ directory: cwd }, second.id)).state === 'FAILED'
    },
    ASKING,
  )
  assert.equal(lastLine<{ key: string }>(await submit('--again')).key, 'nightly~3')
  const none = await call('submit', '--again', 'job.mjs', '--json')
  assert.deepEqual(
    [none.code, none.stderr.split('.')[0]],
    [2, 'FIRESTEEL_USAGE: --again needs --key: it is about the driver of that key'],
  )
  // One that is done stays done.
  const done = lastLine<Driver>(await call('submit', '--wait', '--json', '--key', 'done', 'job.mjs'))
  const again = lastLine<Driver>(await call('submit', '--json', '--key', 'done', '--again', 'job.mjs'))
  assert.equal(again.id, done.id)
})

test('run with a secret in the environment does not hand it down', async () => {
  const secret = readFileSync(join(cwd, '.firesteel/secret'), 'utf8').trim()
  const outcome = await firesteel(['run', 'app.mjs'], { cwd, env: { FIRESTEEL_SECRET: secret } })
  assert.equal(outcome.stdout, '42 no secret \n', outcome.stderr)
})

test('kill of a running application and of its executor', async () => {
  const running = call('run', 'app.mjs', 'wait')
  const app = await waitUntil(
    'the application to have an executor',
    async () => {
      const { applications } = await statusOf<{ applications: (Driver & { executors: number })[] }>({
        directory: cwd,
      })
      return applications.find(({ state, executors }) => state === 'RUNNING' && executors > 0)
    },
    ASKING,
  )
  const [executor] = parse<{ executorList: Driver[] }>(await call('status', app.id, '--json')).executorList
  const killed = await call('kill', executor!.id)
  assert.equal(killed.code, 0, killed.stderr)
  const ended = await call('kill', app.id)
  assert.equal(ended.code, 0, ended.stderr)
  await running
})

test('each: items quoted, grouped, in order, tagged; here, with this PATH', async () => {
  const outcome = await call('each', '-k', '--tag', 'echo {#}; pwd; echo {} >&2', 'a b', "it's", '$x')
  assert.equal(outcome.code, 0, outcome.stderr)
  assert.equal(outcome.stdout, `a b\t1\na b\t${cwd}\nit's\t2\nit's\t${cwd}\n$x\t3\n$x\t${cwd}\n`)
  assert.equal(outcome.stderr, "a b\ta b\nit's\tit's\n$x\t$x\n")
})

test('each: items of standard input, -0, JSON', async () => {
  const lines = await firesteel(['each', '-k', 'echo'], { cwd, input: 'x\ny z\n' })
  assert.equal(lines.stdout, 'x\ny z\n', lines.stderr)
  const nul = await firesteel(['each', '-0', '-k', '--json', "printf '%s'"], { cwd, input: 'a\nb\0c\0' })
  const ends = nul.stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { item: string; stdout: string; code: number })
  assert.deepEqual(
    ends.map(({ item, stdout, code }) => [item, stdout, code]),
    [
      ['a\nb', 'a\nb', 0],
      ['c', 'c', 0],
    ],
  )
})

test('each: the list of failures, tries, --halt, --timeout', async () => {
  const failed = await call('each', '-k', 'test {} -lt 2', '1', '2', '3')
  assert.equal(failed.code, 1)
  assert.match(failed.stderr, /^Failed:\n {2}#2 test 2 -lt 2: exit 1\n {2}#3 test 3 -lt 2: exit 1$/m)
  assert.match(failed.stderr, /^FIRESTEEL_COMMAND_FAILED: 2 of 3 commands failed\.$/m)

  const tried = await call(
    'each',
    '--retries',
    '3',
    'echo x >> tries; test $(wc -l < tries) -ge 3; true {}; test $(wc -l < tries) -ge 3',
    'a',
  )
  assert.equal(tried.code, 0, tried.stderr)

  const halted = await call('each', '-j1', '--halt', '1', 'echo {}; false', ...'abcdefgh')
  assert.equal(halted.code, 1)
  assert.ok(halted.stdout.split('\n').length <= 4, halted.stdout)
  assert.match(halted.stderr, /stopped by --halt 1/)

  // The time of a command begins with its task: the short one needs a shell within it.
  const slow = await call('each', '--timeout', '3s', 'sleep {}', '30', '0')
  assert.equal(slow.code, 1)
  assert.match(slow.stderr, /#1 sleep 30: /)
  assert.match(slow.stderr, /1 of 2 commands failed/)
})

test('a working folder that was removed is said', async () => {
  const gone = realpathSync(await mkdtemp(join(tmpdir(), 'firesteel-gone-')))
  const { code, stderr } = await runCommand({
    command: '/bin/sh',
    args: ['-c', 'rmdir "$PWD"; exec "$0" "$@"', process.execPath, bin, 'each', 'echo', 'x'],
    cwd: gone,
    env: { PATH: process.env.PATH ?? '' },
  })
  assert.equal(code, 1)
  assert.match(stderr, /^FIRESTEEL_FOLDER_MISSING: /)
})

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'] as const)
  test(`each interrupted by ${signal}: exit 130, its commands end`, async (t) => {
    const file = `pid-${signal}`
    const child = await startChild({
      command: process.execPath,
      args: [bin, 'each', `echo $$ > ${file}; sleep 100 & sleep 100`, 'one'],
      cwd,
      env: { PATH: process.env.PATH ?? '' },
      stdout: 'ignore',
      stderr: 'ignore',
      ownGroup: true,
      followDescendants: false,
    })
    t.after(() => child.stop({ graceMs: 0 }))
    const pid = await waitUntil('the command to run', async () =>
      Number(await readFile(join(cwd, file), 'utf8').catch(() => '')),
    )
    process.kill(child.pid, signal)
    assert.deepEqual(await child.exited, { code: 130, signal: null })
    await waitUntil('the command to end', () => !isAlive(pid))
  })
