import assert from 'node:assert/strict'
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { findCluster } from '../../actors/client/find-cluster.js'
import { credentialPath } from '../../runtime/credentials.js'
import { nodeSecret } from '../../runtime/launch/config/cluster-secret.js'
import { loadConfig } from '../../runtime/launch/config/load-config.js'
import { deriveKey } from '../../runtime/transport/keys.js'

const SECRET = 'c'.repeat(32)

function credentials(t: TestContext, files: Readonly<Record<string, string>>) {
  const root = mkdtempSync(join(tmpdir(), 'firesteel-credentials-'))
  t.after(() => rmSync(root, { recursive: true, force: true }))
  const folder = join(root, 'credentials')
  mkdirSync(folder)
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text)
  return { root, folder, environment: { CREDENTIALS_DIRECTORY: folder } }
}

test('a credential has a plain name, and is a file of the folder that the supervisor names', (t) => {
  const { root, folder, environment } = credentials(t, { secret: SECRET })
  writeFileSync(join(root, 'outside'), SECRET)
  mkdirSync(join(folder, 'inner'))
  symlinkSync('secret', join(folder, 'linked'))
  assert.equal(credentialPath('secret', environment), join(folder, 'secret'))
  assert.equal(credentialPath('linked', environment), join(folder, 'linked'))
  for (const name of ['other', '../outside', './secret', 'inner', '.', '..', '', 'x'.repeat(300)])
    assert.equal(credentialPath(name, environment), undefined, name)
  for (const value of [undefined, '', 'credentials', join(root, 'missing'), join(folder, 'secret')])
    assert.equal(credentialPath('secret', { CREDENTIALS_DIRECTORY: value }), undefined, value)
})

test('a secret and certificates that a file names are taken from the credentials, and others from beside it', async (t) => {
  const { root, folder, environment } = credentials(t, { firesteel: SECRET, 'ca.pem': '', 'client.key': '' })
  const read = async (text: string) => {
    const path = join(root, 'c.yaml')
    writeFileSync(path, text)
    const { config, problems } = await loadConfig(path, root, environment)
    assert.deepEqual(problems, [])
    return config!
  }
  const own = await read(
    'masters: [{}]\nsecurity: {file: firesteel}\nrecovery: {mode: REDIS, redis: "rediss://r?ca=ca.pem&cert=client.pem"}\n',
  )
  assert.deepEqual(own.secret, { kind: 'file', path: join(folder, 'firesteel') })
  const { searchParams } = new URL(own.recovery.redis!)
  assert.equal(searchParams.get('ca'), join(folder, 'ca.pem'))
  assert.equal(searchParams.get('cert'), join(root, 'client.pem'))
  const sentinel = await read(
    'masters: [{}]\nrecovery: {mode: REDIS, sentinel: {name: s, hosts: ["h:1"], tls: {key: client.key, ca: ./ca.pem}}}\n',
  )
  assert.deepEqual(sentinel.recovery.sentinel?.tls, {
    key: join(folder, 'client.key'),
    // With a folder in it the path says where the file is.
    ca: join(root, 'ca.pem'),
  })
})

test('without another secret, nodes and commands use the credential `secret`', async (t) => {
  const { root, environment } = credentials(t, { secret: `${SECRET}\n` })
  const inFolder = 'f'.repeat(32)
  const given = 'g'.repeat(32)
  mkdirSync(join(root, '.firesteel'), { mode: 0o700 })
  writeFileSync(join(root, '.firesteel/secret'), inFolder, { mode: 0o600 })
  const node = (env: Readonly<Record<string, string>>, make = false) =>
    nodeSecret({ kind: 'default' }, join(root, '.firesteel'), env, make)
  assert.equal(await node(environment), SECRET)
  assert.equal(await node(environment, true), SECRET)
  assert.equal(await node({ ...environment, FIRESTEEL_SECRET: given }), given)
  assert.equal(await node({}), inFolder)
  const key = (env: Readonly<Record<string, string>>) =>
    findCluster({ env: { FIRESTEEL_MASTER: 'firesteel://a', ...env }, cwd: root }).credential.key
  assert.deepEqual(key(environment), deriveKey(SECRET, 'client'))
  assert.deepEqual(key({ ...environment, FIRESTEEL_SECRET: given }), deriveKey(given, 'client'))
  assert.deepEqual(key({}), deriveKey(inFolder, 'client'))
})

test('a credential that is too short is refused, and its place is named', async (t) => {
  const { folder, environment } = credentials(t, { secret: 'short' })
  await assert.rejects(nodeSecret({ kind: 'default' }, '/nowhere', environment, true), {
    code: 'FIRESTEEL_SECRET_TOO_SHORT',
    place: join(folder, 'secret'),
  })
})

test('a folder of credentials that may not be read is an error, not another secret', {
  skip: process.getuid?.() === 0 && 'root may read everything',
}, (t) => {
  const { folder, environment } = credentials(t, { secret: SECRET })
  chmodSync(folder, 0)
  assert.throws(() => credentialPath('secret', environment), { code: 'FIRESTEEL_FILE_DENIED' })
  chmodSync(folder, 0o700)
})
