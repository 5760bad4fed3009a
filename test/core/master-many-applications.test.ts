import assert from 'node:assert/strict'
import { test } from 'node:test'
import { applicationDescription } from '../../actors/messages/samples.js'
import { limits } from '../../runtime/limits.js'
import { MasterWorld } from '../tools/master-fixture.js'

/* One peer may have very many applications. What a step does must not grow with all of them. */

function register(world: MasterWorld, endpoint: string, number: number, cores?: number): void {
  world.tell(endpoint, {
    type: 'RegisterApplication',
    registration: `${endpoint}-${number}`,
    description: {
      ...applicationDescription,
      ...(cores !== undefined && { executor: { cores, memoryMib: 64, resources: {} } }),
    },
    listen: { port: 5000 },
  })
}

function worldOf(endpoint: string, applications: number, cores?: number): MasterWorld {
  const world = new MasterWorld({}, { isReplayed: false }).elect()
  world.link(endpoint, 'client')
  for (let number = 0; number < applications; number++) register(world, endpoint, number, cores)
  return world
}

/** Counts how many applications are gone through, of all of them. */
function countWalked(world: MasterWorld): () => number {
  const { apps } = world.core.cluster!
  const all = apps.values.bind(apps)
  let walked = 0
  apps.values = function* () {
    for (const app of all()) {
      walked++
      yield app
    }
  } as typeof all
  return () => walked
}

test('one link may have so many applications, and is told which limit it has reached', () => {
  const world = worldOf('greedy', limits.applicationsPerLink)
  assert.equal(world.core.cluster!.apps.size, 500)
  assert.deepEqual(world.toldTo('greedy', 'Failure'), [])
  register(world, 'greedy', 500)
  assert.deepEqual(world.toldTo('greedy', 'Failure'), [
    {
      type: 'Failure',
      code: 'FIRESTEEL_BUSY',
      message:
        'this link has 500 live applications, and may have no more (limit applicationsPerLink); one must end first',
    },
  ])
  register(world, 'greedy', 0)
  assert.equal(world.toldTo('greedy', 'Failure').length, 1, 'a repeated registration is no new one')
  world.application('other')
  const [first] = world.core.cluster!.apps.ofEndpoint('greedy')
  world.tell('greedy', { type: 'UnregisterApplication', appId: first!.id })
  register(world, 'greedy', 500)
  assert.equal(world.core.cluster!.apps.size, 501, 'one has ended, so there is room for one')
})

test('all links together may have so many applications, and what one of them has stays', () => {
  const world = new MasterWorld({}, { isReplayed: false }).elect()
  for (let link = 0; link < 9; link++) {
    world.link(`link-${link}`, 'client')
    for (let number = 0; number < 455; number++) register(world, `link-${link}`, number)
  }
  world.application('last')
  assert.equal(world.core.cluster!.apps.size, 4096)
  world.link('late', 'client')
  register(world, 'late', 0)
  assert.deepEqual(world.toldTo('late', 'Failure'), [
    {
      type: 'Failure',
      code: 'FIRESTEEL_BUSY',
      message:
        'the cluster has 4096 live applications, and may have no more (limit applications); one must end first',
    },
  ])
  assert.equal(world.core.cluster!.apps.size, 4096)
})

test('a link that comes or goes, and a driver that ends, go through the applications of their own only', () => {
  const world = worldOf('greedy', 300)
  const driver = world.submitted({ cores: 64 })
  const walked = countWalked(world)
  world.link('passing', 'client')
  world.unlink('passing')
  world.ask('passing', { type: 'RequestKillDriver', driverId: driver })
  world.ask('cli', { type: 'RequestKillDriver', driverId: driver })
  assert.equal(world.core.cluster!.drivers.size, 0)
  assert.equal(walked(), 1, 'a pass ends at the first of them, because no Worker has room')
})

test('the applications of links that have gone at once end some in each turn, all of them', () => {
  const world = worldOf('greedy', 200)
  world.link('other', 'client')
  for (let number = 0; number < 200; number++) register(world, 'other', number)
  world.worker('w1')
  world.worker('w2', { port: 7101 })
  const { apps } = world.core.cluster!
  world.unlink('greedy')
  world.unlink('other')
  assert.deepEqual(
    [...world.timers.keys()].filter((key) => key.startsWith('application:')),
    ['application:greedy', 'application:other'],
  )
  world.forgetTold()
  const sizes: number[] = []
  const finish = world.core.step.bind(world.core)
  world.core.step = (input, now, queue) => {
    const step = finish(input, now, queue)
    if (step.gated.length > 0) sizes.push(step.gated.length)
    return step
  }
  world.advance(limits.applicationGraceMs)
  assert.ok(apps.size > 0)
  while (world.core.cluster!.dirty) world.input({ kind: 'turnEnd' })
  assert.equal(apps.size, 0)
  assert.ok(sizes.length >= 5, `${sizes.length} steps`)
  // All Workers and the application are told of the last one that a turn ends.
  assert.ok(Math.max(...sizes) <= 63 + 3, `${Math.max(...sizes)} effects in one step`)
  assert.equal(world.toldTo('w1', 'ApplicationFinished').length, 400)
})

test('kills of one application that has ended do not keep the next one of its link from ending', () => {
  const world = new MasterWorld({}, { isReplayed: false }).elect()
  world.worker('w1', { cores: 700, memoryMib: 700 * 64 })
  world.link('greedy', 'client')
  register(world, 'greedy', 0, 1)
  register(world, 'greedy', 1, 1)
  while (world.core.cluster!.dirty) world.input({ kind: 'turnEnd' })
  const [first] = world.core.cluster!.apps.ofEndpoint('greedy')
  assert.ok(first!.executors.size > world.core.cluster!.config.slices.killsPerStep)
  world.unlink('greedy')
  world.advance(limits.applicationGraceMs)
  while (world.core.cluster!.dirty) world.input({ kind: 'turnEnd' })
  assert.deepEqual([world.core.cluster!.apps.size, world.core.cluster!.gone.size], [0, 0])
})

test('what has answered again in time stays, and the others of its link end', () => {
  const world = worldOf('back', 2)
  const [first, second] = world.core.cluster!.apps.ofEndpoint('back')
  world.unlink('back')
  world.link('back', 'client')
  register(world, 'back', 1)
  world.advance(limits.applicationTimeoutMs)
  assert.deepEqual([...world.core.cluster!.apps.keys()], [second!.id])
  assert.equal(world.core.cluster!.endedApps.get(first!.id)?.message, 'its driver is gone')
})

test('an application that has not changed keeps its row, and those of one size need one look at the Workers', () => {
  const world = worldOf('greedy', 200, 64)
  world.worker('w1')
  const worker = world.core.cluster!.workers.get('w1')!
  let looks = 0
  const { whole } = Object.getOwnPropertyDescriptors(Object.getPrototypeOf(worker))
  Object.defineProperty(worker, 'whole', {
    get() {
      looks++
      return whole!.get!.call(worker)
    },
  })
  const before = world.snapshot().activeApps
  assert.equal(looks, 1)
  assert.equal(before[0]?.message, 'waits: no Worker is as large as 64 cores, 64 MiB')
  register(world, 'greedy', 200)
  const after = world.snapshot().activeApps
  assert.equal(after.length, 201)
  assert.deepEqual(
    after.filter((row, at) => row !== before[at]).map(({ id }) => id),
    [after[200]?.id],
  )
  const [first] = world.core.cluster!.apps.values()
  world.tell('greedy', { type: 'RequestExecutors', appId: first!.id, request: 1, total: 0 })
  assert.equal(world.snapshot().activeApps[0]?.message, 'idle: it asks for no executors now')
})

test('applications of one size that want other Workers wait for other reasons', () => {
  const world = worldOf('greedy', 1, 64)
  world.worker('w1')
  world.tell('greedy', {
    type: 'RegisterApplication',
    registration: 'greedy-labelled',
    description: {
      ...applicationDescription,
      executor: { cores: 64, memoryMib: 64, resources: {}, on: { zone: 'a' } },
    },
    listen: { port: 5000 },
  })
  assert.deepEqual(
    world.snapshot().activeApps.map(({ waiting }) => waiting?.reason),
    ['TOO_LARGE', 'NO_LABEL'],
  )
})
