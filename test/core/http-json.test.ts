import assert from 'node:assert/strict'
import { test } from 'node:test'
import { clusterUtilization, isLeader, isReady, masterJson, masterRoutes } from '../../actors/master/json.js'
import type { RecoveryState } from '../../actors/messages/common.js'
import type { MasterStateResponse } from '../../actors/messages/status.js'
import { workerRoutes, workerStateJson } from '../../actors/worker/json.js'
import type { NodeHealth } from '../../runtime/http/health.js'
import { app, driver, masterState, workerState } from '../tools/http-samples.js'

const nowMs = Date.UTC(2026, 0, 1) + 10_000

const routesOf = (state: () => MasterStateResponse, health: () => NodeHealth = () => 'ok') =>
  masterRoutes({ snapshot: state, head: state, leaderships: () => [], health, wallMs: () => nowMs })

test('/json/ of a Master has exactly the keys of Spark, and ours', () => {
  const json = masterJson(masterState(), nowMs)
  assert.deepEqual(Object.keys(json), [
    ...[
      'url',
      'workers',
      'aliveworkers',
      'cores',
      'coresused',
      'memory',
      'memoryused',
      'resources',
      'resourcesused',
    ],
    ...['activeapps', 'completedapps', 'activedrivers', 'completeddrivers', 'status', 'firesteel'],
  ])
  assert.deepEqual(json.firesteel, {
    cluster: 'demo',
    epoch: 3,
    leader: 'firesteel://10.0.0.1:7070',
    since: '2026-01-01T00:00:00.000Z',
    leaderships: [],
  })
  assert.equal(json.status, 'ALIVE')
})

test('/json/ says which Masters have led, and how each leadership ended', () => {
  const since = Date.UTC(2026, 0, 1)
  const [first, second] = ['firesteel://10.0.0.2:7070', 'firesteel://10.0.0.1:7070'] as const
  const end = { atMs: since + 1000, how: 'closed', reason: '' } as const
  const { leaderships } = masterJson(masterState(), nowMs, [
    { epoch: 2, address: first, sinceMs: since, isOlder: true, end },
    { epoch: 3, address: second, sinceMs: since + 1300 },
  ]).firesteel
  assert.deepEqual(leaderships, [
    {
      epoch: 2,
      leader: first,
      since: '2026-01-01T00:00:00.000Z',
      sinceatleast: true,
      until: '2026-01-01T00:00:01.000Z',
      end: 'closed',
      reason: '',
    },
    {
      epoch: 3,
      leader: second,
      since: '2026-01-01T00:00:01.300Z',
      sinceatleast: false,
      until: null,
      end: null,
      reason: '',
    },
  ])
})

test('sums are over ALIVE Workers only', () => {
  const json = masterJson(masterState(), nowMs)
  assert.equal(json.workers.toJSON().length, 3)
  assert.deepEqual(
    [json.aliveworkers, json.cores, json.coresused, json.memory, json.memoryused],
    [2, 8, 4, 8192, 1024],
  )
  assert.deepEqual(json.resources, [{ name: 'gpu', addresses: ['0', '1', '0', '1'] }])
  assert.deepEqual(json.resourcesused, [{ name: 'gpu', addresses: ['1', '1'] }])
})

test('a Worker, an application and a driver as Spark writes them', () => {
  const json = masterJson(masterState(), nowMs)
  assert.deepEqual(json.workers.toJSON()[0], {
    id: 'w1',
    host: '10.0.0.1',
    port: 7001,
    webuiaddress: 'http://10.0.0.1:8081',
    cores: 4,
    coresused: 1,
    coresfree: 3,
    memory: 4096,
    memoryused: 512,
    memoryfree: 3584,
    resources: [{ name: 'gpu', addresses: ['0', '1'] }],
    resourcesused: [{ name: 'gpu', addresses: ['1'] }],
    resourcesfree: [{ name: 'gpu', addresses: ['0'] }],
    state: 'ALIVE',
    lastheartbeat: 1000,
  })
  assert.deepEqual(json.activeapps.toJSON()[0], {
    id: app.id,
    starttime: app.submittedAtMs,
    name: 'count',
    cores: 3,
    user: 'me',
    memoryperexecutor: 512,
    memoryperslave: 512,
    resourcesperexecutor: [{ name: 'gpu', amount: 1 }],
    resourcesperslave: [{ name: 'gpu', amount: 1 }],
    submitdate: 'Thu, 01 Jan 2026 00:00:00 GMT',
    state: 'RUNNING',
    duration: 10_000,
  })
  assert.equal(json.completedapps.toJSON()[0]?.duration, 2500, 'an ended one stands still')
  assert.deepEqual(json.activedrivers.toJSON()[0], {
    id: driver.id,
    starttime: String(driver.submittedAtMs),
    state: 'SUBMITTED',
    cores: 1,
    memory: 1024,
    resources: [],
    submitdate: 'Thu, 01 Jan 2026 00:00:00 GMT',
    worker: 'None',
    mainclass: '/jobs/nightly.js',
  })
  assert.equal(json.activedrivers.toJSON()[1]?.worker, 'w1')
})

test('/json/KEY is that key alone; an unknown one is empty, a method of objects too', async () => {
  const routes = routesOf(() => masterState())
  const all = JSON.parse(JSON.stringify(masterJson(masterState(), nowMs))) as Record<string, unknown>
  for (const [key, value] of [
    ...Object.entries(all),
    ['nope', ''],
    ['toString', ''],
    ['__proto__', ''],
  ] as const) {
    const answer = await routes.request(`/json/${key}`)
    assert.equal(await answer.text(), `{${JSON.stringify(key)}:${JSON.stringify(value)}}`)
  }
})

test('/json/clusterutilization', () => {
  assert.deepEqual(clusterUtilization(masterState()), {
    waitingDrivers: 1,
    cores: 8,
    coresused: 4,
    coresutilization: 50,
    memory: 8192,
    memoryused: 1024,
    memoryutilization: 12,
  })
  const lost = { ...driver, id: 'd3', state: 'RELAUNCHING' as const, generation: 1 }
  const waiting = clusterUtilization(masterState({ activeDrivers: [driver, lost] }))
  assert.equal(waiting.waitingDrivers, 2, 'one that lost its Worker waits as well')
  const empty = clusterUtilization(masterState({ workers: [] }))
  assert.deepEqual([empty.coresutilization, empty.memoryutilization], [100, 100])
})

const statuses: readonly (readonly [RecoveryState, boolean, boolean, boolean])[] = [
  // state, stale, ready, leader
  ['ALIVE', false, true, true],
  ['ALIVE', true, true, true],
  ['STANDBY', false, true, false],
  ['STANDBY', true, false, false],
  ['RECOVERING', false, false, false],
  ['COMPLETING_RECOVERY', false, false, false],
]
for (const [recovery, stale, ready, leader] of statuses) {
  test(`/readyz and /leader: ${recovery}${stale ? ', store away' : ''}`, async () => {
    const current = masterState({ state: recovery, stale })
    assert.equal(isReady(current), ready)
    assert.equal(isLeader(current), leader)
    const routes = routesOf(() => current)
    assert.equal((await routes.request('/readyz')).status, ready ? 200 : 503)
    assert.equal((await routes.request('/leader')).status, leader ? 200 : 503)
    assert.equal((await routes.request('/healthz')).status, 200)
  })
}

test('the routes of a Master', async () => {
  const routes = routesOf(() => masterState())
  for (const path of ['/json', '/json/']) {
    assert.deepEqual(
      await (await routes.request(path)).json(),
      JSON.parse(JSON.stringify(masterJson(masterState(), nowMs))),
    )
  }
  assert.deepEqual(await (await routes.request('/json/aliveworkers')).json(), { aliveworkers: 2 })
  assert.equal((await routes.request('/other')).status, 404)
})

test('/json/ of a Worker: its executors, no drivers', async () => {
  const json = workerStateJson(workerState)
  assert.deepEqual(Object.keys(json), [
    ...['id', 'masterurl', 'masterwebuiurl', 'cores', 'coresused', 'memory', 'memoryused'],
    ...['resources', 'resourcesused', 'executors', 'finishedexecutors'],
  ])
  const [executor] = json.executors.toJSON()
  assert.deepEqual(Object.keys(executor ?? {}), ['id', 'memory', 'resources', 'appid', 'appdesc'])
  assert.deepEqual(Object.keys(executor?.appdesc ?? {}), [
    ...['name', 'cores', 'memoryperexecutor', 'resourcesperexecutor', 'memoryperslave', 'resourcesperslave'],
    ...['user', 'command'],
  ])
  assert.equal(executor?.appdesc.cores, 0, 'unlimited')
  const routes = workerRoutes(
    () => workerState,
    () => 'ok',
  )
  assert.deepEqual(await (await routes.request('/json/')).json(), JSON.parse(JSON.stringify(json)))
})

test('/healthz says whether the node does its work', async () => {
  let health: NodeHealth = 'starting'
  const master = routesOf(
    () => masterState(),
    () => health,
  )
  const worker = workerRoutes(
    () => workerState,
    () => health,
  )
  for (const [now, status] of [
    ['starting', 503],
    ['ok', 200],
    ['failed', 503],
  ] as const) {
    health = now
    for (const routes of [master, worker]) {
      const answer = await routes.request('/healthz')
      assert.equal(answer.status, status)
      assert.deepEqual(await answer.json(), { status: now })
    }
  }
})
