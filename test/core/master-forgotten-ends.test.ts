import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { StoredRecords } from '../../actors/master/records.js'
import type { DriverDescription } from '../../actors/messages/common.js'
import type { DriverStateChanged } from '../../actors/messages/drivers.js'
import { MasterWorld } from '../tools/master-fixture.js'

/* A store fell to before a launch; the Worker where it ended tells its end again (protocol R5, 12). */

const WORKER = { port: 7001 }
const OTHER = { port: 7002 }

function end(driverId: string, parts: Partial<DriverStateChanged>): DriverStateChanged {
  const change = {
    type: 'DriverStateChanged',
    workerId: 'w1',
    driverId,
    generation: 1,
    attempt: 1,
    change: 1,
  } as const
  return { ...change, state: 'FINISHED', exitCode: 0, ...parts }
}

/**
 * A driver that was submitted before the fall, and launched after it; the next leader knows the first only.
 */
function fallen(description: Partial<DriverDescription>, before?: (records: StoredRecords) => StoredRecords) {
  const world = new MasterWorld().elect()
  const driverId = world.submitted(description)
  const records = structuredClone(world.stored())
  world.worker('w1', WORKER)
  assert.equal(world.lastTold('w1', 'LaunchDriver')?.generation, 1)
  world.failover().elect(before?.(records) ?? records)
  return { world, driverId }
}

/** `w1` comes with this end, ends first, as R5 has it; then another Worker. */
function comesBack(world: MasterWorld, ended: DriverStateChanged): void {
  world.link('w1')
  world.registerWorker('w1', WORKER)
  world.tell('w1', ended)
  world.report('w1')
  world.worker('w2', OTHER)
  world.advance(120_000)
}

const launches = (world: MasterWorld) => ['w1', 'w2'].flatMap((id) => world.toldTo(id, 'LaunchDriver'))

describe('an end of a launch that the store forgot', () => {
  test('is the end of the driver: it does not run again', () => {
    const { world, driverId } = fallen({})
    comesBack(world, end(driverId, {}))
    assert.deepEqual(launches(world), [])
    const [ended] = world.snapshot().completedDrivers
    assert.deepEqual(
      [ended?.id, ended?.state, ended?.generation, ended?.worker],
      [driverId, 'FINISHED', 1, 'w1'],
    )
  })

  test('of a driver that is not supervised, however it ended', () => {
    const { world, driverId } = fallen({})
    comesBack(world, end(driverId, { state: 'FAILED', exitCode: 3 }))
    assert.deepEqual(launches(world), [])
    assert.equal(world.snapshot().completedDrivers[0]?.state, 'FAILED')
  })

  test('of a supervised one that may run again: the next generation is above it', () => {
    const { world, driverId } = fallen({ supervise: true })
    const { exitCode: _, ...stopped } = end(driverId, { state: 'KILLED', isolated: true })
    comesBack(world, stopped)
    assert.deepEqual(
      launches(world).map(({ generation }) => generation),
      [2],
    )
  })

  test('that had no room: it is placed again, above it', () => {
    const { world, driverId } = fallen({})
    comesBack(world, end(driverId, { state: 'FAILED', noRoom: true }))
    assert.deepEqual(
      launches(world).map(({ generation }) => generation),
      [2],
    )
  })
})

describe('an end from a Worker that the store forgot', () => {
  const named = (records: StoredRecords): StoredRecords => ({
    ...records,
    drivers: records.drivers.map((record) => ({
      ...record,
      state: 'RUNNING',
      generation: 1,
      launchedUnder: 1,
      workerId: 'w1',
    })),
  })

  test('is the end of the driver that its record says runs there', () => {
    const { world, driverId } = fallen({ supervise: true }, named)
    comesBack(world, end(driverId, {}))
    assert.deepEqual(launches(world), [])
    assert.equal(world.snapshot().completedDrivers[0]?.state, 'FINISHED')
  })

  test('is nothing to it where another Worker tells it', () => {
    const { world, driverId } = fallen({ supervise: true }, named)
    world.worker('w2', OTHER)
    world.tell('w2', end(driverId, { workerId: 'w2' }))
    assert.deepEqual(world.snapshot().completedDrivers, [])
  })
})
