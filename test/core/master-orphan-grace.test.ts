import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { DriverRecord, WorkerRecord } from '../../actors/master/records.js'
import { workerOffer } from '../../actors/messages/samples.js'
import { newTokenId } from '../../runtime/transport/token.js'
import { MasterWorld, masterConfig } from '../tools/master-fixture.js'

/* How long a leader waits for the end of what a Worker started whose process is gone (protocol 9, S3b). */

const W = 60_000
const MARGIN_MS = masterConfig.guardMarginMs

/** A leader, and a driver on w1, whose guard keeps it for so long; w2 could take it. */
function running(graceMs: number | undefined, config: Partial<typeof masterConfig> = {}): MasterWorld {
  const world = new MasterWorld({ workerTimeoutMs: W, ...config }).elect().advance(2000)
  world.worker('w1', graceMs === undefined ? {} : { orphanGraceMs: graceMs })
  world.submitted({ supervise: true, onIsolation: 'stop' })
  world.worker('w2', { port: 7002, workerTimeoutMs: W })
  return world
}

/** The process of a Worker is gone. */
function lose(world: MasterWorld, workerId = 'w1'): MasterWorld {
  world.unlink(workerId)
  for (let dial = 0; dial < 3; dial++) {
    world.advance(dial * 300)
    world.input({ kind: 'probed', workerId, refused: true })
  }
  assert.equal(driverIn(world).state, 'RELAUNCHING')
  return world
}

const driverIn = (world: MasterWorld) => [...world.store.get('driver')!.values()][0] as DriverRecord

/** From now until the driver is launched on w2. */
function relaunchedAfterMs(world: MasterWorld): number {
  for (let ms = 0; ms < 2 * W; ms += 500) {
    world.tell('w2', { type: 'Heartbeat', workerId: 'w2', sentAtMs: 5, workerTimeoutMs: W })
    if (world.lastTold('w2', 'LaunchDriver')) return ms
    world.advance(500)
  }
  return Number.POSITIVE_INFINITY
}

test('a Worker is gone: its leader waits for its own orphanGrace, or for that of the Worker if it is longer', () => {
  assert.equal(relaunchedAfterMs(lose(running(undefined))), MARGIN_MS)
  assert.equal(relaunchedAfterMs(lose(running(30_000))), 30_000 + MARGIN_MS)
  assert.equal(relaunchedAfterMs(lose(running(undefined, { orphanGraceMs: 5000 }))), 5000 + MARGIN_MS)
  assert.equal(relaunchedAfterMs(lose(running(1000, { orphanGraceMs: 5000 }))), 5000 + MARGIN_MS)
})

test('so does the next leader, whether or not the first one knew that the Worker is gone', () => {
  const waiting = lose(running(30_000))
  const after = new MasterWorld({ workerTimeoutMs: W }).elect(waiting.stored())
  after.worker('w2', { port: 7002, workerTimeoutMs: W })
  assert.equal(relaunchedAfterMs(after), 30_000 + MARGIN_MS)
  const before = new MasterWorld({ workerTimeoutMs: W }).elect(running(30_000).stored())
  before.worker('w2', { port: 7002, workerTimeoutMs: W })
  assert.equal(relaunchedAfterMs(lose(before)), 30_000 + MARGIN_MS)
})

test('a next leader with a shorter one waits as long as the former one did', () => {
  const waiting = lose(running(10_000, { orphanGraceMs: 10_000 }))
  const after = new MasterWorld({ workerTimeoutMs: W }).elect(waiting.stored())
  after.worker('w2', { port: 7002, workerTimeoutMs: W })
  assert.equal(relaunchedAfterMs(after), 10_000 + MARGIN_MS)
})

test('its Worker is not in the store: the leader after the next one waits for its silence as well', () => {
  const { workers, ...records } = running(undefined).stored()
  const first = new MasterWorld({ workerTimeoutMs: W }).elect({ ...records, workers: [] }).advance(2000)
  assert.equal(driverIn(first).workerId, null)
  const second = new MasterWorld({ workerTimeoutMs: W }).elect(first.stored())
  second.worker('w2', { port: 7002, workerTimeoutMs: W })
  assert.equal(relaunchedAfterMs(second), W)
  assert.equal(driverIn(second).outlivesMs, undefined)
})

test('a store that forgot what the Worker said learns it from a heartbeat', () => {
  const world = running(undefined)
  world.tell('w1', {
    type: 'Heartbeat',
    workerId: 'w1',
    sentAtMs: 5,
    workerTimeoutMs: W,
    orphanGraceMs: 30_000,
  })
  assert.equal(relaunchedAfterMs(lose(world)), 30_000 + MARGIN_MS)
})

test('a wait that has ended does not hold for the next one', () => {
  const world = lose(running(30_000))
  relaunchedAfterMs(world)
  assert.equal(driverIn(world).workerId, 'w2')
  assert.equal(driverIn(world).outlivesMs, undefined)
  assert.equal(driverIn(lose(world, 'w2')).outlivesMs, undefined)
})

test('a Worker that comes back with a shorter one is waited for by that', () => {
  const world = running(30_000)
  const restarts = { count: 1, gapMs: 5 }
  world.tell('w1', { ...workerOffer, type: 'RegisterWorker', id: 'w1', workerTimeoutMs: W, restarts })
  assert.equal((world.store.get('worker')!.get('w1') as WorkerRecord).orphanGraceMs, undefined)
  assert.equal(relaunchedAfterMs(lose(world)), MARGIN_MS)
})

test('a Worker with a token is believed as far as its workerTimeout', () => {
  const world = new MasterWorld({ workerTimeoutMs: W }).elect().advance(2000)
  world.link('admin', 'client')
  const token = newTokenId('worker', undefined)
  world.ask('admin', { type: 'RequestCreateToken', id: token, name: 'w1' })
  const id = 'w1-0000000000000001'
  world.link(id, 'worker', token)
  const says = { workerTimeoutMs: W, orphanGraceMs: 2_147_483_647 }
  world.tell(id, { ...workerOffer, ...says, type: 'RegisterWorker', id, name: 'w1', port: 7001 })
  world.report(id)
  world.submitted({ supervise: true })
  world.worker('w2', { port: 7002, workerTimeoutMs: W })
  assert.equal(relaunchedAfterMs(lose(world, id)), W + MARGIN_MS)
})
