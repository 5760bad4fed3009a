import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { OwnedPosition } from '../../actors/messages/common.js'
import { applicationDescription, driverDescription } from '../../actors/messages/samples.js'
import { limits } from '../../runtime/limits.js'
import { MasterWorld, noRecords } from '../tools/master-fixture.js'

const acknowledge = (
  world: MasterWorld,
  endpoint: string,
  appId: string,
  executors: { execId: number; workerId: string }[],
  parts: {
    registration?: string
    registeredAt?: OwnedPosition
    target?: { request: number; total: number }
  } = {},
) =>
  world.tell(endpoint, {
    type: 'MasterChangeAcknowledged',
    appId,
    registration: `reg-${endpoint}`,
    description: applicationDescription,
    listen: { port: 5000 },
    executors,
    highestExecId: Math.max(-1, ...executors.map(({ execId }) => execId)),
    ...parts,
  })

/** One Worker with one application's four executors on it, and its Master dead. */
function afterFailover() {
  const world = new MasterWorld().elect()
  world.worker('w1')
  const appId = world.application('app')
  const launched = world.toldTo('w1', 'LaunchExecutor')
  const executors = launched.map(({ execId, cores, memoryMib, resources }) => ({
    appId,
    execId,
    cores,
    memoryMib,
    resources,
    state: 'RUNNING' as const,
    launchedAt: { epoch: 1, seq: 1, owner: 'm1' },
  }))
  const held = launched.map(({ execId }) => ({ execId, workerId: 'w1' }))
  return { world: world.failover().elect(), appId, executors, held }
}

const appOf = (world: MasterWorld, id: string) => world.snapshot().activeApps.find((app) => app.id === id)

test('recovery takes back who answers: executors re-attached, nothing launched or killed, ALIVE at once', () => {
  const { world, appId, executors, held } = afterFailover()
  assert.equal(world.core.state, 'RECOVERING')
  world.link('w1')
  world.tell('w1', { type: 'WorkerSchedulerStateResponse', id: 'w1', executors, drivers: [] })
  assert.equal(world.core.state, 'RECOVERING')
  world.link('app', 'client')
  acknowledge(world, 'app', appId, held)
  assert.equal(world.core.state, 'ALIVE')
  assert.equal(appOf(world, appId)?.executors.length, 4)
  assert.equal(world.toldTo('w1', 'LaunchExecutor').length, 0)
  assert.equal(world.toldTo('w1', 'KillExecutor').length, 0)
  assert.equal(world.toldTo('app', 'ExecutorUpdated').length, 0)
  assert.equal(world.snapshot().workers[0]?.coresUsed, 4)
})

test('the same when the application answers first: what it holds on a silent Worker counts (protocol 11.5)', () => {
  const { world, appId, executors, held } = afterFailover()
  world.link('app', 'client')
  acknowledge(world, 'app', appId, held)
  world.worker('w2', { port: 2 })
  world.advance(300)
  assert.equal(world.core.state, 'ALIVE')
  world.link('w1')
  world.tell('w1', { type: 'WorkerSchedulerStateResponse', id: 'w1', executors, drivers: [] })
  assert.equal(world.toldTo('w1', 'KillExecutor').length, 0)
  assert.equal(world.toldTo('app', 'ExecutorUpdated').length, 0)
})

test('where executors take what they are given, a silent Worker counts with all that its executor may have (protocol 11.5)', () => {
  const world = new MasterWorld().elect()
  world.worker('w1', { cores: 4 })
  const executor = { memoryMib: 128, resources: {} }
  const appId = world.application('app', { maxCores: 4, executor })
  const { execId } = world.lastTold('w1', 'LaunchExecutor')!
  world.failover().elect()
  world.link('app', 'client')
  acknowledge(world, 'app', appId, [{ execId, workerId: 'w1' }])
  world.worker('w2', { port: 2, cores: 8 })
  world.advance(300)
  assert.equal(world.core.state, 'ALIVE')
  assert.deepEqual(world.toldTo('w2', 'LaunchExecutor'), [])
})

test('an executor that its application does not list yet is announced again', () => {
  const { world, appId, executors } = afterFailover()
  world.link('w1')
  world.tell('w1', { type: 'WorkerSchedulerStateResponse', id: 'w1', executors, drivers: [] })
  world.link('app', 'client')
  acknowledge(world, 'app', appId, [])
  assert.equal(world.toldTo('app', 'ExecutorAdded').length, 4)
})

test('an executor listed but not on its Worker is LOST', () => {
  const { world, appId, held } = afterFailover()
  world.link('w1')
  world.tell('w1', { type: 'WorkerSchedulerStateResponse', id: 'w1', executors: [], drivers: [] })
  world.link('app', 'client')
  acknowledge(world, 'app', appId, held)
  const lost = world.toldTo('app', 'ExecutorUpdated').filter(({ state }) => state === 'LOST')
  assert.deepEqual(
    lost.map(({ execId }) => execId),
    held.map(({ execId }) => execId),
  )
})

test('an executor of which its application was told that it is LOST is killed, should its Worker report it', () => {
  const { world, appId, executors, held } = afterFailover()
  world.link('w1')
  world.tell('w1', { type: 'WorkerSchedulerStateResponse', id: 'w1', executors: [], drivers: [] })
  world.link('app', 'client')
  acknowledge(world, 'app', appId, held)
  world.report('w1', { executors })
  assert.deepEqual(
    world.toldTo('w1', 'KillExecutor').map(({ execId }) => execId),
    held.map(({ execId }) => execId),
  )
})

test('the ceiling of executor ids is stored above each id that is given', () => {
  const world = new MasterWorld({ executorIdBlock: 2 }).elect()
  const appId = world.application('app')
  for (let at = 0; at < 5; at++) {
    world.worker(`w${at}`, { port: at + 1, cores: 1 })
    const execId = world.lastTold(`w${at}`, 'LaunchExecutor')?.execId
    assert.equal(execId, at)
    const { execIds } = world.store.get('app')!.get(appId) as { execIds: number }
    assert.ok(execIds > at, `${at} was given under the ceiling ${execIds}`)
  }
})

test('executor ids go on above the stored ceiling: none is given twice', () => {
  const { world, appId, held } = afterFailover()
  world.link('w1')
  world.tell('w1', { type: 'WorkerSchedulerStateResponse', id: 'w1', executors: [], drivers: [] })
  world.link('app', 'client')
  acknowledge(world, 'app', appId, held)
  const ids = world.toldTo('w1', 'LaunchExecutor').map(({ execId }) => execId)
  assert.ok(ids.length > 0)
  assert.ok(ids.every((id) => id >= world.config.executorIdBlock))
})

test('L3: the silent delay nobody: ALIVE after 250 ms of quiet, they stay UNKNOWN on their own clock', () => {
  const world = new MasterWorld().elect()
  world.worker('w1', { port: 1 })
  world.worker('w2', { port: 2 })
  world.failover().elect()
  world.link('w2')
  world.report('w2')
  world.advance(249)
  assert.equal(world.core.state, 'RECOVERING')
  world.advance(2)
  assert.equal(world.core.state, 'ALIVE')
  const states = () => world.snapshot().workers.map(({ id, state }) => `${id} ${state}`)
  assert.deepEqual(states().sort(), ['w1 UNKNOWN', 'w2 ALIVE'])
  const driverId = world.submitted()
  assert.equal(world.lastTold('w2', 'LaunchDriver')?.driverId, driverId)
})

test('quiet is counted from when all have been asked, not from when the asking began', () => {
  const world = new MasterWorld().elect()
  for (let at = 0; at < 3; at++) world.worker(`w${at}`, { port: at + 1 })
  world.failover()
  for (let at = 0; at < 3; at++) world.link(`w${at}`)
  const { gated, free } = world.elect().lastStep!
  const told = gated.filter((effect) => effect.kind === 'tell' && effect.message.type === 'MasterChanged')
  assert.equal(told.length, 3)
  // What is gated leaves in order: the timer starts behind the last of them.
  assert.deepEqual(gated.at(-1), {
    kind: 'startTimer',
    timer: { kind: 'recovery-quiet' },
    ms: limits.recoveryQuietMs,
  })
  assert.ok(!free.some((effect) => effect.kind === 'startTimer' && effect.timer.kind === 'recovery-quiet'))
  // A look at time meanwhile, such as a probe of a Worker, does not take the asking for quiet.
  world.nowMs += limits.recoveryQuietMs + 1
  world.input({ kind: 'probed', workerId: 'w0', refused: false })
  assert.equal(world.core.state, 'RECOVERING')
})

test('quiet is counted anew after each answer, for one second at most', () => {
  const world = new MasterWorld().elect()
  for (let at = 0; at < 10; at++) world.worker(`w${at}`, { port: at + 1 })
  world.failover().elect()
  for (let at = 0; at < 4; at++) {
    world.advance(200)
    world.link(`w${at}`)
    world.report(`w${at}`)
    assert.equal(world.core.state, 'RECOVERING')
  }
  world.advance(200)
  assert.equal(world.core.state, 'ALIVE')
})

test('registrations are accepted while RECOVERING, submissions are refused as NOT_LEADER', () => {
  const { world } = afterFailover()
  world.link('w9')
  world.registerWorker('w9', { port: 9 })
  assert.ok(world.lastTold('w9', 'RegisteredWorker'))
  const answer = world.submit()
  assert.equal(answer?.type === 'Failure' && answer.code, 'FIRESTEEL_NOT_LEADER')
})

test('an application that does not answer is finished after its own timeout, not before', () => {
  const { world, appId } = afterFailover()
  world.advance(59_000)
  assert.equal(appOf(world, appId)?.state, 'UNKNOWN')
  world.advance(2000)
  assert.equal(appOf(world, appId), undefined)
})

/** A supervised driver of generation 1 on w1, and its Master dead. */
function driverAfterFailover(supervise = true) {
  const world = new MasterWorld().elect()
  world.worker('w1')
  const driverId = world.submitted({ supervise })
  const report = {
    driverId,
    generation: 1,
    attempt: 1,
    state: 'RUNNING' as const,
    resources: {},
    description: { ...driverDescription, supervise },
    launchedAt: { ...world.position, owner: 'm1' },
  }
  world.failover().elect()
  world.link('w1')
  return { world, driverId, report }
}

const driverOf = (world: MasterWorld, id: string) =>
  [...world.snapshot().activeDrivers, ...world.snapshot().completedDrivers].find((driver) => driver.id === id)

test('a driver that its Worker reports runs on under the same generation', () => {
  const { world, driverId, report } = driverAfterFailover()
  world.tell('w1', { type: 'WorkerSchedulerStateResponse', id: 'w1', executors: [], drivers: [report] })
  assert.equal(driverOf(world, driverId)?.generation, 1)
  assert.equal(world.toldTo('w1', 'KillDriver').length, 0)
  assert.equal(world.toldTo('w1', 'LaunchDriver').length, 0)
})

for (const supervise of [true, false]) {
  test(`a launch that never arrived becomes the next generation (supervise ${supervise})`, () => {
    const { world, driverId } = driverAfterFailover(supervise)
    world.tell('w1', { type: 'WorkerSchedulerStateResponse', id: 'w1', executors: [], drivers: [] })
    world.advance(1)
    assert.equal(world.lastTold('w1', 'LaunchDriver')?.generation, 2)
    assert.equal(driverOf(world, driverId)?.generation, 2)
  })
}

test('S3a: a report of an older generation is killed, and its end is acknowledged and ignored', () => {
  const { world, driverId, report } = driverAfterFailover()
  world.tell('w1', { type: 'WorkerSchedulerStateResponse', id: 'w1', executors: [], drivers: [] })
  world.advance(1)
  world.report('w1', { drivers: [report, { ...report, generation: 2 }] })
  assert.deepEqual(
    world.toldTo('w1', 'KillDriver').map(({ generation }) => generation),
    [1],
  )
  world.tell('w1', {
    type: 'DriverStateChanged',
    workerId: 'w1',
    change: 5,
    driverId,
    generation: 1,
    attempt: 1,
    state: 'FINISHED',
  })
  assert.deepEqual(world.lastTold('w1', 'ChangesAcknowledged')?.changes, [5])
  assert.equal(driverOf(world, driverId)?.state, 'RUNNING')
})

test('11.7: what the cluster state does not hold is killed, and counts as used until it is reported gone', () => {
  const world = new MasterWorld().elect()
  world.worker('w1')
  const executor = {
    appId: 'app-gone',
    execId: 3,
    cores: 3,
    memoryMib: 100,
    resources: {},
    state: 'RUNNING' as const,
    launchedAt: { epoch: 0, seq: 0, owner: 'm1' },
  }
  world.report('w1', { executors: [executor] })
  assert.equal(world.lastTold('w1', 'KillExecutor')?.execId, 3)
  assert.equal(world.snapshot().workers[0]?.coresUsed, 3)
  world.tell('w1', {
    type: 'ExecutorStateChanged',
    workerId: 'w1',
    change: 1,
    appId: 'app-gone',
    execId: 3,
    state: 'KILLED',
  })
  assert.equal(world.snapshot().workers[0]?.coresUsed, 0)
})

test('protocol 12: a driver, and an application with its executors, that the store forgot are adopted', () => {
  const { world, appId, executors, held } = afterFailover()
  const { report } = driverAfterFailover()
  const empty = new MasterWorld()
  for (let epoch = 0; epoch < 3; epoch++) empty.failover().elect({ ...empty.stored() })
  // An empty store, as NONE has it: base lies below all that was launched.
  assert.equal(world.core.state, 'RECOVERING')
  const launchedAt = { epoch: 2, seq: 9, owner: 'm1' }
  empty.link('w1')
  empty.registerWorker('w1')
  empty.report('w1', {
    executors: executors.map((executor) => ({ ...executor, launchedAt })),
    drivers: [{ ...report, launchedAt }],
  })
  assert.equal(empty.toldTo('w1', 'KillExecutor').length, 0)
  assert.equal(empty.toldTo('w1', 'KillDriver').length, 0)
  assert.equal(empty.snapshot().activeDrivers[0]?.id, report.driverId)
  empty.link('app', 'client')
  acknowledge(empty, 'app', appId, held, { registeredAt: launchedAt })
  assert.equal(appOf(empty, appId)?.executors.length, 4)
  assert.ok(empty.store.get('app')?.has(appId))
})

test('protocol 12: an application that the store forgot is adopted, whatever else its link is said to have', () => {
  const { appId, held } = afterFailover()
  const world = new MasterWorld({}, { isReplayed: false })
  for (let epoch = 0; epoch < 3; epoch++) world.failover().elect()
  world.link('app', 'client')
  const launchedAt = { epoch: 2, seq: 9, owner: 'm1' }
  for (let number = 0; number < limits.applicationsPerLink; number++)
    acknowledge(world, 'app', `${appId}-${number}`, held, {
      registeredAt: launchedAt,
      registration: `reg-${number}`,
    })
  acknowledge(world, 'app', appId, held, { registeredAt: launchedAt })
  assert.ok(world.store.get('app')?.has(appId))
})

for (const comes of [true, false]) {
  test(`protocol 12: an adopted application that answers before its Worker keeps its executors: ${comes}`, () => {
    const { appId, executors, held } = afterFailover()
    const world = new MasterWorld()
    for (let epoch = 0; epoch < 3; epoch++) world.failover().elect()
    const launchedAt = { epoch: 2, seq: 9, owner: 'm1' }
    world.link('app', 'client')
    acknowledge(world, 'app', appId, held, { registeredAt: launchedAt })
    assert.equal(world.toldTo('app', 'ExecutorUpdated').length, 0)
    if (comes) {
      world.link('w1')
      world.registerWorker('w1')
      world.report('w1', { executors: executors.map((executor) => ({ ...executor, launchedAt })) })
      assert.equal(world.toldTo('w1', 'KillExecutor').length, 0)
      assert.equal(world.snapshot().workers[0]?.coresUsed, 4)
    }
    world.advance(31_000)
    assert.equal(world.toldTo('app', 'ExecutorUpdated').length, comes ? 0 : 4)
  })
}

test('protocol 12: an adopted application that answers between registration and report of its Worker', () => {
  const { appId, executors, held } = afterFailover()
  const world = new MasterWorld()
  for (let epoch = 0; epoch < 3; epoch++) world.failover().elect()
  const launchedAt = { epoch: 2, seq: 9, owner: 'm1' }
  world.link('w1')
  world.registerWorker('w1')
  world.link('app', 'client')
  acknowledge(world, 'app', appId, held, { registeredAt: launchedAt })
  const [first, ...others] = executors.map((executor) => ({ ...executor, launchedAt }))
  world.report('w1', { executors: others })
  const lost = world.toldTo('app', 'ExecutorUpdated').map(({ execId }) => execId)
  assert.deepEqual(lost, [first?.execId], 'only what is not reported is lost')
  assert.equal(world.toldTo('w1', 'KillExecutor').length, 0)
})

test('protocol 12: executors that nobody speaks up for are killed after adoptGrace', () => {
  const { executors } = afterFailover()
  const world = new MasterWorld()
  for (let epoch = 0; epoch < 3; epoch++) world.failover().elect()
  world.link('w1')
  world.registerWorker('w1')
  const launchedAt = { epoch: 2, seq: 9, owner: 'm1' }
  world.report('w1', { executors: executors.map((executor) => ({ ...executor, launchedAt })) })
  world.advance(29_000)
  assert.equal(world.toldTo('w1', 'KillExecutor').length, 0)
  world.advance(2000)
  assert.equal(world.toldTo('w1', 'KillExecutor').length, 4)
})

test('protocol 12: what the leader before did not live to adopt is adopted; what its store knew is killed', () => {
  const world = new MasterWorld()
  // Epoch 6 was elected on a store that had fallen to (5, 100), and died at (6, 120).
  const earlier = [{ epoch: 6, owner: 'm1', base: { epoch: 5, seq: 100 } }]
  const found = { base: { epoch: 6, seq: 120 }, earlier }
  world.input({ kind: 'elected', epoch: 7, owner: 'm1', ...found, observed: found.base, format: 1 })
  world.restore(noRecords)
  world.worker('w1')
  const report = (driverId: string, launchedAt: OwnedPosition) => ({
    driverId,
    generation: 1,
    attempt: 1,
    state: 'RUNNING' as const,
    resources: {},
    description: driverDescription,
    launchedAt,
  })
  const drivers = [
    report('driver-anothers', { epoch: 6, seq: 110, owner: 'm2' }),
    report('driver-lost', { epoch: 5, seq: 105, owner: 'm1' }),
    report('driver-ended', { epoch: 6, seq: 110, owner: 'm1' }),
  ]
  world.tell('w1', { type: 'WorkerLatestState', id: 'w1', executors: [], drivers })
  assert.equal(driverOf(world, 'driver-lost')?.state, 'RUNNING')
  assert.equal(driverOf(world, 'driver-anothers')?.state, 'RUNNING', 'on a branch that the store has left')
  assert.equal(driverOf(world, 'driver-ended'), undefined)
  assert.equal(world.lastTold('w1', 'KillDriver')?.driverId, 'driver-ended')
})

test('protocol 12: what a Worker tells of executors before their application is adopted counts', () => {
  const { appId, executors, held } = afterFailover()
  const world = new MasterWorld()
  for (let epoch = 0; epoch < 3; epoch++) world.failover().elect()
  const launchedAt = { epoch: 2, seq: 9, owner: 'm1' }
  world.link('w1')
  world.registerWorker('w1')
  const reported = executors.map((executor) => ({ ...executor, state: 'LAUNCHING' as const, launchedAt }))
  world.report('w1', { executors: reported })
  const change = { type: 'ExecutorStateChanged', workerId: 'w1', appId } as const
  world.tell('w1', { ...change, change: 1, execId: 0, state: 'EXITED', exitStatus: 1 })
  world.tell('w1', { ...change, change: 2, execId: 1, state: 'RUNNING' })
  world.link('app', 'client')
  acknowledge(world, 'app', appId, held, { registeredAt: launchedAt })
  const { executors: taken } = world.core.cluster!.apps.get(appId)!
  assert.deepEqual(
    [0, 1, 2].map((execId) => taken.get(execId)?.state),
    [undefined, 'RUNNING', 'LAUNCHING'],
  )
  const lost = world.toldTo('app', 'ExecutorUpdated').map(({ execId, state }) => [execId, state])
  assert.deepEqual(lost, [[0, 'LOST']])
})

test('protocol 12: executors of a Worker that is lost before their application is adopted are not taken', () => {
  const { appId, executors, held } = afterFailover()
  const world = new MasterWorld()
  for (let epoch = 0; epoch < 3; epoch++) world.failover().elect()
  const launchedAt = { epoch: 2, seq: 9, owner: 'm1' }
  world.link('w1')
  world.registerWorker('w1')
  world.report('w1', { executors: executors.map((executor) => ({ ...executor, launchedAt })) })
  world.worker('w1-again')
  world.link('app', 'client')
  acknowledge(world, 'app', appId, held, { registeredAt: launchedAt })
  world.advance(world.config.adoptGraceMs)
  const lost = world.toldTo('app', 'ExecutorUpdated').map(({ execId, state }) => [execId, state])
  assert.deepEqual(
    lost,
    held.map(({ execId }) => [execId, 'LOST']),
  )
})

test('protocol 12: executors that a Worker reports before the record of their application comes back go on', () => {
  const { world: former, appId, executors, held } = afterFailover()
  const world = new MasterWorld()
  for (let epoch = 0; epoch < 3; epoch++) world.failover().elect()
  const launchedAt = { epoch: 2, seq: 9, owner: 'm1' }
  world.link('w1')
  world.registerWorker('w1')
  world.report('w1', { executors: executors.map((executor) => ({ ...executor, launchedAt })) })
  const [value] = former.stored().apps
  world.input({ kind: 'lostWrites', records: [{ table: 'app', id: appId, value: value! }] })
  world.link('app', 'client')
  acknowledge(world, 'app', appId, held)
  world.advance(31_000)
  assert.deepEqual(world.toldTo('app', 'ExecutorUpdated'), [])
  assert.deepEqual(world.toldTo('w1', 'KillExecutor'), [])
  assert.equal(world.core.cluster!.apps.get(appId)!.executors.size, executors.length)
})

test('an application whose Worker reports after it is RUNNING (protocol 11.4)', () => {
  const { world, appId, executors } = afterFailover()
  world.link('app', 'client')
  acknowledge(world, 'app', appId, [])
  assert.equal(appOf(world, appId)?.state, 'WAITING')
  world.link('w1')
  world.tell('w1', { type: 'WorkerSchedulerStateResponse', id: 'w1', executors, drivers: [] })
  assert.equal(appOf(world, appId)?.executors.length, 4)
  assert.equal(appOf(world, appId)?.state, 'RUNNING')
})
