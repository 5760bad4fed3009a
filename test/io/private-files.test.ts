import assert from 'node:assert/strict'
import { chmodSync, copyFileSync, existsSync, mkdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { WorkFolders } from '../../actors/worker/work-folders.js'
import { ensureSecret, writeClusterFile } from '../../runtime/launch/config/folder.js'
import { silentLog } from '../../runtime/observe/log.js'
import { coreLimitIn } from '../../runtime/process/core-dumps.js'
import { startGuard } from '../../runtime/process/guard.js'
import { withoutNewPrivileges } from '../../runtime/process/new-privileges.js'
import { openOutputFile } from '../../runtime/process/output-file.js'
import { ownFolder } from '../../runtime/process/own-folder.js'
import { withGivenUmask, writePrivately } from '../../runtime/process/private-files.js'
import { runCommand } from '../harness/run-command.js'
import { waitUntil } from '../harness/wait-until.js'
import { APP, DRIVER } from '../tools/worker-fixture.js'

/* What our nodes write is their user's alone, and what they start gains nothing. */

const modeOf = (path: string): number => statSync(path).mode & 0o777
const isRoot = process.getuid?.() === 0
const NOBODY = 65_534

async function folder(t: TestContext): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'firesteel-private-'))
  t.after(() => rm(path, { recursive: true, force: true }))
  return path
}

test('a file without a mode is private in a node, and what it starts has the umask of its user', async (t) => {
  const root = await folder(t)
  const before = process.umask(0o022)
  t.after(() => process.umask(before))
  writePrivately()
  writePrivately()
  writeFileSync(join(root, 'own'), '')
  assert.equal(modeOf(join(root, 'own')), 0o600)
  assert.equal(
    withGivenUmask(() => process.umask()),
    0o022,
  )
  assert.equal(process.umask(), 0o077)
  const { stdout } = await runCommand({ command: 'sh', args: ['-c', 'umask'], cwd: '/', env: {} })
  assert.equal(stdout.trim(), '0022', 'a process that it starts')
})

test('outputs are 0600 and their folders 0700, whatever the umask, and those of an earlier release become it', async (t) => {
  const root = join(await folder(t), 'work')
  const before = process.umask(0)
  t.after(() => process.umask(before))
  mkdirSync(root, { mode: 0o755 })
  mkdirSync(join(root, DRIVER), { mode: 0o750 })
  const folders = new WorkFolders(root, silentLog)
  for (const segments of [[DRIVER], [APP, '0']]) {
    const path = await folders.make(segments)
    const output = await openOutputFile(join(path, 'stdout'), { within: root, maxBytes: 4 })
    writeFileSync(output.descriptor, '12345678')
    assert.ok(await output.rotateIfNeeded())
    await output.close()
    assert.deepEqual([modeOf(path), modeOf(join(path, 'stdout'))], [0o700, 0o600])
    assert.equal(modeOf(join(path, 'stdout.000000000000000')), 0o600, 'what was rotated away')
  }
  assert.deepEqual([modeOf(root), modeOf(join(root, APP))], [0o700, 0o700])
})

test('a link in the place of a work folder is refused, and what it leads to is neither entered nor removed', async (t) => {
  const root = await folder(t)
  const foreign = join(root, 'foreign')
  mkdirSync(join(foreign, '0'), { recursive: true })
  writeFileSync(join(foreign, '0', 'stdout'), 'precious')
  const work = join(root, 'work')
  mkdirSync(work)
  symlinkSync(foreign, join(work, APP))
  symlinkSync(foreign, join(work, DRIVER))
  const folders = new WorkFolders(work, silentLog)
  await assert.rejects(folders.make([APP, '0']), {
    code: 'FIRESTEEL_SPAWN_FAILED',
    message: /is not a folder/,
  })
  await assert.rejects(folders.make([DRIVER]), { code: 'FIRESTEEL_SPAWN_FAILED', message: /is not a folder/ })
  const { mtimeMs } = statSync(foreign)
  await folders.stampEnd(DRIVER)
  assert.equal(statSync(foreign).mtimeMs, mtimeMs, 'its time is not changed')
  await folders.clean(() => false, Date.now() + 10_000)
  assert.equal(await readFile(join(foreign, '0', 'stdout'), 'utf8'), 'precious')
  assert.ok(!existsSync(join(work, DRIVER)), 'the link itself goes')
})

test('our own folders are no links, and the secret and the file of the cluster go through none', async (t) => {
  const root = await folder(t)
  const target = join(root, 'target')
  symlinkSync(target, join(root, 'link'))
  await assert.rejects(ownFolder(join(root, 'link')), /is not a folder/)
  writeFileSync(join(root, 'file'), '')
  await assert.rejects(ownFolder(join(root, 'file')), /is not a folder/)

  const state = join(root, '.firesteel')
  mkdirSync(state, { mode: 0o700 })
  symlinkSync(target, join(state, 'secret'))
  await assert.rejects(ensureSecret(state))
  symlinkSync(target, join(state, `.cluster.${process.pid}.json`))
  await writeClusterFile(state, { cluster: 'c', masters: [], master: '', pid: 1, startTime: '1' })
  assert.ok(!existsSync(target))
  assert.equal(modeOf(join(state, 'cluster.json')), 0o600)
})

test('the limit of core dumps is read as the kernel writes it', () => {
  const limits =
    'Limit   Soft Limit Hard Limit Units\nMax core file size        unlimited            unlimited            bytes     \n'
  assert.equal(coreLimitIn(limits), 'unlimited')
  assert.equal(coreLimitIn('Max core file size        0                    unlimited            bytes'), '0')
  assert.equal(coreLimitIn(''), undefined)
})

test('what a guard starts gains no privileges unless its Worker allows it: a set-user-id program stays its caller', {
  skip: !isRoot || withoutNewPrivileges('x', []).length === 1 ? 'needs root and setpriv' : false,
}, async (t) => {
  const root = await folder(t)
  chmodSync(root, 0o755)
  const program = join(root, 'who')
  copyFileSync('/usr/bin/id', program)
  chmodSync(program, 0o4755)
  const keepRunning = setInterval(() => undefined, 1000)
  t.after(() => clearInterval(keepRunning))
  const whoIsIt = async (mayGainPrivileges: boolean): Promise<string> => {
    const guard = await startGuard({ orphanGraceMs: 0, mayGainPrivileges })
    const stdout = join(root, `${mayGainPrivileges}.out`)
    const spawned = await guard.spawn({
      command: 'setpriv',
      args: [`--reuid=${NOBODY}`, '--clear-groups', program, '-u'],
      cwd: '/',
      env: { PATH: process.env.PATH ?? '' },
      ...{ stdout, stderr: join(root, 'err'), within: root, boot: '' },
    })
    assert.deepEqual(await spawned.exited, { code: 0, signal: null })
    guard.remove(spawned.pid)
    assert.equal(guard.mayGainPrivileges, mayGainPrivileges)
    await guard.close()
    return (await readFile(stdout, 'utf8')).trim()
  }
  assert.equal(await whoIsIt(true), '0', 'the trial itself: the program does give its rights')
  assert.equal(await whoIsIt(false), String(NOBODY))
})

test('a guard that another process had started says itself what it allows', async (t) => {
  const { mayGainPrivileges } = await import('../../runtime/process/new-privileges.js')
  const keepRunning = setInterval(() => undefined, 1000)
  t.after(() => clearInterval(keepRunning))
  const guard = await startGuard({ orphanGraceMs: 0 })
  t.after(() => guard.close())
  const isConfined = withoutNewPrivileges('x', []).length > 1
  await waitUntil('the guard to be confined', () => mayGainPrivileges(guard.pid!) === !isConfined)
  assert.equal(mayGainPrivileges(2 ** 30), undefined)
})
