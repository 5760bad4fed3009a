import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { DriverStateChanged } from '../../actors/messages/drivers.js'
import { limits } from '../../runtime/limits.js'
import { MasterWorld } from '../tools/master-fixture.js'

/* What a Master does for Workers that hear no leader: protocol 8 and 9, the first row of its table. */

const isolated = (
  workerId: string,
  driverId: string,
  generation = 1,
  changes: Partial<DriverStateChanged> = {},
): DriverStateChanged => ({
  type: 'DriverStateChanged',
  workerId,
  change: 7,
  driverId,
  generation,
  attempt: 1,
  state: 'KILLED',
  message: 'its Worker heard of no leader',
  isolated: true,
  ...changes,
})

/** No Worker feels isolated sooner after it was given work. */
const ISOLATED_AFTER_MS = limits.workerTimeoutMs / 2

function launched(supervise: boolean): { world: MasterWorld; driverId: string } {
  const world = new MasterWorld().elect()
  world.worker('w1')
  const driverId = world.submitted({ supervise, onIsolation: 'stop' })
  assert.equal(world.lastTold('w1', 'LaunchDriver')?.generation, 1)
  world.advance(ISOLATED_AFTER_MS).forgetTold()
  return { world, driverId }
}

test('a STANDBY answers a Heartbeat with when it was sent, and nothing else with a time', () => {
  const world = new MasterWorld()
  world.link('w1')
  assert.equal(world.lastTold('w1', 'MasterInStandby')?.heartbeatSentAtMs, undefined)
  world.tell('w1', { type: 'Heartbeat', workerId: 'w1', sentAtMs: 1234.5 })
  assert.equal(world.lastTold('w1', 'MasterInStandby')?.heartbeatSentAtMs, 1234.5)
  world.tell('w1', { type: 'WorkerLatestState', id: 'w1', executors: [], drivers: [] })
  assert.equal(world.lastTold('w1', 'MasterInStandby')?.heartbeatSentAtMs, undefined)
})

test('a supervised driver that isolation ended is launched again at once, as the next generation', () => {
  const { world, driverId } = launched(true)
  world.tell('w1', isolated('w1', driverId))
  assert.equal(world.lastTold('w1', 'LaunchDriver')?.generation, 2)
  assert.deepEqual(world.lastTold('w1', 'ChangesAcknowledged')?.changes, [7])
  world.tell('w1', isolated('w1', driverId))
  assert.equal(world.toldTo('w1', 'LaunchDriver').length, 1, 'the same end again is ignored')
})

test('so it is by the next leader, where the Worker tells it before its report', () => {
  const { world, driverId } = launched(true)
  world.failover().elect()
  world.link('w1')
  world.tell('w1', isolated('w1', driverId))
  world.report('w1')
  assert.equal(world.lastTold('w1', 'LaunchDriver')?.generation, 2)
  assert.equal(world.toldTo('w1', 'LaunchDriver').length, 1)
})

test('its room is free again: it fits where it was', () => {
  const world = new MasterWorld().elect()
  world.worker('w1', { cores: 1 })
  const driverId = world.submitted({ supervise: true, onIsolation: 'stop' })
  world.advance(ISOLATED_AFTER_MS)
  world.tell('w1', isolated('w1', driverId))
  assert.equal(world.lastTold('w1', 'LaunchDriver')?.generation, 2)
})

test('one that was to be killed is killed; one that nobody supervises has ended', () => {
  const { world, driverId } = launched(true)
  world.link('cli', 'client')
  world.ask('cli', { type: 'RequestKillDriver', driverId })
  world.tell('w1', isolated('w1', driverId))
  assert.equal(world.lastTold('w1', 'LaunchDriver'), undefined)
  const status = (of: MasterWorld, id: string) => of.ask('cli', { type: 'RequestDriverStatus', driverId: id })
  const killed = status(world, driverId)
  assert.equal(killed?.type === 'DriverStatusResponse' && killed.state, 'KILLED')

  const other = launched(false)
  other.world.tell('w1', isolated('w1', other.driverId))
  assert.equal(other.world.lastTold('w1', 'LaunchDriver'), undefined)
})

test('an end of a generation that is not the accepted one launches nothing', () => {
  const { world, driverId } = launched(true)
  world.tell('w1', isolated('w1', driverId))
  world.forgetTold()
  world.tell('w1', isolated('w1', driverId, 1, { change: 9 }))
  assert.equal(world.lastTold('w1', 'LaunchDriver'), undefined)
  assert.deepEqual(world.lastTold('w1', 'ChangesAcknowledged')?.changes, [9])
})
