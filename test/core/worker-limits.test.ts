import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { DriverDescription } from '../../actors/messages/common.js'
import type { WorkerTimer } from '../../actors/worker/worker-timer.js'
import { limits } from '../../runtime/limits.js'
import { APP, DRIVER, launchDriver, launchExecutor, ME, WorkerWorld } from '../tools/worker-fixture.js'

/* Limits of drivers: how long one runs, how it is stopped, when it is ready and well. And of executors. */

const process = `${DRIVER}/1/1`
const timeout: WorkerTimer = { kind: 'timeout', process }
const kill = { type: 'KillDriver', workerId: ME, driverId: DRIVER, generation: 1 } as const

function running(description: Partial<DriverDescription>): WorkerWorld {
  const world = WorkerWorld.registered()
  world.hear(launchDriver(1, description))
  world.started(process)
  return world
}

test('timeout: it is told to end, and has failed, whatever its exit code', () => {
  const world = running({ timeoutMs: 60_000 })
  assert.deepEqual(
    world.done('startTimer').map(({ timer, ms }) => [timer, ms]),
    [[timeout, 60_000]],
  )
  world.timer(timeout)
  assert.equal(world.done('stopProcess').length, 1)
  world.ended(process, { exitCode: 0 })
  const [change] = world.told('DriverStateChanged')
  assert.deepEqual([change?.state, change?.message], ['FAILED', 'it ran longer than its timeout of 1m'])
  assert.equal(change?.life?.lastExit?.cut, 'it ran longer than its timeout of 1m')
  assert.deepEqual(
    world.done('cancelTimer').map(({ timer }) => timer),
    [timeout],
  )
})

test('timeout: a supervised driver is started again, which counts as a failure', () => {
  const world = running({ timeoutMs: 60_000, supervise: true, maxRestarts: 1 })
  world.later(60_000)
  world.timer(timeout)
  world.ended(process, { exitCode: 0 })
  const [progress] = world.told('DriverProgressed')
  assert.equal(progress?.progress.phase, 'resting')
  assert.equal(progress?.progress.life.failedAtMs.length, 1)
})

test('timeout: a kill that came before is the reason of the end', () => {
  const world = running({ timeoutMs: 60_000 })
  world.hear(kill)
  world.timer(timeout)
  world.ended(process, { exitCode: 143 })
  assert.equal(world.told('DriverStateChanged')[0]?.state, 'KILLED')
})

test('stopSignal and stopGrace: of a kill; a Worker that stops gives no more than its own grace', () => {
  const world = running({ stopSignal: 'SIGINT', stopGraceMs: 60_000 })
  world.hear(kill)
  assert.deepEqual(world.done('stopProcess'), [
    { kind: 'stopProcess', process, graceMs: 60_000, signal: 'SIGINT' },
  ])
  const stopped = running({ stopGraceMs: 60_000 })
  stopped.step({ kind: 'stop' })
  assert.equal(stopped.done('stopProcess')[0]?.graceMs, limits.killGraceMs)
})

test('readiness: it is looked for from the start, told once, and then its health is looked at', () => {
  const readiness = { port: 8080, path: '/ready' }
  const healthcheck = { port: 8080, path: '/health' }
  const world = running({ readiness, healthcheck })
  assert.deepEqual(world.done('watchReady'), [{ kind: 'watchReady', process, readiness }])
  assert.deepEqual(world.done('watchHealth'), [])
  assert.equal(world.told('DriverProgressed')[0]?.progress.ready, false)
  world.step({ kind: 'ready', process })
  assert.deepEqual(world.done('watchHealth'), [{ kind: 'watchHealth', process, healthcheck }])
  assert.equal(world.told('DriverProgressed')[0]?.progress.ready, true)
  world.step({ kind: 'ready', process })
  assert.deepEqual(world.effects, [])
})

test('healthcheck: a driver that fails it is stopped, and has failed', () => {
  const world = running({ healthcheck: { port: 8080 } })
  assert.equal(world.done('watchHealth').length, 1)
  world.step({ kind: 'unhealthy', process, reason: 'port 8080 refuses connections, 3 times in a row' })
  assert.equal(world.done('stopProcess').length, 1)
  world.ended(process, { exitCode: null, signal: 'SIGTERM' })
  const [change] = world.told('DriverStateChanged')
  assert.equal(change?.message, 'it failed its health check: port 8080 refuses connections, 3 times in a row')
})

test('maxMemory, ended children: an executor that is worn is told of once, and goes on', () => {
  const world = WorkerWorld.registered()
  world.hear(launchExecutor(0))
  world.started(`${APP}/0`)
  world.step({ kind: 'worn', process: `${APP}/0`, reason: 'it uses 95 MiB; maxMemory is 90 MiB' })
  const [change] = world.told('ExecutorStateChanged')
  assert.deepEqual(
    [change?.state, change?.message],
    ['DECOMMISSIONED', 'it uses 95 MiB; maxMemory is 90 MiB'],
  )
  assert.deepEqual(world.done('stopProcess'), [])
  world.step({ kind: 'worn', process: `${APP}/0`, reason: 'it uses 99 MiB; maxMemory is 90 MiB' })
  assert.deepEqual(world.effects, [])
})
