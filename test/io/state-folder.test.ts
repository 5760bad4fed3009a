import assert from 'node:assert/strict'
import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { findCluster } from '../../actors/client/find-cluster.js'
import { claimFolder, releaseFolder } from '../../runtime/launch/config/folder.js'
import { readProcess } from '../../runtime/process/process-table.js'
import { findStateFolder, livingLauncher, runningLauncher } from '../../runtime/state-folder.js'
import { deriveKey } from '../../runtime/transport/keys.js'

const SECRET = 's'.repeat(32)
const CLUSTER = JSON.stringify({ cluster: 'demo', masters: ['firesteel://127.0.0.1:7171'] })

/** A project with a state folder as `up` makes it, and a folder deep below. */
function project(t: TestContext, files: Readonly<Record<string, string>> = { secret: SECRET }) {
  const root = mkdtempSync(join(tmpdir(), 'firesteel-folder-'))
  t.after(() => rmSync(root, { recursive: true, force: true }))
  const folder = join(root, '.firesteel')
  const below = join(root, 'src/deep')
  mkdirSync(folder, { mode: 0o700 })
  mkdirSync(below, { recursive: true })
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text, { mode: 0o600 })
  return { root, folder, below }
}

const refusal = (cwd: string): string => {
  try {
    findStateFolder(cwd)
  } catch (error) {
    assert.equal((error as { code: string }).code, 'FIRESTEEL_FOLDER_UNTRUSTED')
    return `${(error as Error).message} ${(error as { help: string }).help}`
  }
  return ''
}

test('the state folder is found from every folder below, the nearest first', (t) => {
  const { root, folder, below } = project(t, { secret: SECRET, 'cluster.json': CLUSTER })
  assert.equal(findStateFolder(root), folder)
  assert.equal(findStateFolder(below), folder)
  assert.deepEqual(findCluster({ env: {}, cwd: below }).masters, ['firesteel://127.0.0.1:7171'])
  const nearer = join(below, '.firesteel')
  mkdirSync(nearer)
  assert.equal(findStateFolder(below), folder, 'an empty folder is no cluster')
  writeFileSync(join(nearer, 'secret'), SECRET)
  assert.equal(findStateFolder(below), nearer)
  const nowhere = mkdtempSync(join(tmpdir(), 'firesteel-folder-'))
  t.after(() => rmSync(nowhere, { recursive: true }))
  assert.equal(findStateFolder(nowhere), undefined)
})

test('a folder or file that others may change is refused, here and above', (t) => {
  const { root, folder, below } = project(t, { secret: SECRET, 'cluster.json': CLUSTER })
  for (const [path, bad, good] of [
    [folder, 0o777, 0o700],
    [folder, 0o770, 0o700],
    [join(folder, 'cluster.json'), 0o666, 0o600],
    [join(folder, 'secret'), 0o622, 0o600],
  ] as const) {
    chmodSync(path, bad)
    for (const cwd of [root, below])
      assert.equal(
        refusal(cwd),
        `${path} may be changed by other users, so it is not trusted. Run \`chmod go-w ${path}\`.`,
      )
    chmodSync(path, good)
  }
  assert.equal(findStateFolder(below), folder)
})

test('a secret above that others may read is refused', (t) => {
  const { folder, below } = project(t)
  const secret = join(folder, 'secret')
  chmodSync(secret, 0o644)
  assert.equal(
    refusal(below),
    `${secret} may be read by other users, so it is not trusted. Run \`chmod 600 ${secret}\`.`,
  )
})

test('a folder of another user is refused', { skip: process.getuid?.() !== 0 }, (t) => {
  const { root, folder, below } = project(t)
  for (const path of [folder, join(folder, 'secret')]) {
    chownSync(path, 65_534, 65_534)
    for (const cwd of [root, below])
      assert.match(
        refusal(cwd),
        /belongs to user 65534, not to user 0 of this process.*--master and FIRESTEEL_SECRET/,
      )
    chownSync(path, 0, 0)
  }
  chownSync(folder, 65_534, 65_534)
  // Nothing of the folder is needed, so nobody has to trust it.
  const env = { FIRESTEEL_MASTER: 'firesteel://a:1', FIRESTEEL_SECRET: SECRET }
  assert.deepEqual(findCluster({ env, cwd: root }).masters, ['firesteel://a:1'])
})

test('nothing runs: what to do; while up starts or runs there is no such error', (t) => {
  const { root, folder, below } = project(t)
  const absent = (cwd: string) => findCluster({ env: {}, cwd }).absent
  assert.match(
    absent(below)?.message ?? '',
    /^No cluster is up in .*\/src\/deep or a folder above it, and nothing/,
  )
  assert.match(absent(below)?.help ?? '', /firesteel up --detach.*--master/)
  writeFileSync(join(folder, 'cluster.json'), CLUSTER, { mode: 0o600 })
  assert.equal(absent(below)?.message, `The cluster of ${root} does not run any more.`)
  const me = { pid: process.pid, startTime: readProcess(process.pid)?.startTime }
  writeFileSync(join(folder, 'up.json'), JSON.stringify(me), { mode: 0o600 })
  assert.equal(livingLauncher(folder), process.pid)
  assert.equal(runningLauncher(folder)?.drainMs, 0)
  assert.equal(absent(below), undefined)
  assert.equal(findCluster({ env: {}, cwd: root, address: 'firesteel://a:1' }).absent, undefined)
})

test('without a secret the error says what to do, whether a cluster was named or not', (t) => {
  const { below } = project(t, {})
  const thrown = (address?: string): { message: string; help: string } => {
    try {
      findCluster({ env: {}, cwd: below, address })
    } catch (error) {
      assert.equal((error as { code: string }).code, 'FIRESTEEL_SECRET_MISSING')
      return error as { message: string; help: string }
    }
    throw new Error('it found a secret')
  }
  assert.match(thrown().message, /^No cluster is up in .* and FIRESTEEL_SECRET is not set\./)
  assert.match(thrown().help, /firesteel up --detach/)
  assert.match(thrown('firesteel://a:1').message, /^There is no cluster secret: FIRESTEEL_SECRET is not set/)
})

test('a secret that is in another file is found by what up left, and one that is nowhere is asked for', (t) => {
  const { root, folder, below } = project(t, {})
  const write = (more: object): void =>
    writeFileSync(join(folder, 'cluster.json'), JSON.stringify({ ...JSON.parse(CLUSTER), ...more }), {
      mode: 0o600,
    })
  const keyOf = () => findCluster({ env: {}, cwd: below }).credential.key
  const me = { pid: process.pid, startTime: readProcess(process.pid)?.startTime }
  writeFileSync(join(folder, 'up.json'), JSON.stringify(me), { mode: 0o600 })
  write({})
  const missing = (path: string) => ({
    code: 'FIRESTEEL_SECRET_MISSING',
    message: `A cluster is up in ${root}, and its secret is not in ${path}.`,
    help: /FIRESTEEL_SECRET .* FIRESTEEL_TOKEN/,
  })
  assert.throws(keyOf, missing(join(folder, 'secret')))
  // It goes before one that an earlier `up` left.
  const secretFile = join(root, 'kept')
  writeFileSync(join(folder, 'secret'), 'an earlier one', { mode: 0o600 })
  write({ secretFile })
  assert.throws(keyOf, missing(secretFile))
  writeFileSync(secretFile, `${SECRET}\n`, { mode: 0o600 })
  assert.deepEqual(keyOf(), deriveKey(SECRET, 'client'))
})

test('the launcher of a folder says how long its Workers drain, so that `down` waits for them', async (t) => {
  const { folder } = project(t)
  await claimFolder(folder, 90_000)
  assert.deepEqual([livingLauncher(folder), runningLauncher(folder)?.drainMs], [process.pid, 90_000])
  await assert.rejects(claimFolder(folder, 0), { code: 'FIRESTEEL_ALREADY_UP' })
  await releaseFolder(folder)
  assert.equal(runningLauncher(folder), undefined)
})
