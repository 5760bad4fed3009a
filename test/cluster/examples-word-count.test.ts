import assert from 'node:assert/strict'
import { lstatSync, readdirSync, readFileSync } from 'node:fs'
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { waitUntil } from '../harness/wait-until.js'
import { Nest, program } from './examples-fixture.js'

const main = program('word-count')
/** Where processes can be found by their environment. */
const onLinux = { skip: process.platform !== 'linux' }
let folder: string

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'firesteel-texts-'))
  await mkdir(join(folder, 'many', 'more'), { recursive: true })
  // Enough for many tasks, with words that are equally common.
  for (let index = 0; index < 700; index++) {
    const place = join(folder, 'many', index % 2 ? 'more' : '.', `${index}.txt`)
    await writeFile(
      place,
      `The line ${index % 7}, the end.\nΟΔΟΣ étÉ 日本語 foo_bar ${'word '.repeat(index % 5)}\n`,
    )
  }
  // Over one task: read in pieces.
  const line = 'Large FILES are cut at line ends; ΣΙΓΜΑΣ. A "line" (or so) — naïve?\n'
  await writeFile(join(folder, 'large.txt'), line.repeat(80_000))
  await writeFile(join(folder, 'broken.txt'), Buffer.of(0x61, 0xff, 0x62, 0x20, 0xe2, 0x82, 0x0a, 0x63))
  await writeFile(join(folder, 'binary'), Buffer.from('words \0 and words'))
  await writeFile(join(folder, 'late-nul'), Buffer.concat([Buffer.from('late '.repeat(1700)), Buffer.of(0)]))
  await writeFile(join(folder, 'app.js.map'), 'hidden words')
  await writeFile(join(folder, 'empty'), '')
  await symlink(join(folder, 'many'), join(folder, 'link-to-folder'))
  await symlink(join(folder, 'large.txt'), join(folder, 'link-to-file'))
})
after(() => rm(folder, { recursive: true }))

interface Result {
  files: number
  bytes: number
  words: number
  top: [string, number][]
  ms?: number
  executors?: number
  tasks?: number
  retried?: number
}

/** The documented rules in one process, with nothing of the example's own. */
function independentCount(root: string): Result {
  const counts = new Map<string, number>()
  const result: Result = { files: 0, bytes: 0, words: 0, top: [] }
  const visit = (path: string): void => {
    const found = lstatSync(path)
    if (found.isDirectory()) for (const name of readdirSync(path)) visit(`${path}/${name}`)
    if (!found.isFile() || path.endsWith('.map')) return
    const bytes = readFileSync(path)
    if (bytes.subarray(0, 8192).indexOf(0) >= 0) return
    result.files++
    result.bytes += bytes.length
    const text = new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes).toLowerCase()
    for (const [word] of text.matchAll(/[\p{L}\p{N}_]+/gu)) {
      result.words++
      counts.set(word, (counts.get(word) ?? 0) + 1)
    }
  }
  visit(root)
  const points = (word: string): number[] => Array.from(word, (envelope) => envelope.codePointAt(0)!)
  result.top = [...counts]
    .sort(([a, x], [b, y]) => {
      if (x !== y) return y - x
      const [left, right] = [points(a), points(b)]
      const at = left.findIndex((point, index) => point !== right[index])
      return at < 0 ? -1 : (left[at] ?? -1) - (right[at] ?? -1)
    })
    .slice(0, 20)
  return result
}

function assertEqualCounts(json: string, expected: Result): Result {
  assert.equal(json.trim().split('\n').length, 1, 'one line of JSON')
  const result = JSON.parse(json) as Result
  const { files, bytes, words, top } = result
  assert.deepEqual({ files, bytes, words, top }, expected)
  return result
}

test('word count equals an independent count and leaves nothing behind', async () => {
  await using nest = await Nest.make()
  const { code, stdout, stderr } = await nest.node(main, ['--json', folder])
  assert.equal(code, 0, stderr)
  const result = assertEqualCounts(stdout, independentCount(folder))
  const keys = ['files', 'bytes', 'words', 'top', 'ms', 'executors', 'tasks', 'retried']
  assert.deepEqual(Object.keys(result), keys)
  assert.ok(result.tasks! > 10 && result.executors! > 0 && result.ms! > 0, stdout)
  assert.equal(result.retried, 0)
  // No terminal: lines, and nothing that moves a cursor.
  assert.match(stderr, /^705 files, /)
  assert.match(stderr, / 100% {2}/)
  assert.ok(!stderr.includes('\u001b'), JSON.stringify(stderr))
  await nest.assertEmpty()
})

test('with its Master killed half-way nothing is lost, and nothing is left behind', async () => {
  await using nest = await Nest.make()
  const { code, stdout, stderr } = await nest.node(main, ['--kill-master', '--json', folder])
  assert.equal(code, 0, stderr)
  const result = assertEqualCounts(stdout, independentCount(folder))
  assert.equal(result.retried, 0)
  assert.match(stderr, /Killed the Master \(process \d+\) half-way/)
  const outage = /gone for (\d+) ms and is ALIVE again. Nothing was lost: 705 of 705 files/.exec(stderr)
  assert.ok(outage && Number(outage[1]) > 0, stderr)
  await nest.assertEmpty()
})

test('for people: a table; a relative PATH is where npm was called; a PATH may be a file', async () => {
  await using nest = await Nest.make()
  const { code, stdout, stderr } = await nest.node(main, ['broken.txt', 'many/2.txt'], {
    env: { INIT_CWD: folder },
  })
  assert.equal(code, 0, stderr)
  assert.match(stdout, /^ {2}2 {2}the$/m)
  assert.match(stdout, /^ {2}1 {2}οδος$/m)
  assert.match(stdout, /^14 words in 2 text files \(0\.0 MiB\)$/m)
  await nest.assertEmpty()
})

test('a PATH that is missing, an unknown flag and help start no cluster', async () => {
  await using nest = await Nest.make()
  const missing = await nest.node(main, ['nowhere', '--json'])
  assert.deepEqual([missing.code, missing.stdout], [2, ''])
  const { error } = JSON.parse(missing.stderr) as { error: { code: string; message: string; help: string } }
  assert.equal(error.code, 'FIRESTEEL_PATH_NOT_FOUND')
  assert.equal(error.message, `${join(nest.folder, 'nowhere')} does not exist.`)
  assert.ok(error.help.length > 0)

  const unknown = await nest.node(main, ['--kill'])
  assert.equal(unknown.code, 2)
  assert.match(unknown.stderr, /^FIRESTEEL_USAGE: /)

  const help = await nest.node(main, ['--help'])
  assert.deepEqual([help.code, help.stderr], [0, ''])
  assert.match(help.stdout, /--kill-master/)
  await nest.assertEmpty()
})

test('Ctrl-C ends it with 130, and the cluster with it', onLinux, async () => {
  await using nest = await Nest.make()
  const interrupt = new AbortController()
  const running = nest.node(main, [folder, folder, folder, folder], { signal: interrupt.signal })
  // By then the cluster is up and tasks run.
  await waitUntil('five processes', async () => (await nest.processes()).length >= 5, { everyMs: 20 })
  interrupt.abort()
  const { code, signal } = await running
  assert.deepEqual([code, signal], [130, null])
  await nest.assertEmpty()
})
