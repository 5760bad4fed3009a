import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  clusterUtilization,
  isLeader,
  isReady,
  masterJson,
  masterJsonKey,
  masterRoutes,
} from '../../actors/master/json.js'
import type { RecoveryState } from '../../actors/messages/common.js'
import {
  type MasterStateResponse,
  masterStateResponse,
  type WorkerStateResponse,
  type WorkerStatus,
  workerStateResponse,
} from '../../actors/messages/status.js'
import { workerRoutes, workerStateJson } from '../../actors/worker/json.js'

const worker = (id: string, more: Partial<WorkerStatus> = {}): WorkerStatus => ({
  id,
  name: id,
  host: '10.0.0.2',
  port: 7100,
  web: 'http://10.0.0.2:8081',
  state: 'ALIVE',
  suspect: false,
  cores: 4,
  coresUsed: 1,
  memoryMib: 4096,
  memoryMibUsed: 512,
  resources: { gpu: ['0', '1'] },
  resourcesUsed: { gpu: ['1'] },
  labels: {},
  lastHeartbeatMs: 1000,
  ...more,
})

const description = {
  name: 'count',
  maxCores: 4,
  executor: { cores: 1, memoryMib: 512, resources: { gpu: 1 } },
  user: 'ada',
  cwd: '/w',
  env: {},
  nodeOptions: [],
}

const app = {
  id: 'app-20260101000000-1-1',
  description,
  state: 'RUNNING' as const,
  submittedAtMs: Date.UTC(2026, 0, 1),
  endedAtMs: null,
  coresGranted: 3,
  executors: [{ execId: 0, workerId: 'w1', cores: 1, memoryMib: 512, state: 'RUNNING' as const }],
  driver: null,
  message: '',
}

const driver = {
  id: 'driver-20260101000000-1-2',
  description: {
    name: 'nightly',
    main: '/jobs/nightly.js',
    args: [],
    cwd: '/jobs',
    cores: 1,
    memoryMib: 1024,
    resources: {},
    supervise: true,
    onIsolation: 'run' as const,
    env: {},
    nodeOptions: [],
  },
  state: 'SUBMITTED' as const,
  submittedAtMs: Date.UTC(2026, 0, 1),
  endedAtMs: null,
  generation: 0,
  worker: null,
  exitCode: null,
  signal: null,
  message: '',
}

function state(more: Partial<MasterStateResponse> = {}): MasterStateResponse {
  const made: MasterStateResponse = {
    type: 'MasterStateResponse',
    cluster: 'demo',
    address: 'firesteel://10.0.0.1:7070',
    web: 'http://10.0.0.1:8080',
    rest: null,
    state: 'ALIVE',
    position: { epoch: 3, seq: 9 },
    leader: 'firesteel://10.0.0.1:7070',
    sinceMs: Date.UTC(2026, 0, 1),
    stale: false,
    masters: [{ address: 'firesteel://10.0.0.1:7070', state: 'ALIVE' }],
    workers: [worker('w1'), worker('w2', { coresUsed: 3 }), worker('w3', { state: 'DEAD', coresUsed: 4 })],
    activeApps: [app],
    completedApps: [
      { ...app, id: 'app-20260101000000-1-0', state: 'FINISHED', endedAtMs: app.submittedAtMs + 2500 },
    ],
    activeDrivers: [driver, { ...driver, id: 'd2', state: 'RUNNING', worker: 'w1', generation: 1 }],
    completedDrivers: [],
    ...more,
  }
  assert.equal(masterStateResponse.safeParse(made).error, undefined)
  return made
}

const nowMs = Date.UTC(2026, 0, 1) + 10_000

test('/json/ of a Master has exactly the keys of Spark, and ours', () => {
  const json = masterJson(state(), nowMs)
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
  })
  assert.equal(json.status, 'ALIVE')
})

test('sums are over ALIVE Workers only', () => {
  const json = masterJson(state(), nowMs)
  assert.equal(json.workers.length, 3)
  assert.deepEqual(
    [json.aliveworkers, json.cores, json.coresused, json.memory, json.memoryused],
    [2, 8, 4, 8192, 1024],
  )
  assert.deepEqual(json.resources, [{ name: 'gpu', addresses: ['0', '1', '0', '1'] }])
  assert.deepEqual(json.resourcesused, [{ name: 'gpu', addresses: ['1', '1'] }])
})

test('a Worker, an application and a driver as Spark writes them', () => {
  const json = masterJson(state(), nowMs)
  assert.deepEqual(json.workers[0], {
    id: 'w1',
    host: '10.0.0.2',
    port: 7100,
    webuiaddress: 'http://10.0.0.2:8081',
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
  assert.deepEqual(json.activeapps[0], {
    id: app.id,
    starttime: app.submittedAtMs,
    name: 'count',
    cores: 3,
    user: 'ada',
    memoryperexecutor: 512,
    memoryperslave: 512,
    resourcesperexecutor: [{ name: 'gpu', amount: 1 }],
    resourcesperslave: [{ name: 'gpu', amount: 1 }],
    submitdate: 'Thu, 01 Jan 2026 00:00:00 GMT',
    state: 'RUNNING',
    duration: 10_000,
  })
  assert.equal(json.completedapps[0]?.duration, 2500, 'an ended one stands still')
  assert.deepEqual(json.activedrivers[0], {
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
  assert.equal(json.activedrivers[1]?.worker, 'w1')
})

test('/json/KEY is that key alone; an unknown one is empty, a method of objects too', () => {
  assert.deepEqual(masterJsonKey(state(), 'status', nowMs), { status: 'ALIVE' })
  assert.deepEqual(masterJsonKey(state(), 'nope', nowMs), { nope: '' })
  assert.deepEqual(masterJsonKey(state(), 'toString', nowMs), { toString: '' })
})

test('/json/clusterutilization', () => {
  assert.deepEqual(clusterUtilization(state()), {
    waitingDrivers: 1,
    cores: 8,
    coresused: 4,
    coresutilization: 50,
    memory: 8192,
    memoryused: 1024,
    memoryutilization: 12,
  })
  const empty = clusterUtilization(state({ workers: [] }))
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
    const current = state({ state: recovery, stale })
    assert.equal(isReady(current), ready)
    assert.equal(isLeader(current), leader)
    const routes = masterRoutes(
      () => current,
      () => nowMs,
    )
    assert.equal((await routes.request('/readyz')).status, ready ? 200 : 503)
    assert.equal((await routes.request('/leader')).status, leader ? 200 : 503)
    assert.equal((await routes.request('/healthz')).status, 200)
  })
}

test('the routes of a Master', async () => {
  const routes = masterRoutes(
    () => state(),
    () => nowMs,
  )
  for (const path of ['/json', '/json/']) {
    assert.deepEqual(
      await (await routes.request(path)).json(),
      JSON.parse(JSON.stringify(masterJson(state(), nowMs))),
    )
  }
  assert.deepEqual(await (await routes.request('/json/aliveworkers')).json(), { aliveworkers: 2 })
  assert.equal((await routes.request('/other')).status, 404)
})

const workerState: WorkerStateResponse = {
  type: 'WorkerStateResponse',
  id: 'w1',
  name: 'w1',
  host: '10.0.0.2',
  port: 7100,
  masterUrl: 'firesteel://10.0.0.1:7070',
  masterWebUrl: null,
  cores: 4,
  coresUsed: 1,
  memoryMib: 4096,
  memoryMibUsed: 512,
  resources: { gpu: ['0'] },
  resourcesUsed: {},
  executors: [
    {
      appId: app.id,
      execId: 7,
      cores: 1,
      memoryMib: 512,
      resources: { gpu: ['0'] },
      state: 'RUNNING',
      application: { ...description, maxCores: undefined },
    },
  ],
  finishedExecutors: [],
  drivers: [],
  finishedDrivers: [],
}

test('/json/ of a Worker: its executors, no drivers', async () => {
  assert.equal(workerStateResponse.safeParse(workerState).error, undefined)
  const json = workerStateJson(workerState)
  assert.deepEqual(Object.keys(json), [
    ...['id', 'masterurl', 'masterwebuiurl', 'cores', 'coresused', 'memory', 'memoryused'],
    ...['resources', 'resourcesused', 'executors', 'finishedexecutors'],
  ])
  const [executor] = json.executors
  assert.deepEqual(Object.keys(executor ?? {}), ['id', 'memory', 'resources', 'appid', 'appdesc'])
  assert.deepEqual(Object.keys(executor?.appdesc ?? {}), [
    ...['name', 'cores', 'memoryperexecutor', 'resourcesperexecutor', 'memoryperslave', 'resourcesperslave'],
    ...['user', 'command'],
  ])
  assert.equal(executor?.appdesc.cores, 0, 'unlimited')
  const routes = workerRoutes(() => workerState)
  assert.deepEqual(await (await routes.request('/json/')).json(), JSON.parse(JSON.stringify(json)))
})
