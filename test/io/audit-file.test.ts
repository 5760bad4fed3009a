import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import {
  appendFile,
  chmod,
  mkdtemp,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { promisify } from 'node:util'
import { Audit } from '../../runtime/observe/audit.js'
import { AuditFile } from '../../runtime/observe/audit-file.js'
import { waitUntil } from '../harness/wait-until.js'

async function place(t: TestContext) {
  const folder = await mkdtemp(join(tmpdir(), 'firesteel-audit-'))
  t.after(async () => {
    await chmod(folder, 0o700)
    await rm(folder, { recursive: true })
  })
  const path = join(folder, 'audit', 'c-m1.jsonl')
  const troubles: unknown[] = []
  const told: string[] = []
  const options = {
    path,
    maxBytes: 1000,
    files: 3,
    wallMs: () => 0,
    onTrouble: (error: unknown) => void troubles.push(error),
    onLeftOut: (lines: number) => void told.push(`left out ${lines}`),
    onReplaced: () => void told.push('replaced'),
  }
  const lines = async (of = path) =>
    (await readFile(of, 'utf8'))
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>)
  return { folder, path, options, troubles, told, lines }
}

test('lines are written in order, for their owner alone, and go on behind those of the process before', async (t) => {
  const { path, options, lines } = await place(t)
  for (const life of [1, 2]) {
    const file = new AuditFile(options)
    for (let number = 0; number < 3; number++) file.write({ life, number })
    await file.close()
  }
  assert.deepEqual(
    (await lines()).map(({ at, life, number }) => [at, life, number]),
    [1, 2].flatMap((life) => [0, 1, 2].map((number) => ['1970-01-01T00:00:00.000Z', life, number])),
  )
  assert.equal((await stat(path)).mode & 0o777, 0o600)
})

test('a full file is rotated, and so many are kept', async (t) => {
  const { folder, path, options, lines } = await place(t)
  const file = new AuditFile(options)
  for (let number = 0; number < 40; number++) {
    file.write({ number, text: 'x'.repeat(300) })
    // What waits is written at once, so each line is waited for.
    await file.close()
  }
  assert.deepEqual((await readdir(join(folder, 'audit'))).sort(), [
    'c-m1.jsonl',
    'c-m1.jsonl.1',
    'c-m1.jsonl.2',
  ])
  const numbers = []
  for (const of of [`${path}.2`, `${path}.1`, path])
    numbers.push(...(await lines(of)).map(({ number }) => number))
  assert.equal(numbers.at(-1), 39)
  assert.deepEqual(
    numbers,
    [...numbers].sort((a, b) => Number(a) - Number(b)),
  )
})

test('a link in its place is not followed; that it cannot be written is told once, and what was left out is counted', async (t) => {
  const { folder, path, options, troubles, told, lines } = await place(t)
  const victim = join(folder, 'victim')
  await writeFile(victim, '')
  const first = new AuditFile(options)
  first.write({ number: 0 })
  await first.close()
  await rm(path)
  await symlink(victim, path)
  const file = new AuditFile(options)
  for (const number of [1, 2]) {
    file.write({ number })
    await file.close()
  }
  assert.equal(troubles.length, 1)
  assert.equal(await readFile(victim, 'utf8'), '')
  await rm(path)
  file.write({ number: 3 })
  await file.close()
  assert.deepEqual(told, ['left out 2'])
  const found = await lines()
  assert.deepEqual(
    found.map(({ number, event, lines: count }) => number ?? [event, count]),
    [3, ['left out', 2]],
  )
})

/** Fills a file up to the limit that its shell has set, empties it, and goes on. Prints what was told. */
const fullDisk = `
  import { copyFileSync, truncateSync } from 'node:fs'
  const [, path, url] = process.argv
  const { AuditFile } = await import(url)
  const told = []
  const file = new AuditFile({
    path, maxBytes: 1e9, files: 3, wallMs: () => 0,
    onTrouble: ({ code }) => told.push(code),
    onLeftOut: (lines) => told.push(lines),
    onReplaced: () => told.push('replaced'),
  })
  const write = async (number) => {
    file.write({ number, text: 'x'.repeat(number % 7 * 40) })
    await file.close()
  }
  for (let number = 0; number < 60; number++) await write(number)
  // Several lines at once, of which the first ones fit.
  copyFileSync(path, path + '.full')
  truncateSync(path, 0)
  for (let number = 60; number < 100; number++) file.write({ number, text: 'x'.repeat(100) })
  await file.close()
  copyFileSync(path, path + '.full2')
  truncateSync(path, 0)
  await write(100)
  console.log(JSON.stringify(told))
`

test('a full disk cuts no line in two, and the number of lines that are missing is exact', async (t) => {
  const { folder, lines } = await place(t)
  const path = join(folder, 'full.jsonl')
  const url = new URL('../../runtime/observe/audit-file.js', import.meta.url).href
  // The limit of a file is as a full disk: a write takes what fits, and the next one fails.
  const script = 'ulimit -f 4 && exec "$0" --input-type=module -e "$1" "$2" "$3"'
  const { stdout } = await promisify(execFile)('bash', ['-c', script, process.execPath, fullDisk, path, url])
  const found = [...(await lines(`${path}.full`)), ...(await lines(`${path}.full2`)), ...(await lines(path))]
  const numbers = found.flatMap(({ number }) => number ?? [])
  const missing = found.flatMap(({ event, lines: count }) => (event === 'left out' ? [Number(count)] : []))
  assert.equal(new Set(numbers).size, numbers.length)
  assert.equal(numbers.at(-1), 100)
  assert.ok(numbers.length > 20 && numbers.length < 90, `${numbers.length}`)
  assert.equal(
    missing.reduce((sum, count) => sum + count, 0),
    101 - numbers.length,
  )
  const told = JSON.parse(stdout) as (string | number)[]
  assert.deepEqual(
    told.filter((one) => one !== 'EFBIG'),
    missing,
  )
  assert.equal(told[0], 'EFBIG')
})

test('the rest of a line that a process before has left is cut off', async (t) => {
  const { path, options, lines } = await place(t)
  const first = new AuditFile(options)
  first.write({ number: 0 })
  await first.close()
  // Longer than one look back.
  await appendFile(path, `{"number":1,"text":"${'x'.repeat(200_000)}`)
  const second = new AuditFile({ ...options, maxBytes: 1_000_000 })
  second.write({ number: 2 })
  await second.close()
  assert.deepEqual(
    (await lines()).map(({ number }) => number),
    [0, 2],
  )
})

test('a file that was removed or replaced is begun again, and that is told', async (t) => {
  const { path, options, told, troubles, lines } = await place(t)
  const file = new AuditFile({ ...options, maxBytes: 1_000_000 })
  const written = () => waitUntil('the line', async () => (await readFile(path, 'utf8')).endsWith('}\n'))
  file.write({ number: 0 })
  await written()
  await rm(path)
  file.write({ number: 1 })
  await written()
  await rename(path, `${path}.old`)
  file.write({ number: 2 })
  await file.close()
  assert.deepEqual(
    [...(await lines(`${path}.old`)), ...(await lines())].map(({ number }) => number),
    [1, 2],
  )
  assert.deepEqual(told, ['replaced', 'replaced'])
  assert.deepEqual(troubles, [])
})

test('refusals of one kind are one line at once, and the others a number', async (t) => {
  const { options, lines } = await place(t)
  const audit = new Audit('m1', options)
  for (let number = 0; number < 1000; number++) audit.refused('link:10.0.0.9', { event: 'link', number })
  audit.done({ event: 'request' })
  await audit.close()
  assert.deepEqual(
    (await lines()).map(({ node, event, number, repeated }) => [node, event, number, repeated]),
    [
      ['m1', 'link', 0, undefined],
      ['m1', 'request', undefined, undefined],
      ['m1', 'link', 999, 999],
    ],
  )
})
