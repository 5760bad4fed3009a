import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type ClusterCounts, countCluster } from '../../actors/master/cluster-counts.js'
import { type MasterGauges, masterFamilies, masterReadings } from '../../actors/master/master-families.js'
import { MasterMetrics } from '../../actors/master/master-metrics.js'
import type { Read } from '../../runtime/metrics/family.js'
import { Histogram } from '../../runtime/metrics/histogram.js'
import { newStoreRoundTrips } from '../../runtime/persistence/timed-engine.js'
import { MasterWorld } from '../tools/master-fixture.js'
import { VirtualTime } from '../tools/virtual-time.js'

function counted(world: MasterWorld): ClusterCounts {
  const counting = countCluster(world.core.cluster, { monotonicMs: world.nowMs, wallMs: 0 })
  for (;;) {
    const { done, value } = counting.next()
    if (done) return value
  }
}

const some = (entries: Iterable<readonly [string, number]>) =>
  Object.fromEntries([...entries].filter(([, count]) => count > 0))

test('Workers, their capacity, drivers, applications and executors are counted by state', () => {
  const world = new MasterWorld()
  world.elect()
  world.advance(2000)
  world.worker('w1', { cores: 4, memoryMib: 4096 })
  world.worker('w2', { cores: 4, memoryMib: 4096, port: 7002 })
  world.submitted({ cores: 1 })
  world.application('app', { maxCores: 2 })
  const counts = counted(world)
  assert.deepEqual(some(counts.workers.entries), { ALIVE: 2 })
  assert.deepEqual([counts.cores, counts.memoryMib], [8, 8192])
  assert.equal(counts.coresUsed, 3)
  assert.deepEqual(some(counts.drivers.entries), { RUNNING: 1 })
  assert.deepEqual(some(counts.applications.entries), { RUNNING: 1 })
  assert.ok((some(counts.executors.entries).LAUNCHING ?? 0) > 0)
  assert.deepEqual(some(counts.waitingDrivers.entries), {})
  assert.deepEqual(some(counts.waitingApplications.entries), {})
})

test('what waits is counted by kind and reason', () => {
  const world = new MasterWorld()
  world.elect()
  world.advance(2000)
  world.submitted({ cores: 1 })
  world.application('a1')
  assert.deepEqual(some(counted(world).waitingDrivers.entries), { NO_WORKER: 1 })
  assert.deepEqual(some(counted(world).waitingApplications.entries), { NO_WORKER: 1 })
  world.worker('w1', { cores: 1, memoryMib: 1024 })
  for (let number = 0; number < 3; number++) world.submitted({ cores: 1 })
  world.submitted({ cores: 64 })
  world.submitted({ on: { zone: 'moon' } })
  const counts = counted(world)
  assert.deepEqual(some(counts.waitingDrivers.entries), { NO_ROOM: 3, TOO_LARGE: 1, NO_LABEL: 1 })
  assert.deepEqual(some(counts.waitingApplications.entries), { NO_ROOM: 1 })
  world.unlink('a1')
  assert.deepEqual(some(counted(world).waitingApplications.entries), { NOT_LINKED: 1 })
})

test('the counting of a large cluster can be interrupted after each Worker, application and driver', () => {
  const world = new MasterWorld()
  world.elect()
  world.advance(2000)
  world.worker('w1', { cores: 1, memoryMib: 1024 })
  for (let number = 0; number < 100; number++) world.submitted({ cores: 1 + number })
  for (let number = 0; number < 50; number++) world.application(`a${number}`)
  const counting = countCluster(world.core.cluster, { monotonicMs: world.nowMs, wallMs: 0 })
  let steps = 0
  while (!counting.next().done) steps++
  // Of the drivers one runs; each of the others has a demand of its own, and so a reason of its own.
  assert.equal(steps, 1 + 50 + 100 + 99)
})

test('a STANDBY has no cluster to count', () => {
  const counts = counted(new MasterWorld())
  assert.equal(counts.workers.total + counts.drivers.total + counts.applications.total, 0)
})

test('elections, recoveries, failovers and ends of leaderships are counted, in seconds', () => {
  const metrics = new MasterMetrics()
  const time = new VirtualTime()
  const observed = (event: Parameters<MasterMetrics['observed']>[0]) =>
    metrics.observed(event, time.monotonicMs())
  observed({ event: 'leaderObserved', epoch: 4, address: 'firesteel://m1:7070' })
  metrics.heard('LeaderPulse', 'm1', time)
  metrics.heard('Heartbeat', 'w1', time)
  time.advance(1000)
  metrics.linkEnded('m1', time)
  time.advance(300)
  observed({ event: 'elected', epoch: 5 })
  assert.deepEqual([metrics.leads, metrics.epoch, metrics.elections], [true, 5, 1])
  time.advance(100)
  observed({ event: 'alive' })
  assert.equal(metrics.recoveryDuration.sum, 0.1)
  assert.equal(metrics.failoverDuration.sum, 0.4)
  observed({ event: 'revoked', handedOver: true, reason: 'it stops' })
  assert.equal(metrics.leads, false)
  assert.equal(metrics.leadershipsEnded.get('handed_over'), 1)
  observed({ event: 'elected', epoch: 6 })
  time.advance(50)
  observed({ event: 'alive' })
  observed({ event: 'revoked', handedOver: false, reason: 'the lease ran out' })
  assert.equal(metrics.leadershipsEnded.get('lost'), 1)
  assert.equal(metrics.failoverDuration.count, 2, 'its own end counts as the end of a leader')
})

test('a leader that ends before its first pulse is known by the first message of its link', () => {
  const metrics = new MasterMetrics()
  const time = new VirtualTime()
  metrics.heard('MasterInStandby', 'm3', time)
  metrics.heard('MasterChanged', 'm1', time)
  time.advance(500)
  metrics.linkEnded('m3', time)
  metrics.heard('HandOver', 'm1', time)
  time.advance(20)
  metrics.observed({ event: 'elected', epoch: 2 }, time.monotonicMs())
  metrics.observed({ event: 'alive' }, time.monotonicMs())
  assert.equal(metrics.failoverDuration.sum, 0.02)
})

/** All series that these readings have, by name and labels. */
function series(readings: Readonly<Record<string, Read>>): string[] {
  return Object.entries(readings).flatMap(([name, read]) => {
    const value = read()
    if (typeof value === 'number' || value instanceof Histogram) return [name]
    return value.map(([labels]) => `${name}${JSON.stringify(labels)}`)
  })
}

test('after 100,000 applications there are as many series as before the first one', () => {
  // Replaying 300,000 inputs takes most of a minute, and says nothing about series.
  const world = new MasterWorld({}, { isReplayed: false })
  const metrics = new MasterMetrics()
  world.elect()
  world.advance(2000)
  world.worker('w1', { cores: 4, memoryMib: 4096 })
  const gauges = { state: 'ALIVE', position: world.position } as MasterGauges
  const readings = masterReadings({
    metrics: () => metrics,
    roundTrips: newStoreRoundTrips(),
    gauges: () => gauges,
    counts: () => counted(world),
  })
  const before = series(readings)
  for (let number = 0; number < 100_000; number++) {
    const endpoint = `app-${number}`
    world.application(endpoint, { name: `a name of a user ${number}`, maxCores: 1 })
    if (number % 10_000 === 0) assert.deepEqual(series(readings), before)
    const ended = world.input({
      kind: 'message',
      from: endpoint,
      message: {
        type: 'UnregisterApplication',
        appId: world.lastTold(endpoint, 'RegisteredApplication')!.appId,
      },
    })
    metrics.written(ended.puts)
    world.unlink(endpoint)
    world.forgetTold()
  }
  assert.deepEqual(series(readings), before)
  assert.equal(metrics.applicationsEnded.get('FINISHED'), 100_000)
  assert.deepEqual(Object.keys(readings).sort(), Object.keys(masterFamilies).sort())
})
