import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DRIVER, launchDriver, ME, WorkerWorld } from '../tools/worker-fixture.js'

/* A drained Worker: drivers that are told to leave, and the drain before its own stop. */

const kill = (drained?: boolean) =>
  ({
    type: 'KillDriver',
    workerId: ME,
    driverId: DRIVER,
    generation: 1,
    ...(drained && { drained }),
  }) as const
const told = (isDrained: boolean) => ({ type: 'DecommissionWorker', workerId: ME, isDrained }) as const

function running(supervise: boolean): WorkerWorld {
  const world = WorkerWorld.registered()
  world.hear(launchDriver(1, { supervise }))
  world.started(`${DRIVER}/1/1`)
  return world
}

test('a supervised driver that leaves has not finished, whatever its exit code', () => {
  const world = running(true)
  world.hear(kill(true))
  assert.equal(world.done('stopProcess').length, 1)
  world.ended(`${DRIVER}/1/1`, { exitCode: 0 })
  const [change] = world.told('DriverStateChanged')
  assert.deepEqual([change?.state, change?.drained, change?.stopped], ['KILLED', true, undefined])
})

test('a driver that runs once ends with its drain', () => {
  const world = running(false)
  world.hear(kill(true))
  world.ended(`${DRIVER}/1/1`, { exitCode: 0 })
  const [change] = world.told('DriverStateChanged')
  assert.deepEqual([change?.state, change?.drained, change?.exitCode], ['FAILED', true, 0])
})

test('a kill that is asked for outranks the drain', () => {
  const world = running(true)
  world.hear(kill(true))
  world.hear(kill())
  world.ended(`${DRIVER}/1/1`, { exitCode: null, signal: 'SIGTERM' })
  const [change] = world.told('DriverStateChanged')
  assert.deepEqual([change?.state, change?.drained], ['KILLED', undefined])
})

test('a launch that never came is refused, and is no end of the driver', () => {
  const world = WorkerWorld.registered()
  world.hear(kill(true))
  const [change] = world.told('DriverStateChanged')
  assert.deepEqual([change?.drained, change?.notStarted?.code], [true, 'FIRESTEEL_NOT_ALLOWED'])
  world.hear(launchDriver(1))
  assert.deepEqual(world.done('startDriver'), [], 'the late copy starts nothing')
})

test('a Worker that is to stop asks for its drain, on each link again, and ends when it has nothing', () => {
  const world = running(true)
  world.step({ kind: 'drain', deadlineMs: 60_000, reason: 'it is being stopped' })
  const [asked] = world.told('WorkerDecommissioning')
  assert.deepEqual([asked?.deadlineMs, asked?.reason], [60_000, 'it is being stopped'])
  world.hear(told(true))
  assert.deepEqual(world.core.status().drain, { reason: null })
  assert.deepEqual(world.done('drained'), [])
  world.hear(kill(true))
  world.ended(`${DRIVER}/1/1`, { exitCode: 0 })
  assert.equal(world.done('drained').length, 1)
})

test('asked again before its stop, the earlier of the two times counts', () => {
  const world = running(true)
  const asks = (deadlineMs: number): number | undefined => {
    world.step({ kind: 'drain', deadlineMs })
    return world.told('WorkerDecommissioning').at(-1)?.deadlineMs
  }
  assert.equal(asks(3_600_000), 3_600_000)
  world.later(1000)
  assert.equal(asks(5000), 5000)
  assert.equal(asks(3_600_000), 5000)
  world.hear(told(true))
  world.later(5000 + 2000)
  world.step({ kind: 'timer', timer: { kind: 'drain' } })
  assert.equal(world.done('drained').length, 1)
})

test('an empty Worker waits until its leader knows: work may be on its way', () => {
  const world = WorkerWorld.registered()
  world.step({ kind: 'drain', deadlineMs: 60_000 })
  assert.deepEqual(world.done('drained'), [])
  world.hear(told(true))
  assert.equal(world.done('drained').length, 1)
})

test('its leader ends the rest at the deadline; without one it ends alone', () => {
  const world = running(false)
  world.step({ kind: 'drain', deadlineMs: 10_000 })
  world.hear(told(true))
  world.later(10_000)
  world.step({ kind: 'timer', timer: { kind: 'drain' } })
  assert.deepEqual(world.done('drained'), [], 'the leader goes first')
  world.later(2000)
  world.step({ kind: 'timer', timer: { kind: 'drain' } })
  assert.equal(world.done('drained').length, 1)
  const alone = new WorkerWorld()
  alone.step({ kind: 'drain', deadlineMs: 10_000 })
  assert.equal(alone.done('drained').length, 1, 'it has nothing, and nobody to ask')
})
