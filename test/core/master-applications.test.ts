import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ExecutorState } from '../../actors/messages/common.js'
import { applicationDescription } from '../../actors/messages/samples.js'
import { answerOf } from '../tools/application-answer.js'
import { MasterWorld } from '../tools/master-fixture.js'

const appOf = (world: MasterWorld, id: string) =>
  [...world.snapshot().activeApps, ...world.snapshot().completedApps].find((app) => app.id === id)

let change = 0
const changed = (
  world: MasterWorld,
  appId: string,
  execId: number,
  state: ExecutorState,
  parts: { exitStatus?: number; noRoom?: boolean } = {},
) =>
  world.tell('w1', {
    type: 'ExecutorStateChanged',
    workerId: 'w1',
    change: ++change,
    appId,
    execId,
    state,
    ...parts,
  })

test('an application gets executors, told to Worker and application in the same step', () => {
  const world = new MasterWorld().elect()
  world.worker('w1')
  const appId = world.application('app', { maxCores: 3 })
  assert.equal(world.toldTo('w1', 'LaunchExecutor').length, 3)
  assert.equal(world.toldTo('app', 'ExecutorAdded').length, 3)
  assert.equal(world.lastTold('w1', 'LaunchExecutor')?.driver, '10.0.0.9:5000')
  assert.equal(appOf(world, appId)?.coresGranted, 3)
})

test('a registration repeated gives the same application', () => {
  const world = new MasterWorld().elect()
  const appId = world.application('app')
  assert.equal(world.application('app'), appId)
  assert.equal(world.snapshot().activeApps.length, 1)
})

test('FIFO: the first application is served in full before the next', () => {
  const world = new MasterWorld().elect()
  const first = world.application('a1', { maxCores: 3 })
  const second = world.application('a2')
  world.worker('w1')
  assert.equal(appOf(world, first)?.coresGranted, 3)
  assert.equal(appOf(world, second)?.coresGranted, 1)
})

test('RequestExecutors sets an absolute total; a late number is ignored; lowering kills nothing', () => {
  const world = new MasterWorld().elect()
  world.worker('w1')
  const appId = world.application('app', { executorLimit: 1 })
  assert.equal(appOf(world, appId)?.executors.length, 1)
  world.ask('app', { type: 'RequestExecutors', appId, request: 2, total: 3 })
  assert.equal(appOf(world, appId)?.executors.length, 3)
  world.ask('app', { type: 'RequestExecutors', appId, request: 1, total: 4 })
  world.ask('app', { type: 'RequestExecutors', appId, request: 3, total: 1 })
  assert.equal(appOf(world, appId)?.executors.length, 3)
  const answer = world.ask('app', { type: 'RequestExecutors', appId: 'app-x', request: 1, total: 1 })
  assert.equal(answer?.type === 'ExecutorsAnswer' && answer.done, false)
})

test('killed executors leave at once, count as used until they are gone, and are no failure', () => {
  const world = new MasterWorld().elect()
  world.worker('w1', { cores: 1 })
  const appId = world.application('app', { executorLimit: 1 })
  world.ask('app', { type: 'RequestExecutors', appId, request: 1, total: 0 })
  world.ask('app', { type: 'KillExecutors', appId, execIds: [0] })
  assert.equal(world.lastTold('w1', 'KillExecutor')?.execId, 0)
  assert.equal(appOf(world, appId)?.executors.length, 0)
  assert.equal(world.snapshot().workers[0]?.coresUsed, 1)
  changed(world, appId, 0, 'KILLED')
  assert.equal(world.snapshot().workers[0]?.coresUsed, 0)
})

test('an executor that ended is replaced; its end reaches the application and is acknowledged', () => {
  const world = new MasterWorld().elect()
  world.worker('w1', { cores: 1 })
  const appId = world.application('app')
  changed(world, appId, 0, 'RUNNING')
  changed(world, appId, 0, 'EXITED', { exitStatus: 1 })
  assert.equal(world.lastTold('app', 'ExecutorUpdated')?.exitStatus, 1)
  assert.equal(appOf(world, appId)?.state, 'WAITING')
  world.advance(1000)
  assert.equal(world.lastTold('w1', 'LaunchExecutor')?.execId, 1)
  assert.equal(appOf(world, appId)?.state, 'RUNNING')
  assert.deepEqual(world.lastTold('w1', 'ChangesAcknowledged')?.changes, [change])
})

test('a closed link has applicationGrace to come back, where Spark ends the application at once', () => {
  const world = new MasterWorld().elect()
  const appId = world.application('app')
  world.unlink('app')
  world.advance(9000)
  world.link('app', 'client')
  world.tell('app', answerOf(appId, []))
  world.advance(9000)
  assert.equal(appOf(world, appId)?.state, 'WAITING')
  world.unlink('app')
  world.advance(11_000)
  assert.equal(appOf(world, appId)?.state, 'FINISHED')
})

test('unregister is acknowledged, ends the executors and tells the Workers', () => {
  const world = new MasterWorld().elect()
  world.worker('w1')
  const appId = world.application('app', { maxCores: 2 })
  world.tell('app', { type: 'UnregisterApplication', appId })
  assert.ok(world.lastTold('app', 'UnregisteredApplication'))
  assert.equal(world.toldTo('w1', 'KillExecutor').length, 2)
  assert.ok(world.lastTold('w1', 'ApplicationFinished'))
  assert.equal(world.store.get('app')?.has(appId), false)
  world.tell('app', { type: 'UnregisterApplication', appId })
  assert.equal(world.toldTo('app', 'UnregisteredApplication').length, 2)
})

test('S3a: only the accepted generation of a driver may register, with its own credential', () => {
  const world = new MasterWorld().elect()
  world.worker('w1')
  const driverId = world.submitted({ supervise: true })
  const register = (subject: string, generation: number, attempt = 1) => {
    const endpoint = `d-${subject}-${generation}-${attempt}`
    world.link(endpoint, 'driver', subject)
    world.tell(endpoint, {
      type: 'RegisterApplication',
      registration: endpoint,
      description: applicationDescription,
      driver: { id: driverId, generation, attempt },
      listen: { port: 1 },
    })
    return world.lastTold(endpoint, 'RegisteredApplication')?.appId
  }
  assert.equal(register(`${driverId}/2`, 2), undefined)
  assert.equal(register('driver-other/1', 1), undefined)
  const first = register(`${driverId}/1`, 1)
  assert.ok(first)
  const second = register(`${driverId}/1`, 1, 2)
  assert.ok(second)
  assert.equal(appOf(world, first)?.state, 'FINISHED')
  assert.equal(appOf(world, second)?.state !== 'FINISHED', true)
})

test('kill of an application: KILLED, told to it; unknown ids are UNKNOWN_ID', () => {
  const world = new MasterWorld().elect()
  const appId = world.application('app')
  world.link('cli', 'client')
  assert.equal(world.ask('cli', { type: 'RequestKillApplication', appId })?.type, 'KillApplicationResponse')
  assert.equal(world.lastTold('app', 'ApplicationRemoved')?.state, 'KILLED')
  const answer = world.ask('cli', { type: 'RequestKillApplication', appId: 'app-x' })
  assert.equal(answer?.type === 'Failure' && answer.code, 'FIRESTEEL_UNKNOWN_ID')
})

test('R4: a new link repairs a lost launch: this leader sends it again, under the same ids', () => {
  const world = new MasterWorld().elect()
  world.worker('w1', { cores: 2 })
  const appId = world.application('app', { maxCores: 1 })
  const driverId = world.submitted()
  world.forgetTold()
  world.link('w1')
  world.report('w1')
  assert.equal(world.lastTold('w1', 'LaunchExecutor')?.appId, appId)
  assert.equal(world.lastTold('w1', 'LaunchExecutor')?.execId, 0)
  assert.equal(world.lastTold('w1', 'LaunchDriver')?.driverId, driverId)
  assert.equal(world.lastTold('w1', 'LaunchDriver')?.generation, 1)
  assert.equal(world.snapshot().workers[0]?.coresUsed, 2)
})

test('the output of an executor is found while it runs and after its end', () => {
  const world = new MasterWorld().elect()
  world.worker('w1', { cores: 1 })
  const appId = world.application('app')
  const where = () => world.ask('app', { type: 'RequestLogLocation', id: `${appId}/0` })
  const location = where()
  assert.equal(location?.type === 'LogLocation' && location.worker, 'firesteel://10.0.0.1:7001')
  world.tell('app', { type: 'UnregisterApplication', appId })
  assert.equal(where()?.type, 'LogLocation')
  const unknown = world.ask('app', { type: 'RequestLogLocation', id: 'app-x/1' })
  assert.equal(unknown?.type === 'Failure' && unknown.code, 'FIRESTEEL_UNKNOWN_ID')
})
