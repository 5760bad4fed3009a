import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import fs from 'node:fs'
import {
  appendFile,
  link,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  stat,
  symlink,
  truncate,
  writeFile,
} from 'node:fs/promises'
import { syncBuiltinESMExports } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { innerLimits } from '../../runtime/inner-limits.js'
import { startChild } from '../../runtime/process/child.js'
import { childEnvironment } from '../../runtime/process/environment.js'
import { openOutputFile } from '../../runtime/process/output-file.js'
import { outputSegments } from '../../runtime/process/output-segments.js'
import { NotPlain, openPlain } from '../../runtime/process/plain-file.js'
import { followOutput, readOutput } from '../../runtime/process/read-output.js'
import { tailPlace } from '../../runtime/process/tail-place.js'
import { waitUntil } from '../harness/wait-until.js'

async function outputPath(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'firesteel-output-'))
  t.after(() => rm(folder, { recursive: true }))
  return join(folder, 'work', 'stdout')
}

/** Everything that is kept, page by page. */
function readAll(path: string): string {
  const parts: Buffer[] = []
  for (let page = readOutput(path); ; page = readOutput(path, { offset: page.next })) {
    parts.push(page.data)
    if (page.next >= page.end) break
  }
  return Buffer.concat(parts).toString()
}

test('rotation under live writers keeps every line, and a follower sees each once', async (t) => {
  const path = await outputPath(t)
  const output = await openOutputFile(path, { maxBytes: 100_000, files: 1000, checkMs: 5 })
  // Two processes of one group write from threads of their pools, as fast as they can, until they are told to
  // end.
  const writer = (name: string) => `const fs = require('node:fs'); let i = 0, end = false
    process.on('SIGUSR2', () => { end = true })
    const next = () => fs.write(1, '${name} ' + i++ + (end ? ' end\\n' : ' padding\\n'), end ? () => process.exit() : next)
    next()`
  const code = `require('node:child_process').spawn(process.execPath, ['-e', ${JSON.stringify(writer('b'))}], { stdio: 'inherit' }); ${writer('a')}`
  const child = await startChild({
    command: process.execPath,
    args: ['-e', code],
    cwd: tmpdir(),
    env: childEnvironment(),
    stdout: output,
    stderr: 'inherit',
    ownGroup: true,
  })
  t.after(() => child.stop({ graceMs: 0 }))
  // By what was followed: reading all of it again and again would keep this loop from rotating.
  let bothWrite = false
  const written = waitUntil(
    'rotations while both write',
    () => bothWrite && outputSegments(path).length > 5,
    { everyMs: 20, deadlineMs: 60_000 },
  ).then(() => {
    child.signal('SIGUSR2')
    return child.groupGone
  })
  const followed: Buffer[] = []
  let offset = 0
  for await (const page of followOutput(path, { signal: AbortSignal.timeout(90_000), ended: written })) {
    assert.equal(page.offset, offset)
    offset = page.next
    followed.push(page.data)
    bothWrite ||= page.data.includes('\nb ')
  }
  await written
  await output.close()

  const text = readAll(path)
  assert.ok(Buffer.concat(followed).toString() === text, 'the follower has seen all of it')
  assert.ok(!text.includes('\0'))
  for (const name of ['a', 'b']) {
    const lines = text.split('\n').filter((line) => line.startsWith(name))
    const numbers = lines.map((line) => Number(line.split(' ')[1]))
    assert.ok(
      numbers.every((number, i) => number === i),
      `${name}: in order, no gap`,
    )
    assert.ok(lines.at(-1)!.endsWith(' end') || name === 'b', `${name}: to its last line`)
  }
})

test('the oldest part goes first, offsets stay true, and an output can be opened again', async (t) => {
  const path = await outputPath(t)
  let output = await openOutputFile(path, { maxBytes: 10, files: 3, checkMs: 60_000 })
  assert.equal(await output.rotateIfNeeded(), false)
  for (let part = 0; part < 5; part++) {
    await appendFile(path, `part ${part} ....\n`)
    assert.equal(await output.rotateIfNeeded(), true)
    if (part === 2) {
      await output.close()
      output = await openOutputFile(path, { maxBytes: 10, files: 3, checkMs: 60_000 })
    }
  }
  await appendFile(path, 'live\n')
  await output.close()
  assert.deepEqual((await readdir(join(path, '..'))).sort(), [
    'stdout',
    'stdout.000000000000036',
    'stdout.000000000000048',
  ])
  assert.equal(readAll(path), 'part 3 ....\npart 4 ....\nlive\n')
  const gap = readOutput(path, { offset: 0 })
  assert.deepEqual([gap.offset, gap.next, gap.end], [36, 48, 65])
  assert.equal(readOutput(path, { offset: 1e6 }).next, 65)
  assert.equal(readOutput(path, { offset: 50, maxBytes: 3 }).data.toString(), 'rt ')
})

test('tail counts lines over rotated parts', async (t) => {
  const path = await outputPath(t)
  const output = await openOutputFile(path, { maxBytes: 4, files: 5, checkMs: 60_000 })
  assert.equal(await tailPlace(path, { lines: 3 }), 0)
  await appendFile(path, 'one\ntwo\n')
  await output.rotateIfNeeded()
  await appendFile(path, 'three\nfo')
  await output.close()
  const tail = async (lines: number): Promise<string> => {
    const page = readOutput(path, { offset: await tailPlace(path, { lines }) })
    return page.data.toString() + readOutput(path, { offset: page.next }).data.toString()
  }
  assert.equal(await tail(1), 'fo')
  assert.equal(await tail(2), 'three\nfo')
  assert.equal(await tail(3), 'two\nthree\nfo')
  assert.equal(await tail(99), 'one\ntwo\nthree\nfo')
  assert.equal(await tail(0), '')
  const part = async (offset: number, end: number, lines: number): Promise<string> => {
    const place = await tailPlace(path, { offset, end, lines })
    return readOutput(path, { offset: place }).data.toString()
  }
  assert.equal(await part(0, 8, 1), 'two\n', 'the last line before the end of the part')
  assert.equal(await part(4, 8, 9), 'two\n', 'none before its beginning')
  assert.equal(await part(2, 6, 9), 'e\ntwo\n')
  assert.equal(await tailPlace(path, { offset: 4, end: 8, lines: 0 }), 8)
})

test('tail finds its lines in a file of many chunks, and is quick about empty lines', async (t) => {
  const path = await outputPath(t)
  const output = await openOutputFile(path)
  await appendFile(path, `${'x'.repeat(200_000)}\n\n\nlast\n`)
  await output.close()
  assert.equal(await tailPlace(path, { lines: 3 }), 200_001)
  assert.equal(await tailPlace(path, { lines: 4 }), 0)
})

const CHUNK = innerLimits.outputTailChunkBytes

test('the last lines are sought one chunk in a turn, and not when their reader has left', async (t) => {
  const path = await outputPath(t)
  await (await openOutputFile(path)).close()
  await writeFile(path, '\n'.repeat(10 * CHUNK))
  const read = t.mock.method(fs, 'readSync')
  syncBuiltinESMExports()
  t.after(() => {
    read.mock.restore()
    syncBuiltinESMExports()
  })
  const turns: number[] = []
  const rest = async (): Promise<void> => {
    turns.push(read.mock.calls.reduce((bytes, { result }) => bytes + Number(result), 0))
    read.mock.resetCalls()
  }
  assert.equal(await tailPlace(path, { lines: 7 * CHUNK, rest }), 3 * CHUNK)
  assert.deepEqual(turns, new Array(7).fill(CHUNK))
  read.mock.resetCalls()
  const left = new AbortController()
  const leave = async (): Promise<void> => {
    await rest()
    if (turns.length === 8) left.abort()
  }
  await tailPlace(path, { lines: 7 * CHUNK, rest: leave, signal: left.signal })
  assert.deepEqual([turns.length, turns.at(-1)], [8, CHUNK])
  assert.equal(read.mock.callCount(), 0)
})

test('a rotation that fails leaves the output whole and says so', async (t) => {
  const path = await outputPath(t)
  const problems: unknown[] = []
  const output = await openOutputFile(path, {
    maxBytes: 4,
    checkMs: 60_000,
    onDegraded: (error) => problems.push(error),
  })
  await appendFile(path, 'one\ntwo\n')
  const undo = output.attach(() => {
    throw new Error('disk')
  })
  assert.equal(await output.rotateIfNeeded(), false)
  assert.equal(problems.length, 1)
  undo()
  // A writer who cannot be held: tried again, at last without holding.
  output.attach(() => false)
  for (let i = 0; i < 5; i++) assert.equal(await output.rotateIfNeeded(), false)
  assert.equal(await readFile(path, 'utf8'), 'one\ntwo\n')
  assert.equal(await output.rotateIfNeeded(), true)
  await output.close()
  assert.deepEqual((await readdir(join(path, '..'))).sort(), ['stdout', 'stdout.000000000000000'])
  assert.equal(readAll(path), 'one\ntwo\n')
})

test('following ends at once by its signal', async (t) => {
  const path = await outputPath(t)
  await (await openOutputFile(path)).close()
  await appendFile(path, 'one\n')
  const controller = new AbortController()
  const pages: string[] = []
  for await (const page of followOutput(path, { signal: controller.signal })) {
    pages.push(page.data.toString())
    if (pages.length === 1) await appendFile(path, 'two\n')
    else setImmediate(() => controller.abort())
  }
  assert.deepEqual(pages, ['one\n', 'two\n'])
})

/** A file that is no output, in a folder of its own. */
async function secretBeside(path: string): Promise<string> {
  const secret = join(path, '..', '..', 'secret')
  await writeFile(secret, 'the secret\n')
  return secret
}

test('what stands in the place of an output is not read: links, pipes, folders on the way', async (t) => {
  const path = await outputPath(t)
  const within = join(path, '..')
  const secret = await secretBeside(path)
  const refused = async (): Promise<void> => {
    assert.throws(() => readOutput(path, { within }), NotPlain)
    await assert.rejects(tailPlace(path, { within, lines: 2 }), NotPlain)
  }
  await (await openOutputFile(path)).close()
  await rm(path)
  await symlink(secret, path)
  await refused()
  await rm(path)
  await link(secret, path)
  await refused()
  await rm(path)
  execFileSync('mkfifo', [path])
  // A page of a pipe is empty without it being opened: its length is none.
  assert.equal(readOutput(path, { within }).data.length, 0)
  assert.throws(() => openPlain(path, within, 'r'), NotPlain)
  // A rotated part, planted beside the live one.
  await rm(path)
  await writeFile(path, 'live\n')
  await symlink(secret, `${path}.000000000000000`)
  assert.throws(() => readOutput(path, { within, offset: 0 }), NotPlain)
  // A folder on the way.
  const elsewhere = join(path, '..', '..', 'elsewhere')
  await mkdir(elsewhere)
  await writeFile(join(elsewhere, 'stdout'), 'the secret\n')
  await symlink(elsewhere, join(within, 'driver-1'))
  assert.throws(() => readOutput(join(within, 'driver-1', 'stdout'), { within }), NotPlain)
})

test('what stands in the place of an output is not written to either', async (t) => {
  const path = await outputPath(t)
  const secret = await secretBeside(path)
  await (await openOutputFile(path)).close()
  for (const plant of [
    () => symlink(secret, path),
    () => link(secret, path),
    () => mkdir(path),
    async () => void execFileSync('mkfifo', [path]),
  ]) {
    await rm(path, { recursive: true })
    await plant()
    // The copy of a rotation is planted as well.
    await symlink(secret, `${path}.rotating`)
    const output = await openOutputFile(path, { maxBytes: 4, checkMs: 60_000 })
    await appendFile(path, 'from the next attempt\n')
    assert.equal(await output.rotateIfNeeded(), true)
    await output.close()
    assert.equal(await readFile(secret, 'utf8'), 'the secret\n')
    assert.equal(readAll(path), 'from the next attempt\n')
    for (const { path: part } of outputSegments(path).slice(0, -1)) await rm(part)
  }
})

test('a file of a terabyte that is one hole: no zeros on the disk, none to its readers', async (t) => {
  const path = await outputPath(t)
  const output = await openOutputFile(path, { checkMs: 60_000 })
  t.after(() => output.close())
  await appendFile(path, 'begun\n')
  await truncate(path, 2 ** 40)
  await appendFile(path, '\nlast words\n')
  const isNear = (length: number): boolean => length >= 12 && length < 256 * 1024
  assert.ok(isNear(Buffer.byteLength(readAll(path))))
  const tail = readOutput(path, { offset: await tailPlace(path, { lines: 1 }) })
  assert.equal(tail.data.toString(), 'last words\n')
  assert.equal(tail.offset, 2 ** 40 + 1)
  assert.equal(await output.rotateIfNeeded(), true)
  assert.deepEqual(
    outputSegments(path).map(({ length }) => length),
    [2 ** 40 + 12, 0],
    'what comes next keeps its place',
  )
  const [rotated] = outputSegments(path)
  assert.ok((await stat(rotated!.path)).blocks * 512 < 256 * 1024)
  assert.ok(isNear(Buffer.byteLength(readAll(path))))
  await appendFile(path, 'more\n')
  assert.equal(await tailPlace(path, { lines: 2 }), 2 ** 40 + 1)
})

/** Text, a hole, text that ends in the midst of a block, and a hole behind it. */
async function holed(path: string): Promise<string[]> {
  const written = ['begun\n', `${'x'.repeat(10_000)}\n`, 'last words\n']
  await appendFile(path, written[0]!)
  await truncate(path, 100 * 1024 * 1024)
  await appendFile(path, written[1]!)
  await truncate(path, 110 * 1024 * 1024)
  await appendFile(path, written[2]!)
  return written
}

const withoutZeros = (text: string): string => text.replaceAll('\0', '')

test('a hole of any size is not shown: what was written comes with less than a block of zeros on each side', async (t) => {
  const path = await outputPath(t)
  const output = await openOutputFile(path, { checkMs: 60_000 })
  t.after(() => output.close())
  const written = await holed(path)
  const shown = readAll(path)
  assert.equal(withoutZeros(shown), written.join(''))
  assert.ok(shown.length < written.join('').length + 6 * 4096, `${shown.length} bytes`)
  const pages: string[] = []
  for await (const { data } of followOutput(path, {
    signal: AbortSignal.timeout(30_000),
    ended: Promise.resolve(),
  }))
    pages.push(data.toString())
  assert.equal(pages.join(''), shown, 'to who follows it as well')
  const small = readOutput(path, { offset: 100 * 1024 * 1024, maxBytes: 100 })
  assert.deepEqual([small.data.length, small.next - small.offset], [100, 100])
  assert.equal(await output.rotateIfNeeded(), true)
  assert.equal(withoutZeros(readAll(path)), written.join(''), 'also once it is rotated away')
})

test('a look at a hole is bounded, so that a turn stays short', async (t) => {
  const path = await outputPath(t)
  const output = await openOutputFile(path, { checkMs: 60_000 })
  t.after(() => output.close())
  await holed(path)
  const looks: number[] = []
  for (
    let page = readOutput(path, { offset: 8192 });
    page.data.length === 0;
    page = readOutput(path, { offset: page.next })
  )
    looks.push(page.next)
  assert.equal(looks.length, 24)
  assert.ok(looks.every((next, index) => next - (looks[index - 1] ?? 8192) <= 4 * 1024 * 1024))
})

test('zeros in a file without holes are shown as they are', async (t) => {
  const path = await outputPath(t)
  const output = await openOutputFile(path, { checkMs: 60_000 })
  t.after(() => output.close())
  await appendFile(path, Buffer.alloc(100_000))
  await appendFile(path, 'end')
  assert.equal(readAll(path).length, 100_003)
})
