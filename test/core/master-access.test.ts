import assert from 'node:assert/strict'
import { test } from 'node:test'
import { routeOf } from '../../actors/master/routes.js'
import { catalogue, type MasterMessage } from '../../actors/messages/catalogue.js'
import { applicationDescription, driverDescription } from '../../actors/messages/samples.js'
import type { MasterStatePage } from '../../actors/messages/status.js'
import { MasterWorld } from '../tools/master-fixture.js'

/* A driver's credential is limited to itself: it sees and ends what is its own, and nothing else. */

/** Two drivers that run, each with its link and one application, and the application of a client. */
function world() {
  const master = new MasterWorld().elect()
  master.worker('w1', { cores: 8 })
  const [mine, other] = [master.submitted(), master.submitted({ env: { PASSWORD: 'of another' } })]
  const appOf = (id: string): string => {
    master.link(`at-${id}`, 'driver', `${id}/1`)
    master.tell(`at-${id}`, {
      type: 'RegisterApplication',
      registration: `reg-${id}`,
      description: { ...applicationDescription, maxCores: 1, env: { PASSWORD: 'of an application' } },
      driver: { id, generation: 1, attempt: 1 },
      listen: { port: 5000 },
    })
    return master.lastTold(`at-${id}`, 'RegisteredApplication')!.appId
  }
  const [myApp, otherApp] = [appOf(mine), appOf(other)]
  const clientApp = master.application('client', { maxCores: 1 })
  return { master, mine, other, myApp, otherApp, clientApp, me: `at-${mine}` }
}

const codeOf = (answer: unknown): string | undefined =>
  (answer as { type?: string; code?: string } | undefined)?.type === 'Failure'
    ? (answer as { code: string }).code
    : undefined

const refusals = ({ lastStep }: MasterWorld): readonly string[] =>
  lastStep?.free.flatMap((effect) => (effect.kind === 'refused' ? [effect.reason] : [])) ?? []

test("a driver ends and asks about its own, and none of another driver's or client's", () => {
  const { master, me, mine, other, myApp, otherApp, clientApp } = world()
  const requests = (driverId: string, appId: string): MasterMessage[] => [
    { type: 'RequestDriverStatus', driverId },
    { type: 'RequestRestartDriver', driverId, request: 'r1' },
    { type: 'RequestLogLocation', id: driverId },
    { type: 'RequestLogLocation', id: `${appId}/0` },
    { type: 'RequestExecutors', appId, request: 1, total: 1 },
    { type: 'KillExecutors', appId, execIds: [0] },
    { type: 'RequestKillApplication', appId },
    { type: 'RequestKillDriver', driverId },
  ]
  for (const [driverId, appId] of [
    [other, otherApp],
    [other, clientApp],
  ] as const) {
    for (const request of requests(driverId, appId)) {
      assert.equal(codeOf(master.ask(me, request)), 'FIRESTEEL_NOT_ALLOWED', request.type)
      assert.equal(refusals(master).length, 1, 'it is counted, and logged now and then')
    }
  }
  const { activeApps, activeDrivers } = master.snapshot()
  assert.equal(activeApps.length, 3)
  assert.ok(activeApps.every(({ executors }) => executors.length === 1))
  assert.ok(activeDrivers.every(({ killAsked }) => killAsked === undefined))
  assert.equal(
    codeOf(master.ask(me, { type: 'RequestDriverStatus', driverId: 'driver-x' })),
    'FIRESTEEL_UNKNOWN_ID',
  )
  // A restart needs a supervised driver.
  for (const request of requests(mine, myApp).filter(({ type }) => type !== 'RequestRestartDriver'))
    assert.equal(codeOf(master.ask(me, request)), undefined, request.type)
})

test('a driver submits nothing, drains nothing, and gets no plan for code', () => {
  const { master, me } = world()
  const requests: MasterMessage[] = [
    { type: 'RequestSubmitDriver', key: 'k', description: driverDescription },
    { type: 'DecommissionWorkers', workers: ['w1'], deadlineMs: 0 } as MasterMessage,
    { type: 'RecommissionWorkers', workers: ['w1'] } as MasterMessage,
    { type: 'RequestCodePlan', id: 'a'.repeat(64) } as MasterMessage,
  ]
  for (const request of requests) {
    assert.equal(codeOf(master.ask(me, request)), 'FIRESTEEL_NOT_ALLOWED', request.type)
    assert.deepEqual(refusals(master), [
      `${request.type}: this credential is that of a driver, which may not send ${request.type}`,
    ])
  }
  assert.equal(master.snapshot().activeDrivers.length, 2)
})

test('the state that a driver sees is its own rows, however it asks', () => {
  const { master, me, mine, other, myApp, otherApp } = world()
  const state = (of: Partial<MasterMessage> = {}) =>
    master.ask(me, { type: 'RequestMasterState', ...of } as MasterMessage) as MasterStatePage
  const ids = (page: MasterStatePage) => [
    ...page.workers.map(({ id }) => id),
    ...page.activeDrivers.map(({ id }) => id),
    ...page.activeApps.map(({ id }) => id),
    ...page.executors.map(({ appId }) => appId),
  ]
  assert.deepEqual(ids(state()), [mine, myApp, myApp])
  assert.deepEqual(ids(state({ of: myApp } as never)), [myApp, myApp])
  for (const of of [other, otherApp, 'w1']) assert.deepEqual(ids(state({ of, explain: true } as never)), [])
  assert.doesNotMatch(JSON.stringify(state()), /PASSWORD/)
  const all = master.ask('cli', { type: 'RequestMasterState' }) as MasterStatePage
  assert.doesNotMatch(JSON.stringify(all), /PASSWORD/, 'and nobody is told an environment')
})

test('a driver that has ended is nothing to its Master any more: its link ends, and no other is taken', () => {
  const { master, me, mine } = world()
  const peer = { role: 'driver', subject: `${mine}/1` } as const
  assert.equal(master.core.isOver(peer), false)
  master.tell('w1', {
    type: 'DriverStateChanged',
    workerId: 'w1',
    change: 1,
    driverId: mine,
    generation: 1,
    attempt: 1,
    state: 'FINISHED',
  })
  assert.equal(master.core.isOver(peer), true)
  assert.equal(codeOf(master.ask(me, { type: 'RequestMasterState' })), 'FIRESTEEL_NOT_ALLOWED')
  const unlinked = () =>
    master.lastStep?.free.flatMap((effect) => (effect.kind === 'unlink' ? [effect.from] : []))
  assert.deepEqual(unlinked(), [me])
})

test('a driver that never was, and an earlier generation, are over; one whose record may come back is not', () => {
  const { master, mine } = world()
  const over = (subject: string) => master.core.isOver({ role: 'driver', subject })
  assert.equal(over('driver-20260101000000-1-9999/1'), true)
  assert.equal(over(`${mine}/0`), true)
  assert.equal(over(`${mine}/1`), false)
  for (const odd of ['', '/', 'x', `${mine}`, `${mine}/x`, '__proto__/1']) assert.equal(over(odd), true, odd)
  assert.equal(master.core.isOver({ role: 'client' }), false)
  master.failover().elect()
  assert.equal(master.core.state, 'RECOVERING')
  assert.equal(over('driver-1/1'), false, 'a Worker may still report it')
  assert.equal(new MasterWorld().core.isOver({ role: 'driver', subject: 'driver-1/1' }), false, 'a STANDBY')
})

test('an application is registered again, and answers a new leader, only by whom registered it', () => {
  const { master, me, mine, other, otherApp, clientApp } = world()
  const register = (from: string, registration: string, id?: string): void =>
    master.tell(from, {
      type: 'RegisterApplication',
      registration,
      description: applicationDescription,
      ...(id !== undefined && { driver: { id, generation: 1, attempt: 1 } }),
      listen: { port: 6000 },
    })
  master.forgetTold()
  register(me, `reg-${other}`, mine)
  register(me, 'reg-client', mine)
  master.link('stranger', 'client')
  register('stranger', `reg-${other}`)
  register('stranger', 'reg-client')
  assert.deepEqual(
    master.told.map(({ message }) => message.type).filter((type) => type !== 'MasterChanged'),
    ['Failure', 'Failure', 'Failure', 'Failure'],
  )
  // After a failover somebody else is linked under the name of its client.
  master.failover().elect()
  master.link('client', 'driver', `${mine}/1`)
  master.link(`at-${other}`, 'client')
  const acknowledge = (from: string, appId: string): void =>
    master.tell(from, {
      type: 'MasterChangeAcknowledged',
      appId,
      registration: 'r',
      listen: { port: 1 },
      executors: [],
      highestExecId: -1,
    })
  acknowledge('client', clientApp)
  acknowledge(`at-${other}`, otherApp)
  assert.deepEqual(
    master.snapshot().activeApps.map(({ state }) => state),
    ['UNKNOWN', 'UNKNOWN', 'UNKNOWN'],
  )
})

test('each message that anybody may send says whether a driver may: what it needs for itself, and no more', () => {
  const types = [...catalogue.master.keys()]
  const routes = types.flatMap((type) => routeOf({ type } as MasterMessage) ?? [])
  const forDrivers = types.filter((type) => routeOf({ type } as MasterMessage)?.driver === 'may')
  assert.ok(routes.every(({ driver, sender }) => driver === undefined || sender === 'anybody'))
  assert.deepEqual(forDrivers.sort(), [
    'ExecutorWorked',
    'KillExecutors',
    'MasterChangeAcknowledged',
    'RegisterApplication',
    'RequestDriverStatus',
    'RequestExecutors',
    'RequestIdentity',
    'RequestKillApplication',
    'RequestKillDriver',
    'RequestLogLocation',
    'RequestMasterState',
    'RequestRestartDriver',
    'UnregisterApplication',
  ])
})
