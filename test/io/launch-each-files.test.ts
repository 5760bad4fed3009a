import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { isFiresteelError } from '../../runtime/errors.js'
import { JoblogFile } from '../../runtime/launch/cli/each/joblog-file.js'
import type { CommandEnd } from '../../runtime/launch/cli/each/report.js'
import { ResultOutputs } from '../../runtime/launch/cli/each/result-outputs.js'
import { errorOf, firesteel } from '../tools/command-fixture.js'

/* Files that the command line of `each` names, before there is a cluster. */

let cwd: string
before(async () => {
  cwd = await mkdtemp(join(tmpdir(), 'firesteel-each-files-'))
  await writeFile(join(cwd, 'file'), '')
  await mkdir(join(cwd, 'folder'))
})
after(() => rm(cwd, { recursive: true }))

const end: CommandEnd = {
  ...{ number: 1, args: ['a'], command: 'c', attempts: 1, code: 0, signal: null, error: null },
  ...{ timedOut: false, startedAtMs: 1, ms: 1, host: 'h', sent: [0, 0] },
  ...{ stdout: new Uint8Array(0), stderr: new Uint8Array(0) },
}

const wrong: readonly (readonly [option: string, path: string, rule: string])[] = [
  ['--joblog', 'no/log', 'the folder that it is in does not exist (ENOENT)'],
  ['--joblog', 'folder', 'it is a folder, and must be a file (EISDIR)'],
  ['--joblog', 'file/log', 'a part of this path is a file, and must be a folder (ENOTDIR)'],
  ['--results', 'file', 'it is a file, and must be a folder (EEXIST)'],
  ['--results', 'file/results', 'a part of this path is a file, and must be a folder (ENOTDIR)'],
]
for (const [option, path, rule] of wrong)
  test(`${option} ${path} is an error of the command line, with the path and the rule`, async () => {
    const words = ['each', '--json', option, path, ...(option === '--joblog' ? ['--resume'] : [])]
    const outcome = await firesteel([...words, 'echo', ':::', 'a'], { cwd })
    const { code, message } = errorOf(outcome)
    assert.deepEqual(
      [outcome.code, code, message],
      [2, 'FIRESTEEL_PATH_NOT_FOUND', `${option} ${path} cannot be used: ${rule}.`],
    )
  })

test('a disk that is full while commands run is named by the path', {
  skip: !existsSync('/dev/full'),
}, async () => {
  const full = (error: unknown) =>
    isFiresteelError(error, 'DISK_FULL') && error.message === '/dev/full: the disk is full (ENOSPC).'
  await assert.rejects(JoblogFile.open('/dev/full', undefined), full)
})

test('a file in the way of one result is named', async () => {
  const results = join(cwd, 'results')
  await ResultOutputs.make(results)
  await writeFile(join(results, '1'), '')
  await assert.rejects(new ResultOutputs(results, 1).end(end), {
    code: 'FIRESTEEL_PATH_NOT_FOUND',
    message: `--results ${results}/1/a/ cannot be used: a part of this path is a file, and must be a folder (ENOTDIR).`,
  })
})

test('a dry run prints what would run: without what the joblog has, which stays as it is', async () => {
  const log = ['1', '2', '3'].map((number) => `${number}\t:\t1\t1\t0\t0\t${number === '2' ? 1 : 0}\t0\tx\n`)
  await writeFile(join(cwd, 'log'), log.join(''))
  const dry = (...words: string[]) =>
    firesteel(['each', '--dry-run', ...words, 'echo {}', ':::', 'a', 'b', 'c', 'd'], { cwd })
  assert.equal((await dry('--joblog', 'log', '--resume')).stdout, 'echo d\n')
  assert.equal((await dry('--joblog', 'log', '--resume-failed')).stdout, 'echo b\necho d\n')
  assert.equal((await dry('--joblog', 'log')).stdout, 'echo a\necho b\necho c\necho d\n')
  assert.equal(await readFile(join(cwd, 'log'), 'utf8'), log.join(''))
  assert.equal((await dry('--joblog', 'none', '--resume')).stdout, 'echo a\necho b\necho c\necho d\n')
  assert.equal(existsSync(join(cwd, 'none')), false)
})

test('a dry run with --json prints a JSON object per line', async () => {
  const { stdout } = await firesteel(['each', '--json', '--dry-run', 'echo {}', ':::', 'a b', 'c'], { cwd })
  assert.deepEqual(
    stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as unknown),
    [
      { number: 1, args: ['a b'], item: 'a b', command: "echo 'a b'" },
      { number: 2, args: ['c'], item: 'c', command: 'echo c' },
    ],
  )
})
