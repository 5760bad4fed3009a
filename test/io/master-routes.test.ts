import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isAdmitted, routeOf } from '../../actors/master/routes.js'
import type { FreeEffect } from '../../actors/master/step.js'
import { catalogue, type MasterMessage } from '../../actors/messages/catalogue.js'
import { driverDescription } from '../../actors/messages/samples.js'
import { MASTER_SUBJECT } from '../../runtime/transport/identity.js'
import { MasterWorld } from '../tools/master-fixture.js'

const types = [...catalogue.master.keys()]
/** Shells ask and answer them, beside the cores. */
const ofShells = [
  'RequestTrace',
  'TraceChunk',
  'RequestPageTicket',
  'RequestTokenSecret',
  'RequestWorkerCredential',
  'TasksSummarized',
]

test('each message that a Master may receive has one route, and those of the shells have none', () => {
  const unrouted = types.filter((type) => !routeOf({ type } as MasterMessage))
  assert.deepEqual(unrouted, ofShells)
})

test("what a client's key opens is the requests of applications and commands, and those of the shells", () => {
  assert.deepEqual(
    types.filter((type) => isAdmitted('client', type)),
    [
      'RegisterApplication',
      'UnregisterApplication',
      'MasterChangeAcknowledged',
      'RequestExecutors',
      'KillExecutors',
      'ExecutorWorked',
      'RequestKillApplication',
      'RequestSubmitDriver',
      'RequestKillDriver',
      'RequestRestartDriver',
      'RequestDriverStatus',
      'DecommissionWorkers',
      'RecommissionWorkers',
      'RequestLaunchers',
      'RequestDeployment',
      'RequestHistory',
      'BeginDeployment',
      'EndDeployment',
      'DeploySubmission',
      'RequestLauncherOrder',
      'RequestRestartWorker',
      'RequestFinishUpgrade',
      'RequestCodePlan',
      'RequestMasterState',
      'RequestLogLocation',
      'RequestCreateToken',
      'RequestTokens',
      'RequestRevokeToken',
      'RequestIdentity',
      ...ofShells,
    ],
  )
  assert.deepEqual(types.filter((type) => isAdmitted('driver', type)).length, 35)
  assert.ok(types.every((type) => isAdmitted('node', type)))
})

test('names that every object has are no routes', () => {
  for (const type of ['constructor', '__proto__', 'toString']) {
    assert.equal(routeOf({ type } as never), undefined)
    assert.ok(isAdmitted('client', type), 'the catalogue refuses it, and says why')
  }
})

/** The store of the leader has nothing of it. */
const key = { driverId: 'driver-x', digest: 'd', endedAtMs: 1, at: { epoch: 1, seq: 9 } }
const lostTail: MasterMessage = {
  type: 'LostTail',
  records: [
    ['key', 'k1', JSON.stringify(key)],
    ['key', 'k2', '{'],
  ],
  last: true,
}

const warnings = (free: readonly FreeEffect[]): string[] =>
  free.flatMap((effect) => (effect.kind === 'log' && effect.level === 'warn' ? [effect.text] : []))

test('the core alone takes a LostTail: what can be read is written, the rest is told, and its giver hears it', () => {
  const world = new MasterWorld()
  world.elect()
  world.link('m2-1', 'node', MASTER_SUBJECT)
  const { puts, gated, free } = world.input({ kind: 'message', from: 'm2-1', message: lostTail })
  assert.deepEqual(
    puts.map(({ table, id }) => [table, id]),
    [['key', 'k1']],
  )
  assert.deepEqual(gated, [{ kind: 'tell', to: 'm2-1', message: { type: 'TailTaken' } }])
  assert.deepEqual(warnings(free), ['STORE_REWOUND: records that the store forgot are back'])
  assert.deepEqual(
    free.flatMap((effect) => (effect.kind === 'refused' ? [effect.reason.slice(0, 33)] : [])),
    ['LostTail: key k2: STORE_UNREADABLE'.slice(0, 33)],
  )
})

test('a LostTail of a node that is no Master, or for a Master that does not lead, changes nothing', () => {
  const leader = new MasterWorld()
  leader.elect()
  leader.link('w1-1')
  const standby = new MasterWorld()
  standby.link('m2-1', 'node', MASTER_SUBJECT)
  for (const [world, from] of [
    [leader, 'w1-1'],
    [standby, 'm2-1'],
  ] as const) {
    const { puts, gated, free } = world.input({ kind: 'message', from, message: lostTail })
    assert.deepEqual([puts, gated, free], [[], [], []])
  }
})

test('a new record is refused while the store refuses writes, and what is only read is answered from memory', () => {
  const world = new MasterWorld()
  world.elect()
  world.link('c1', 'client')
  world.advance(2_000)
  world.degradation = 'STORE_FULL'
  const submitted = world.ask('c1', {
    type: 'RequestSubmitDriver',
    key: 'k1',
    description: driverDescription,
  })
  assert.equal(submitted?.type === 'Failure' && submitted.code, 'FIRESTEEL_STORE_FULL')
  world.ask('c1', { type: 'RequestDriverStatus', driverId: 'driver-x' })
  assert.deepEqual(
    world.lastStep?.free.map(({ kind }) => kind),
    ['replyNow'],
  )
})
