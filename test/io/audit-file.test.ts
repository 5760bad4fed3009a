import assert from 'node:assert/strict'
import { chmod, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { Audit } from '../../runtime/observe/audit.js'
import { AuditFile } from '../../runtime/observe/audit-file.js'

async function place(t: TestContext) {
  const folder = await mkdtemp(join(tmpdir(), 'firesteel-audit-'))
  t.after(async () => {
    await chmod(folder, 0o700)
    await rm(folder, { recursive: true })
  })
  const path = join(folder, 'audit', 'c-m1.jsonl')
  const troubles: unknown[] = []
  const options = {
    path,
    maxBytes: 1000,
    files: 3,
    wallMs: () => 0,
    onTrouble: (error: unknown) => void troubles.push(error),
  }
  const lines = async (of = path) =>
    (await readFile(of, 'utf8'))
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>)
  return { folder, path, options, troubles, lines }
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
  const { folder, path, options, troubles, lines } = await place(t)
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
  const found = await lines()
  assert.deepEqual(
    found.map(({ number, event, lines: count }) => number ?? [event, count]),
    [3, ['left out', 3]],
  )
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
