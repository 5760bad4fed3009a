import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { LostWrite } from '../../actors/master/lost-writes/lost-write.js'
import { recordViolations } from '../../actors/master/records.js'
import { violation } from '../../actors/messages/catalogue.js'
import type { DriverStateChanged } from '../../actors/messages/drivers.js'
import { applicationDescription, driverDescription } from '../../actors/messages/samples.js'
import { limits } from '../../runtime/limits.js'
import { answerOf } from '../tools/application-answer.js'
import { MasterWorld } from '../tools/master-fixture.js'

/*
 * Numbers that only count up, from who may lie: a Worker, an application, another Master. Whatever they say,
 * the next number is one that a record, a command and the next leader can take.
 */

const LAST = Number.MAX_SAFE_INTEGER
const RISE = limits.launchRise
/** Launched under a leadership that the store of the next leaders does not know. */
const forgotten = { epoch: 2, seq: 9, owner: 'm-old' }
const supervised = { ...driverDescription, supervise: true }
const DRIVER = 'driver-20260101000000-2-0000'
const APP = 'app-20260101000000-2-0000'

/** Everything durable can be read again, everything told is taken. */
function whole(world: MasterWorld): void {
  for (const [table, rows] of world.store)
    for (const row of rows.values()) assert.equal(recordViolations[table](structuredClone(row)), undefined)
  for (const { message } of world.told)
    if (message.type.startsWith('Launch')) assert.equal(violation('worker', message), undefined)
}

/** A leader of epoch 3 whose store has forgotten all. */
function fallen(): MasterWorld {
  const world = new MasterWorld()
  for (let epoch = 1; epoch <= 3; epoch++) world.failover().elect()
  return world
}

const record = (world: MasterWorld, id: string) => world.core.cluster!.drivers.get(id)?.record
const generations = (world: MasterWorld, ...ids: string[]) =>
  ids.flatMap((id) => world.toldTo(id, 'LaunchDriver').map(({ generation }) => generation))

describe('the generation of a driver', () => {
  const change = (
    driverId: string,
    parts: Partial<DriverStateChanged> & { generation: number },
  ): DriverStateChanged => ({
    type: 'DriverStateChanged',
    workerId: 'w1',
    change: 1,
    driverId,
    attempt: 1,
    state: 'FAILED',
    ...parts,
  })
  const report = (generation: number, parts: object = {}) => ({
    driverId: DRIVER,
    generation,
    attempt: 1,
    state: 'RUNNING' as const,
    resources: {},
    description: supervised,
    launchedAt: forgotten,
    ...parts,
  })

  for (const decided of [LAST, LAST - 1, RISE + 1]) {
    test(`that a Worker says it has decided on, ${decided}: the driver is launched elsewhere, as the next`, () => {
      const world = new MasterWorld().elect()
      world.worker('w1', { port: 7001 })
      const driverId = world.submitted()
      world.worker('w2', { port: 7002 })
      world.tell('w1', change(driverId, { generation: 1, decided }))
      assert.deepEqual(generations(world, 'w2'), [2])
      whole(world)
    })
  }

  test('is believed up to launchRise, however often it is told', () => {
    const world = new MasterWorld().elect()
    world.worker('w1', { port: 7001 })
    const driverId = world.submitted()
    const backOff = () => {
      for (let ms = 0; ms < limits.launchBackoffMaxMs; ms += 10_000) {
        world.advance(10_000)
        world.tell('w1', { type: 'Heartbeat', workerId: 'w1', sentAtMs: world.nowMs })
      }
    }
    for (let told = 1; told <= 20; told++) {
      backOff()
      const generation = world.lastTold('w1', 'LaunchDriver')!.generation
      world.tell('w1', change(driverId, { generation, decided: Math.min(LAST, generation + RISE) }))
    }
    backOff()
    assert.deepEqual(
      generations(world, 'w1').slice(0, 3),
      [1, 2, 3],
      'one above what is believed counts for nothing',
    )
    assert.ok(generations(world, 'w1').length > 15)
    const { generation } = world.lastTold('w1', 'LaunchDriver')!
    world.tell('w1', change(driverId, { generation, decided: RISE }))
    backOff()
    assert.equal(generations(world, 'w1').at(-1), RISE + 1)
    whole(world)
  })

  test('of a Worker that refuses each launch: it is left alone for a while, so its lies are no storm', () => {
    const world = new MasterWorld().elect()
    world.worker('w1')
    const driverId = world.submitted()
    const until = 60_000
    while (world.nowMs < until) {
      const { generation } = world.lastTold('w1', 'LaunchDriver')!
      if (record(world, driverId)?.workerId === 'w1')
        world.tell('w1', change(driverId, { generation, decided: generation }))
      world.advance(100)
    }
    const launches = world.toldTo('w1', 'LaunchDriver').length
    assert.ok(launches > 3 && launches < 10, `${launches} launches in a minute`)
  })

  test('of an end that no store knows of: neither its end nor its next number', () => {
    for (const state of ['FINISHED', 'KILLED'] as const) {
      const world = new MasterWorld().elect()
      world.link('w1')
      const driverId = world.submitted({ supervise: true })
      world.tell('w1', change(driverId, { generation: LAST, state }))
      assert.deepEqual(
        [record(world, driverId)?.state, record(world, driverId)?.generation],
        ['SUBMITTED', 0],
      )
      world.worker('w2', { port: 7002 })
      assert.deepEqual(generations(world, 'w2'), [1])
      whole(world)
    }
  })

  test('of a driver that the store forgot: not adopted, but ended', () => {
    const world = fallen()
    world.link('w1')
    world.registerWorker('w1')
    world.report('w1', { drivers: [report(LAST)] })
    assert.equal(record(world, DRIVER), undefined)
    assert.equal(world.lastTold('w1', 'KillDriver')?.generation, LAST)
    world.report('w1', { drivers: [report(RISE)] })
    assert.equal(record(world, DRIVER)?.generation, RISE)
    world.report('w1', { drivers: [report(RISE), report(RISE + 1)] })
    assert.equal(record(world, DRIVER)?.generation, RISE, 'what was believed is not what the store held')
    assert.equal(world.lastTold('w1', 'KillDriver')?.generation, RISE + 1)
    whole(world)
  })

  test('in lost writes: what all forgotten leaderships may have believed, and no more', () => {
    const most = (limits.pastElections + 2) * RISE
    for (const [generation, expected] of [
      [LAST, undefined],
      [most + 1, undefined],
      [most, most],
    ] as const) {
      const world = fallen()
      world.input({ kind: 'lostWrites', records: [lostDriver(generation)] })
      assert.equal(record(world, DRIVER)?.generation, expected)
      whole(world)
    }
  })

  const lostDriver = (generation: number): LostWrite => ({
    table: 'driver',
    id: DRIVER,
    value: {
      id: DRIVER,
      submittedAtMs: 1,
      description: supervised,
      key: 'k1',
      digest: 'd1',
      state: 'SUBMITTED',
      wanted: 'RUN',
      generation,
      launchedUnder: 2,
      workerId: null,
      resources: {},
      at: { epoch: 2, seq: 9 },
    },
  })
})

describe('the ids of executors', () => {
  const executor = (appId: string, execId: number) => ({
    appId,
    execId,
    cores: 1,
    memoryMib: 128,
    resources: {},
    state: 'RUNNING' as const,
    launchedAt: forgotten,
  })
  const acknowledged = (appId: string, execIds: number[], highestExecId: number, parts: object = {}) =>
    answerOf(appId, execIds, { highestExecId, ...parts })
  const ids = (world: MasterWorld, workerId: string) =>
    world.toldTo(workerId, 'LaunchExecutor').map(({ execId }) => execId)

  test('in the report of a Worker: it is ended, and the next id is the next', () => {
    const world = new MasterWorld().elect()
    world.worker('w1', { port: 7001, cores: 1 })
    const appId = world.application('app')
    world.link('w2')
    world.registerWorker('w2', { port: 7002, cores: 2 })
    world.report('w2', { executors: [executor(appId, LAST)] })
    assert.equal(world.lastTold('w2', 'KillExecutor')?.execId, LAST)
    assert.deepEqual(ids(world, 'w2'), [1])
    whole(world)
  })

  test('up to launchRise above the ceiling that the store held, they are given to nobody again', () => {
    const world = new MasterWorld().elect()
    world.worker('w1', { port: 7001, cores: 1 })
    const appId = world.application('app')
    world.failover().elect()
    const ceiling = limits.executorIdBlock
    world.link('app', 'client')
    world.tell('app', acknowledged(appId, [], 0))
    world.link('w1')
    world.registerWorker('w1', { port: 7001, cores: 4 })
    world.report('w1', { executors: [executor(appId, ceiling + RISE), executor(appId, ceiling + RISE + 1)] })
    assert.deepEqual(
      world.toldTo('w1', 'KillExecutor').map(({ execId }) => execId),
      [ceiling + RISE + 1],
    )
    world.advance(1000)
    world.worker('w2', { port: 7002, cores: 1 })
    assert.deepEqual(ids(world, 'w2'), [ceiling + RISE + 1])
    whole(world)
  })

  test('that an application names: it is told that they are lost', () => {
    const world = new MasterWorld().elect()
    world.worker('w1', { port: 7001, cores: 1 })
    const appId = world.application('app')
    world.failover().elect()
    world.link('app', 'client')
    world.tell('app', acknowledged(appId, [0, LAST], LAST))
    world.worker('w1', { port: 7001, cores: 1 })
    const told = world.toldTo('app', 'ExecutorUpdated').map(({ execId, state }) => [execId, state])
    assert.ok(told.some(([execId, state]) => execId === LAST && state === 'LOST'))
    assert.deepEqual(ids(world, 'w1'), [limits.executorIdBlock])
    whole(world)
  })

  test('of an application that the store forgot: not adopted with the last number', () => {
    const world = fallen()
    world.link('app', 'client')
    world.tell('app', acknowledged(APP, [], LAST, { registeredAt: forgotten }))
    assert.equal(world.core.cluster!.apps.size, 0)
    assert.ok(world.lastTold('app', 'ApplicationRemoved'))
    whole(world)
  })

  test('of executors that waited for their application: one that nobody heard of is not given again, a lie is ended', () => {
    const world = fallen()
    world.link('w1')
    world.registerWorker('w1', { cores: 3 })
    world.report('w1', { executors: [executor(APP, 7), executor(APP, LAST)] })
    world.link('app', 'client')
    world.tell('app', acknowledged(APP, [], 3, { registeredAt: forgotten }))
    assert.deepEqual(
      world.toldTo('w1', 'KillExecutor').map(({ execId }) => execId),
      [LAST],
    )
    world.advance(limits.recoveryMaxMs)
    assert.deepEqual(ids(world, 'w1'), [8])
    whole(world)
  })

  test('in lost writes: the ceiling of another Master', () => {
    for (const [execIds, expected] of [
      [LAST, undefined],
      [5000, 5000],
    ] as const) {
      const world = fallen()
      const value = {
        id: APP,
        submittedAtMs: 1,
        registration: 'reg-app',
        description: applicationDescription,
        endpoint: 'app',
        address: '10.0.0.9:5000',
        registrant: { role: 'client' },
        execIds,
        at: { epoch: 2, seq: 9 },
      }
      world.input({ kind: 'lostWrites', records: [{ table: 'app', id: APP, value }] })
      assert.equal(world.core.cluster!.apps.get(APP)?.nextExecId, expected)
      whole(world)
    }
  })
})

test('the number of a request for executors is the application’s own: nobody else uses it up', () => {
  const world = new MasterWorld().elect()
  const appId = world.application('app')
  world.link('other', 'client')
  const stolen = world.ask('other', { type: 'RequestExecutors', appId, request: LAST, total: 0 })
  assert.deepEqual(stolen, { type: 'ExecutorsAnswer', done: false })
  world.worker('w1')
  world.ask('app', { type: 'RequestExecutors', appId, request: 1, total: 2 })
  assert.equal(world.core.cluster!.apps.get(appId)?.target, 2)
})

describe('what a Worker offers', () => {
  test('more cores than any machine has: refused, with the rule', () => {
    const world = new MasterWorld().elect()
    world.application('app')
    world.worker('w1', { cores: LAST, memoryMib: LAST })
    const { message } = world.lastTold('w1', 'RegisterWorkerFailed')!
    assert.equal(message, `cores is ${LAST}; a Worker may offer ${limits.workerCores}`)
    assert.equal(world.snapshot().workers.length, 0)
  })

  test('the most that it may: a pass gives one application a few hundred executors, and the next goes on', () => {
    const world = new MasterWorld().elect()
    world.worker('w1', { cores: limits.workerCores, memoryMib: LAST })
    world.application('app', { executor: { cores: 1, memoryMib: 1, resources: {} } })
    assert.equal(world.toldTo('w1', 'LaunchExecutor').length, 200)
    world.input({ kind: 'turnEnd' })
    assert.equal(world.toldTo('w1', 'LaunchExecutor').length, 400)
  })
})
