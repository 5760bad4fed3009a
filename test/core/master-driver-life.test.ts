import assert from 'node:assert/strict'
import { test } from 'node:test'
import { masterJson } from '../../actors/master/json.js'
import type { DriverDescription } from '../../actors/messages/common.js'
import type { DriverProgress } from '../../actors/messages/driver-life.js'
import { MasterWorld } from '../tools/master-fixture.js'

/* What a Master knows and shows of the processes of a driver: S5, R4. */

const lastExit = { atMs: 5000, generation: 1, attempt: 1, code: 3, signal: null }
const resting: DriverProgress = {
  phase: 'resting',
  nextStartAtMs: 6000,
  life: { starts: 1, failedAtMs: [5000], lastExit },
}

function withDriver(parts: Partial<DriverDescription> = {}) {
  const world = new MasterWorld().elect()
  world.worker('w1')
  const driverId = world.submitted({ supervise: true, ...parts })
  const progressed = (progress: DriverProgress, generation = 1) =>
    world.tell('w1', { type: 'DriverProgressed', workerId: 'w1', driverId, generation, progress })
  progressed({ phase: 'running', pid: 77, life: { starts: 1, failedAtMs: [] } })
  return { world, driverId, progressed }
}

const one = (world: MasterWorld, id: string) => {
  const answer = world.ask('cli', { type: 'RequestMasterState', of: id })
  assert.equal(answer?.type, 'MasterStateResponse')
  if (answer?.type !== 'MasterStateResponse') throw new Error('no state')
  return [...answer.activeDrivers, ...answer.completedDrivers][0]!
}

test('a driver shows its process, and while it rests RESTARTING, its last exit and its next start', () => {
  const { world, driverId, progressed } = withDriver()
  assert.deepEqual([one(world, driverId).state, one(world, driverId).pid], ['RUNNING', 77])
  progressed(resting)
  const row = one(world, driverId)
  assert.deepEqual(
    [row.state, row.pid, row.restarts, row.lastExit, row.nextStartAtMs],
    ['RESTARTING', undefined, undefined, lastExit, 6000],
  )
  const status = world.ask('cli', { type: 'RequestDriverStatus', driverId })
  assert.equal(status?.type === 'DriverStatusResponse' && status.state, 'RESTARTING')
  assert.equal(masterJson(world.snapshot(), 0).activedrivers.toJSON()[0]?.state, 'RUNNING', 'as in Spark')
  progressed({ phase: 'running', pid: 78, life: { ...resting.life, starts: 2 } })
  assert.deepEqual([one(world, driverId).state, one(world, driverId).restarts], ['RUNNING', 1])
})

test('the events of its life are in its status, also after a failover and after its end', () => {
  const { world, driverId, progressed } = withDriver()
  progressed(resting)
  progressed(resting)
  const texts = () => (one(world, driverId).events ?? []).map(({ text }) => text)
  const lived = [
    'launched as generation 1 on w1',
    'generation 1, attempt 1 ended: exit 3; starts again at 1970-01-01T00:00:06.000Z',
  ]
  assert.deepEqual(texts(), lived)
  assert.equal(world.snapshot().activeDrivers[0]?.events, undefined, 'lists are shorter')
  world.failover().elect().advance(1000)
  world.link('cli', 'client')
  assert.deepEqual([texts(), one(world, driverId).lastExit], [lived, lastExit])
  world.link('w1')
  world.tell('w1', { type: 'WorkerSchedulerStateResponse', id: 'w1', executors: [], drivers: [] })
  world.ask('cli', { type: 'RequestKillDriver', driverId })
  world.tell('w1', {
    type: 'DriverStateChanged',
    workerId: 'w1',
    change: 9,
    driverId,
    generation: 2,
    attempt: 1,
    state: 'KILLED',
    message: 'killed',
    signal: 'SIGTERM',
    life: { ...resting.life, starts: 2, lastExit: { ...lastExit, atMs: 9000, generation: 2 } },
  })
  assert.equal(one(world, driverId).state, 'KILLED')
  assert.deepEqual(texts().slice(-3), [
    'its end was asked for',
    'generation 2, attempt 1 ended: exit 3',
    'ended KILLED: killed',
  ])
})

test('the next Worker is told of all starts and failures so far', () => {
  const { world, progressed } = withDriver({ maxRestarts: 3 })
  progressed(resting)
  world.worker('w2', { port: 7002 })
  world.unlink('w1')
  world.advance(0)
  for (let dial = 0; dial < 3; dial++) {
    world.input({ kind: 'probed', workerId: 'w1', refused: true })
    world.advance(300)
  }
  world.advance(10_000)
  const launched = world.lastTold('w2', 'LaunchDriver')
  assert.deepEqual([launched?.generation, launched?.life], [2, resting.life])
})

test('until its end a driver that is to be killed is KILLING, and kill says how it ends', () => {
  const { world, driverId, progressed } = withDriver()
  const answer = world.ask('cli', { type: 'RequestKillDriver', driverId })
  assert.equal(
    answer?.type === 'KillDriverResponse' && answer.message,
    'it gets SIGTERM now, and SIGKILL in 10s if it still runs; it is on w1',
  )
  progressed({ ...resting, phase: 'stopping' })
  assert.equal(one(world, driverId).state, 'KILLING')
})

test('kill and restart name the signal and the time that the driver was submitted with', () => {
  const { world } = withDriver()
  const driverId = world.submitted({ supervise: true, stopSignal: 'SIGINT', stopGraceMs: 20_000 })
  const said = (type: 'RequestKillDriver' | 'RequestRestartDriver') => {
    const answer = world.ask('cli', { type, driverId, request: 'r1' })
    return answer && 'message' in answer ? answer.message : ''
  }
  const how = 'it gets SIGINT now, and SIGKILL in 20s'
  assert.equal(said('RequestRestartDriver'), `${how}; then it starts again on w1`)
  assert.equal(said('RequestKillDriver'), `${how} if it still runs; it is on w1`)
})

test('what a Worker says of a generation that is not the accepted one changes nothing', () => {
  const { world, driverId, progressed } = withDriver()
  progressed(resting, 2)
  assert.equal(one(world, driverId).state, 'RUNNING')
  world.worker('w2', { port: 7002 })
  world.tell('w2', { type: 'DriverProgressed', workerId: 'w2', driverId, generation: 1, progress: resting })
  assert.equal(one(world, driverId).state, 'RUNNING')
})

test('restart: told to its Worker, refused for what runs once, ends or has ended', () => {
  const { world, driverId } = withDriver()
  const ask = (id: string) => {
    const answer = world.ask('cli', { type: 'RequestRestartDriver', driverId: id, request: 'r1' })
    return answer?.type === 'Failure' || answer?.type === 'RestartDriverResponse' ? answer.message : ''
  }
  assert.equal(ask(driverId), 'it gets SIGTERM now, and SIGKILL in 10s; then it starts again on w1')
  assert.equal(world.lastTold('w1', 'RestartDriver')?.request, 'r1')
  const once = world.submitted()
  assert.match(ask(once), /is not supervised, so that it runs once; kill it and submit it again$/)
  const waiting = world.submitted({ supervise: true, cores: 64 })
  assert.match(ask(waiting), /^it has no process; it starts as soon as a Worker has room for it$/)
  world.ask('cli', { type: 'RequestKillDriver', driverId: waiting })
  assert.match(ask(waiting), /has ended KILLED; submit it again$/)
  world.ask('cli', { type: 'RequestKillDriver', driverId })
  assert.match(ask(driverId), /is being killed$/)
  assert.match(ask('driver-none'), /Nothing here has the id "driver-none"/)
})

test('restart: acknowledged, it is told to a Worker that did not hear of it, also by the next leader', () => {
  const { world, driverId } = withDriver()
  world.ask('cli', { type: 'RequestRestartDriver', driverId, request: 'r1' })
  world.ask('cli', { type: 'RequestRestartDriver', driverId, request: 'r1' })
  const asked = one(world, driverId).events?.filter(({ text }) => text === 'its restart was asked for')
  assert.equal(asked?.length, 1, 'repeated, it is the same one')
  world.failover().elect().advance(1000)
  world.link('w1')
  const told = () => world.toldTo('w1', 'RestartDriver').map(({ request }) => request)
  const before = told().length
  const launchedAt = { epoch: 1, seq: 1, owner: 'm1' }
  const report = { driverId, generation: 1, attempt: 1, state: 'RUNNING', resources: {}, launchedAt } as const
  const reports = (restart?: string): void =>
    world.tell('w1', {
      type: 'WorkerSchedulerStateResponse',
      id: 'w1',
      executors: [],
      drivers: [{ ...report, ...(restart !== undefined && { restart }) }],
    })
  reports()
  assert.deepEqual(told().slice(before), ['r1'])
  reports('r1')
  assert.equal(told().length, before + 1, 'a Worker that has heard of it is not told again')
})

test('restart: the next generation is a fresh start, and is not restarted', () => {
  const { world, driverId } = withDriver()
  world.ask('cli', { type: 'RequestRestartDriver', driverId, request: 'r1' })
  const before = world.toldTo('w1', 'RestartDriver').length
  const stopped = { change: 3, driverId, generation: 1, attempt: 1, state: 'KILLED', stopped: true } as const
  world.tell('w1', { type: 'DriverStateChanged', workerId: 'w1', ...stopped })
  world.worker('w2', { port: 7002 })
  world.advance(10_000)
  assert.equal(world.lastTold('w2', 'LaunchDriver')?.generation, 2)
  const launchedAt = { epoch: 1, seq: 1, owner: 'm1' }
  const report = { driverId, generation: 2, attempt: 1, state: 'RUNNING', resources: {}, launchedAt } as const
  world.report('w2', { drivers: [report] })
  assert.equal(world.toldTo('w1', 'RestartDriver').length, before)
  assert.deepEqual(world.toldTo('w2', 'RestartDriver'), [])
})

test('a driver has the newest 20 events', () => {
  const { world, driverId, progressed } = withDriver()
  for (let atMs = 1; atMs <= 25; atMs++)
    progressed({ ...resting, life: { ...resting.life, lastExit: { ...lastExit, atMs } } })
  const { events = [] } = one(world, driverId)
  assert.deepEqual([events.length, events[0]?.atMs, events.at(-1)?.atMs], [20, 6, 25])
})
