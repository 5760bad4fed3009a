import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { limits } from '../../runtime/limits.js'
import { MASTER_SUBJECT } from '../../runtime/transport/identity.js'
import { MasterWorld } from '../tools/master-fixture.js'

const stateOf = (world: MasterWorld, id: string) => world.snapshot().workers.find((w) => w.id === id)?.state

test('a STANDBY answers whoever links with MasterInStandby and knows nobody', () => {
  const world = new MasterWorld()
  world.link('w1')
  assert.equal(world.told.at(-1)?.message.type, 'MasterInStandby')
  world.registerWorker('w1')
  assert.equal(world.told.at(-1)?.message.type, 'MasterInStandby')
  assert.equal(world.core.state, 'STANDBY')
})

test('an empty store makes the elected Master ALIVE at once (Spark 3.4)', () => {
  assert.equal(new MasterWorld().elect().core.state, 'ALIVE')
})

test('R0: the Master speaks first on each new link, and to all links when it is elected', () => {
  const world = new MasterWorld()
  world.link('w1')
  world.elect()
  assert.equal(world.toldTo('w1', 'MasterChanged').length, 1)
  world.link('w2')
  assert.equal(world.toldTo('w2', 'MasterChanged').length, 1)
})

test('a registration is written before it is acknowledged, and gives no work before the first report', () => {
  const world = new MasterWorld().elect()
  world.application('app')
  world.link('w1')
  world.registerWorker('w1')
  assert.equal(world.lastTold('w1', 'RegisteredWorker')?.duplicate, false)
  assert.ok(world.store.get('worker')?.has('w1'))
  assert.equal(world.toldTo('w1', 'LaunchExecutor').length, 0)
  world.report('w1')
  assert.equal(world.toldTo('w1', 'LaunchExecutor').length, 4)
})

test('the same incarnation again is a duplicate, not a second Worker (SPARK-23191)', () => {
  const world = new MasterWorld().elect()
  world.worker('w1')
  world.registerWorker('w1')
  assert.equal(world.lastTold('w1', 'RegisteredWorker')?.duplicate, true)
  assert.equal(world.snapshot().workers.length, 1)
})

test('a new incarnation at the address of a live one replaces it, where Spark refuses', () => {
  const world = new MasterWorld().elect()
  world.worker('w1')
  const appId = world.application('app')
  world.worker('w1b')
  assert.equal(stateOf(world, 'w1'), undefined)
  assert.equal(stateOf(world, 'w1b'), 'ALIVE')
  assert.equal(world.store.get('worker')?.has('w1'), false)
  assert.equal(world.toldTo('app', 'ExecutorUpdated').filter((m) => m.state === 'LOST').length, 4)
  assert.equal(
    world.toldTo('w1b', 'LaunchExecutor').every((m) => m.appId === appId),
    true,
  )
})

test('a Worker that names another id than its incarnation is refused (S6)', () => {
  const world = new MasterWorld().elect()
  world.link('w1')
  world.registerWorker('w2', { from: 'w1' })
  assert.ok(world.lastTold('w1', 'RegisterWorkerFailed'))
  assert.equal(world.snapshot().workers.length, 0)
})

test('a heartbeat is answered with its own time; one of an unknown Worker asks it to register again', () => {
  const world = new MasterWorld().elect()
  world.worker('w1')
  world.tell('w1', { type: 'Heartbeat', workerId: 'w1', sentAtMs: 42 })
  assert.equal(world.lastTold('w1', 'HeartbeatAck')?.sentAtMs, 42)
  world.link('w2')
  world.tell('w2', { type: 'Heartbeat', workerId: 'w2', sentAtMs: 1 })
  assert.ok(world.lastTold('w2', 'ReconnectWorker'))
})

test('a Worker silent for the worker timeout is DEAD, one that beats is not', () => {
  const world = new MasterWorld({ relaunchOnRefused: false }).elect()
  world.worker('w1', { port: 1 })
  world.worker('w2', { port: 2 })
  for (let second = 0; second < 70; second += 5) {
    world.advance(5000)
    world.tell('w2', { type: 'Heartbeat', workerId: 'w2', sentAtMs: 1 })
  }
  assert.equal(stateOf(world, 'w1'), 'DEAD')
  assert.equal(stateOf(world, 'w2'), 'ALIVE')
})

test('R7: a sweep that comes late judges nobody: the silence may have been our own', () => {
  const world = new MasterWorld({ relaunchOnRefused: false }).elect()
  world.worker('w1')
  world.nowMs = 100_000
  world.advance(0)
  assert.equal(stateOf(world, 'w1'), 'ALIVE')
})

test('R7: a closed link is not a death; three refused dials are', () => {
  const world = new MasterWorld().elect()
  world.worker('w1')
  world.unlink('w1')
  world.advance(0)
  assert.equal(stateOf(world, 'w1'), 'ALIVE')
  for (let dial = 0; dial < 3; dial++) {
    assert.equal(stateOf(world, 'w1'), 'ALIVE')
    world.input({ kind: 'probed', workerId: 'w1', refused: true })
    world.advance(300)
  }
  assert.equal(stateOf(world, 'w1'), 'DEAD')
  assert.equal(world.probes.length, 3)
})

test('a dial that somebody answers ends the suspicion', () => {
  const world = new MasterWorld().elect()
  world.worker('w1')
  world.unlink('w1')
  world.advance(0)
  world.input({ kind: 'probed', workerId: 'w1', refused: false })
  world.advance(3000)
  assert.equal(world.probes.length, 1)
  assert.equal(stateOf(world, 'w1'), 'ALIVE')
})

test('a Worker that was declared dead registers again under the same id (protocol 11.7)', () => {
  const world = new MasterWorld({ relaunchOnRefused: false }).elect()
  world.worker('w1')
  world.unlink('w1')
  world.advance(70_000)
  assert.equal(stateOf(world, 'w1'), 'DEAD')
  world.link('w1')
  world.report('w1')
  assert.ok(world.lastTold('w1', 'ReconnectWorker'))
  world.registerWorker('w1')
  assert.equal(world.lastTold('w1', 'RegisteredWorker')?.duplicate, false)
  world.report('w1')
  assert.equal(stateOf(world, 'w1'), 'ALIVE')
})

const claims = (world: MasterWorld): number[] =>
  world.agent.flatMap((message) => (message.type === 'LeadershipClaimed' ? [message.epoch] : []))

test('R1: StaleEpoch of a higher epoch, or of mine with another owner, is a claim for the agent, and ends nothing', () => {
  const world = new MasterWorld().elect()
  world.worker('w1')
  world.tell('w1', { type: 'StaleEpoch', epoch: 1, owner: 'm1' })
  world.tell('w1', { type: 'StaleEpoch', epoch: 0, owner: 'other' })
  assert.deepEqual(claims(world), [])
  world.tell('w1', { type: 'StaleEpoch', epoch: 1, owner: 'other' })
  world.tell('w1', { type: 'StaleEpoch', epoch: 7, owner: 'other' })
  assert.deepEqual(claims(world), [1, 7])
  assert.deepEqual(world.lost, [])
})

describe('another says that it leads', () => {
  const address = 'firesteel://10.0.0.9:7070'
  const link = (world: MasterWorld, dialled: boolean) =>
    world.input({
      kind: 'linkUp',
      peer: { incarnation: 'm2', role: 'node', subject: MASTER_SUBJECT, host: '10.0.0.9', address, dialled },
    })
  const says = (world: MasterWorld, epoch: number) =>
    world.input({
      kind: 'message',
      from: 'm2',
      message: { type: 'MasterChanged', master: address, web: null, masters: [address] },
      position: { epoch, seq: 1 },
    })
  const learnt = (world: MasterWorld) =>
    world.lastStep!.free.some((effect) => effect.kind === 'emit' && effect.event.event === 'mastersObserved')

  test('a peer that dialled us, as any node can: the store is asked, no address is taken from it', () => {
    for (const world of [new MasterWorld().elect(), new MasterWorld()]) {
      link(world, false)
      assert.equal(learnt(world), false)
      says(world, 7)
      assert.deepEqual(claims(world), [7])
      assert.deepEqual(world.lost, [])
      assert.equal(learnt(world), false)
      assert.notEqual(leaderOf(world), address)
    }
  })

  test('a STANDBY knows who leads from the record', () => {
    const world = new MasterWorld()
    link(world, false)
    says(world, 7)
    world.input({ kind: 'recordSeen', record: { epoch: 7, owner: 'm2', address } })
    assert.equal(learnt(world), true)
    assert.equal(leaderOf(world), address)
  })

  test('who answers at the address of a Master is believed, but for an epoch that cannot be', () => {
    const world = new MasterWorld().elect()
    link(world, true)
    says(world, 2 + limits.epochRise)
    assert.deepEqual(world.lost, [])
    says(world, 7)
    assert.equal(world.lost.length, 1)
  })
})

const leaderOf = (world: MasterWorld) =>
  world.core.snapshot(
    { position: { epoch: 0, seq: 0 }, degradation: undefined },
    { monotonicMs: 0, wallMs: 0 },
  ).leader
