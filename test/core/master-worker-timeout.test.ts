import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { WorkerRecord } from '../../actors/master/records.js'
import { workerOffer } from '../../actors/messages/samples.js'
import { newTokenId } from '../../runtime/transport/token.js'
import { MasterWorld } from '../tools/master-fixture.js'

/* How long a leader waits for a silent Worker, and which workerTimeout it tells it (protocol 8.1, S3b). */

const W = 12_000
const HOUR = 3_600_000

/** A leader with W = 12 s, and a `stop` driver on w1, which says that it lives by this. */
function running(saysMs: number | undefined, config = { workerTimeoutMs: W }): MasterWorld {
  const world = new MasterWorld(config).elect()
  world.worker('w1', saysMs === undefined ? {} : { workerTimeoutMs: saysMs })
  world.submitted({ supervise: true, onIsolation: 'stop' })
  world.worker('w2', { port: 7002, workerTimeoutMs: W })
  return world
}

function beat(world: MasterWorld, saysMs?: number): MasterWorld {
  const says = saysMs === undefined ? {} : { workerTimeoutMs: saysMs }
  world.forgetTold()
  world.tell('w1', { type: 'Heartbeat', workerId: 'w1', sentAtMs: 5, ...says })
  return world
}

/** Silence after which the driver of w1 is launched elsewhere. */
function relaunchedAfterMs(world: MasterWorld): number {
  for (let ms = 0; ms < HOUR; ms += 1000) {
    world.tell('w2', { type: 'Heartbeat', workerId: 'w2', sentAtMs: 5, workerTimeoutMs: W })
    if (world.lastTold('w2', 'LaunchDriver')) return ms
    world.advance(1000)
  }
  return Number.POSITIVE_INFINITY
}

const warningsOf = (world: MasterWorld): string[] =>
  world.lastStep!.free.flatMap((effect) =>
    effect.kind === 'log' && effect.level === 'warn' ? [effect.text] : [],
  )

const acknowledgements = (world: MasterWorld): unknown[] => world.toldTo('w1', 'HeartbeatAck')
const ack = { type: 'HeartbeatAck', workerId: 'w1', sentAtMs: 5 }
const recordIn = (world: MasterWorld) => world.store.get('worker')?.get('w1') as WorkerRecord
const knownOf = (world: MasterWorld): unknown => recordIn(world).workerTimeoutMs

test('a Worker that lives by the W of its leader is given up after that', () => {
  assert.equal(relaunchedAfterMs(running(W)), W)
})

test('a Worker with a longer one of its own is waited for as long, until it says that it lives by less', () => {
  assert.equal(knownOf(running(60_000)), 60_000)
  assert.equal(relaunchedAfterMs(running(60_000)), 60_000)
  const told = beat(running(60_000), 60_000)
  assert.deepEqual(acknowledgements(told), [{ ...ack, workerTimeoutMs: W }])
  assert.equal(relaunchedAfterMs(told), 60_000, 'it may not have heard that')
  const says = beat(beat(running(60_000), 60_000), W)
  assert.equal(knownOf(says), W)
  assert.equal(relaunchedAfterMs(says), W)
})

test('a Worker with a shorter one is told the longer one when the store has that', () => {
  const world = beat(running(4000), 4000)
  const { free, gated } = world.lastStep!
  const told = (effects: readonly object[]): unknown[] =>
    effects.flatMap((effect) => ('message' in effect ? [effect.message] : []))
  assert.deepEqual(told(free), [{ ...ack, workerTimeoutMs: 4000 }])
  assert.deepEqual(told(gated), [{ ...ack, workerTimeoutMs: W }])
  assert.equal(knownOf(world), W)
  assert.equal(relaunchedAfterMs(world), W)
})

test('a next leader with a shorter one waits as long as the Worker may live', () => {
  const world = running(60_000, { workerTimeoutMs: 60_000 })
  const next = new MasterWorld({ workerTimeoutMs: W }).elect(world.stored())
  next.worker('w2', { port: 7002, workerTimeoutMs: W })
  assert.equal(relaunchedAfterMs(next), 60_000)
})

test('what a Worker said before it obeys the next leader makes no wait shorter', () => {
  const world = running(60_000, { workerTimeoutMs: 60_000 })
  const next = new MasterWorld({ workerTimeoutMs: W }).elect(world.stored())
  next.link('w1')
  // It lived by that before the former leader told it more, and this was on its way since.
  beat(next, W)
  next.worker('w2', { port: 7002, workerTimeoutMs: W })
  assert.equal(relaunchedAfterMs(next), 60_000)
})

test('a Worker with a token is not believed to live longer than its leaders and the default', () => {
  const world = new MasterWorld({ workerTimeoutMs: W }).elect()
  world.link('admin', 'client')
  const token = newTokenId('worker', undefined)
  world.ask('admin', { type: 'RequestCreateToken', id: token, name: 'w1' })
  const id = 'w1-0000000000000001'
  world.link(id, 'worker', token)
  const says = { workerTimeoutMs: 2_147_483_647 }
  world.tell(id, { ...workerOffer, ...says, type: 'RegisterWorker', id, name: 'w1', port: 7001 })
  const known = () => (world.store.get('worker')?.get(id) as WorkerRecord | undefined)?.workerTimeoutMs
  assert.equal(known(), 60_000)
  world.report(id)
  world.tell(id, { type: 'Heartbeat', workerId: id, sentAtMs: 5, ...says })
  assert.equal(known(), 60_000)
})

test('a next leader with a longer one keeps to its own', () => {
  const next = new MasterWorld({ workerTimeoutMs: 30_000 }).elect(running(W).stored())
  next.worker('w2', { port: 7002, workerTimeoutMs: W })
  assert.equal(relaunchedAfterMs(next), 30_000)
})

test('a Worker of an earlier release says nothing, and is waited for as for the default', () => {
  const world = beat(running(undefined))
  assert.equal(knownOf(world), undefined)
  assert.deepEqual(acknowledgements(world), [{ ...ack, workerTimeoutMs: W }])
  assert.equal(relaunchedAfterMs(world), 60_000)
  assert.equal(relaunchedAfterMs(running(undefined, { workerTimeoutMs: 120_000 })), 120_000)
})

test('whoever reads the log learns why', () => {
  const warnings = (saysMs: number | undefined, workerTimeoutMs = W): unknown[] => {
    const world = new MasterWorld({ workerTimeoutMs }).elect()
    world.link('w1')
    world.registerWorker('w1', saysMs === undefined ? {} : { workerTimeoutMs: saysMs })
    return warningsOf(world)
  }
  assert.deepEqual(warnings(undefined), [
    'a worker of an earlier release does not say its workerTimeout: it is dead after a silence of 1m',
  ])
  assert.deepEqual(warnings(60_000), [])
  assert.deepEqual(warnings(undefined, 60_000), [])
})

test('and once, of a Worker that it has from the store', () => {
  const next = new MasterWorld({ workerTimeoutMs: W }).elect(running(undefined).stored())
  next.link('w1')
  beat(next)
  assert.equal(warningsOf(next).length, 1)
  beat(next)
  assert.equal(warningsOf(next).length, 0)
})

test('a driver whose Worker the store does not hold is waited for as for the default', () => {
  const { workers: _, ...rest } = running(W).stored()
  const next = new MasterWorld({ workerTimeoutMs: W }).elect({ ...rest, workers: [] })
  next.worker('w2', { port: 7002, workerTimeoutMs: W })
  assert.equal(relaunchedAfterMs(next), 60_000)
})

test('a next process of an earlier release does not say what it lives by, so that the record forgets it', () => {
  const world = running(W)
  beat(world)
  assert.equal(knownOf(world), undefined)
  world.registerWorker('w1', { workerTimeoutMs: W })
  assert.equal(knownOf(world), W)
})

test('a Worker that restarts is told the same, and keeps what it lives by', () => {
  const world = running(60_000)
  world.forgetTold()
  const says = { workerTimeoutMs: 60_000, restartMs: 32_000 }
  world.tell('w1', { type: 'Heartbeat', workerId: 'w1', sentAtMs: 5, ...says })
  assert.deepEqual(acknowledgements(world), [{ ...ack, workerTimeoutMs: W, restarting: true }])
  const { workerTimeoutMs, restartMs } = recordIn(world)
  assert.deepEqual([workerTimeoutMs, restartMs], [60_000, 32_000])
})
