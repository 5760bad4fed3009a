import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { DriverStateChanged } from '../../actors/messages/drivers.js'
import { workerOffer } from '../../actors/messages/samples.js'
import { limits } from '../../runtime/limits.js'
import { MasterWorld } from '../tools/master-fixture.js'

/* Drained Workers (protocol 8.7): what leaves, what does not come, and what outlives a leader. */

const drain = (world: MasterWorld, workers: string[], deadlineMs?: number, reason?: string) => {
  world.link('cli', 'client')
  return world.ask('cli', {
    type: 'DecommissionWorkers',
    workers,
    ...(deadlineMs !== undefined && { deadlineMs }),
    ...(reason !== undefined && { reason }),
    by: 'ann@laptop',
  })
}
const undrain = (world: MasterWorld, ...workers: string[]) => {
  world.link('cli', 'client')
  return world.ask('cli', { type: 'RecommissionWorkers', workers })
}

const workerRow = (world: MasterWorld, id: string) => world.snapshot().workers.find((row) => row.id === id)
const driverRow = (world: MasterWorld, id: string) =>
  world.snapshot().activeDrivers.find((row) => row.id === id)

let change = 0
const ended = (
  world: MasterWorld,
  workerId: string,
  driverId: string,
  how: Partial<DriverStateChanged> = {},
): void =>
  world.tell(workerId, {
    type: 'DriverStateChanged',
    workerId,
    change: ++change,
    driverId,
    generation: 1,
    attempt: 1,
    state: 'KILLED',
    message: 'its Worker is drained',
    drained: true,
    ...how,
  })

const running = (driverId: string, generation = 1) => ({
  driverId,
  generation,
  attempt: 1,
  state: 'RUNNING' as const,
  resources: {},
  cores: 1,
  memoryMib: 128,
  launchedAt: { epoch: 1, seq: 1, owner: 'm1' },
})

/** One Worker, and on it a driver of each kind and an executor. */
function loaded() {
  const world = new MasterWorld().elect()
  world.worker('w1', { cores: 4 })
  const supervised = world.submitted({ supervise: true, name: 'service' })
  const once = world.submitted({ name: 'job' })
  const appId = world.application('app', { executorLimit: 1 })
  return { world, supervised, once, appId }
}

test('nothing is launched on a drained Worker: drivers and executors wait, and say why', () => {
  const world = new MasterWorld().elect()
  world.worker('w1')
  const answer = drain(world, ['w1'], 60_000, 'a new kernel')
  assert.equal(answer?.type, 'DecommissionWorkersResponse')
  assert.ok(world.store.get('drain')?.has('w1@10.0.0.1'), 'it is durable')
  const driverId = world.submitted()
  const appId = world.application('app')
  assert.deepEqual(world.toldTo('w1', 'LaunchDriver'), [])
  assert.deepEqual(world.toldTo('w1', 'LaunchExecutor'), [])
  assert.match(driverRow(world, driverId)?.message ?? '', /is drained or being stopped/)
  assert.equal(world.snapshot().activeApps.find(({ id }) => id === appId)?.waiting?.reason, 'DRAINING')
  const row = workerRow(world, 'w1')
  assert.deepEqual(
    [row?.state, row?.drain?.reason, row?.drain?.by, row?.drain?.executors, row?.drain?.drivers],
    ['DECOMMISSIONED', 'a new kernel', 'ann@laptop', 0, 0],
  )
  const told = world.lastTold('w1', 'DecommissionWorker')
  assert.deepEqual([told?.isDrained, told?.reason], [true, 'a new kernel'])
  undrain(world, 'w1')
  assert.equal(world.store.get('drain')?.size, 0)
  assert.equal(world.toldTo('w1', 'LaunchDriver').length, 1)
  assert.ok(world.toldTo('w1', 'LaunchExecutor').length > 0)
  assert.equal(world.lastTold('w1', 'DecommissionWorker')?.isDrained, false)
})

test('explain names the drain as the reason', () => {
  const world = new MasterWorld().elect()
  world.worker('w1')
  drain(world, ['w1'])
  const driverId = world.submitted()
  const answer = world.ask('cli', { type: 'RequestMasterState', of: driverId, explain: true })
  assert.ok(answer?.type === 'MasterStateResponse')
  assert.equal(answer.activeDrivers[0]?.wait?.cause, 'ALL_DRAINING')
})

test('a supervised driver moves when another Worker has room, and only after its end', () => {
  const { world, supervised, once } = loaded()
  drain(world, ['w1'])
  assert.deepEqual(world.toldTo('w1', 'KillDriver'), [], 'there is no room elsewhere, so it runs on')
  world.worker('w2', { port: 7002, cores: 1 })
  const kills = world.toldTo('w1', 'KillDriver')
  assert.deepEqual(
    kills.map(({ driverId, generation, drained }) => [driverId, generation, drained]),
    [[supervised, 1, true]],
  )
  assert.deepEqual(world.toldTo('w2', 'LaunchDriver'), [], 'not before its end is known')
  assert.deepEqual(world.toldTo('w2', 'LaunchExecutor'), [], 'its room is kept free')
  ended(world, 'w1', supervised, { exitCode: 0, state: 'KILLED' })
  const launched = world.toldTo('w2', 'LaunchDriver')
  assert.deepEqual(
    launched.map(({ driverId, generation }) => [driverId, generation]),
    [[supervised, 2]],
  )
  assert.equal(driverRow(world, once)?.worker, 'w1', 'the other one runs to its end')
})

test('there is room for one: the second driver waits for its turn', () => {
  const world = new MasterWorld().elect()
  world.worker('w1')
  const ids = [1, 2, 3].map(() => world.submitted({ supervise: true }))
  world.worker('w2', { port: 7002, cores: 2 })
  drain(world, ['w1'])
  assert.deepEqual(
    world.toldTo('w1', 'KillDriver').map(({ driverId }) => driverId),
    ids.slice(0, 2),
  )
})

test('two drained Workers give each other nothing', () => {
  const world = new MasterWorld().elect()
  world.worker('w1')
  const driverId = world.submitted({ supervise: true })
  world.worker('w2', { port: 7002 })
  drain(world, ['w1', 'w2'], 1000)
  world.advance(1000)
  assert.equal(world.lastTold('w1', 'KillDriver')?.driverId, driverId)
  ended(world, 'w1', driverId)
  assert.deepEqual(world.toldTo('w2', 'LaunchDriver'), [])
  assert.equal(world.toldTo('w1', 'LaunchDriver').length, 1)
  assert.equal(driverRow(world, driverId)?.state, 'SUBMITTED')
})

test('executors are told to leave at once, others come elsewhere, and the deadline ends the rest', () => {
  const { world, supervised, once, appId } = loaded()
  world.worker('w2', { port: 7002, cores: 2 })
  drain(world, ['w1'], 30_000, 'a new kernel')
  const [leaving] = world.toldTo('app', 'ExecutorUpdated')
  assert.deepEqual(
    [leaving?.state, leaving?.execId, leaving?.message, leaving?.workerHost],
    ['DECOMMISSIONED', 0, 'its Worker is drained: a new kernel', '10.0.0.1'],
  )
  assert.deepEqual(
    world.toldTo('w2', 'LaunchExecutor').map(({ execId }) => execId),
    [1],
    'though it may have only one',
  )
  assert.deepEqual(world.toldTo('w1', 'KillExecutor'), [])
  world.advance(29_000)
  assert.deepEqual(world.toldTo('w1', 'KillExecutor'), [])
  world.advance(1000)
  assert.equal(world.lastTold('w1', 'KillExecutor')?.execId, 0)
  const lost = world.lastTold('app', 'ExecutorUpdated')
  assert.deepEqual(
    [lost?.state, lost?.message, lost?.workerHost],
    ['LOST', 'its Worker is drained: a new kernel; its deadline has passed', '10.0.0.1'],
    'with a host, so that no task is charged',
  )
  assert.deepEqual(
    new Set(world.toldTo('w1', 'KillDriver').map(({ driverId, drained }) => `${driverId} ${drained}`)),
    new Set([`${supervised} true`, `${once} true`]),
  )
  ended(world, 'w1', once, { state: 'FAILED', exitCode: 143 })
  const [over] = world.snapshot().completedDrivers
  assert.deepEqual([over?.state, over?.endCause], ['FAILED', 'WORKER_STOPPED'])
  assert.equal(world.snapshot().activeApps.find(({ id }) => id === appId)?.executors.length, 1)
})

test('an executor that reports its start on a drained Worker still leaves', () => {
  const world = new MasterWorld().elect()
  world.worker('w1')
  const appId = world.application('app', { executorLimit: 1 })
  drain(world, ['w1'])
  world.tell('w1', {
    type: 'ExecutorStateChanged',
    workerId: 'w1',
    change: ++change,
    appId,
    execId: 0,
    state: 'RUNNING',
  })
  assert.ok(world.toldTo('app', 'ExecutorUpdated').every(({ state }) => state === 'DECOMMISSIONED'))
  undrain(world, 'w1')
  assert.equal(world.lastTold('app', 'ExecutorUpdated')?.state, 'RUNNING')
})

test('a new leader knows the drain, and tells it to all that may not have heard of it', () => {
  const { world, supervised, once, appId } = loaded()
  drain(world, ['w1'], 60_000)
  world.advance(20_000)
  world.failover().elect()
  world.link('w1')
  world.report('w1', {
    drivers: [running(supervised), running(once)],
    executors: [
      {
        appId,
        execId: 0,
        cores: 1,
        memoryMib: 128,
        resources: {},
        state: 'RUNNING',
        launchedAt: { epoch: 1, seq: 1, owner: 'm1' },
      },
    ],
  })
  world.link('app', 'client')
  world.tell('app', {
    type: 'MasterChangeAcknowledged',
    appId,
    registration: 'reg-app',
    listen: { port: 5000 },
    executors: [{ execId: 0, workerId: 'w1' }],
    highestExecId: 0,
  })
  assert.equal(workerRow(world, 'w1')?.state, 'DECOMMISSIONED')
  assert.equal(world.lastTold('w1', 'DecommissionWorker')?.isDrained, true)
  assert.equal(world.lastTold('app', 'ExecutorUpdated')?.state, 'DECOMMISSIONED')
  world.worker('w2', { port: 7002 })
  world.advance(1000)
  assert.equal(world.lastTold('w1', 'KillDriver')?.driverId, supervised)
  assert.deepEqual(world.toldTo('w1', 'KillExecutor'), [])
  world.advance(39_500)
  assert.equal(world.lastTold('w1', 'KillExecutor')?.execId, 0, 'the deadline is that of the drain')
})

test('a Worker that is started again under its name is still drained, and a renewed drain moves the deadline', () => {
  const world = new MasterWorld().elect()
  world.worker('w1')
  drain(world, ['w1'], 1000)
  drain(world, ['w1'], 90_000)
  world.link('w1-again')
  world.tell('w1-again', { type: 'RegisterWorker', id: 'w1-again', ...workerOffer })
  world.report('w1-again')
  const row = workerRow(world, 'w1-again')
  assert.equal(row?.state, 'DECOMMISSIONED')
  assert.equal((row?.drain?.deadlineAtMs ?? 0) - (row?.drain?.sinceMs ?? 0), 90_000)
  world.submitted()
  assert.deepEqual(world.toldTo('w1-again', 'LaunchDriver'), [])
})

test('the newer deadline comes back where a store holds the drain and forgot that it was asked for again', () => {
  const world = new MasterWorld().elect()
  world.worker('w1')
  drain(world, ['w1'], 1000)
  const [older] = world.stored().drains
  drain(world, ['w1'], 90_000)
  const newer = { ...world.stored().drains[0]!, at: { epoch: 1, seq: 9 } }
  const lost = (value: object | undefined) => {
    world.input({ kind: 'lostWrites', records: [{ table: 'drain', id: newer.id, value: value! }] })
    return world.lastStep!.puts.length
  }
  const withDrain = (record: typeof older) => ({ ...world.stored(), drains: [record!] })
  const deadlineAtMs = () => workerRow(world, 'w1')?.drain?.deadlineAtMs
  world.failover().elect(withDrain(older))
  assert.equal(deadlineAtMs(), older!.deadlineAtMs)
  assert.equal(lost(newer), 1)
  assert.equal(deadlineAtMs(), newer.deadlineAtMs)
  world.failover().elect(withDrain(newer))
  assert.equal(lost(older), 0)
  assert.equal(deadlineAtMs(), newer.deadlineAtMs)
})

test('a Worker that is being stopped is drained for that process only', () => {
  const world = new MasterWorld().elect()
  world.worker('w1')
  const asks = { type: 'WorkerDecommissioning', workerId: 'w1', deadlineMs: 60_000 } as const
  world.tell('w1', asks)
  assert.equal(workerRow(world, 'w1')?.drain?.isStopping, true)
  assert.equal(world.lastTold('w1', 'DecommissionWorker')?.isDrained, true)
  world.tell('w1', { ...asks, deadlineMs: 59_000 })
  assert.equal(world.store.get('drain')?.size, 1)
  world.link('w1-2')
  world.tell('w1-2', { type: 'RegisterWorker', id: 'w1-2', ...workerOffer })
  world.report('w1-2')
  assert.equal(world.store.get('drain')?.size, 0)
  assert.equal(workerRow(world, 'w1-2')?.state, 'ALIVE')
})

test('a dead Worker shows the drain of its name too, and none once that is over: so does a replay', () => {
  const world = new MasterWorld().elect()
  world.advance(2000)
  world.worker('w1')
  world.unlink('w1')
  world.advance(120_000)
  assert.equal(workerRow(world, 'w1')?.state, 'DEAD')
  const state = () => world.ask('cli', { type: 'RequestMasterState' })
  drain(world, ['w1'])
  state()
  assert.ok(workerRow(world, 'w1')?.drain)
  undrain(world, 'w1')
  state()
  assert.equal(workerRow(world, 'w1')?.drain, undefined)
})

test('a drain that people asked for outlives a stop of the Worker', () => {
  const world = new MasterWorld().elect()
  world.worker('w1')
  drain(world, ['w1'], 90_000)
  world.tell('w1', { type: 'WorkerDecommissioning', workerId: 'w1', deadlineMs: 1000 })
  const record = world.store.get('drain')?.get('w1@10.0.0.1') as { incarnation?: string; deadlineMs: number }
  assert.deepEqual([record.incarnation, record.deadlineMs], [undefined, 1000])
})

test('a launch that never arrived is not repeated on a drained Worker, but taken back', () => {
  const world = new MasterWorld().elect()
  world.worker('w1')
  const driverId = world.submitted()
  const appId = world.application('app', { executorLimit: 1 })
  assert.equal(world.toldTo('w1', 'LaunchDriver').length, 1)
  drain(world, ['w1'])
  world.unlink('w1')
  world.link('w1')
  world.report('w1')
  assert.equal(world.toldTo('w1', 'LaunchDriver').length, 1, 'it is not sent again')
  assert.equal(world.toldTo('w1', 'LaunchExecutor').length, 1)
  assert.equal(world.lastTold('w1', 'KillDriver')?.drained, true)
  assert.equal(world.lastTold('w1', 'KillExecutor')?.appId, appId)
  assert.equal(world.lastTold('app', 'ExecutorUpdated')?.state, 'LOST')
  world.worker('w2', { port: 7002 })
  assert.deepEqual(world.toldTo('w2', 'LaunchDriver'), [], 'it may still arrive at the first one')
  ended(world, 'w1', driverId, { notStarted: { code: 'FIRESTEEL_NOT_ALLOWED' } })
  assert.equal(world.lastTold('w2', 'LaunchDriver')?.generation, 2)
})

test('names: unknown ones are named and nothing is done; a beginning of an id and NAME@HOST will do', () => {
  const world = new MasterWorld().elect()
  world.worker('worker-one')
  world.worker('worker-two', { port: 7002 })
  const unknown = drain(world, ['worker-one', 'w9', 'w8'])
  assert.ok(unknown?.type === 'Failure')
  assert.equal(unknown.code, 'FIRESTEEL_UNKNOWN_ID')
  assert.match(unknown.message, /"w9", "w8"/)
  assert.equal(world.store.get('drain')?.size ?? 0, 0)
  const several = drain(world, ['worker-'])
  assert.ok(several?.type === 'Failure' && several.code === 'FIRESTEEL_USAGE')
  assert.match(several.message, /worker-one.*worker-two/)
  assert.equal(drain(world, ['worker-o'])?.type, 'DecommissionWorkersResponse')
  assert.equal(drain(world, ['worker-two@10.0.0.1'])?.type, 'DecommissionWorkersResponse')
  const taken = undrain(world, 'worker-o', 'worker-two')
  assert.ok(taken?.type === 'RecommissionWorkersResponse')
  assert.deepEqual(
    taken.workers.map(({ wasDrained }) => wasDrained),
    [true, true],
  )
})

test('the drain of a Worker that is gone can be taken back by its name, and ends by itself in time', () => {
  const gone = () => {
    const world = new MasterWorld().elect()
    world.worker('w1')
    drain(world, ['w1'], 1000)
    world.unlink('w1')
    world.advance(2 * world.config.workerTimeoutMs)
    assert.equal(workerRow(world, 'w1')?.state, 'DEAD')
    return world
  }
  const taken = gone()
  const answer = undrain(taken, 'w1')
  assert.ok(answer?.type === 'RecommissionWorkersResponse' && answer.workers[0]?.wasDrained)
  assert.equal(taken.store.get('drain')?.size, 0)
  const kept = gone()
  kept.nowMs += limits.drainKeepMs
  kept.advance(2 * kept.config.workerTimeoutMs)
  assert.equal(kept.store.get('drain')?.size, 0)
})

test('without a deadline a drain has an hour, and no clock makes it longer than it was given', () => {
  const world = new MasterWorld().elect()
  world.worker('w1')
  const answer = drain(world, ['w1'])
  assert.ok(answer?.type === 'DecommissionWorkersResponse')
  const record = world.store.get('drain')?.get('w1@10.0.0.1') as { deadlineMs: number; deadlineAtMs: number }
  assert.equal(record.deadlineMs, limits.drainDeadlineMs)
  // The next leader's wall clock is a day behind.
  record.deadlineAtMs += 24 * 3600 * 1000
  world.failover().elect()
  const due = world.timers.get('drain:w1@10.0.0.1') ?? Number.NaN
  assert.equal(due - world.nowMs, limits.drainDeadlineMs)
})

test('readiness: the next driver of a drained Worker moves when the one before is ready', () => {
  const world = new MasterWorld().elect()
  world.worker('w1')
  const parts = { supervise: true, readiness: { port: 8080 } }
  const ids = [1, 2].map(() => world.submitted(parts))
  world.worker('w2', { port: 7002 })
  drain(world, ['w1'])
  const moved = () => world.toldTo('w1', 'KillDriver').map(({ driverId }) => driverId)
  assert.deepEqual(moved(), ids.slice(0, 1))
  ended(world, 'w1', ids[0]!)
  assert.equal(world.lastTold('w2', 'LaunchDriver')?.driverId, ids[0])
  const progressed = (ready: boolean) =>
    world.tell('w2', {
      type: 'DriverProgressed',
      workerId: 'w2',
      driverId: ids[0]!,
      generation: 2,
      progress: { phase: 'running', pid: 7, ready, life: { starts: 2, failedAtMs: [] } },
    })
  progressed(false)
  assert.deepEqual(moved(), ids.slice(0, 1))
  progressed(true)
  assert.deepEqual(moved(), ids)
})
