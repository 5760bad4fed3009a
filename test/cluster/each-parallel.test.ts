import assert from 'node:assert/strict'
import { readdirSync, readFileSync, realpathSync, statSync, writeFileSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { after, before, test } from 'node:test'
import { main } from '../../runtime/launch/cli/cli.js'
import { startChild } from '../../runtime/process/child.js'
import { bin, firesteel, smallCluster } from '../tools/command-fixture.js'
import { dryCases, liveCases, type ParallelCase } from './each-parallel-cases.js'

/** The same calls by GNU parallel and by `each`: the same output, and a failure where it has one. */

let cwd: string
const page = readFileSync(new URL('../../../docs/each.md', import.meta.url), 'utf8').replace(/\s+/g, ' ')

before(async () => {
  cwd = realpathSync(await mkdtemp(join(tmpdir(), 'firesteel-parallel-')))
  await writeFile(join(cwd, 'c.yaml'), smallCluster(2))
  await writeFile(join(cwd, 'three'), '1\n2\n3\n')
  await writeFile(join(cwd, 'two'), 'x y\nz\n')
  const { code, stderr } = await firesteel(['up', 'c.yaml', '--detach'], { cwd })
  assert.equal(code, 0, stderr)
  // `each` runs in this process, and finds the secret and its files in this folder.
  process.chdir(cwd)
})

after(async () => {
  process.chdir('/')
  await firesteel(['down'], { cwd })
  await rm(cwd, { recursive: true, force: true, maxRetries: 3 })
})

interface Outcome {
  readonly code: number | null
  readonly stdout: Buffer
  readonly stderr: string
}

const PATH = process.env.PATH ?? ''

async function run(command: string, args: readonly string[], input: string): Promise<Outcome> {
  const child = await startChild({
    ...{ command, args, cwd, ownGroup: true, stdin: 'pipe', stdout: 'pipe', stderr: 'pipe' },
    env: { PATH, HOME: cwd, TOOL: 'p', PARALLEL_SHELL: '/bin/sh' },
  })
  child.stdin?.on('error', () => undefined)
  child.stdin?.end(Buffer.from(input, 'latin1'))
  const [stdout, stderr] = await Promise.all([read(child.stdout!), read(child.stderr!)])
  return { code: (await child.exited).code, stdout, stderr: stderr.toString() }
}

async function read(stream: AsyncIterable<Buffer>): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of stream) chunks.push(chunk)
  return Buffer.concat(chunks)
}

interface Heard {
  readonly out: (text: Buffer) => void
  readonly err: (text: string) => void
  readonly interrupted: AbortSignal
}

/** In this process, because a hundred starts of Node take longer than all the rest. */
async function each(
  args: readonly string[],
  input: string,
  { out: heardOut, err: heardErr, interrupted }: Partial<Heard> = {},
): Promise<Outcome> {
  const out: Buffer[] = []
  let stderr = ''
  const code = await main({
    argv: ['each', ...(args.includes('--dry-run') ? [] : ['--env', 'TOOL=e']), ...args],
    cwd,
    environment: { PATH },
    stdin: Readable.from([Buffer.from(input, 'latin1')]),
    out: async (text) => {
      out.push(Buffer.from(text as string))
      heardOut?.(Buffer.concat(out))
    },
    err: async (text) => {
      stderr += Buffer.from(text as string).toString()
      heardErr?.(stderr)
    },
    window: () => undefined,
    interactive: false,
    interrupted: interrupted ?? new AbortController().signal,
    readerGone: new AbortController().signal,
  })
  return { code, stdout: Buffer.concat(out), stderr }
}

const forTool = (args: readonly string[], tool: string): string[] =>
  args.map((arg) => (/^[a-z]+-\$TOOL$/.test(arg) ? join(cwd, arg.replace('$TOOL', tool)) : arg))

async function compare({ args, input = '', ours }: ParallelCase): Promise<void> {
  const theirs = await run('parallel', forTool(args, 'p'), input)
  const mine = await each(forTool(args, 'e'), input)
  const name = `${args.join(' ')}\n${mine.stderr}\n${theirs.stderr}`
  const expected = ours?.stdout === undefined ? theirs.stdout.toString('latin1') : ours.stdout
  assert.equal(mine.stdout.toString('latin1'), expected, name)
  assert.equal(mine.code !== 0, ours?.fails ?? theirs.code !== 0, name)
  if (ours === undefined) return
  assert.ok(page.includes(ours.why), `docs/each.md does not say: ${ours.why}`)
  assert.notEqual(theirs.stdout.toString('latin1'), expected, 'it differs')
}

for (const given of [...dryCases, ...liveCases]) {
  test(`${JSON.stringify(given.args.join(' '))}`, () => compare(given))
}

test('the table has 80 cases', () => assert.ok(dryCases.length + liveCases.length >= 80))

test('joblog and results have the same shape', () => {
  const log = (tool: string): string[][] =>
    readFileSync(join(cwd, `log-${tool}`), 'utf8')
      .split('\n')
      .map((line) =>
        line.split('\t').map((field, index) => (field !== '' && [1, 2, 3].includes(index) ? '*' : field)),
      )
  assert.deepEqual(log('e'), log('p'))
  const files = (tool: string): string[] =>
    readdirSync(join(cwd, `results-${tool}`), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name).slice(join(cwd, 'results-e').length))
      .sort()
  assert.deepEqual(files('e'), files('p'))
  for (const file of files('e')) {
    const text = (tool: string): string => readFileSync(join(cwd, `results-${tool}`, file), 'utf8')
    assert.equal(text('e'), text('p'), file)
  }
})

/** By a shell, because only it can give names that are not UTF-8, and pipes. */
async function shell(text: string): Promise<Outcome> {
  return await run('/bin/sh', ['-c', text, process.execPath, bin], '')
}

test('names of files that are not UTF-8, as arguments and in a log', async () => {
  const { stdout, stderr, code } = await shell(
    'mkdir names; cd names; n=$(printf "caf\\351"); echo hello > "$n"; cp -r ../.firesteel .; "$0" "$1" each -k --tag "cat {}; printf %s {}" ::: *',
  )
  assert.equal(code, 0, stderr)
  assert.equal(stdout.toString('latin1'), 'caf\xe9\thello\ncaf\xe9\tcaf\xe9')
})

test('after `| head` it stops', async () => {
  const { stdout } = await shell(
    'seq 100000 | { "$0" "$1" each echo; echo "ended $?" > code; } | head -n 1; while ! [ -s code ]; do sleep 0.05; done; cat code',
  )
  assert.match(stdout.toString(), /^\d+\nended 141\n$/)
})

test('--line-buffer prints a line while its command runs', async () => {
  const go = join(cwd, 'go')
  const { stdout, code } = await each(
    ['--lb', '--tag', `echo first; while ! [ -e ${go} ]; do sleep 0.02; done; echo last {}`, ':::', 'a'],
    '',
    {
      out: (text) => {
        if (text.toString() === 'a\tfirst\n') writeFileSync(go, '')
      },
    },
  )
  assert.deepEqual([stdout.toString(), code], ['a\tfirst\na\tlast a\n', 0])
})

test('output of any size comes whole, and --results has it as well', async () => {
  const command = 'head -c 70000000 /dev/zero; true'
  const { stdout, stderr, code } = await shell(`"$0" "$1" each '${command}' ::: 1 | wc -c`)
  assert.deepEqual([stdout.toString().trim(), code], ['70000000', 0], stderr)
  const results = await each(
    ['--results', join(cwd, 'large'), '--joblog', join(cwd, 'log-large'), command, ':::', '1'],
    '',
  )
  assert.equal(results.code, 0, results.stderr)
  assert.equal(statSync(join(cwd, 'large/1/1/stdout')).size, 70_000_000)
  assert.match(readFileSync(join(cwd, 'log-large'), 'utf8'), /\t70000000\t0\t0\t/)
})

for (const [option, value, says] of [
  ['--load', '0', /^\S+: commands wait until its load is below 0; it is \d/],
  ['--load', '0%', /^\S+: commands wait until its load is below 0; it is \d/],
  ['--memfree', '100000g', /^\S+: commands wait until 102400000 MiB of its memory are free; \d+ MiB are/],
] as const) {
  test(`${option} ${value} says what is waited for`, async () => {
    const interrupted = new AbortController()
    const { code, stderr, stdout } = await each(['-j1', option, value, 'echo', ':::', 'a', 'b'], '', {
      interrupted: interrupted.signal,
      err: (text) => {
        if (says.test(text)) interrupted.abort('SIGINT')
      },
    })
    assert.match(stderr, says)
    assert.deepEqual([code, stdout.length], [130, 0])
  })
}

test('on a terminal progress is a line below the output, and is gone at the end', async () => {
  for (const option of ['', '--bar', '--eta', '--lb']) {
    const command = `"$0" "$1" each -j1 ${option} "sleep 0.3; echo out" ::: 1 2`
    const { stdout, code } = await shell(
      `script -qec '${command.replace('$0', process.execPath).replace('$1', bin)}' /dev/null`,
    )
    assert.equal(code, 0)
    const text = stdout.toString()
    const erased = new RegExp(String.raw`\r[^\r\n]*${'\u001b'}\[K`, 'g')
    const shown = text.replaceAll(erased, '')
    assert.equal(shown, 'out 1\r\nout 2\r\n', 'only the output is left')
    assert.match(
      text,
      option === '--eta' ? /\r1 of 2 commands, 0 failed, \d+ s left/ : /\r=+-+ 1 of 2 commands, 0 failed/,
    )
  }
})

test('elsewhere --eta and --bar are lines of standard error', async () => {
  const eta = await each(['-j1', '--eta', 'echo', ':::', 'a', 'b'], '')
  assert.match(eta.stderr, /^0 of 2 commands, 0 failed\n(.*\n)*2 of 2 commands, 0 failed, 0 s left\n$/)
  const bar = await each(['-j1', '--bar', 'echo', ':::', 'a'], '')
  assert.match(bar.stderr, /\n={30} 1 of 1 commands, 0 failed, 0 s left\n$/)
  assert.equal((await each(['echo', ':::', 'a'], '')).stderr, '')
  const log = join(cwd, 'log-eta')
  await each(['-j1', '--joblog', log, 'echo', ':::', 'a', 'b'], '')
  const rest = await each(['-j1', '--eta', '--joblog', log, '--resume', 'echo', ':::', 'a', 'b', 'c'], '')
  assert.match(rest.stderr, /1 of 1 commands, 0 failed, 0 s left\n$/, 'what has run before does not count')
})
