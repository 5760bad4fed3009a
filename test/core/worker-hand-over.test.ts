import assert from 'node:assert/strict'
import { test } from 'node:test'
import { WorkerCore } from '../../actors/worker/worker-core.js'
import type { WorkerEffect } from '../../actors/worker/worker-events.js'
import { workerTimes } from '../../actors/worker/worker-identity.js'
import {
  APP,
  DRIVER,
  identity,
  launchDriver,
  launchExecutor,
  MASTER,
  MASTER_ADDRESS,
  ME,
  WorkerWorld,
} from '../tools/worker-fixture.js'

/* What one process of a Worker leaves to the next in a planned restart (protocol 8.6). */

const supervised = { supervise: true }

const kinds = (effects: readonly WorkerEffect[]): string[] => effects.map(({ kind }) => kind)

function announced(): WorkerWorld {
  const world = WorkerWorld.registered()
  world.step({ kind: 'announceRestart', forMs: 20_000 })
  return world
}

test('it tells its leader with a heartbeat, and waits until that is in the store', () => {
  const world = announced()
  const told = world.effects.find((effect) => effect.kind === 'tell')
  assert.equal(told?.message.type === 'Heartbeat' && told.message.restartMs, 20_000)
  assert.ok(!kinds(world.effects).includes('restartNoted'))
  assert.ok(!kinds(world.hear({ type: 'HeartbeatAck', workerId: ME, sentAtMs: 1 })).includes('restartNoted'))
  const noted = world.hear({ type: 'HeartbeatAck', workerId: ME, sentAtMs: 1, restarting: true })
  assert.ok(kinds(noted).includes('restartNoted'))
})

test('without a leader it waits for one: the next one must not take the closed port for its end', () => {
  const world = WorkerWorld.registered()
  world.linkDown()
  assert.deepEqual(kinds(world.step({ kind: 'announceRestart', forMs: 20_000 })), [])
  world.leads(MASTER, 2)
  const told = world.effects.flatMap((effect) => (effect.kind === 'tell' ? [effect.message] : []))
  const beat = told.find(({ type }) => type === 'Heartbeat')
  assert.equal(beat?.type === 'Heartbeat' && beat.restartMs, 20_000)
  const noted = world.hear({ type: 'HeartbeatAck', workerId: ME, sentAtMs: 1, restarting: true })
  assert.ok(kinds(noted).includes('restartNoted'))
})

test('a restart that no leader has noted in time is called off, and its leader hears so at once', () => {
  const world = announced()
  world.step({ kind: 'restartRefused', reason: 'no leader' })
  const [beat] = world.effects.flatMap((effect) => (effect.kind === 'tell' ? [effect.message] : []))
  assert.equal(beat?.type, 'Heartbeat')
  assert.equal('restartMs' in beat!, false)
  assert.ok(kinds(world.hear(launchDriver(1))).includes('startDriver'))
})

test('a launch that comes after the announcement is left to the next process', () => {
  const world = announced()
  assert.deepEqual(kinds(world.hear(launchDriver(1))), [])
  assert.deepEqual(kinds(world.hear(launchExecutor(1))), [])
  const after = world.next()
  after.step({ kind: 'start' })
  after.leads(MASTER)
  after.hear({ type: 'RegisteredWorker', workerId: ME, duplicate: true })
  // It was never decided, so it is started when the leader repeats it.
  assert.ok(kinds(after.hear(launchDriver(1))).includes('startDriver'))
  assert.ok(kinds(after.hear(launchExecutor(1))).includes('startExecutor'))
})

test('what runs is reported as before, with the same incarnation; nothing is started again', () => {
  const world = WorkerWorld.registered()
  world.hear(launchDriver(3, supervised))
  world.started(`${DRIVER}/3/1`)
  world.hear(launchExecutor(7))
  world.started(`${APP}/7`)
  const before = world.core.status()
  const after = world.next()
  assert.ok(
    !kinds(after.step({ kind: 'start' })).some((kind) => kind.startsWith('start') && kind !== 'startTimer'),
  )
  const register = after
    .leads(MASTER)
    .find((effect) => effect.kind === 'tell' && effect.message.type === 'RegisterWorker')
  assert.ok(register)
  const told = after.hear({ type: 'RegisteredWorker', workerId: ME, duplicate: true })
  const report = told.flatMap((effect) => (effect.kind === 'tell' ? [effect.message] : []))
  const state = report.find(({ type }) => type === 'WorkerLatestState')
  assert.ok(state?.type === 'WorkerLatestState')
  assert.equal(state.restarts?.count, 1, 'a store may have forgotten it')
  assert.deepEqual(
    state.drivers.map(({ driverId, generation, attempt }) => [driverId, generation, attempt]),
    [[DRIVER, 3, 1]],
  )
  assert.deepEqual(
    state.executors.map(({ appId, execId, state: how }) => [appId, execId, how]),
    [[APP, 7, 'RUNNING']],
  )
  assert.equal(after.core.status().coresUsed, before.coresUsed)
  // R6: what was decided stays decided.
  assert.ok(!kinds(after.hear(launchDriver(2, supervised))).includes('startDriver'))
})

test('a generation that has ended stays decided (R6)', () => {
  const world = WorkerWorld.registered()
  world.hear(launchDriver(3))
  world.started(`${DRIVER}/3/1`)
  world.ended(`${DRIVER}/3/1`)
  const after = world.next()
  after.step({ kind: 'start' })
  after.leads(MASTER)
  after.hear({ type: 'RegisteredWorker', workerId: ME, duplicate: true })
  for (const generation of [2, 3])
    assert.ok(
      !kinds(after.hear(launchDriver(generation))).includes('startDriver'),
      `generation ${generation}`,
    )
  assert.ok(kinds(after.hear(launchDriver(4))).includes('startDriver'))
})

test('what had not begun is begun by the next process, as the same attempt', () => {
  const world = WorkerWorld.registered()
  world.hear(launchDriver(1, supervised))
  world.hear(launchExecutor(1))
  const effects = world.next().step({ kind: 'start' })
  const driver = effects.find((effect) => effect.kind === 'startDriver')
  assert.equal(driver?.process, `${DRIVER}/1/1`)
  assert.equal(effects.find((effect) => effect.kind === 'startExecutor')?.process, `${APP}/1`)
})

test('a driver that rests goes on resting, and its failures count on', () => {
  const world = WorkerWorld.registered()
  world.hear(launchDriver(1, { ...supervised, maxRestarts: 1 }))
  world.started(`${DRIVER}/1/1`)
  world.ended(`${DRIVER}/1/1`, { exitCode: 1 })
  world.later(300)
  const after = world.next()
  const effects = after.step({ kind: 'start' })
  const timer = effects.find((effect) => effect.kind === 'startTimer' && effect.timer.kind === 'restart')
  assert.equal(timer?.kind === 'startTimer' && timer.ms, 700, 'what is left of its second')
  after.timer({ kind: 'restart', driver: `${DRIVER}/1` })
  after.started(`${DRIVER}/1/2`)
  after.leads(MASTER)
  after.hear({ type: 'RegisteredWorker', workerId: ME, duplicate: true })
  const told = after.ended(`${DRIVER}/1/2`, { exitCode: 1 })
  const end = told.flatMap((effect) => (effect.kind === 'tell' ? [effect.message] : []))[0]
  assert.equal(end?.type === 'DriverStateChanged' && end.givenUp, true)
})

test('an end that nobody acknowledged is told by the next process, with the same number', () => {
  const world = WorkerWorld.registered()
  world.hear(launchDriver(1))
  world.started(`${DRIVER}/1/1`)
  const told = world.ended(`${DRIVER}/1/1`)
  const end = told.flatMap((effect) => (effect.kind === 'tell' ? [effect.message] : []))[0]
  const after = world.next()
  after.step({ kind: 'start' })
  after.leads(MASTER)
  const again = after.hear({ type: 'RegisteredWorker', workerId: ME, duplicate: true })
  const first = again.flatMap((effect) => (effect.kind === 'tell' ? [effect.message] : []))[0]
  assert.deepEqual(first, end)
})

test('a leadership that was over for the process before is over for the next one', () => {
  const world = WorkerWorld.registered()
  world.leads('m3-cccc', 5)
  const after = world.next()
  after.step({ kind: 'start' })
  after.link(MASTER)
  after.hear(launchDriver(1), MASTER, { epoch: 1, seq: 99 })
  assert.ok(kinds(after.effects).includes('refuse'))
  assert.ok(!kinds(after.effects).includes('startDriver'))
})

test('isolation goes on: a driver that must stop is stopped by a process that begins too late', () => {
  const world = WorkerWorld.registered()
  world.hear(launchDriver(1, { ...supervised, onIsolation: 'stop' }))
  world.started(`${DRIVER}/1/1`)
  world.later(31_000)
  const effects = world.next().step({ kind: 'start' })
  assert.equal(effects.find((effect) => effect.kind === 'stopProcess')?.process, `${DRIVER}/1/1`)
})

test('more runs than the next process offers: it is full, and refuses', () => {
  const world = WorkerWorld.registered()
  world.hear(launchDriver(1))
  world.started(`${DRIVER}/1/1`)
  const now = { monotonicMs: 0, bootMs: world.nowMs, wallMs: world.nowMs }
  const saved = JSON.parse(JSON.stringify(world.core.save(now)))
  const small = { ...identity, memoryMib: 1 }
  const core = new WorkerCore(small, workerTimes(60_000), [MASTER_ADDRESS], now, saved)
  assert.ok(core.status().memoryMibUsed > 1)
})

test('its limits go on: what is left of its timeout, its health if it was ready, its readiness if not', () => {
  const description = {
    ...supervised,
    timeoutMs: 10_000,
    readiness: { line: 'ready' },
    healthcheck: { port: 80 },
  }
  const world = WorkerWorld.registered()
  world.hear(launchDriver(1, description))
  world.started(`${DRIVER}/1/1`)
  world.later(4000)
  const unready = kinds(world.next().step({ kind: 'start' }))
  assert.ok(unready.includes('watchReady') && !unready.includes('watchHealth'))
  world.step({ kind: 'ready', process: `${DRIVER}/1/1` })
  const effects = world.next(1500).step({ kind: 'start' })
  assert.ok(kinds(effects).includes('watchHealth') && !kinds(effects).includes('watchReady'))
  const timer = effects.find((effect) => effect.kind === 'startTimer' && effect.timer.kind === 'timeout')
  assert.equal(timer?.kind === 'startTimer' && timer.ms, 4500, 'it ran on while there was no Worker')
})

const ask = (request: string) => ({ type: 'RestartWorker', workerId: ME, request }) as const

test('told to restart, it does so once for each id, and its next process says so when it registers', () => {
  const world = WorkerWorld.registered()
  assert.deepEqual(kinds(world.hear(ask('r1'))), ['restart'])
  assert.deepEqual(kinds(world.hear(ask('r1'))), [])
  assert.deepEqual(kinds(world.hear(ask('r2'))), [], 'one at a time')
  world.step({ kind: 'announceRestart', forMs: 20_000 })
  world.nowMs += 300
  const after = world.next()
  after.nowMs += 400
  after.step({ kind: 'start' })
  after.leads(MASTER)
  const told = (): unknown => after.told('RegisterWorker')[0]?.restarts
  assert.deepEqual(told(), { count: 1, request: 'r1', gapMs: 700 })
  after.hear({ type: 'RegisteredWorker', workerId: ME, duplicate: true })
  assert.deepEqual(kinds(after.hear(ask('r1'))), [], 'it has done that')
  after.nowMs += 1000
  after.hear({ type: 'ReconnectWorker', workerId: ME })
  assert.deepEqual(told(), { count: 1, request: 'r1', gapMs: 700 }, 'the same, however late it is asked')
  const third = after.next()
  third.step({ kind: 'start' })
  third.leads(MASTER)
  assert.deepEqual(third.told('RegisterWorker')[0]?.restarts, { count: 2, gapMs: 0 }, 'by a signal')
})

test('a restart that is not possible: the leader hears why, it goes on, and may be asked again', () => {
  const world = WorkerWorld.registered()
  world.hear(ask('r1'))
  world.step({ kind: 'restartRefused', reason: 'the disk is full' })
  assert.deepEqual(world.told('WorkerRestartRefused'), [
    { type: 'WorkerRestartRefused', workerId: ME, request: 'r1', message: 'the disk is full' },
  ])
  assert.ok(kinds(world.hear(launchDriver(1))).includes('startDriver'))
  assert.deepEqual(kinds(world.hear(ask('r1'))), ['restart'])
  const signalled = WorkerWorld.registered()
  assert.deepEqual(kinds(signalled.step({ kind: 'restartRefused', reason: 'no guard' })), [])
})

test('a Worker that drains for its stop refuses to restart, because nobody would start its next process', () => {
  const world = WorkerWorld.registered()
  world.step({ kind: 'drain', deadlineMs: 60_000 })
  assert.deepEqual(kinds(world.hear(ask('r1'))), ['tell'])
  const message = 'it is being stopped, and drains before that'
  assert.deepEqual(world.told('WorkerRestartRefused'), [
    { type: 'WorkerRestartRefused', workerId: ME, request: 'r1', message },
  ])
  const leaving = announced()
  leaving.step({ kind: 'drain', deadlineMs: 60_000 })
  assert.deepEqual(kinds(leaving.hear(ask('r1'))), ['restart'], 'it leaves already')
})
