import assert from 'node:assert/strict'
import { test } from 'node:test'
import { executorStates } from '../../actors/messages/common.js'
import type { DriverStateChanged } from '../../actors/messages/drivers.js'
import type { LaunchExecutor } from '../../actors/messages/executors.js'
import { applicationDescription } from '../../actors/messages/samples.js'
import { answerOf } from '../tools/application-answer.js'
import { BadWorkers, badCluster, badClusterOf, type DriverEnd, type End } from '../tools/bad-workers.js'
import { MasterWorld } from '../tools/master-fixture.js'

/*
 * Ends that the Master has not asked for (protocol 10.4): whatever word a Worker has for them, they are
 * failed launches unless what was launched has lasted. What shows that a Worker is good again, on virtual
 * time.
 */

const MINUTE = 60_000
/** At 0, 1, 3, 7, 15 and 31 s: each wait is twice the one before. */
const LAUNCHES_IN_A_MINUTE = 6

/** Every choice of one value for each field. */
function choices<T extends object>(of: { [K in keyof T]: readonly T[K][] }): T[] {
  let all: object[] = [{}]
  for (const [field, values] of Object.entries(of) as [string, unknown[]][])
    all = all.flatMap((one) =>
      values.map((value) => (value === undefined ? one : { ...one, [field]: value })),
    )
  return all as T[]
}

const notStarted = { code: 'FIRESTEEL_FOLDER_MISSING' }
const flag = [undefined, true] as const

/** What a Worker may say of an executor, but for LAUNCHING and RUNNING, after which it may run. */
const executorWords = choices<End>({
  state: executorStates.filter((state) => state !== 'LAUNCHING' && state !== 'RUNNING'),
  noRoom: flag,
  notStarted: [undefined, notStarted],
  stopped: flag,
  exitStatus: [undefined, 0, 1],
})

const driverWords = choices<DriverEnd>({
  state: ['FINISHED', 'KILLED', 'FAILED', 'ERROR'],
  noRoom: flag,
  isolated: flag,
  notStarted: [undefined, notStarted],
  stopped: flag,
  drained: flag,
  decided: [undefined, 1],
  crashes: [undefined, 3],
  givenUp: flag,
})

/** A Worker that lies for a minute. There are very many of them, and none is replayed. */
function lies(begin: (run: BadWorkers) => void): BadWorkers {
  const run = badClusterOf(new MasterWorld({ maxExecutorRetries: -1 }, { isReplayed: false }), ['w1', 8])
  begin(run)
  run.settle()
  for (let second = 1; second < 60; second++) {
    run.world.advance(1000)
    run.settle()
  }
  return run
}

test(`${executorWords.length} ends of an executor, told at once after each launch: none is a storm of launches`, () => {
  const storms: string[] = []
  for (const word of executorWords) {
    for (const began of [[], [{ state: 'RUNNING' }]] as const) {
      const { launches } = lies((run) => {
        run.answers.set('w1', () => [...began, word])
        run.world.application('app', { maxCores: 2 })
      })
      // Each time two. Nothing is given to a Worker that says that it is being stopped.
      const most = word.stopped ? 2 : 2 * LAUNCHES_IN_A_MINUTE
      if (launches.length > most)
        storms.push(`${launches.length} launches: ${JSON.stringify([...began, word])}`)
    }
  }
  assert.deepEqual(storms, [])
})

test(`${driverWords.length} ends of a driver, told at once after each launch: none is a storm of launches`, () => {
  const storms: string[] = []
  for (const word of driverWords) {
    for (const supervise of [true, false]) {
      const { driverLaunches } = lies((run) => {
        run.driverEnds.set('w1', word)
        run.world.submitted({ supervise })
      })
      const most = word.stopped ? 1 : LAUNCHES_IN_A_MINUTE
      if (driverLaunches.length > most)
        storms.push(`${driverLaunches.length} launches: ${JSON.stringify({ supervise, ...word })}`)
    }
  }
  assert.deepEqual(storms, [])
})

test('an executor that was launched and is in no full report has failed as well', () => {
  const run = badCluster({ maxExecutorRetries: -1 }, ['w1', 1])
  run.answers.set('w1', () => [{ state: 'RUNNING' }])
  const appId = run.world.application('app')
  run.settle()
  for (let ms = 0; ms < MINUTE; ms += 500) {
    run.world.report('w1')
    run.pass(500, 500)
  }
  assert.deepEqual(run.launchesOn('w1'), [0, 1000, 3000, 7000, 15_000, 31_000])
  const told = run.world.lastTold('app', 'ExecutorUpdated')
  assert.deepEqual(
    [told?.state, told?.message, told?.failed?.failures, told?.failed?.excluded],
    ['LOST', 'its worker does not run it', 6, true],
  )
  assert.equal(run.app(appId).waiting?.reason, 'ALL_EXCLUDED')
})

test('an executor that is killed by a Worker that nobody asked is told to the client as a failure', () => {
  const run = badCluster({}, ['bad', 1], ['good', 1])
  run.ends.set('bad', { state: 'KILLED', message: 'killed' })
  const appId = run.world.application('app')
  run.pass(100)
  const failed = run.world.toldTo('app', 'ExecutorUpdated').flatMap((update) => update.failed ?? [])
  const output = `${appId}/${run.launches.find(({ worker }) => worker === 'bad')?.execId}`
  assert.deepEqual(
    failed.map(({ workerId, host, failure }) => [workerId, host, failure]),
    [['bad', '10.0.0.1', { kind: 'exit', exitStatus: null, output, message: 'killed' }]],
  )
  run.pass(MINUTE)
  assert.equal(run.app(appId).state, 'RUNNING')
  assert.deepEqual(run.launchesOn('bad'), [0, 1000, 3000], 'excluded while the good one is large enough')
})

test('one that is killed on request is no failure, and the next one may come at once', () => {
  const run = badCluster({}, ['w1', 1])
  const appId = run.world.application('app')
  run.pass(100)
  run.world.ask('app', { type: 'KillExecutors', appId, execIds: [0] })
  run.change('w1', { type: 'ExecutorStateChanged', appId, execId: 0, state: 'KILLED' })
  run.settle()
  assert.deepEqual(run.launchesOn('w1'), [0, 100])
  assert.equal(run.world.core.cluster?.launchFailures.has(appId), false)
})

/** The application of an earlier leader is here again, with the executors that its Worker reports. */
function takenBack(run: BadWorkers, appId: string, execIds: readonly number[]): BadWorkers {
  const { world } = run
  world.failover().elect()
  const again = new BadWorkers(world)
  world.link('w1')
  const executors = execIds.map((execId) => ({
    appId,
    execId,
    cores: 1,
    memoryMib: applicationDescription.executor.memoryMib,
    resources: {},
    state: 'RUNNING' as const,
    launchedAt: { epoch: 1, seq: 1, owner: 'm1' },
  }))
  world.report('w1', { executors })
  world.link('app', 'client')
  world.tell('app', answerOf(appId, execIds))
  again.pass(100)
  assert.deepEqual(
    again.app(appId).executors.map(({ execId }) => execId),
    execIds,
  )
  return again
}

test('what a former leader launched and is killed may have been killed on request: it is no failure', () => {
  const first = badCluster({}, ['w1', 4])
  const appId = first.world.application('app')
  first.pass(100)
  const run = takenBack(first, appId, [0, 1, 2, 3])
  run.change('w1', { type: 'ExecutorStateChanged', appId, execId: 0, state: 'KILLED' })
  run.settle()
  assert.equal(run.launches.length, 1)
  assert.equal(run.world.core.cluster?.launchFailures.has(appId), false)
})

test('executors of a former leader that end together are one failure, and none once they have lasted', () => {
  const ended = (afterMs: number) => {
    const first = badCluster({}, ['w1', 4])
    const appId = first.world.application('app')
    first.pass(100)
    const run = takenBack(first, appId, [0, 1, 2, 3])
    run.pass(afterMs)
    for (let execId = 0; execId < 4; execId++)
      run.change('w1', { type: 'ExecutorStateChanged', appId, execId, state: 'EXITED', exitStatus: 137 })
    run.settle()
    return { failures: run.world.core.cluster?.launchFailures.get(appId, 'w1')?.rounds, run }
  }
  assert.equal(ended(1000).failures, 1)
  const { failures, run } = ended(10_000)
  assert.equal(failures, undefined, 'the new leader has seen each of them run for 10 s')
  assert.equal(run.launches.length, 4, 'they are replaced at once')
})

test('an application that has not answered the new leader does not end, though ten of its executors do', () => {
  const { world } = badCluster({}, ['w1', 10])
  const appId = world.application('app')
  world.failover().elect()
  world.link('w1')
  const launchedAt = { epoch: 1, seq: 1, owner: 'm1' }
  const of = { appId, cores: 1, memoryMib: 128, resources: {}, state: 'RUNNING', launchedAt } as const
  world.report('w1', { executors: Array.from({ length: 10 }, (_, execId) => ({ ...of, execId })) })
  const run = new BadWorkers(world)
  for (let execId = 0; execId < 10; execId++)
    run.change('w1', { type: 'ExecutorStateChanged', appId, execId, state: 'EXITED', exitStatus: 1 })
  run.settle()
  assert.equal(run.app(appId).executors.length, 0)
  assert.equal(run.app(appId).state, 'UNKNOWN')
})

/** Of four executors that are launched together one gets the port. Another one gets it only if it is free. */
function onePort(cores: number) {
  const run = badCluster({}, ['w1', cores])
  const appId = run.world.application('app')
  let holder: number | undefined
  run.answers.set('w1', ({ execId }: LaunchExecutor) => {
    holder ??= execId
    const end: End[] = holder === execId ? [] : [{ state: 'EXITED', exitStatus: 1 }]
    return [{ state: 'RUNNING' }, ...end]
  })
  const free = (): void => {
    const { appId, execId = 0 } = {
      appId: run.app(run.world.snapshot().activeApps[0]!.id).id,
      execId: holder,
    }
    holder = undefined
    run.change('w1', { type: 'ExecutorStateChanged', appId, execId, state: 'EXITED', exitStatus: 1 })
  }
  return { run, free, appId }
}

test('beside one executor that lasts the back-off grows, and the Worker is excluded; the application runs on', () => {
  const { run, appId } = onePort(4)
  run.pass(5 * MINUTE, 500)
  assert.deepEqual(
    [...new Set(run.launchesOn('w1'))].map((at) => Math.round(at / 1000)),
    [0, 1, 3, 7, 15, 31, 63, 123, 183, 243],
  )
  const app = run.app(appId)
  assert.equal(app.state, 'RUNNING')
  assert.equal(app.executors.length, 1)
  assert.equal(app.waiting?.reason, 'ALL_EXCLUDED')
  const failed = run.world.toldTo('app', 'ExecutorUpdated').flatMap((update) => update.failed ?? [])
  assert.deepEqual(
    [...new Set(failed.map(({ failures }) => failures))],
    [1, 2, 3, 4, 5, 6, 7, 8, 9, 10],
    'the client is told how often in a row',
  )
  assert.equal(failed.length, 3 * 10)
})

test('nor does its first result show that others can start there: it was launched before they failed', () => {
  const { run, appId } = onePort(2)
  run.settle()
  run.world.tell('app', { type: 'ExecutorWorked', appId, execId: 0 })
  run.pass(20_000)
  assert.deepEqual(run.launchesOn('w1'), [0, 0, 1000, 3000, 7000, 15_000])
})

test('one that was launched after the last failure and has lasted shows that the Worker is good', () => {
  const { run, free, appId } = onePort(2)
  run.pass(16_000)
  const rounds = () => run.world.core.cluster?.launchFailures.get(appId, 'w1')?.rounds
  assert.equal(rounds(), 5)
  run.answers.delete('w1')
  run.pass(16_000)
  assert.equal(run.app(appId).executors.length, 2)
  assert.equal(rounds(), 5, 'it has run for less than 10 s')
  run.pass(10_000)
  assert.equal(rounds(), undefined)
  free()
  run.settle()
  assert.equal(run.app(appId).executors.length, 2, 'the other one had lasted, so it is replaced at once')
})

test('an executor that leaves by the word of its Worker is replaced once, and not beyond twice the limit', () => {
  const run = badCluster({}, ['w1', 64])
  run.answers.set('w1', () => [{ state: 'RUNNING' }, { state: 'DECOMMISSIONED', message: 'it is large' }])
  const appId = run.world.application('app', { executorLimit: 3 })
  run.pass(10 * MINUTE, 500)
  assert.equal(run.app(appId).executors.length, 6)
  assert.deepEqual(run.launchesOn('w1'), [0, 0, 0, 1000, 1000, 1000])
  const cores = badCluster({}, ['w1', 64])
  cores.answers.set('w1', () => [{ state: 'RUNNING' }, { state: 'DECOMMISSIONED', message: 'it is large' }])
  const id = cores.world.application('app', { maxCores: 4 })
  cores.pass(10 * MINUTE, 500)
  assert.equal(cores.app(id).executors.length, 8)
})

test('one that has lasted and leaves is replaced at once; the failures of one that has not end nothing', () => {
  const run = badCluster({ maxExecutorRetries: 1 }, ['w1', 2])
  const appId = run.world.application('app', { executorLimit: 1 })
  run.pass(10_000)
  const leaves = (execId: number): void =>
    run.change('w1', {
      type: 'ExecutorStateChanged',
      appId,
      execId,
      state: 'DECOMMISSIONED',
      message: 'large',
    })
  leaves(0)
  run.settle()
  assert.deepEqual(run.launchesOn('w1'), [0, 10_000])
  run.world.ask('app', { type: 'KillExecutors', appId, execIds: [0] })
  run.change('w1', { type: 'ExecutorStateChanged', appId, execId: 0, state: 'KILLED' })
  leaves(1)
  run.pass(1000)
  assert.deepEqual(run.launchesOn('w1'), [0, 10_000, 11_000])
  assert.equal(run.app(appId).state, 'RUNNING')
  assert.equal(run.world.core.cluster?.apps.get(appId)?.failures, 0, 'it runs yet')
})

for (const [when, taskMs] of [
  ['within the back-off', 1500],
  ['after the back-off', 2500],
] as const) {
  test(`one that is told to leave during its first task, which ends well ${when}, is no failed start`, () => {
    const run = badCluster({}, ['w1', 4])
    const appId = run.world.application('app', { executorLimit: 1, maxCores: 1 })
    run.settle()
    for (let ms = 0; ms < 20_000; ms += 100) {
      for (const { execId, at } of run.launches) {
        const change = { type: 'ExecutorStateChanged', appId, execId, message: 'it uses 420 MiB' }
        if (run.world.nowMs - at === 1000) run.change('w1', { ...change, state: 'DECOMMISSIONED' })
        if (run.world.nowMs - at !== taskMs) continue
        run.world.tell('app', { type: 'ExecutorWorked', appId, execId })
        run.world.ask('app', { type: 'KillExecutors', appId, execIds: [execId] })
        run.change('w1', { ...change, state: 'KILLED' })
      }
      run.pass(100)
    }
    // The next one comes 1 s after each was told to leave.
    assert.deepEqual(
      run.launchesOn('w1'),
      [0, 2000, 4000, 6000, 8000, 10_000, 12_000, 14_000, 16_000, 18_000, 20_000],
    )
    assert.equal(run.app(appId).waiting, undefined)
  })
}

const stops: Record<string, DriverEnd> = {
  'by isolation': { isolated: true },
  'because of a drain that is over': { drained: true },
}
for (const [why, word] of Object.entries(stops)) {
  test(`a supervised driver that was stopped ${why} runs again at once if it had lasted, else after 1 s`, () => {
    const launches = (afterMs: number): number[] => {
      const run = badCluster({}, ['w1', 1])
      const driverId = run.world.submitted({ supervise: true })
      run.pass(afterMs)
      const end: Partial<DriverStateChanged> = { type: 'DriverStateChanged', generation: 1, attempt: 1 }
      run.change('w1', { ...end, driverId, state: 'KILLED', ...word })
      run.pass(2000)
      return run.driverLaunches.map(({ at }) => at)
    }
    assert.deepEqual(launches(10_000), [0, 10_000])
    assert.deepEqual(launches(9000), [0, 10_000])
  })
}

test('a driver that is drained before it has lasted runs elsewhere at once: its Master has ordered the drain', () => {
  const run = badCluster({}, ['w1', 1])
  const driverId = run.world.submitted({ supervise: true })
  run.settle()
  run.world.worker('w2', { port: 7002, cores: 1 })
  run.world.ask('cli', { type: 'DecommissionWorkers', workers: ['w1'] })
  run.change('w1', {
    type: 'DriverStateChanged',
    driverId,
    generation: 1,
    attempt: 1,
    state: 'KILLED',
    drained: true,
  })
  run.settle()
  assert.deepEqual(
    run.driverLaunches.map(({ at, worker }) => [at, worker]),
    [
      [0, 'w1'],
      [0, 'w2'],
    ],
  )
  assert.equal(run.world.core.cluster?.launchFailures.has(driverId), false)
})

test('an unsupervised driver that a drain kept from starting is no ERROR, though the drain is over', () => {
  const run = badCluster({}, ['w1', 1])
  const driverId = run.world.submitted({ supervise: false })
  run.settle()
  const end: Partial<DriverStateChanged> = { type: 'DriverStateChanged', generation: 1, attempt: 1 }
  run.change('w1', { ...end, driverId, state: 'KILLED', drained: true, notStarted })
  run.pass(1000)
  assert.deepEqual(
    run.driverLaunches.map(({ at }) => at),
    [0, 1000],
  )
})

test('a driver that its Worker claims to have from a leader that the store forgot has failed there as before', () => {
  const { world } = badCluster({}, ['w1', 4])
  const driverId = world.submitted({ supervise: true })
  const launches: number[] = []
  for (let change = 1; world.nowMs < MINUTE && change < 100; change += 1) {
    const last = world.lastTold('w1', 'LaunchDriver')
    world.forgetTold()
    if (last) {
      launches.push(world.nowMs)
      const generation = last.generation + 1
      const { description, resources } = last
      const launchedAt = { epoch: 1, seq: 1, owner: 'forgotten' }
      const claim = {
        driverId,
        generation,
        attempt: 1,
        state: 'RUNNING',
        description,
        resources,
        launchedAt,
      } as const
      world.report('w1', { drivers: [claim] })
      const end = {
        type: 'DriverStateChanged',
        workerId: 'w1',
        driverId,
        generation,
        attempt: 1,
        change,
      } as const
      world.tell('w1', { ...end, state: 'FAILED', noRoom: true })
    } else world.advance(1000)
  }
  assert.deepEqual(launches, [0, 1000, 3000, 7000, 15_000, 31_000])
})

test('a Worker that reports an executor of another one says nothing of that, and is told to end its own', () => {
  const { world } = badCluster({}, ['w1', 1])
  const appId = world.application('app', { maxCores: 1 })
  world.worker('w2', { port: 7002, cores: 1 })
  const launchedAt = { epoch: 1, seq: 1, owner: 'm1' }
  const of = { appId, execId: 0, cores: 8, memoryMib: 1, resources: {}, launchedAt } as const
  world.report('w2', { executors: [{ ...of, state: 'DECOMMISSIONED' }] })
  const executor = world.core.cluster?.apps.get(appId)?.executors.get(0)
  assert.deepEqual([executor?.workerId, executor?.state, executor?.cores], ['w1', 'LAUNCHING', 1])
  assert.deepEqual(world.toldTo('w2', 'KillExecutor').length, 1)
  assert.deepEqual(world.toldTo('w2', 'LaunchExecutor'), [])
})

for (const [exitStatus, isFailed] of [
  [3, true],
  [1, false],
] as const)
  test(`an executor that ran a minute and ends with status ${exitStatus} has ${isFailed ? 'only waited for its driver' : 'lasted'}`, () => {
    const run = badCluster({}, ['w1', 1])
    run.answers.set('w1', () => [{ state: 'RUNNING' }])
    const appId = run.world.application('app')
    run.pass(MINUTE, 500)
    run.change('w1', { type: 'ExecutorStateChanged', appId, execId: 0, state: 'EXITED', exitStatus })
    run.settle()
    const [told] = run.world.toldTo('app', 'ExecutorUpdated').filter(({ state }) => state === 'EXITED')
    assert.equal(told?.failed !== undefined, isFailed)
    assert.equal(run.launches.length, isFailed ? 1 : 2)
    run.pass(1000)
    assert.equal(run.launches.length, 2)
  })

test('an executor of a former leader that ends with status 3 may have worked: it is no failed launch', () => {
  const { world } = badCluster({}, ['w1', 1])
  const appId = world.application('app', { maxCores: 1 })
  world.failover().elect()
  world.link('w1')
  world.link('app', 'client')
  const launchedAt = { epoch: 1, seq: 1, owner: 'm1' }
  const of = { appId, cores: 1, memoryMib: 128, resources: {}, state: 'RUNNING', launchedAt } as const
  world.report('w1', { executors: [{ ...of, execId: 0 }] })
  world.advance(MINUTE)
  const run = new BadWorkers(world)
  run.change('w1', { type: 'ExecutorStateChanged', appId, execId: 0, state: 'EXITED', exitStatus: 3 })
  run.settle()
  assert.equal(world.core.cluster!.launchFailures.get(appId, 'w1'), undefined)
})
