import assert from 'node:assert/strict'
import { type ChildProcessWithoutNullStreams, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { test } from 'node:test'
import { FiresteelError } from '../../runtime/errors.js'
import type { Log } from '../../runtime/observe/log.js'
import { formatLine } from '../../runtime/observe/log-line.js'
import { LogThrottle, ThrottledLog } from '../../runtime/observe/log-throttle.js'
import { createLogger } from '../../runtime/observe/logger.js'
import { stderrLogger } from '../../runtime/observe/stderr-logger.js'

function collect(): { stream: PassThrough; lines: () => Record<string, unknown>[] } {
  const stream = new PassThrough()
  let text = ''
  stream.on('data', (chunk) => {
    text += chunk
  })
  return {
    stream,
    lines: () =>
      text
        .split('\n')
        .filter(Boolean)
        .map((line) => JSON.parse(line)),
  }
}

test('winston and the light log write the same lines', async () => {
  const [first, second] = [collect(), collect()]
  const wallMs = () => 0
  const heavy = createLogger({
    level: 'info',
    format: 'json',
    fields: { component: 'worker', node: 'w1' },
    stream: first.stream,
    wallMs,
  })
  const light = stderrLogger({ fields: { component: 'worker', node: 'w1' }, stream: second.stream, wallMs })
  const cause = new Error('disk')
  const error = new FiresteelError('SPAWN_FAILED', 'no sh', { place: '/bin/sh', cause })
  for (const log of [heavy, light] as Log[]) {
    log.info('hello', { message: 'mine', level: 3, big: 10n })
    log.debug('not seen')
    log.child({ component: 'guard' }).error('failed', { error })
  }
  await heavy.close()
  const lines = first.lines()
  assert.deepEqual(lines, second.lines())
  assert.deepEqual(lines[0], {
    at: '1970-01-01T00:00:00.000Z',
    level: 'info',
    message: 'hello',
    component: 'worker',
    node: 'w1',
    message_: 'mine',
    level_: 3,
    big: '10',
  })
  assert.equal(lines.length, 2)
  const logged = lines[1]!.error as Record<string, Record<string, unknown>>
  assert.equal(lines[1]!.component, 'guard')
  assert.deepEqual(
    [logged.code, logged.message, logged.place],
    ['FIRESTEEL_SPAWN_FAILED', 'no sh', '/bin/sh'],
  )
  assert.equal(logged.cause!.message, 'disk')
})

test('the level is one for a logger and its children, and a disabled level formats nothing', async () => {
  const { stream, lines } = collect()
  const log = createLogger({ level: 'warn', format: 'json', stream })
  const child = log.child({ component: 'a' })
  let formatted = 0
  const dear = {
    toJSON() {
      formatted++
      return 1
    },
  }
  child.info('no', { dear })
  assert.deepEqual([formatted, child.isEnabled('info'), child.isEnabled('warn')], [0, false, true])
  log.setLevel('debug')
  child.debug('yes', { dear })
  await log.close()
  assert.deepEqual([formatted, lines().map(({ message }) => message)], [1, ['yes']])
})

test('close loses no line, also to a pipe and with process.exit after it', () => {
  const url = new URL('../../runtime/observe/logger.js', import.meta.url).href
  const code = `const { createLogger } = await import(${JSON.stringify(url)})
    const log = createLogger({ level: 'info', format: 'json' })
    for (let i = 0; i < 5000; i++) log.info('line', { i, padding: 'x'.repeat(100) })
    await log.close()
    log.info('after')
    process.exit(0)`
  const { stderr, status } = spawnSync(process.execPath, ['--input-type=module', '-e', code], {
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  })
  const lines = stderr.trim().split('\n')
  assert.equal(status, 0)
  assert.equal(lines.length, 5001)
  assert.equal(JSON.parse(lines[4999]!).i, 4999)
  assert.equal(JSON.parse(lines[5000]!).message, 'after')
})

for (const [how, end, expected] of [
  ['process.exit', 'process.exit(3)', 3],
  ['an uncaught exception', "setImmediate(() => { throw new Error('a defect') })", 1],
] as const) {
  test(`${how} without a close loses no line to a pipe that was full`, async () => {
    const url = new URL('../../runtime/observe/logger.js', import.meta.url).href
    const code = `const { createLogger } = await import(${JSON.stringify(url)})
      const log = createLogger({ level: 'info', format: 'json' })
      for (let i = 0; i < 5000; i++) log.info('line', { i, padding: 'x'.repeat(100) })
      process.stdout.write('logged')
      ${end}`
    const child = spawn(process.execPath, ['--input-type=module', '-e', code])
    const [all] = await Promise.all([readLate(child), once(child, 'close')])
    assert.equal(child.exitCode, expected)
    assert.deepEqual(numbersIn(all), [...Array(5000).keys()])
  })
}

/** Of whole lines: the line that the pipe took a part of is written once more. */
const numbersIn = (text: string): number[] =>
  text.split('\n').flatMap((line) => {
    const number = /"i":(\d+),"padding":"x{100}"}$/.exec(line)?.[1]
    return number === undefined ? [] : [Number(number)]
  })

/** Reads the log only once all lines were given to it, so that its pipe was full. */
async function readLate(child: ChildProcessWithoutNullStreams): Promise<string> {
  await once(child.stdout, 'data')
  let text = ''
  for await (const chunk of child.stderr) text += chunk
  return text
}

test('an uncaught exception writes no line again that a slow reader has', async () => {
  const url = new URL('../../runtime/observe/logger.js', import.meta.url).href
  const code = `const { createLogger } = await import(${JSON.stringify(url)})
    process.stdin.once('data', () => {
      process.stdout.write('ends')
      throw new Error('a defect')
    })
    const log = createLogger({ level: 'info', format: 'json' })
    for (let i = 0; i < 10000; i++) log.info('line', { i, padding: 'x'.repeat(100) })`
  const child = spawn(process.execPath, ['--input-type=module', '-e', code])
  const closed = once(child, 'close')
  let text = ''
  for await (const chunk of child.stderr) {
    const before = text.length
    text += chunk
    // More than a pipe holds: the process has written again since it was full, and is not done.
    if (before >= HALF_CHARS || text.length < HALF_CHARS) continue
    child.stdin.end('end')
    await once(child.stdout, 'data')
  }
  await closed
  assert.equal(child.exitCode, 1)
  assert.deepEqual(numbersIn(text), [...Array(10_000).keys()])
})

/** Half of what the process above logs. */
const HALF_CHARS = 800_000

test('the part of a line that a full disk has taken stays apart from the next line', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'firesteel-log-'))
  t.after(() => rm(folder, { recursive: true }))
  const path = join(folder, 'log')
  const url = new URL('../../runtime/observe/logger.js', import.meta.url).href
  // Emptied but for a part of a line, it has room again.
  const code = `import { setImmediate as turn } from 'node:timers/promises'
    import { truncateSync } from 'node:fs'
    const { createLogger } = await import(${JSON.stringify(url)})
    const log = createLogger({ level: 'info', format: 'json' })
    for (let i = 0; i < 60; i++) {
      log.info('line', { i, padding: 'x'.repeat(100) })
      await turn()
    }
    truncateSync(${JSON.stringify(path)}, 30)
    for (const message of ['one', 'two']) log.info(message)
    await log.close()`
  // The limit of a file is as a full disk: a write takes what fits, and the next one fails.
  const script = 'ulimit -f 4 && exec "$0" --input-type=module -e "$1" 2>> "$2"'
  const { status } = spawnSync('bash', ['-c', script, process.execPath, code, path])
  assert.equal(status, 0)
  const [part, ...lines] = (await readFile(path, 'utf8')).trimEnd().split('\n')
  assert.equal(part?.length, 30)
  assert.deepEqual(
    lines.map((line) => JSON.parse(line).message),
    ['one', 'two'],
  )
})

test('a reader that has stopped does not keep a process from ending', async () => {
  const url = new URL('../../runtime/observe/logger.js', import.meta.url).href
  const code = `const { createLogger } = await import(${JSON.stringify(url)})
    const log = createLogger({ level: 'info', format: 'json' })
    for (let i = 0; i < 5000; i++) log.info('line', { i, padding: 'x'.repeat(100) })
    process.exit(3)`
  const child = spawn(process.execPath, ['--input-type=module', '-e', code])
  const [status] = await once(child, 'exit')
  assert.equal(status, 3)
  child.stderr.resume()
})

test('fields of the moment are asked for at each line, and a line may replace them', async () => {
  const { stream, lines } = collect()
  let epoch = 1
  const fields = { role: 'master', node: 'm1' }
  const log = createLogger({ level: 'info', format: 'json', stream, fields, moment: () => ({ epoch }) })
  log.info('first')
  epoch = 2
  log.child({ component: 'election' }).info('second')
  log.debug('not asked for')
  log.info('third', { epoch: 7 })
  await log.close()
  assert.deepEqual(
    lines().map((line) => [line.message, line.role, line.node, line.component, line.epoch]),
    [
      ['first', 'master', 'm1', undefined, 1],
      ['second', 'master', 'm1', 'election', 2],
      ['third', 'master', 'm1', undefined, 7],
    ],
  )
  const text = formatLine('text', { wallMs: 0, level: 'info', message: 'm', fields: { ...fields, epoch } })
  assert.equal(text, '00:00:00.000 info  [master m1] m epoch=2')
})

test('a line is written although winston cannot be read at that moment, and the next one tries again', () => {
  const url = new URL('../../runtime/observe/logger.js', import.meta.url).href
  const code = `import Module from 'node:module'
    const load = Module._load
    let tries = 0
    Module._load = (request, ...rest) => {
      if (request.endsWith('/winston.cjs') && ++tries === 1) throw Object.assign(new Error('no descriptor'), { code: 'EMFILE' })
      return load(request, ...rest)
    }
    const { createLogger } = await import(${JSON.stringify(url)})
    const log = createLogger({ level: 'info', format: 'json' })
    if (tries !== 0) throw new Error('winston was loaded before the first line')
    log.warn('first')
    log.warn('second', { tries })
    await log.close()`
  const { stderr, status } = spawnSync(process.execPath, ['--input-type=module', '-e', code], {
    encoding: 'utf8',
  })
  assert.equal(status, 0, stderr)
  const lines = stderr.trim().split('\n')
  assert.deepEqual(
    lines.map((line) => JSON.parse(line).message),
    ['first', 'second'],
  )
})

test('a line holds no secret, no forged line, and survives circles', () => {
  const entry = { wallMs: 0, level: 'warn', message: 'a\nb\u001b[2J' } as const
  const circle: Record<string, unknown> = { again: 1 }
  circle.self = circle
  const fields = { spec: { secret: 's3cret-value' }, circle, shared: [circle], list: new Set([1]) }
  for (const format of ['json', 'text'] as const) {
    const line = formatLine(format, { ...entry, fields })
    assert.ok(!line.includes('s3cret-value'), line)
    assert.ok(!line.includes('\n') && !line.includes('\u001b'), line)
    assert.ok(line.includes('[circular]'), line)
  }
  const text = formatLine('text', {
    ...entry,
    message: 'm',
    fields: { component: 'c', node: 'n', a: 'b c', d: 1 },
  })
  assert.equal(text, '00:00:00.000 warn  [c n] m a="b c" d=1')
})

test('a flood is one line, then counts; a quiet key is new again; keys are bounded', () => {
  const throttle = new LogThrottle(10_000, 2)
  assert.equal(throttle.hit('a', 'm', {}, 0), true)
  for (let i = 0; i < 99; i++) assert.equal(throttle.hit('a', 'm', { i }, 1), false)
  assert.deepEqual(throttle.due(9_999), [])
  assert.deepEqual(throttle.due(10_000), [{ key: 'a', suppressed: 99, message: 'm', fields: { i: 98 } }])
  assert.equal(throttle.hit('a', 'm', {}, 15_000), false)
  assert.equal(throttle.due(20_000).length, 1)
  assert.deepEqual(throttle.due(30_000), [])
  assert.equal(throttle.hit('a', 'm', {}, 30_001), true)
  throttle.hit('b', 'm', {}, 30_001)
  throttle.hit('c', 'm', {}, 30_001)
  assert.equal(throttle.hit('a', 'm', {}, 30_002), true, 'the oldest key made room')
})

test('ThrottledLog writes the first and, on its end, the count', () => {
  const { stream, lines } = collect()
  let now = 0
  const throttled = new ThrottledLog(stderrLogger({ stream }), () => now)
  for (let i = 0; i < 5; i++) throttled.warn('malformed peer', 'a malformed message', { peer: 'p' })
  now = 10
  throttled.close()
  assert.deepEqual(
    lines().map(({ message, repeated }) => [message, repeated]),
    [
      ['a malformed message', undefined],
      ['a malformed message (4 more)', 4],
    ],
  )
})
