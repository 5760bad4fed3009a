import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { parseBoot } from '../../actors/client/boot-line.js'
import { connect } from '../../actors/client/connect.js'
import { type ConnectOptions, connectSettings } from '../../actors/client/connect-options.js'
import { findCluster } from '../../actors/client/find-cluster.js'
import { isFiresteelError } from '../../runtime/errors.js'
import { deriveKey } from '../../runtime/transport/keys.js'

const SECRET = '0123456789abcdef0123456789abcdef'

function circle(): object {
  const made: { self?: object } = {}
  made.self = made
  return made
}

const refused: [string, unknown, RegExp][] = [
  ['an unknown option', { core: 4 }, /no option core; did you mean cores\? It has name, cores/],
  ['no object', 'x', /must be an object/],
  ['cores of a string', { cores: '4' }, /cores is 4; it must be a whole number/],
  ['no cores', { cores: 0 }, /cores is 0/],
  ['half a core', { executor: { cores: 0.5 } }, /executor\.cores is 0\.5/],
  ['more cores in one executor than in all', { cores: 2, executor: { cores: 4 } }, /less than the 4/],
  ['no task on a core', { executor: { tasksPerCore: 0 } }, /executor\.tasksPerCore is 0; .* from 1/],
  ['part of a task', { executor: { tasksPerCore: 1.5 } }, /executor\.tasksPerCore is 1\.5/],
  ['too many tasks on a core', { executor: { tasksPerCore: 1025 } }, /tasksPerCore is 1025; at most 1024/],
  ['memory without a unit', { executor: { memory: '512' } }, /executor\.memory is "512"/],
  ['a resource that is no number', { executor: { resources: { gpu: 'a' } } }, /executor\.resources\.gpu/],
  ['an unknown executor option', { executor: { memoryMib: 5 } }, /executor has no option memoryMib/],
  ['a bad variable', { executor: { env: { 'a b': 'x' } } }, /env/],
  ['a signal that is none', { signal: {} }, /signal must be an AbortSignal/],
  ['a bad timeout', { masterTimeout: 'soon' }, /masterTimeout is "soon"/],
  ['a negative limit', { limits: { maxInputBytes: -1 } }, /limits\.maxInputBytes/],
  ['an unknown listen option', { listen: { hostname: 'x' } }, /listen has no option hostname/],
  ['a port that does not exist', { listen: { port: 70_000 } }, /listen\.port is 70000/],
  ['a log without its methods', { log: console }, /log has no method isEnabled/],
  [
    'options of the embedded cluster',
    { local: { worker: 2 } },
    /local has no option worker; did you mean workers/,
  ],
  ['null', null, /must be an object/],
  [
    'what inherits',
    Object.create({ name: 'x' }),
    /of connect\(\) must be a plain object\. These inherit from/,
  ],
  [
    'an executor that inherits',
    { executor: Object.create({ cores: 2 }) },
    /of executor must be a plain object/,
  ],
  ['limits that inherit', { limits: new Map() }, /The options of limits must be a plain object/],
  ['resources that inherit', { executor: { resources: new Map() } }, /resources must be a plain object such/],
  ['labels that inherit', { executor: { on: new Map() } }, /executor\.on must name labels and their values/],
  [
    'a resource that no message carries',
    { executor: { resources: JSON.parse('{"__proto__": 1}') } },
    /^executor\.resources\.__proto__ must have another name, because no message carries __proto__\.$/,
  ],
  [
    'a variable that no message carries',
    { executor: { env: JSON.parse('{"__proto__": "1"}') } },
    /^env\.__proto__ must have another name/,
  ],
  ['options of Node as a text', { executor: { nodeOptions: '--x' } }, /executor\.nodeOptions must be a list/],
  ['variables in a list', { executor: { env: ['A=1'] } }, /executor\.env must be an object such as/],
  ['a variable that holds itself', { executor: { env: { A: circle() } } }, /env\.A is not acceptable/],
  [
    'variables in a Map',
    { executor: { env: new Map([['A', '1']]) } },
    /executor\.env must be an object such as/,
  ],
  ['code that is a file', { code: fileURLToPath(import.meta.url) }, /^code is \S+, which is no folder\.$/],
  ['code that does not exist', { code: '/nowhere' }, /^code is \/nowhere, which is no folder\.$/],
  ['a name too long', { name: 'n'.repeat(300) }, /name is not acceptable/],
]
for (const [what, options, message] of refused) {
  test(`connect() refuses ${what}`, async () => {
    assert.throws(
      () => connectSettings(options as ConnectOptions, '/'),
      (error) => isFiresteelError(error, 'USAGE') && message.test(error.message),
    )
  })
}

test('connect() takes the variables of this process as they are', () => {
  const { description } = connectSettings({ executor: { env: process.env as Record<string, string> } }, '/')
  assert.equal(description.env.PATH, process.env.PATH)
})

test('connect() fills in the documented defaults', () => {
  const { description, masterTimeoutMs } = connectSettings({ name: 'count' }, '/work')
  assert.equal(masterTimeoutMs, 30_000)
  assert.deepEqual(description.executor, { cores: 1, memoryMib: 512, resources: {} })
  assert.equal(description.cwd, '/work')
  assert.equal('maxCores' in description, false)
})

test('connect() takes as many tasks on a core as are possible', () => {
  const { description } = connectSettings({ executor: { tasksPerCore: 1024 } }, '/work')
  assert.equal(description.executor.tasksPerCore, 1024)
})

test('connect() rejects with coded errors, and opens nothing', async () => {
  await assert.rejects(connect(7 as never), { code: 'FIRESTEEL_USAGE' })
  await assert.rejects(connect('spark://a:7077', { secret: SECRET }), { code: 'FIRESTEEL_ADDRESS_INVALID' })
  await assert.rejects(connect('firesteel://a:1', { secret: 'short' }), {
    code: 'FIRESTEEL_SECRET_TOO_SHORT',
  })
  const signal = AbortSignal.abort(new Error('not now'))
  await assert.rejects(connect('firesteel://127.0.0.1:1', { secret: SECRET, signal }), /not now/)
})

test('connect() to nobody rejects with NO_MASTER, naming the address', async () => {
  await assert.rejects(
    connect('firesteel://127.0.0.1:1', { secret: SECRET, masterTimeout: '200ms' }),
    (error) =>
      isFiresteelError(error, 'NO_MASTER') && /127\.0\.0\.1:1 \(nothing listens there\)/.test(error.message),
  )
})

function folder(files: Record<string, string>): string {
  const path = mkdtempSync(join(tmpdir(), 'firesteel-test-'))
  mkdirSync(join(path, '.firesteel'))
  for (const [name, text] of Object.entries(files)) writeFileSync(join(path, '.firesteel', name), text)
  process.on('exit', () => rmSync(path, { recursive: true, force: true }))
  return path
}

const here = folder({
  secret: `${SECRET}\n`,
  'cluster.json': JSON.stringify({ cluster: 'demo', masters: ['firesteel://127.0.0.1:7171'], pid: 1 }),
})
const nowhere = folder({})

test('the address given wins, then FIRESTEEL_MASTER, then what `up` left here, then the default', () => {
  const env = { FIRESTEEL_MASTER: 'firesteel://env:1,env:2', FIRESTEEL_SECRET: SECRET }
  const masters = (options: Partial<Parameters<typeof findCluster>[0]>) =>
    findCluster({ env: {}, cwd: here, secret: SECRET, ...options }).masters
  assert.deepEqual(masters({ env, address: 'firesteel://given:1' }), ['firesteel://given:1'])
  assert.deepEqual(masters({ env }), ['firesteel://env:1', 'firesteel://env:2'])
  assert.deepEqual(masters({}), ['firesteel://127.0.0.1:7171'])
  assert.deepEqual(masters({ cwd: nowhere }), ['firesteel://127.0.0.1:7070'])
})

test('the cluster is known by name only where `up` or the boot line say it', () => {
  assert.equal(findCluster({ env: {}, cwd: here }).cluster, 'demo')
  assert.equal(findCluster({ env: {}, cwd: here, address: 'firesteel://a:1' }).cluster, '')
})

test('the secret comes from the option, the environment, or this folder', () => {
  const key = (secret: string) => deriveKey(secret, 'client').toString('hex')
  const found = (options: Partial<Parameters<typeof findCluster>[0]>) =>
    findCluster({ env: {}, cwd: here, address: 'firesteel://a:1', ...options }).credential.key.toString('hex')
  assert.equal(found({}), key(SECRET))
  assert.equal(found({ env: { FIRESTEEL_SECRET: 'e'.repeat(32) } }), key('e'.repeat(32)))
  assert.equal(
    found({ env: { FIRESTEEL_SECRET: 'e'.repeat(32) }, secret: 'o'.repeat(32) }),
    key('o'.repeat(32)),
  )
  assert.throws(() => found({ cwd: nowhere }), { code: 'FIRESTEEL_SECRET_MISSING', exitCode: 2 })
})

test('a state file that is not ours is a coded error with its place', () => {
  for (const text of ['{', '{}', '{"cluster":"c","masters":[]}', '{"cluster":"c","masters":["x"]}']) {
    const cwd = folder({ secret: SECRET, 'cluster.json': text })
    assert.throws(
      () => findCluster({ env: {}, cwd }),
      (error) =>
        isFiresteelError(error, 'CONFIG_UNREADABLE') && error.place === join(cwd, '.firesteel/cluster.json'),
    )
  }
})

const boot = {
  cluster: 'demo',
  masters: ['firesteel://10.0.0.1:7070'],
  role: 'driver',
  subject: 'driver-1/2',
  key: Buffer.alloc(32, 7).toString('base64'),
  driver: { id: 'driver-1', generation: 2, attempt: 1 },
} as const

test('inside submit and run the credential of the boot line is used, also for the same address', () => {
  for (const address of [undefined, 'firesteel://10.0.0.1:7070']) {
    const found = findCluster({ env: {}, cwd: nowhere, boot, address })
    assert.equal(found.cluster, 'demo')
    assert.deepEqual(found.driver, boot.driver)
    const credential = { role: 'driver', subject: 'driver-1/2', key: Buffer.alloc(32, 7), tls: undefined }
    assert.deepEqual(found.credential, credential)
  }
  const other = findCluster({ env: {}, cwd: here, boot, address: 'firesteel://elsewhere:7070' })
  assert.equal(other.credential.role, 'client')
})

test('the boot line hands on --master-timeout and --idle-timeout of run', () => {
  const timesOf = (more: object) => {
    const found = findCluster({ env: {}, cwd: nowhere, boot: { ...boot, ...more } })
    return [found.masterTimeoutMs, found.idleTimeoutMs]
  }
  assert.deepEqual(timesOf({ masterTimeoutMs: 300, idleTimeoutMs: 500 }), [300, 500])
  assert.deepEqual(timesOf({ idleTimeoutMs: 'never' }), [undefined, Number.POSITIVE_INFINITY])
  assert.deepEqual(timesOf({}), [undefined, undefined])
})

test('a boot line is believed only when it is one', () => {
  assert.deepEqual(parseBoot(JSON.stringify(boot)), boot)
  const { subject: _, ...withoutSubject } = boot
  for (const bad of [
    '',
    '{',
    'null',
    '{}',
    JSON.stringify({ ...boot, role: 'node' }),
    JSON.stringify(withoutSubject),
  ]) {
    assert.equal(parseBoot(bad), undefined, bad)
  }
})
