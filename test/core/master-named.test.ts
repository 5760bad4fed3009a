import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { MasterStatePage } from '../../actors/messages/status.js'
import { MasterWorld } from '../tools/master-fixture.js'

/* What a Master gives for an id, a name, or the beginning of an id. */

function meant(world: MasterWorld, of: string): string[] {
  const page = world.ask('cli', { type: 'RequestMasterState', of }) as MasterStatePage
  const { workers, activeApps, completedApps, activeDrivers, completedDrivers } = page
  return [workers, activeApps, completedApps, activeDrivers, completedDrivers].flat().map(({ id }) => id)
}

test('an id means itself; a name what lives under it, else what ended last; else the ids that begin so', () => {
  const world = new MasterWorld().elect()
  world.worker('w1')
  const first = world.submitted({ name: 'nightly', cores: 64 })
  const second = world.submitted({ name: 'nightly', cores: 64 })
  const app = world.application('app', { name: 'count' })
  assert.deepEqual(meant(world, first), [first])
  assert.deepEqual(meant(world, 'w1'), ['w1'])
  assert.deepEqual(meant(world, 'count'), [app])
  assert.deepEqual(meant(world, 'nightly'), [first, second], 'the client says that it may be both')
  world.ask('cli', { type: 'RequestKillDriver', driverId: first })
  assert.deepEqual(meant(world, 'nightly'), [second], 'one of them lives')
  world.ask('cli', { type: 'RequestKillDriver', driverId: second })
  assert.deepEqual(meant(world, 'nightly'), [second], 'it ended last')
  assert.deepEqual(meant(world, first), [first])
  assert.deepEqual(meant(world, app.slice(0, 10)), [app])
  assert.deepEqual(meant(world, 'driver-'), [first, second])
  assert.deepEqual(meant(world, 'nothing'), [])
})

test('the beginning of very many ids gives a few of them', () => {
  const world = new MasterWorld().elect()
  for (let count = 0; count < 50; count++) world.submitted({ cores: 64 })
  assert.equal(meant(world, 'driver-').length, 20)
})
