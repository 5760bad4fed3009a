import assert from 'node:assert/strict'
import { test } from 'node:test'
import { masterJson } from '../../actors/master/json.js'
import type { DriverState } from '../../actors/messages/common.js'
import { driverDescription, workerOffer } from '../../actors/messages/samples.js'
import { limits } from '../../runtime/limits.js'
import { MasterWorld, noRecords } from '../tools/master-fixture.js'
import { driverReport } from './spark-rules.js'

const statusOf = (world: MasterWorld, driverId: string) => {
  const answer = world.ask('cli', { type: 'RequestDriverStatus', driverId })
  return answer?.type === 'DriverStatusResponse' ? answer : undefined
}

let change = 0
const ended = (
  world: MasterWorld,
  worker: string,
  driverId: string,
  state: DriverState,
  why: { noRoom?: boolean; decided?: number } = {},
) =>
  world.tell(worker, {
    type: 'DriverStateChanged',
    workerId: worker,
    change: ++change,
    driverId,
    generation: world.lastTold(worker, 'LaunchDriver')?.generation ?? 1,
    attempt: 1,
    state,
    ...(state === 'FAILED' && { exitCode: 7 }),
    ...why,
  })

test('a submission waits with a reason, and is launched when a Worker comes; its record is durable first', () => {
  const world = new MasterWorld().elect()
  const driverId = world.submitted()
  assert.equal(statusOf(world, driverId)?.state, 'SUBMITTED')
  assert.match(statusOf(world, driverId)?.message ?? '', /no Worker is alive/)
  assert.ok(world.store.get('driver')?.has(driverId))
  world.worker('w1')
  assert.equal(world.lastTold('w1', 'LaunchDriver')?.generation, 1)
  assert.equal(statusOf(world, driverId)?.state, 'RUNNING')
})

test('a driver that does not fit holds up nobody behind it (Spark 4.2)', () => {
  const world = new MasterWorld().elect()
  world.worker('w1', { cores: 2 })
  const large = world.submitted({ cores: 3 })
  const small = world.submitted({ cores: 1 })
  assert.match(statusOf(world, large)?.message ?? '', /no Worker is as large/)
  assert.equal(statusOf(world, small)?.state, 'RUNNING')
})

test('the same key and content is one driver, live or ended; other content is KEY_REUSED', () => {
  const world = new MasterWorld().elect()
  world.worker('w1')
  const first = world.submit({}, 'k')
  assert.deepEqual({ ...world.submit({}, 'k'), state: 'SUBMITTED' }, first)
  const other = world.submit({ name: 'another' }, 'k')
  assert.equal(other?.type === 'Failure' && other.code, 'FIRESTEEL_KEY_REUSED')
  const driverId = first?.type === 'SubmitDriverResponse' ? first.driverId : ''
  ended(world, 'w1', driverId, 'FINISHED')
  const again = world.submit({}, 'k')
  assert.equal(again?.type === 'SubmitDriverResponse' && again.driverId, driverId)
  assert.equal(world.snapshot().activeDrivers.length, 0)
  world.failover().elect().advance(300)
  const later = world.submit({}, 'k')
  assert.equal(later?.type === 'SubmitDriverResponse' && later.driverId, driverId)
})

test('a key is of one program, live, ended and after a failover; who says nothing of it gets the driver', () => {
  const world = new MasterWorld().elect()
  world.worker('w1')
  const submit = (program: string | undefined, key: string): string | undefined => {
    world.link('cli', 'client')
    const request = { type: 'RequestSubmitDriver', key, description: driverDescription } as const
    const answer = world.ask('cli', { ...request, ...(program && { program }) })
    if (answer?.type === 'SubmitDriverResponse') return answer.driverId
    return answer?.type === 'Failure' ? `${answer.code}: ${answer.message}` : undefined
  }
  const first = submit('one', 'k')!
  const reused = `FIRESTEEL_KEY_REUSED: the key "k" belongs to ${first}, whose program is another`
  const answers = () => ['one', 'two', undefined].map((program) => submit(program, 'k'))
  assert.deepEqual(answers(), [first, reused, first])
  world.failover().elect().advance(300)
  assert.deepEqual(answers(), [first, reused, first])
  world.worker('w1')
  ended(world, 'w1', first, 'FINISHED')
  assert.deepEqual(answers(), [first, reused, first])
  world.failover().elect().advance(300)
  assert.deepEqual(answers(), [first, reused, first])
  // An earlier release submitted it.
  const old = submit(undefined, 'old')
  assert.deepEqual([submit('one', 'old'), submit('two', 'old')], [old, old])
})

test('an end is written before it is acknowledged, with code and state, and frees the room', () => {
  const world = new MasterWorld().elect()
  world.worker('w1')
  const driverId = world.submitted({ cores: 4 })
  ended(world, 'w1', driverId, 'FAILED')
  assert.equal(world.store.get('driver')?.has(driverId), false)
  assert.ok(world.store.get('ended')?.has(driverId))
  assert.equal(statusOf(world, driverId)?.state, 'FAILED')
  assert.equal(statusOf(world, driverId)?.exitCode, 7)
  assert.equal(world.snapshot().workers[0]?.coresUsed, 0)
  assert.ok(world.lastTold('w1', 'ChangesAcknowledged'))
})

test('a launch refused for want of room is placed again as the next generation', () => {
  const world = new MasterWorld().elect()
  world.worker('w1')
  const driverId = world.submitted()
  ended(world, 'w1', driverId, 'FAILED', { noRoom: true })
  assert.equal(statusOf(world, driverId)?.state, 'SUBMITTED')
  world.advance(1000)
  assert.equal(statusOf(world, driverId)?.state, 'RUNNING')
  assert.equal(world.lastTold('w1', 'LaunchDriver')?.generation, 2)
})

test('a driver that its Worker has after all, and gives back, is placed again as any other', () => {
  const world = new MasterWorld().elect()
  world.worker('w1')
  const driverId = world.submitted({ supervise: true })
  const { workers: _, ...rest } = world.stored()
  world
    .failover()
    .elect({ ...rest, workers: [] })
    .advance(2000)
  world.link('cli', 'client')
  assert.equal(statusOf(world, driverId)?.state, 'SUBMITTED')
  world.link('w1')
  world.registerWorker('w1')
  world.report('w1', { drivers: [driverReport(driverId)] })
  assert.equal(statusOf(world, driverId)?.state, 'RUNNING')
  ended(world, 'w1', driverId, 'FAILED', { noRoom: true })
  world.advance(1000)
  assert.equal(statusOf(world, driverId)?.state, 'RUNNING')
  assert.equal(world.lastTold('w1', 'LaunchDriver')?.generation, 2)
})

test('a launch refused because of what was decided there is placed again above that', () => {
  const world = new MasterWorld().elect()
  world.worker('w1')
  const driverId = world.submitted({ supervise: true })
  ended(world, 'w1', driverId, 'FAILED', { decided: 6 })
  assert.equal(
    world.toldTo('w1', 'LaunchDriver').length,
    1,
    'a Worker that refuses is left alone for a while',
  )
  world.advance(limits.launchBackoffFirstMs)
  assert.equal(statusOf(world, driverId)?.state, 'RUNNING')
  assert.equal(world.lastTold('w1', 'LaunchDriver')?.generation, 7)
})

test('a kill of a waiting driver ends it; of a running one it is durable before it leaves', () => {
  const world = new MasterWorld().elect()
  const waiting = world.submitted()
  world.tell('cli', { type: 'RequestKillDriver', driverId: waiting })
  assert.equal(statusOf(world, waiting)?.state, 'KILLED')
  world.worker('w1')
  const running = world.submitted()
  const answer = world.ask('cli', { type: 'RequestKillDriver', driverId: running })
  assert.equal(answer?.type, 'KillDriverResponse')
  assert.deepEqual(
    { ...world.store.get('driver')?.get(running), wanted: 'KILL' },
    world.store.get('driver')?.get(running),
  )
  assert.equal(world.lastTold('w1', 'KillDriver')?.driverId, running)
  ended(world, 'w1', running, 'KILLED')
  assert.equal(statusOf(world, running)?.state, 'KILLED')
})

test('a kill survives the death of the Master: the next one sends it again', () => {
  const world = new MasterWorld().elect()
  world.worker('w1')
  const driverId = world.submitted()
  const launched = world.lastTold('w1', 'LaunchDriver')!
  world.tell('cli', { type: 'RequestKillDriver', driverId })
  world.failover().elect()
  world.link('w1')
  const { generation, resources, description } = launched
  const launchedAt = { epoch: 1, seq: 1, owner: 'm1' }
  const report = {
    driverId,
    generation,
    attempt: 1,
    state: 'RUNNING' as const,
    resources,
    description,
    launchedAt,
  }
  world.report('w1', { drivers: [report] })
  assert.equal(world.lastTold('w1', 'KillDriver')?.driverId, driverId)
})

test('kill and status of an unknown id are UNKNOWN_ID, of an ended one say so', () => {
  const world = new MasterWorld().elect()
  world.link('cli', 'client')
  for (const type of ['RequestKillDriver', 'RequestDriverStatus'] as const) {
    const answer = world.ask('cli', { type, driverId: 'driver-x' })
    assert.equal(answer?.type === 'Failure' && answer.code, 'FIRESTEEL_UNKNOWN_ID')
  }
  const driverId = world.submitted()
  world.tell('cli', { type: 'RequestKillDriver', driverId })
  const again = world.ask('cli', { type: 'RequestKillDriver', driverId })
  assert.match(again?.type === 'KillDriverResponse' ? again.message : '', /already ended KILLED/)
})

test('a lost Worker: a supervised driver runs again elsewhere after the guard margin, another ends in ERROR', () => {
  const world = new MasterWorld().elect()
  world.worker('w1', { port: 1 })
  const supervised = world.submitted({ supervise: true })
  const plain = world.submitted()
  world.worker('w1b', { port: 1 })
  assert.equal(statusOf(world, plain)?.state, 'ERROR')
  assert.equal(statusOf(world, supervised)?.state, 'RELAUNCHING')
  world.advance(1999)
  assert.equal(statusOf(world, supervised)?.state, 'RELAUNCHING')
  world.advance(2)
  assert.equal(statusOf(world, supervised)?.state, 'RUNNING')
  assert.equal(statusOf(world, supervised)?.generation, 2)
  assert.equal(world.lastTold('w1b', 'LaunchDriver')?.driverId, supervised)
})

test('a relaunch is due when its timer says so, though the clock is a fraction behind', () => {
  const world = new MasterWorld().elect()
  world.worker('w1', { port: 1 })
  const driverId = world.submitted({ supervise: true })
  world.worker('w1b', { port: 1 })
  world.nowMs += 1999.7
  world.timers.delete(`relaunch:${driverId}`)
  world.input({ kind: 'timer', timer: { kind: 'relaunch', driverId } })
  assert.equal(world.lastTold('w1b', 'LaunchDriver')?.driverId, driverId)
})

test('the wait before a relaunch survives a failover', () => {
  const world = new MasterWorld().elect()
  world.worker('w1', { port: 1 })
  const driverId = world.submitted({ supervise: true })
  world.worker('w1b', { port: 1 })
  world.failover().elect()
  world.link('w1b')
  world.report('w1b')
  world.advance(1900)
  assert.equal(world.lastTold('w1b', 'LaunchDriver'), undefined)
  world.advance(200)
  assert.equal(world.lastTold('w1b', 'LaunchDriver')?.driverId, driverId)
})

test('with a degraded store a new submission is refused with its code', () => {
  const world = new MasterWorld().elect()
  world.degradation = 'STORE_FULL'
  const answer = world.submit()
  assert.equal(answer?.type === 'Failure' && answer.code, 'FIRESTEEL_STORE_FULL')
  assert.equal(world.snapshot().activeDrivers.length, 0)
})

test('with a degraded store, who leads and what is known is still said, marked stale, and waits for no commit', () => {
  const world = new MasterWorld().elect()
  const driverId = world.submitted()
  world.degradation = 'STORE_FULL'
  world.link('cli2', 'client')
  assert.deepEqual(
    world.lastStep?.free.map((effect) => effect.kind),
    ['tellNow'],
  )
  const state = world.ask('cli2', { type: 'RequestMasterState' })
  assert.equal(state?.type === 'MasterStateResponse' && state.stale, true)
  assert.equal(world.lastStep?.gated.length, 0)
  assert.equal(world.ask('cli2', { type: 'RequestDriverStatus', driverId })?.type, 'DriverStatusResponse')
  assert.equal(world.lastStep?.gated.length, 0)
})

test('ids have Spark’s look and the epoch in them, so that they are unique through failovers', () => {
  const world = new MasterWorld().elect()
  const first = world.submitted()
  const second = world.failover().elect().advance(2000).submitted()
  assert.match(first, /^driver-\d{14}-1-0000$/)
  assert.match(second, /^driver-\d{14}-2-0000$/)
})

test('ended drivers and keys are kept to their bounds', () => {
  const world = new MasterWorld({ retainedEnded: 3, retainedKeys: 5 }).elect()
  for (let at = 0; at < 12; at++) {
    const driverId = world.submitted()
    world.tell('cli', { type: 'RequestKillDriver', driverId })
  }
  assert.equal(world.store.get('ended')?.size, 3)
  assert.equal(world.store.get('key')?.size, 5)
})

const position = (epoch: number) => ({ epoch, seq: 7 })

test('keys are read after the election: until all are there an unknown one is asked for again, a known one is answered', () => {
  const world = new MasterWorld({ retainedKeys: 3 })
  const elected = { epoch: 4, owner: 'm1', base: position(3), earlier: [], observed: position(3), format: 1 }
  world.input({ kind: 'elected', ...elected, keysFollow: true })
  world.restore(noRecords)
  assert.equal(world.core.state, 'ALIVE')
  const code = (answer: ReturnType<typeof world.submit>) => answer?.type === 'Failure' && answer.code
  assert.equal(code(world.submit({}, 'old')), 'FIRESTEEL_NOT_LEADER')
  const keyOf = (driverId: string, endedAtMs: number) => ({ driverId, digest: 'another', endedAtMs })
  world.input({ kind: 'keys', records: [['old', keyOf('driver-9', 1_700_000_000_000 - 1)]], complete: false })
  assert.equal(code(world.submit({}, 'old')), 'FIRESTEEL_KEY_REUSED', 'it is known now')
  assert.equal(code(world.submit({}, 'new')), 'FIRESTEEL_NOT_LEADER', 'it may still come')
  world.input({
    kind: 'keys',
    records: [['older', keyOf('driver-8', 1_700_000_000_000 - 2)]],
    complete: true,
  })
  const driverId = world.submitted()
  assert.equal(world.store.get('driver')?.size, 1)
  // Over the bound the oldest goes, whenever it was read.
  world.tell('cli', { type: 'RequestKillDriver', driverId })
  world.tell('cli', { type: 'RequestKillDriver', driverId: world.submitted() })
  assert.ok(world.lastStep?.deletes.some(({ table, id }) => table === 'key' && id === 'older'))
})

for (const name of ['constructor', 'hasOwnProperty', 'valueOf']) {
  test(`a resource named ${name}, as every object has one, is wanted, given and shown like any other`, () => {
    const world = new MasterWorld().elect()
    world.worker('w1')
    const driverId = world.submitted({ resources: { [name]: 1 } })
    assert.match(statusOf(world, driverId)?.message ?? '', /no Worker is as large/)
    world.link('w2')
    world.tell('w2', {
      type: 'RegisterWorker',
      ...workerOffer,
      id: 'w2',
      name: 'w2',
      port: 7002,
      resources: { [name]: ['0'] },
    })
    world.report('w2')
    assert.deepEqual(world.lastTold('w2', 'LaunchDriver')?.resources, { [name]: ['0'] })
    assert.deepEqual(masterJson(world.snapshot(), 0).resourcesused, [{ name, addresses: ['0'] }])
  })
}
