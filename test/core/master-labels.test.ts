import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { isWithin } from '../../actors/master/resources.js'
import { labelsFit } from '../../actors/messages/common.js'
import { applicationDescription } from '../../actors/messages/samples.js'
import { MasterWorld } from '../tools/master-fixture.js'

/** Two Workers of equal size, each in a zone of its own. */
function worldOfZones(): MasterWorld {
  const world = new MasterWorld().elect()
  world.worker('w1', { port: 7101, labels: { zone: 'a', disk: 'ssd' } })
  world.worker('w2', { port: 7102, labels: { zone: 'b' } })
  return world
}

const driverOf = (world: MasterWorld, id: string) =>
  world.snapshot().activeDrivers.find((driver) => driver.id === id)

const executorsOf = (world: MasterWorld, worker: string): number =>
  world.toldTo(worker, 'LaunchExecutor').length

const application = (on: Record<string, string>) => ({
  executor: { ...applicationDescription.executor, on },
})

test('a driver starts on a Worker that has all its labels, and waits while none has', () => {
  const world = worldOfZones()
  for (const on of [{ zone: 'a' }, { zone: 'a', disk: 'ssd' }, { disk: 'ssd' }])
    assert.equal(driverOf(world, world.submitted({ on }))?.worker, 'w1', JSON.stringify(on))
  assert.equal(driverOf(world, world.submitted({ on: { zone: 'b' } }))?.worker, 'w2')
  const waits = world.submitted({ on: { zone: 'b', disk: 'ssd' } })
  assert.equal(driverOf(world, waits)?.message, 'waits: there is no Worker with zone=b, disk=ssd')
  world.worker('w3', { port: 7103, labels: { disk: 'ssd', zone: 'b' } })
  assert.equal(driverOf(world, waits)?.worker, 'w3')
})

test('the reason names the labels, whether no such Worker is large enough or has room', () => {
  const world = worldOfZones()
  const large = world.submitted({ cores: 64, on: { zone: 'a' } })
  assert.equal(
    driverOf(world, large)?.message,
    'waits: no Worker with zone=a is as large as 64 cores, 128 MiB',
  )
  world.submitted({ cores: 4, on: { zone: 'a' } })
  const second = world.submitted({ cores: 4, on: { zone: 'a' } })
  assert.equal(driverOf(world, second)?.message, 'waits: no Worker with zone=a has 4 cores, 128 MiB free now')
})

test('a demand that no Worker has the labels for holds nobody else up', () => {
  const world = worldOfZones()
  world.submitted({ on: { zone: 'c' } })
  const free = world.submitted()
  assert.notEqual(driverOf(world, free)?.worker, null)
  const small = { cores: 1, memoryMib: 1, resources: {} }
  assert.equal(isWithin({ ...small, on: { zone: 'c' } }, { ...small, cores: 8 }), false)
  assert.equal(isWithin({ ...small, on: { zone: 'c' } }, { ...small, on: { zone: 'c', disk: 'ssd' } }), true)
  assert.equal(isWithin({ ...small, on: { zone: 'c' } }, { ...small, on: { zone: 'b' } }), false)
  assert.equal(isWithin(small, { ...small, on: { zone: 'b' } }), true)
})

test('executors start only where their labels are, and the application says why it waits', () => {
  const world = worldOfZones()
  world.application('e1', application({ zone: 'b' }))
  assert.deepEqual([executorsOf(world, 'w1'), executorsOf(world, 'w2')], [0, 4])
  world.application('e2', application({ zone: 'c' }))
  const waits = world.snapshot().activeApps.find(({ endpoint }) => endpoint === 'e2')
  assert.equal(waits?.waiting?.reason, 'NO_LABEL')
  world.worker('w3', { port: 7103, labels: { zone: 'c' } })
  assert.equal(executorsOf(world, 'w3'), 4)
})

/** Few names and values, so that demands and Workers meet often. */
const someLabels = fc.dictionary(fc.constantFrom('zone', 'disk'), fc.constantFrom('a', 'b'), { maxKeys: 2 })

test('whatever labels Workers have and drivers ask for: each runs where its labels are, and none waits without cause', () => {
  fc.assert(
    fc.property(
      fc.array(someLabels, { minLength: 1, maxLength: 5 }),
      fc.array(fc.record({ on: someLabels, cores: fc.integer({ min: 1, max: 3 }) }), { maxLength: 12 }),
      (workers, demands) => {
        const world = new MasterWorld().elect()
        for (const [index, labels] of workers.entries())
          world.worker(`w${index}`, { port: 7100 + index, labels })
        const ids = demands.map((demand) => world.submitted({ ...demand, memoryMib: 1 }))
        const cluster = world.core.cluster!
        for (const [index, { on, cores }] of demands.entries()) {
          const { workerId } = cluster.drivers.get(ids[index]!)!.record
          const having = [...cluster.workers.values()].filter(({ labels }) => labelsFit(labels, on))
          if (workerId !== null) assert.ok(having.some(({ id }) => id === workerId))
          else assert.ok(having.every(({ coresFree }) => coresFree < cores))
        }
      },
    ),
    { numRuns: 300 },
  )
})
