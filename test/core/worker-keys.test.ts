import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { test } from 'node:test'
import { signed, workerCredentialFor } from '../../actors/master/token-secrets.js'
import { withCredentials } from '../../actors/master/work-secrets.js'
import { violation } from '../../actors/messages/catalogue.js'
import { workerOffer } from '../../actors/messages/samples.js'
import type { LogLocation } from '../../actors/messages/status.js'
import { openCredentials } from '../../actors/messages/work-credentials.js'
import { applicationCodeKey, applicationKey, driverKey, sourceKeys } from '../../actors/worker/work-keys.js'
import { innerLimits } from '../../runtime/inner-limits.js'
import { nodeCredential } from '../../runtime/launch/config/node-credential.js'
import { masterSecrets } from '../../runtime/launch/node/node-secrets.js'
import { limits } from '../../runtime/limits.js'
import { acceptorKeys } from '../../runtime/transport/acceptor-keys.js'
import { isGranted } from '../../runtime/transport/grant.js'
import { codeSubjectOf, type Role } from '../../runtime/transport/identity.js'
import {
  clientKey,
  deriveGrantKey,
  deriveKey,
  joinKey,
  joinSecret,
  registrantKey,
} from '../../runtime/transport/keys.js'
import { unseal } from '../../runtime/transport/sealed.js'
import { codeSubjectWith, newTokenId, tokenText } from '../../runtime/transport/token.js'
import { MasterWorld } from '../tools/master-fixture.js'
import { SECRET } from '../tools/transport-support.js'
import { launchDriver, launchExecutor } from '../tools/worker-fixture.js'

/* The keys of Workers that have a token in place of the cluster's secret: who can prove what to whom. */

const [w1, w2] = [newTokenId('worker', undefined), newTokenId('worker', undefined)]
const ci = newTokenId('submit', undefined)
const secrets = masterSecrets(SECRET)
/** What the machine of a Worker with this token has. */
const own = (id: string) => ({ secret: joinSecret(SECRET, id), join: id })

/** A leader with two Workers that have tokens, and one that has the secret. */
function leader(): MasterWorld {
  const master = new MasterWorld().elect()
  master.link('admin', 'client')
  for (const [name, id, port] of [
    ['w1', w1, 7071],
    ['w2', w2, 7072],
    ['plain', undefined, 7073],
  ] as const) {
    if (id !== undefined) master.ask('admin', { type: 'RequestCreateToken', id, name })
    const incarnation = `${name}-0123456789abcdef`
    master.link(incarnation, id === undefined ? 'node' : 'worker', id)
    master.tell(incarnation, { type: 'RegisterWorker', id: incarnation, ...workerOffer, name, port })
    assert.ok(master.lastTold(incarnation, 'RegisteredWorker'))
  }
  return master
}

const master = leader()
const cluster = master.core.cluster!
const [atW1, atW2, atPlain] = [7071, 7072, 7073].map((port) => `${workerOffer.host}:${port}`) as [
  string,
  string,
  string,
]
const idOf = (name: string): string => `${name}-0123456789abcdef`

/** Every key that somebody can make who knows `known`, for the roles and subjects of this test. */
function derivable(known: string): Buffer[] {
  const subjects = [undefined, w1, w2, ci, 'master', 'code', codeSubjectWith(w1), 'driver-1/1', 'app-1']
  const roles: readonly Role[] = ['node', 'worker', 'client', 'application', 'driver']
  const keys = subjects.flatMap((subject) => roles.map((role) => deriveKey(known, role, subject)))
  const joins = [w1, w2].flatMap((id) => [joinKey(known, id), joinKey(joinSecret(known, id), id)])
  return [...keys, ...joins]
}

const has = (keys: readonly Buffer[], key: Buffer | undefined): boolean =>
  key !== undefined && keys.some((known) => known.equals(key))

test('the secret of a token opens the links of its Worker to Masters and for code, and nothing else', () => {
  const mine = derivable(own(w1).secret)
  const doors = {
    master: acceptorKeys(SECRET, true),
    worker: acceptorKeys(SECRET, false),
    other: acceptorKeys(own(w2).secret, false),
  }
  const asked: readonly (readonly [Role, string | undefined])[] = [
    ['node', undefined],
    ['node', 'master'],
    ['node', 'launcher'],
    ['node', 'code'],
    ['client', undefined],
    ['client', ci],
    ['driver', 'driver-1/1'],
    ['application', 'app-1'],
    ['worker', w1],
    ['worker', w2],
    ['worker', codeSubjectWith(w1)],
    ['worker', codeSubjectWith(w2)],
  ]
  const opened = Object.entries(doors).flatMap(([door, keyFor]) =>
    asked.flatMap(([role, subject]) =>
      has(mine, keyFor(role, subject)) ? [[door, role, subject?.replace(w1, 'w1')]] : [],
    ),
  )
  assert.deepEqual(opened, [
    ['master', 'worker', 'w1'],
    ['master', 'worker', 'w1/code'],
    ['worker', 'worker', 'w1/code'],
  ])
})

test('at a Worker with a token, what the cluster or another Worker knows opens nothing', () => {
  const keyFor = acceptorKeys(own(w1).secret, false)
  for (const known of [derivable(SECRET), derivable(own(w2).secret)])
    for (const [role, subject] of [
      ['node', undefined],
      ['client', undefined],
      ['client', ci],
      ['worker', codeSubjectWith(w2)],
    ] as const)
      assert.equal(has(known, keyFor(role, subject)), false, `${role} ${subject}`)
  assert.deepEqual(keyFor('node'), secrets.nodeKeyAt(w1), 'only who has the secret can derive it from there')
  assert.equal(keyFor('worker', w1), undefined, 'no Worker dials it but for code')
  assert.equal(keyFor('driver', 'driver-1/1'), undefined)
})

test('a launch brings the keys of its work, for this Worker and this launch only', () => {
  const driver = withCredentials(idOf('w1'), launchDriver(1), cluster, secrets)
  assert.deepEqual(driverKey(driver, own(w1)), driverKey(launchDriver(1), { secret: SECRET }))
  const executor = withCredentials(idOf('w1'), launchExecutor(0), cluster, secrets)
  const { appId, registrant } = executor
  const parent = registrantKey(registrant, SECRET)
  assert.deepEqual(applicationKey(executor, own(w1)), deriveKey(parent, 'application', appId))
  assert.deepEqual(
    applicationCodeKey(executor, own(w1)),
    deriveKey(parent, 'application', codeSubjectOf(appId)),
  )
  for (const wrong of [
    () => driverKey(driver, own(w2)),
    () => driverKey({ ...driver, generation: driver.generation + 1 }, own(w1)),
    () => applicationKey({ ...executor, execId: executor.execId + 1 }, own(w1)),
  ])
    assert.throws(wrong, { code: 'FIRESTEEL_REQUEST_INVALID' })
  assert.throws(() => driverKey(launchDriver(1), own(w1)), { code: 'FIRESTEEL_NOT_ALLOWED' })
})

test('a Worker with the secret derives the keys of its work, and none travels to it', () => {
  for (const message of [launchDriver(1), launchExecutor(0)]) {
    assert.equal(withCredentials(idOf('plain'), message, cluster, secrets), message)
    assert.equal(
      withCredentials(idOf('w1'), message, cluster, undefined),
      message,
      'nor from a simulated Master',
    )
  }
})

test('Workers fetch code from each other, whoever of them has a token', () => {
  const from = [atW1, atW2, atPlain]
  const codes = [{ id: 'a'.repeat(64), root: '/srv', from }]
  for (const [name, self, subject] of [
    ['plain', { secret: SECRET }, 'code'],
    ['w1', own(w1), codeSubjectWith(w1)],
  ] as const) {
    const keep = { type: 'KeepCode', workerId: idOf(name), begins: true, codes } as const
    const keys = sourceKeys(withCredentials(idOf(name), keep, cluster, secrets), self)
    const role = 'join' in self ? 'worker' : 'node'
    for (const [address, at] of [
      [atW1, own(w1)],
      [atW2, own(w2)],
      [atPlain, { secret: SECRET }],
    ] as const)
      assert.deepEqual(keys(address), acceptorKeys(at.secret, false)(role, subject), `${name} at ${address}`)
  }
  const given = openCredentials(
    withCredentials(
      idOf('w1'),
      { type: 'KeepCode', workerId: idOf('w1'), begins: true, codes },
      cluster,
      secrets,
    ),
    own(w1).secret,
  )
  assert.deepEqual(Object.keys(given.sources), [atW1, atW2], 'and nothing of those that know the secret')
})

test('the keys of very many Workers fit into a message', () => {
  const many = new MasterWorld().elect()
  many.link('admin', 'client')
  many.worker(idOf('plain'))
  const { workersByAddress, workers } = many.core.cluster!
  const from = Array.from({ length: 1000 }, (_, at) => `a-rather-long-host-name-${at}.example.org:7071`)
  const [worker] = workers.values()
  for (const [at, address] of from.entries())
    workersByAddress.set(address, {
      ...worker,
      record: { join: `worker.0.${at.toString(16).padStart(16, '0')}` },
    } as never)
  const codes = from.map((address, at) => ({
    id: at.toString(16).padStart(64, '0'),
    root: '/',
    from: [address],
  }))
  const keep = { type: 'KeepCode', workerId: idOf('plain'), begins: true, codes } as const
  const message = withCredentials(idOf('plain'), keep, many.core.cluster, secrets)
  assert.equal(violation('worker', { ...message, codes: codes.slice(0, limits.reportItems) }), undefined)
  const own = { secret: SECRET }
  assert.equal(
    Object.keys(openCredentials(message, own.secret).sources).length,
    innerLimits.credentialSources,
  )
})

test('a client is told the key by which such a Worker knows it, sealed for that client', () => {
  for (const subject of [undefined, ci]) {
    const peer = { role: 'client' as const, ...(subject !== undefined && { subject }) }
    const ask = (worker: string) =>
      workerCredentialFor(peer, { type: 'RequestWorkerCredential', worker }, cluster, { secrets })
    const answer = ask(atW1)
    assert.ok(answer.type === 'WorkerCredential' && answer.credential !== null)
    const key = Buffer.from(unseal(answer.credential, clientKey(SECRET, subject), atW1), 'base64')
    assert.deepEqual(key, acceptorKeys(own(w1).secret, false)('client', subject))
    assert.throws(() => unseal(answer.credential ?? '', clientKey(SECRET, newTokenId('submit', 1)), atW1))
    for (const worker of [atPlain, '10.9.9.9:1'])
      assert.deepEqual(ask(worker), { type: 'WorkerCredential', worker, credential: null })
  }
  for (const role of ['driver', 'worker', 'node'] as const) {
    const asked = { type: 'RequestWorkerCredential', worker: atW1 } as const
    assert.equal(workerCredentialFor({ role }, asked, cluster, { secrets }).type, 'Failure')
  }
})

test('the signature of a grant is good at the Worker for which it was made', () => {
  const untilMs = 2_000_000
  const places = [
    { workerId: idOf('plain'), worker: `firesteel://${atPlain}` },
    { workerId: idOf('w2'), worker: `firesteel://${atW2}` },
  ]
  const location = {
    type: 'LogLocation',
    id: 'driver-1',
    workerId: idOf('w1'),
    worker: `firesteel://${atW1}`,
    places,
    grant: { subject: ci, untilMs, mac: '' },
  } as const
  const answer: LogLocation = signed<LogLocation>({ ...location, places }, secrets, cluster)
  const macs = [answer.mac, answer.places?.[1]?.mac, answer.grant?.mac]
  const keys = [own(w1).secret, own(w2).secret, SECRET].map(deriveGrantKey)
  assert.deepEqual(
    keys.map((key) =>
      macs.map((mac) => isGranted(key, { subject: ci, untilMs, mac: mac ?? '' }, ci, 'driver-1', 0)),
    ),
    [
      [true, false, false],
      [false, true, false],
      [false, false, true],
    ],
  )
  assert.equal(answer.places?.[0]?.mac, undefined)
})

test('a token in the place of the secret starts the one Worker of a machine', () => {
  const here = { masters: [], workers: [{ name: 'w1' }] }
  const text = tokenText(w1, Buffer.from(own(w1).secret, 'base64url'))
  assert.deepEqual(nodeCredential(`${text}\n`, here, 0), own(w1))
  assert.deepEqual(nodeCredential(SECRET, here, 0), { secret: SECRET })
  const refused = (
    given: string,
    nodes: { masters?: { name: string }[]; workers?: { name: string }[] },
    reason: RegExp,
  ) =>
    assert.throws(() => nodeCredential(given, { ...here, ...nodes }, 10_000), {
      code: 'FIRESTEEL_TOKEN_INVALID',
      message: reason,
    })
  refused(text, { masters: [{ name: 'm1' }] }, /starts no Master: m1 needs the secret/)
  refused(text, { workers: [{ name: 'w1' }, { name: 'w2' }] }, /is for one, and here are w1, w2/)
  refused(text.slice(0, -3), {}, /a part of it is missing/)
  refused(tokenText(ci, clientKey(SECRET, ci)), {}, /of the role submit, which starts no node/)
  const short = newTokenId('worker', 5000)
  refused(tokenText(short, Buffer.from(own(short).secret, 'base64url')), {}, /has ended/)
})
