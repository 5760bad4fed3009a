import assert from 'node:assert/strict'
import { test } from 'node:test'
import { violation } from '../../actors/messages/catalogue.js'
import { applicationDescription } from '../../actors/messages/samples.js'
import { limits } from '../../runtime/limits.js'
import { BadWorkers, badCluster as cluster, type DriverEnd } from '../tools/bad-workers.js'

/*
 * Workers on which nothing starts: the folder of the application is missing there (the commonest mistake on
 * several machines), its program ends at once. What a Master makes of it, on virtual time.
 */

const folderMissing = {
  state: 'FAILED',
  message: 'FIRESTEEL_FOLDER_MISSING: the working folder /x does not exist on 10.0.0.1',
  notStarted: { code: 'FIRESTEEL_FOLDER_MISSING', place: '/x' },
} as const
const exitsAtOnce = { state: 'EXITED', exitStatus: 1, message: 'Command exited with code 1' } as const

test('one Worker of two cannot see the folder: the application runs on the other, and says why it has no more', () => {
  const run = cluster({}, ['bad', 4], ['good', 4])
  run.ends.set('bad', folderMissing)
  const appId = run.world.application('app')
  run.pass(60_000)
  const app = run.app(appId)
  assert.equal(app.state, 'RUNNING')
  assert.deepEqual(
    app.executors.map(({ workerId }) => workerId),
    ['good', 'good', 'good', 'good'],
  )
  // Four at once, again after 1 s and 2 s, and then it is excluded.
  assert.deepEqual([...new Set(run.launchesOn('bad'))], [0, 1000, 3000])
  assert.equal(run.launchesOn('bad').length, 12)
  assert.equal(app.waiting?.reason, 'LAUNCHES_FAILED')
  const [told] = app.waiting?.workers ?? []
  assert.deepEqual(
    [told?.workerId, told?.host, told?.excluded, told?.failure],
    [
      'bad',
      '10.0.0.1',
      true,
      { kind: 'start', code: 'FIRESTEEL_FOLDER_MISSING', place: '/x', message: folderMissing.message },
    ],
  )
  const failed = run.world.toldTo('app', 'ExecutorUpdated').flatMap(({ failed }) => failed ?? [])
  assert.equal(failed.length, 12, 'each is an event at the client')
  assert.deepEqual(failed.at(-1)?.failure, told?.failure)
  run.pass(300_000)
  assert.equal(run.launchesOn('bad').length, 16, 'tried again when its exclusion is over, once')
  assert.equal(run.launchesOn('bad').at(-1), 60_000 + (told?.retryAtMs ?? 0), 'as it was told')
})

test('twelve applications, one Worker of two bad: none ends, whatever they have on the good one', () => {
  const run = cluster({}, ['bad', 4], ['good', 4])
  run.ends.set('bad', folderMissing)
  const ids = Array.from({ length: 12 }, (_, n) => run.world.application(`app${n}`))
  run.pass(120_000)
  for (const id of ids) assert.notEqual(run.app(id).state, 'FAILED')
  // Each application finds out for itself: 3 rounds of at most 4 executors.
  assert.ok(run.launchesOn('bad').length <= 12 * 12, `${run.launchesOn('bad').length} launches`)
})

for (const [name, end] of [
  ['their folder is missing', folderMissing],
  ['they exit at once, though each was RUNNING for a moment', exitsAtOnce],
  [
    'they are killed by their memory limit at once',
    { state: 'EXITED', exitStatus: 137, message: 'Killed: it used 20 MiB' },
  ],
] as const) {
  test(`no Worker can start it: FAILED after maxExecutorRetries, with the reason, and no storm (${name})`, () => {
    const run = cluster({}, ['w1', 2], ['w2', 2])
    run.ends.set('w1', end).set('w2', end)
    const appId = run.world.application('app')
    run.pass(2900)
    assert.equal(run.app(appId).state, 'WAITING', 'eight have failed, twice on each Worker')
    run.pass(1000)
    const app = run.app(appId)
    assert.equal(app.state, 'FAILED')
    assert.match(
      app.message,
      /12 executors in a row failed, and every Worker that is large enough is excluded/,
    )
    assert.ok(app.message.includes(end.message), app.message)
    assert.equal(/firesteel logs app-.*\/\d+ --stderr/.test(app.message), end.state === 'EXITED')
    assert.equal(run.world.lastTold('app', 'ApplicationRemoved')?.state, 'FAILED')
    assert.deepEqual([...new Set(run.launches.map(({ at }) => at))], [0, 1000, 3000])
    assert.deepEqual(
      [...run.world.timers.keys()].filter((key) => key.startsWith('launch:')),
      [],
    )
  })
}

test('while every Worker that is large enough is excluded, the application says so', () => {
  const bad = cluster({ maxExecutorRetries: -1 }, ['w1', 1])
  bad.ends.set('w1', exitsAtOnce)
  const waits = bad.world.application('app')
  bad.pass(5000)
  assert.equal(bad.app(waits).waiting?.reason, 'ALL_EXCLUDED')
  assert.match(
    bad.app(waits).message,
    /^waits: it failed on w1 .*; every Worker that is large enough is excluded; next try there/,
  )
})

test('maxExecutorRetries -1: it never ends, and is tried once a minute on each Worker', () => {
  const run = cluster({ maxExecutorRetries: -1 }, ['w1', 1], ['w2', 1])
  run.ends.set('w1', exitsAtOnce).set('w2', exitsAtOnce)
  const appId = run.world.application('app')
  run.pass(600_000, 500)
  assert.equal(run.app(appId).state, 'WAITING')
  assert.ok(run.launches.length <= 2 * 16, `${run.launches.length} launches`)
})

test('with no Worker at all, or none that is large enough, it waits; what is too small is not asked', () => {
  const run = cluster({ maxExecutorRetries: 1 })
  const appId = run.world.application('app', {
    executor: { cores: 2, memoryMib: 128, resources: {} },
  })
  run.pass(1000)
  assert.equal(run.app(appId).waiting?.reason, 'NO_WORKER')
  run.world.worker('small', { port: 7002, cores: 1 })
  run.pass(1000)
  assert.equal(run.app(appId).waiting?.reason, 'TOO_LARGE')
  run.ends.set('large', exitsAtOnce)
  run.world.worker('large', { port: 7001, cores: 2 })
  run.pass(5000)
  assert.equal(run.app(appId).state, 'FAILED', 'the small one could not have helped')
})

test('it does not end while a Worker that is large enough has not failed, though that one is full or silent', () => {
  const run = cluster({ maxExecutorRetries: 1 }, ['full', 2])
  run.world.application('first')
  run.pass(100)
  run.world.worker('bad', { port: 7002, cores: 2 })
  run.ends.set('bad', exitsAtOnce)
  const appId = run.world.application('second')
  run.pass(50_000)
  assert.equal(run.app(appId).state, 'WAITING')
  assert.equal(run.app(appId).waiting?.reason, 'LAUNCHES_FAILED')
})

test('it does not end while one of its executors runs', () => {
  const run = cluster({ maxExecutorRetries: 1 }, ['w1', 1])
  const appId = run.world.application('app')
  run.pass(1000)
  run.ends.set('w2', exitsAtOnce)
  run.world.worker('w2', { port: 7002, cores: 1 })
  run.pass(50_000)
  assert.equal(run.app(appId).executors.length, 1)
  assert.equal(run.app(appId).state, 'RUNNING')
})

test('RUNNING resets nothing until it has lasted 10 s; a result of it resets at once', () => {
  const lifeOf = (aliveMs: number, works: boolean): number[] => {
    const run = cluster({}, ['w1', 1])
    const appId = run.world.application('app')
    run.settle()
    for (let n = 0; n < 4; n++) {
      const { execId } = run.launches.at(-1)!
      if (works) run.world.tell('app', { type: 'ExecutorWorked', appId, execId })
      run.pass(aliveMs)
      run.change('w1', { type: 'ExecutorStateChanged', appId, execId, state: 'EXITED', exitStatus: 1 })
      const count = run.launches.length
      for (let ms = 0; run.launches.length === count && ms < 60_000; ms += 100) run.pass(100)
    }
    const { launches } = run
    return launches.slice(1).map(({ at }, n) => at - launches[n]!.at - aliveMs)
  }
  // 100 ms is how often the test looks.
  const rounded = (waits: number[]) => waits.map((ms) => Math.round(ms / 1000))
  assert.deepEqual(rounded(lifeOf(9000, false)), [1, 2, 4, 8])
  assert.deepEqual(rounded(lifeOf(10_000, false)), [0, 0, 0, 0])
  assert.deepEqual(rounded(lifeOf(200, true)), [1, 1, 1, 1])
})

test('executors that are killed from outside while work goes on do not end the application', () => {
  const run = cluster({}, ['w1', 2], ['w2', 2])
  const appId = run.world.application('app')
  for (let n = 0; n < 15; n++) {
    run.pass(1500)
    for (const { execId, workerId } of run.app(appId).executors) {
      run.world.tell('app', { type: 'ExecutorWorked', appId, execId })
      run.change(workerId, { type: 'ExecutorStateChanged', appId, execId, state: 'EXITED', exitStatus: 137 })
    }
  }
  run.pass(1500)
  assert.equal(run.app(appId).state, 'RUNNING')
  assert.equal(run.app(appId).executors.length, 4)
})

test('an end by exit 0 counts for nothing (Spark), and is no storm', () => {
  const run = cluster({ maxExecutorRetries: 1 }, ['w1', 1])
  run.ends.set('w1', { state: 'EXITED', exitStatus: 0 })
  const appId = run.world.application('app')
  run.pass(60_000)
  assert.equal(run.app(appId).state, 'WAITING')
  assert.ok(run.launches.length <= 7, `${run.launches.length} launches`)
})

test('a Worker that comes back, and one that is mended, is used again', () => {
  const run = cluster({ maxExecutorRetries: -1 }, ['w1', 1])
  run.ends.set('w1', folderMissing)
  const appId = run.world.application('app')
  run.pass(100_000)
  run.ends.delete('w1')
  run.pass(60_000)
  assert.equal(run.app(appId).executors.length, 1)
  run.pass(10_000)
  assert.equal(run.app(appId).waiting, undefined, 'it has lasted: nothing is held against the Worker')

  const other = cluster({ maxExecutorRetries: -1 }, ['w1', 1])
  other.ends.set('w1', folderMissing)
  other.world.application('app')
  other.pass(100_000)
  const before = other.launches.length
  other.world.worker('w1b', { port: 7001, cores: 1 })
  other.settle()
  assert.equal(other.launches.length, before + 1, 'a new process on that machine is asked at once')
})

test('a failover forgets the failures: the new leader begins again with 1 s', () => {
  const run = cluster({}, ['bad', 1])
  run.ends.set('bad', folderMissing)
  const appId = run.world.application('app')
  run.pass(8000)
  assert.deepEqual(run.launchesOn('bad'), [0, 1000, 3000, 7000])
  run.world.failover().elect()
  const again = new BadWorkers(run.world)
  again.ends.set('bad', folderMissing)
  run.world.link('bad')
  run.world.registerWorker('bad', { cores: 1 })
  run.world.report('bad')
  run.world.link('app', 'client')
  run.world.tell('app', {
    type: 'MasterChangeAcknowledged',
    appId,
    registration: 'reg-app',
    description: applicationDescription,
    listen: { port: 5000 },
    executors: [],
    highestExecId: 3,
  })
  const sinceMs = run.world.nowMs
  again.pass(8000)
  assert.deepEqual(
    again.launchesOn('bad').map((at) => at - sinceMs),
    [0, 1000, 3000, 7000],
  )
})

const mainMissing: DriverEnd = {
  message: 'FIRESTEEL_MAIN_NOT_FOUND: /job.js does not exist on 10.0.0.1',
  notStarted: { code: 'FIRESTEEL_MAIN_NOT_FOUND', place: '/job.js' },
}
const driverOf = (run: BadWorkers, id: string) => {
  const { activeDrivers, completedDrivers } = run.world.snapshot()
  return [...activeDrivers, ...completedDrivers].find((driver) => driver.id === id)!
}

for (const supervise of [true, false]) {
  test(`a driver that one Worker cannot start runs on the other (supervised: ${supervise})`, () => {
    const run = cluster({}, ['bad', 4], ['good', 4])
    run.driverEnds.set('bad', mainMissing)
    for (let n = 0; n < 4; n++) {
      const driverId = run.world.submitted({ supervise })
      run.pass(100)
      assert.deepEqual([driverOf(run, driverId).state, driverOf(run, driverId).worker], ['RUNNING', 'good'])
    }
    assert.ok(run.driverLaunches.filter(({ worker }) => worker === 'bad').length <= 4)
  })
}

const crashes = { state: 'FAILED', crashes: 3, exitCode: 1, message: 'it ended 3 times in a row' } as const

test('a supervised driver that ends over and over on one Worker runs on another; its status says why', () => {
  const run = cluster({}, ['bad', 4], ['good', 4])
  run.driverEnds.set('bad', crashes)
  for (let n = 0; n < 4; n++) {
    const driverId = run.world.submitted({ supervise: true })
    run.pass(100)
    assert.deepEqual([driverOf(run, driverId).state, driverOf(run, driverId).worker], ['RUNNING', 'good'])
  }
  const moved = run.driverLaunches.find(({ worker }) => worker === 'bad')
  assert.ok(moved, 'one of them was on the bad one first')
  const messages = run.world.snapshot().activeDrivers.map(({ message }) => message)
  const why = /^launched again; it failed on bad \(10\.0\.0\.1\): it ended 3 times in a row$/
  assert.ok(
    messages.some((message) => why.test(message)),
    messages.join('\n'),
  )
})

test('a supervised driver that ends over and over everywhere is no storm, and waits with the reason', () => {
  const run = cluster({}, ['w1', 4], ['w2', 4])
  run.driverEnds.set('w1', crashes).set('w2', crashes)
  const driverId = run.world.submitted({ supervise: true })
  run.pass(300_000, 500)
  const { state, message } = driverOf(run, driverId)
  assert.equal(state, 'SUBMITTED')
  const why =
    /^waits: it failed on (w\d) \(10\.0\.0\.1\): it ended 3 times in a row \(its output: firesteel logs driver-\S+ --stderr\)/
  const [, last] = why.exec(message) ?? assert.fail(message)
  const output = run.world.ask('cli', { type: 'RequestLogLocation', id: driverId })
  assert.deepEqual([output?.type, output?.type === 'LogLocation' && output.workerId], ['LogLocation', last])
  const launches = run.driverLaunches.length
  assert.ok(launches > 8 && launches < 30, `${launches} launches in five minutes`)
  run.driverEnds.clear()
  run.pass(limits.launchBackoffMaxMs)
  assert.equal(driverOf(run, driverId).state, 'RUNNING')
})

test('one that is killed while it is given back is KILLED', () => {
  const run = cluster({}, ['w1', 4])
  const driverId = run.world.submitted({ supervise: true })
  run.pass(100)
  run.world.ask('cli', { type: 'RequestKillDriver', driverId })
  run.change('w1', { type: 'DriverStateChanged', driverId, generation: 1, attempt: 3, ...crashes })
  run.pass(100)
  assert.equal(run.world.snapshot().completedDrivers[0]?.state, 'KILLED')
})

test('a driver that no Worker can start: one that is not supervised is asked of each once, and is ERROR with the reason', () => {
  const run = cluster({}, ['w1', 4], ['w2', 4])
  run.driverEnds.set('w1', mainMissing).set('w2', mainMissing)
  const driverId = run.world.submitted()
  run.pass(1000)
  const { state, message } = driverOf(run, driverId)
  assert.deepEqual([state, message], ['ERROR', mainMissing.message])
  assert.deepEqual(run.driverLaunches.map(({ worker }) => worker).sort(), ['w1', 'w2'])
})

test('one that is supervised is tried again with back-off, for ever, and its status says why it waits', () => {
  const run = cluster({}, ['w1', 4], ['w2', 4])
  run.driverEnds.set('w1', mainMissing).set('w2', mainMissing)
  const driverId = run.world.submitted({ supervise: true })
  run.pass(300_000, 500)
  const { state, message } = driverOf(run, driverId)
  assert.equal(state, 'SUBMITTED')
  assert.match(
    message,
    /could not be started on w\d \(10\.0\.0\.1\): FIRESTEEL_MAIN_NOT_FOUND: \/job\.js .*; next try/,
  )
  assert.ok(run.driverLaunches.length <= 2 * 11, `${run.driverLaunches.length} launches`)
  run.driverEnds.clear()
  run.pass(60_000)
  assert.equal(driverOf(run, driverId).state, 'RUNNING')
  const generations = run.driverLaunches.map(({ generation }) => generation)
  assert.deepEqual(
    generations,
    generations.map((_, n) => n + 1),
  )
})

test('a Worker that refuses a driver for want of room is left alone for a while', () => {
  const run = cluster({}, ['w1', 4])
  run.driverEnds.set('w1', { state: 'FAILED', noRoom: true, message: 'needs 1 cores, 0 of 4 are free' })
  run.world.submitted()
  run.pass(60_000)
  assert.ok(run.driverLaunches.length <= 7, `${run.driverLaunches.length} launches`)
})

test('a driver that its Worker stopped runs again where a Worker is: at once elsewhere, whatever its exit code', () => {
  const run = cluster({}, ['w1', 4])
  const driverId = run.world.submitted({ supervise: true })
  run.pass(100)
  run.change('w1', {
    type: 'DriverStateChanged',
    driverId,
    generation: 1,
    attempt: 1,
    state: 'KILLED',
    exitCode: 0,
    stopped: true,
    message: 'Worker shutting down',
  })
  run.pass(5000)
  assert.equal(
    driverOf(run, driverId).state,
    'SUBMITTED',
    'nothing is placed on a Worker that is being stopped',
  )
  assert.equal(run.driverLaunches.length, 1)
  const stored = run.world.store.get('driver')?.get(driverId) as { workerId: string | null }
  assert.equal(stored.workerId, null, 'and a new leader will know')
  run.world.worker('w2', { port: 7002 })
  run.pass(100)
  assert.deepEqual(
    run.driverLaunches.map(({ worker, generation }) => [worker, generation]),
    [
      ['w1', 1],
      ['w2', 2],
    ],
  )
})

test('an explicit kill is final, also of a driver that its Worker stops at the same time', () => {
  const run = cluster({}, ['w1', 4], ['w2', 4])
  const driverId = run.world.submitted({ supervise: true })
  run.pass(100)
  const { worker } = driverOf(run, driverId)
  run.world.ask('cli', { type: 'RequestKillDriver', driverId })
  const end = {
    type: 'DriverStateChanged',
    driverId,
    generation: 1,
    attempt: 1,
    state: 'KILLED',
    stopped: true,
  }
  run.change(worker!, end)
  run.pass(5000)
  assert.equal(driverOf(run, driverId).state, 'KILLED')
  assert.equal(run.driverLaunches.length, 1)
})

for (const [why, end] of Object.entries({
  'could not be started': { ...mainMissing, state: 'ERROR' },
  'found no room': { state: 'ERROR', noRoom: true },
  'was stopped with its Worker': { state: 'FINISHED', exitCode: 0, stopped: true },
  'was stopped by an isolated Worker': { state: 'FAILED', isolated: true },
} as const)) {
  test(`a driver that was killed and then ${why} is KILLED: the kill is its end`, () => {
    const run = cluster({}, ['w1', 4])
    const driverId = run.world.submitted({ supervise: true })
    run.pass(100)
    run.world.ask('cli', { type: 'RequestKillDriver', driverId })
    run.change('w1', { type: 'DriverStateChanged', driverId, generation: 1, attempt: 1, ...end })
    run.pass(5000)
    assert.equal(driverOf(run, driverId).state, 'KILLED')
    assert.equal(run.driverLaunches.length, 1)
  })
}

test('executors refused or stopped by a Worker that is being stopped are no failures; it gets no more', () => {
  const run = cluster({ maxExecutorRetries: 1 }, ['w1', 2])
  run.ends.set('w1', { state: 'KILLED', stopped: true, message: 'Worker shutting down' })
  const appId = run.world.application('app')
  run.pass(5000)
  assert.equal(run.app(appId).state, 'WAITING')
  assert.equal(run.launches.length, 2)
})

test('what is told of many bad Workers, at any length, stays short and is what receivers take', () => {
  const ids = Array.from({ length: 12 }, (_, n) => `w${n}`)
  const run = cluster({}, ...ids.map((id) => [id, 1] as const))
  const path = `/${'x'.repeat(3000)}`
  const notStarted = { code: 'FIRESTEEL_FOLDER_MISSING', place: path }
  for (const id of ids) run.ends.set(id, { ...folderMissing, message: `${path} does not exist`, notStarted })
  const appId = run.world.application('app')
  run.pass(2000)
  const { waiting } = run.app(appId)
  assert.equal(waiting?.workers.length, limits.shownFailedWorkers)
  for (const { failure } of waiting?.workers ?? []) {
    assert.ok(failure.message.length <= limits.launchFailureChars)
    assert.ok(failure.kind === 'start' && (failure.place ?? '').length <= limits.launchFailureChars)
  }
  run.pass(20_000)
  assert.equal(run.app(appId).state, 'FAILED')
  assert.match(run.app(appId).message, /; and on 4 more$/)
  for (const { to, message } of run.world.told)
    if (to === 'app') assert.equal(violation('client', message), undefined)
})
