import assert from 'node:assert/strict'
import { test } from 'node:test'
import { routeOf } from '../../actors/master/routes.js'
import { tokenSecretFor } from '../../actors/master/token-secrets.js'
import { catalogue, type MasterMessage } from '../../actors/messages/catalogue.js'
import { applicationDescription, driverDescription } from '../../actors/messages/samples.js'
import type { MasterStatePage } from '../../actors/messages/status.js'
import type { Identity, TokenRow } from '../../actors/messages/tokens.js'
import { masterSecrets } from '../../runtime/launch/node/node-secrets.js'
import { limits } from '../../runtime/limits.js'
import { MASTER_SUBJECT } from '../../runtime/transport/identity.js'
import { newTokenId, type TokenRole } from '../../runtime/transport/token.js'
import { MasterWorld, noRecords } from '../tools/master-fixture.js'

/* Roles and tokens at the leader: who may what, whose work is whose, and what all nodes are told. */

const codeOf = (answer: unknown): string | undefined =>
  (answer as { type?: string; code?: string } | undefined)?.type === 'Failure'
    ? (answer as { code: string }).code
    : undefined

function leader(): MasterWorld {
  const master = new MasterWorld().elect()
  master.link('admin', 'client')
  master.worker('w1', { cores: 8 })
  return master
}

const ask = <R>(master: MasterWorld, from: string, message: MasterMessage): R =>
  master.ask(from, message) as unknown as R

/** Makes a token and a link with it, of the same name. */
function enter(master: MasterWorld, name: string, role: TokenRole, endsAtMs?: number): string {
  const id = newTokenId(role, endsAtMs)
  const made = master.ask('admin', { type: 'RequestCreateToken', id, name })
  assert.equal(made?.type, 'TokenCreated', JSON.stringify(made))
  master.link(name, 'client', id)
  return id
}

const submitAs = (master: MasterWorld, from: string, key = `key-of-${from}`): string => {
  const answer = master.ask(from, { type: 'RequestSubmitDriver', key, description: driverDescription })
  assert.ok(answer?.type === 'SubmitDriverResponse', JSON.stringify(answer))
  return answer.driverId
}

test('what each role may do is what its routes say, and each request of a client has a least role', () => {
  const needed = new Map<string, string | undefined>()
  for (const type of catalogue.master.keys()) {
    const route = routeOf({ type } as MasterMessage)
    if (route) needed.set(type, route.least)
    assert.equal(route?.sender === 'anybody', route?.least !== undefined, type)
  }
  const typesOf = (role: TokenRole) => [...needed].flatMap(([type, least]) => (least === role ? [type] : []))
  assert.deepEqual(typesOf('observe').sort(), [
    'RequestDriverStatus',
    'RequestIdentity',
    'RequestLaunchers',
    'RequestMasterState',
  ])
  assert.deepEqual(typesOf('operate').sort(), [
    'DecommissionWorkers',
    'RecommissionWorkers',
    'RequestHistory',
    'RequestRestartWorker',
  ])
  assert.deepEqual(typesOf('admin').sort(), [
    'BeginDeployment',
    'DeploySubmission',
    'EndDeployment',
    'RequestCreateToken',
    'RequestDeployment',
    'RequestFinishUpgrade',
    'RequestLauncherOrder',
    'RequestRevokeToken',
    'RequestTokens',
  ])
  assert.equal(typesOf('submit').length, 12)
})

test('a token of each role is refused what needs a higher one', () => {
  const master = leader()
  const theirs = submitAs(master, 'admin')
  const requests: readonly (readonly [TokenRole, MasterMessage])[] = [
    ['observe', { type: 'RequestMasterState' }],
    ['submit', { type: 'RequestSubmitDriver', key: 'k', description: driverDescription }],
    ['operate', { type: 'DecommissionWorkers', workers: ['w1'], deadlineMs: 1000 }],
    ['operate', { type: 'RequestKillDriver', driverId: theirs }],
    ['admin', { type: 'RequestTokens' }],
    ['admin', { type: 'RequestCreateToken', id: newTokenId('admin', undefined), name: 'more' }],
  ]
  const roles: readonly TokenRole[] = ['observe', 'submit', 'operate', 'admin']
  for (const role of roles) {
    enter(master, role, role)
    for (const [least, request] of requests) {
      if (request.type === 'RequestKillDriver' && role === 'admin') continue
      const may = roles.indexOf(role) >= roles.indexOf(least)
      const refused = codeOf(master.ask(role, request)) === 'FIRESTEEL_NOT_ALLOWED'
      assert.equal(refused, !may, `${role}: ${request.type}`)
    }
  }
})

test('a submitter sees and ends its own work and nothing else; who operates ends all of it', () => {
  const master = leader()
  const id = enter(master, 'ci', 'submit')
  enter(master, 'other', 'submit')
  enter(master, 'ops', 'operate')
  const [mine, theirs] = [submitAs(master, 'ci'), submitAs(master, 'other')]
  master.tell('other', {
    type: 'RegisterApplication',
    registration: 'reg',
    description: { ...applicationDescription, maxCores: 1 },
    listen: { port: 5000 },
  })
  const { appId } = master.lastTold('other', 'RegisteredApplication')!
  const state = (from: string) => ask<MasterStatePage>(master, from, { type: 'RequestMasterState' })
  assert.deepEqual(
    state('ci').activeDrivers.map((row) => [row.id, row.owner]),
    [[mine, { name: 'ci', id }]],
  )
  assert.deepEqual([state('ci').activeApps, state('ci').executors, state('ci').workers.length], [[], [], 1])
  assert.equal(state('ops').activeDrivers.length, 2)
  assert.equal(state('other').activeApps[0]?.owner?.name, 'other')
  const refused: MasterMessage[] = [
    { type: 'RequestKillDriver', driverId: theirs },
    { type: 'RequestDriverStatus', driverId: theirs },
    { type: 'RequestLogLocation', id: theirs },
    { type: 'RequestLogLocation', id: `${appId}/0` },
    { type: 'RequestKillApplication', appId },
    { type: 'KillExecutors', appId, execIds: [0] },
    // The key of another's submission, whatever comes with it.
    { type: 'RequestSubmitDriver', key: 'key-of-other', description: driverDescription },
  ]
  for (const request of refused)
    assert.equal(codeOf(master.ask('ci', request)), 'FIRESTEEL_NOT_ALLOWED', request.type)
  const { grant } = ask<{ grant?: object }>(master, 'ci', { type: 'RequestLogLocation', id: mine })
  assert.deepEqual(grant, { subject: id, untilMs: 1_700_000_000_000 + 60_000, mac: '' }, 'the shell signs it')
  assert.equal(codeOf(master.ask('ci', { type: 'RequestKillDriver', driverId: mine })), undefined)
  assert.equal(codeOf(master.ask('ops', { type: 'RequestKillDriver', driverId: theirs })), undefined)
})

test('its driver acts for the owner of its submission, and what has ended keeps its owner', () => {
  const master = leader()
  const id = enter(master, 'ci', 'submit')
  const driverId = submitAs(master, 'ci')
  assert.deepEqual(master.lastTold('w1', 'LaunchDriver')?.owner, { name: 'ci', id })
  master.link('program', 'driver', `${driverId}/1`)
  master.tell('program', {
    type: 'RegisterApplication',
    registration: 'reg',
    description: { ...applicationDescription, maxCores: 1 },
    driver: { id: driverId, generation: 1, attempt: 1 },
    listen: { port: 5000 },
  })
  const ended = {
    type: 'DriverStateChanged',
    workerId: 'w1',
    change: 1,
    driverId,
    generation: 1,
    attempt: 1,
    state: 'FINISHED',
  } as const
  assert.equal(master.snapshot().activeApps[0]?.owner?.name, 'ci')
  master.tell('w1', ended)
  const checkOwners = (after: MasterWorld): void => {
    after.link('ci', 'client', id)
    const { completedDrivers, completedApps } = ask<MasterStatePage>(after, 'ci', {
      type: 'RequestMasterState',
    })
    assert.deepEqual([completedDrivers[0]?.owner?.id, completedApps[0]?.owner?.id], [id, id])
  }
  checkOwners(master)
  checkOwners(master.failover().elect())
})

test('a driver that only its Worker knows still has its owner', () => {
  const master = leader()
  const id = enter(master, 'ci', 'submit')
  submitAs(master, 'ci')
  const launch = master.lastTold('w1', 'LaunchDriver')!
  // A store that forgot all of it, and a leader after the one that launched it.
  const after = new MasterWorld()
  after.input({
    kind: 'elected',
    epoch: 9,
    owner: 'm1',
    base: { epoch: 0, seq: 0 },
    earlier: [],
    observed: { epoch: 1, seq: 99 },
    format: 1,
  })
  after.restore(noRecords)
  after.link('w1')
  after.registerWorker('w1')
  after.report('w1', {
    drivers: [
      {
        driverId: launch.driverId,
        generation: 1,
        attempt: 1,
        state: 'RUNNING',
        resources: {},
        description: launch.description,
        owner: launch.owner,
        launchedAt: { epoch: 1, seq: 5, owner: 'm1' },
      },
    ],
  })
  assert.equal(after.snapshot().activeDrivers[0]?.owner?.id, id)
})

test('a token is made once however often it is asked for; names, ends and numbers have rules', () => {
  const master = leader()
  const id = newTokenId('submit', undefined)
  const request = { type: 'RequestCreateToken', id, name: 'ci' } as const
  const first = ask<{ token: TokenRow }>(master, 'admin', request).token
  assert.deepEqual(first, {
    id,
    name: 'ci',
    role: 'submit',
    createdAtMs: 1_700_000_000_000,
    endsAtMs: null,
    by: 'secret',
  })
  assert.deepEqual(ask<{ token: TokenRow }>(master, 'admin', request).token, first)
  assert.equal(master.store.get('token')?.size, 1)
  assert.doesNotMatch(JSON.stringify([...master.store.get('token')!]), /fst_/)
  const refused = [
    { ...request, name: 'another' },
    { ...request, id: newTokenId('admin', undefined) },
    { ...request, id: newTokenId('admin', 1_600_000_000_000), name: 'late' },
    { ...request, id: newTokenId('admin', undefined), name: 'secret' },
    { ...request, id: newTokenId('admin', undefined), name: newTokenId('admin', undefined) },
  ]
  for (const wrong of refused)
    assert.equal(codeOf(master.ask('admin', wrong)), 'FIRESTEEL_NOT_ALLOWED', JSON.stringify(wrong))
  for (let number = 1; number < limits.tokens; number++) enter(master, `t${number}`, 'observe')
  const tooMany = { ...request, id: newTokenId('observe', undefined), name: 'one more' }
  assert.equal(codeOf(master.ask('admin', tooMany)), 'FIRESTEEL_NOT_ALLOWED')
  master.ask('admin', { type: 'RequestRevokeToken', token: 't1' })
  assert.equal(master.ask('admin', tooMany)?.type, 'TokenCreated', 'the oldest that is over makes room')
  assert.equal(
    ask<{ tokens: TokenRow[] }>(master, 'admin', { type: 'RequestTokens' }).tokens.length,
    limits.tokens,
  )
})

test('a revoked token opens nothing from then on, here and after a failover, and all nodes are told', () => {
  const master = leader()
  master.link('m2', 'node', MASTER_SUBJECT)
  assert.equal(master.lastTold('w1', 'TokensInForce'), undefined, 'where there are no tokens nobody is told')
  const [ci, ops] = [enter(master, 'ci', 'submit'), enter(master, 'ops', 'operate')]
  for (const node of ['w1', 'm2'])
    assert.deepEqual(master.lastTold(node, 'TokensInForce')?.ids, [ci, ops], node)
  const peer = { role: 'client', subject: ci } as const
  assert.equal(master.core.isOver(peer), false)
  const revoked = ask<{ token: TokenRow }>(master, 'admin', { type: 'RequestRevokeToken', token: 'ci' }).token
  assert.deepEqual([revoked.id, revoked.revokedBy], [ci, 'secret'])
  assert.deepEqual(
    ask<{ token: TokenRow }>(master, 'admin', { type: 'RequestRevokeToken', token: ci }).token,
    revoked,
  )
  assert.equal(
    codeOf(master.ask('admin', { type: 'RequestRevokeToken', token: 'nobody' })),
    'FIRESTEEL_UNKNOWN_ID',
  )
  for (const node of ['w1', 'm2']) assert.deepEqual(master.lastTold(node, 'TokensInForce')?.ids, [ops], node)
  const checkRevoked = (after: MasterWorld): void => {
    assert.equal(after.core.isOver(peer), true)
    assert.equal(after.core.isOver({ role: 'client', subject: ops }), false)
    assert.equal(after.core.isOver({ role: 'client', subject: newTokenId('admin', undefined) }), true)
    assert.equal(after.core.isOver({ role: 'client' }), false)
    after.link('ci', 'client', ci)
    assert.equal(codeOf(after.ask('ci', { type: 'RequestMasterState' })), 'FIRESTEEL_NOT_ALLOWED')
    assert.ok(after.lastStep?.free.some((effect) => effect.kind === 'unlink' && effect.from === 'ci'))
    after.link('w2')
    assert.deepEqual(after.lastTold('w2', 'TokensInForce')?.ids, [ops])
  }
  checkRevoked(master)
  // Its name is free again.
  const again = enter(master, 'ci', 'submit')
  assert.notEqual(again, ci)
  master.ask('admin', { type: 'RequestRevokeToken', token: 'ci' })
  checkRevoked(master.failover().elect())
  assert.equal(master.core.isOver({ role: 'client', subject: again }), true)
})

test('a STANDBY passes on to its node what the leader says, and nobody else may say it', () => {
  const standby = new MasterWorld()
  standby.link('m1', 'node', MASTER_SUBJECT)
  standby.link('w1')
  const told: MasterMessage = { type: 'TokensInForce', ids: [] }
  const emitted = () => standby.lastStep?.free.filter(({ kind }) => kind === 'emit')
  standby.tell('w1', told)
  assert.deepEqual(emitted(), [])
  standby.tell('m1', told)
  assert.deepEqual(emitted(), [{ kind: 'emit', event: { event: 'tokensInForce', ids: [] } }])
})

test('each is told who it is', () => {
  const master = leader()
  const endsAtMs = 1_800_000_000_000
  const id = enter(master, 'ci', 'submit', endsAtMs)
  const identity = (from: string) => ask<Identity>(master, from, { type: 'RequestIdentity' })
  assert.deepEqual(identity('ci'), { type: 'Identity', name: 'ci', role: 'submit', id, endsAtMs })
  assert.deepEqual(identity('admin'), { type: 'Identity', name: 'secret', role: 'admin', endsAtMs: null })
  const driverId = submitAs(master, 'ci')
  master.link('program', 'driver', `${driverId}/1`)
  assert.deepEqual([identity('program').role, identity('program').name], ['driver', `${driverId}/1`])
})

test('the text of a token is given to whoever made it, for a while', () => {
  const master = leader()
  const boss = enter(master, 'boss', 'admin')
  const id = newTokenId('submit', undefined)
  master.ask('boss', { type: 'RequestCreateToken', id, name: 'ci' })
  const secrets = {
    ...masterSecrets('s'.repeat(32)),
    tokenFor: (of: string, to: string | undefined) => `${of} for ${to}`,
  }
  const cluster = master.core.cluster!
  const nowMs = 1_700_000_000_000
  const given = (subject: string | undefined, wallMs = nowMs, role: 'client' | 'driver' = 'client') =>
    tokenSecretFor(
      { role, ...(subject !== undefined && { subject }) },
      { type: 'RequestTokenSecret', id },
      cluster,
      { secrets },
      { wallMs },
    )
  assert.deepEqual(given(boss), { type: 'TokenSecret', id, secret: `${id} for ${boss}` })
  assert.equal(codeOf(given(undefined)), 'FIRESTEEL_NOT_ALLOWED', 'somebody else made it')
  assert.equal(codeOf(given(boss, nowMs + 120_001)), 'FIRESTEEL_NOT_ALLOWED', 'later')
  assert.equal(codeOf(given(id)), 'FIRESTEEL_NOT_ALLOWED', 'no admin')
  assert.equal(codeOf(given(boss, nowMs, 'driver')), 'FIRESTEEL_NOT_ALLOWED')
  master.ask('boss', { type: 'RequestRevokeToken', token: 'ci' })
  assert.equal(codeOf(given(boss)), 'FIRESTEEL_NOT_ALLOWED', 'revoked')
})
