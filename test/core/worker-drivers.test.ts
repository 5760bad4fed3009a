import assert from 'node:assert/strict'
import { test } from 'node:test'
import { heapExhaustion, mayBeHeapExhaustion } from '../../actors/worker/heap-exhaustion.js'
import type { WorkerTimer } from '../../actors/worker/worker-timer.js'
import { DRIVER, launchDriver, MASTER, ME, WorkerWorld } from '../tools/worker-fixture.js'

/** Wall clock of the world at its time 0. */
const EPOCH_MS = Date.UTC(2026, 0, 1)

/* Drivers: generations, attempts, supervision: R6, S3, Spark 5.6. */

const kill = (generation: number) =>
  ({ type: 'KillDriver', workerId: ME, driverId: DRIVER, generation }) as const
const attempt = (generation: number, number: number): string => `${DRIVER}/${generation}/${number}`
const restart = (generation: number): WorkerTimer => ({ kind: 'restart', driver: `${DRIVER}/${generation}` })

function running(supervise = false): WorkerWorld {
  const world = WorkerWorld.registered()
  world.hear(launchDriver(1, { supervise }))
  world.started(attempt(1, 1))
  return world
}

for (const [name, supervise, killed, end, state] of [
  ['exit 0', false, false, { exitCode: 0 }, 'FINISHED'],
  ['exit 0, supervised', true, false, { exitCode: 0 }, 'FINISHED'],
  ['exit 0 while a kill is on its way (Spark)', false, true, { exitCode: 0 }, 'FINISHED'],
  ['exit 3', false, false, { exitCode: 3 }, 'FAILED'],
  ['a signal', false, false, { exitCode: null, signal: 'SIGABRT' }, 'FAILED'],
  ['exit 143 after a kill', false, true, { exitCode: 143 }, 'KILLED'],
  ['a signal after a kill, supervised', true, true, { exitCode: null, signal: 'SIGTERM' }, 'KILLED'],
] as const) {
  test(`Spark 5.6: a driver that ends by ${name} is ${state}`, () => {
    const world = running(supervise)
    if (killed) world.hear(kill(1))
    world.ended(attempt(1, 1), end)
    const [change] = world.told('DriverStateChanged')
    assert.equal(change?.state, state)
    assert.equal(change?.exitCode ?? null, end.exitCode)
    assert.equal(change?.signal, 'signal' in end ? end.signal : undefined)
    assert.equal(world.core.status().coresUsed, 0)
    assert.equal(world.core.status().finishedDrivers[0]?.state, state)
  })
}

const folderMissing = {
  code: 'FIRESTEEL_FOLDER_MISSING',
  place: '/x',
  message: 'FIRESTEEL_FOLDER_MISSING: the working folder /x does not exist',
}

test('Spark 5.6: a driver that could not be started is ERROR, and its Master is told that it never was', () => {
  for (const supervise of [true, false]) {
    const world = WorkerWorld.registered()
    world.hear(launchDriver(1, { supervise }))
    world.step({ kind: 'startFailed', process: attempt(1, 1), failure: folderMissing })
    const [change] = world.told('DriverStateChanged')
    assert.deepEqual([change?.state, change?.message], ['ERROR', folderMissing.message])
    assert.deepEqual(change?.notStarted, { code: 'FIRESTEEL_FOLDER_MISSING', place: '/x' })
    assert.equal(world.core.status().coresUsed, 0)
  }
})

test('a main file that is missing at a restart is no end: its Master is told, to launch it again', () => {
  const world = running(true)
  world.ended(attempt(1, 1), { exitCode: 1 })
  world.timer(restart(1))
  world.step({ kind: 'startFailed', process: attempt(1, 2), failure: folderMissing })
  const [change] = world.told('DriverStateChanged')
  assert.deepEqual([change?.attempt, change?.notStarted?.place], [2, '/x'])
  world.hear(launchDriver(1, { supervise: true }))
  assert.deepEqual(world.done('startDriver'), [], 'not under this generation')
  world.hear(launchDriver(2, { supervise: true }))
  assert.equal(world.done('startDriver').length, 1)
})

test('the memory watch ends a driver FAILED, with the figures', () => {
  const world = running()
  world.ended(attempt(1, 1), {
    exitCode: null,
    signal: 'SIGKILL',
    overMemory: { usedMib: 700, limitMib: 512 },
  })
  const [change] = world.told('DriverStateChanged')
  assert.deepEqual(
    [change?.state, change?.message],
    ['FAILED', 'Killed: it used 700 MiB of the 512 MiB it was given'],
  )
})

test('supervise: it runs again here, the Master hears of its pid, its end and the next start, the room stays taken', () => {
  const world = running(true)
  assert.deepEqual(world.told('DriverProgressed')[0]?.progress, {
    phase: 'running',
    pid: 4242,
    life: { starts: 1, failedAtMs: [] },
  })
  world.ended(attempt(1, 1), { exitCode: 1 })
  const atMs = EPOCH_MS + world.nowMs
  assert.deepEqual(world.told('DriverStateChanged'), [])
  assert.deepEqual(world.told('DriverProgressed')[0]?.progress, {
    phase: 'resting',
    nextStartAtMs: atMs + 1000,
    life: {
      starts: 1,
      failedAtMs: [],
      lastExit: { atMs, generation: 1, attempt: 1, code: 1, signal: null },
    },
  })
  assert.equal(world.core.status().coresUsed, 1)
  assert.equal(world.core.status().drivers[0]?.state, 'RUNNING')
  world.timer(restart(1))
  assert.deepEqual(
    world.done('startDriver').map((effect) => [effect.process, effect.attempt]),
    [[attempt(1, 2), 2]],
  )
})

test('supervise: while nobody leads the wait doubles from 1 s to 60 s, and begins anew after a run of more than 5 s', () => {
  const world = running(true)
  world.linkDown()
  const waits: number[] = []
  for (let number = 1; number <= 9; number++) {
    world.later(number === 8 ? 5001 : 100)
    world.ended(attempt(1, number), { exitCode: 1 })
    waits.push(world.done('startTimer')[0]!.ms)
    world.timer(restart(1))
    world.started(attempt(1, number + 1))
  }
  assert.deepEqual(waits, [1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 1000, 2000])
})

test('supervise: the third failure in a row, each soon after its start, goes back to its Master', () => {
  const world = running(true)
  const end = (number: number, ranMs: number) => {
    world.later(ranMs)
    world.ended(attempt(1, number), { exitCode: 1 })
    const told = world.told('DriverStateChanged')
    world.timer(restart(1))
    world.started(attempt(1, number + 1))
    return told
  }
  for (const [index, ranMs] of [100, 100, 5001, 100, 5000].entries())
    assert.deepEqual(end(index + 1, ranMs), [])
  const [given] = end(6, 100)
  assert.deepEqual([given?.state, given?.crashes, given?.exitCode, given?.attempt], ['FAILED', 3, 1, 6])
  assert.equal(
    given?.message,
    'it ended 3 times in a row soon after its start; the last time: Command exited with code 1',
  )
  assert.equal(world.core.status().coresUsed, 0, 'its room is free')
  assert.deepEqual(world.done('startDriver'), [], 'it does not start again here by itself')
  world.hear(launchDriver(2, { supervise: true }))
  assert.equal(world.done('startDriver').length, 1, 'where its Master has no other Worker, it may come back')
})

test('a kill cuts the wait short: KILLED at once, and the timer that still comes starts nothing', () => {
  const world = running(true)
  world.ended(attempt(1, 1), { exitCode: 1 })
  world.hear(kill(1))
  assert.equal(world.told('DriverStateChanged')[0]?.state, 'KILLED')
  assert.deepEqual(world.done('cancelTimer'), [{ kind: 'cancelTimer', timer: restart(1) }])
  assert.equal(world.core.status().coresUsed, 0)
  world.timer(restart(1))
  assert.deepEqual(world.effects, [])
})

test('a kill during the start ends what it waits for, and stops the process if it comes all the same', () => {
  const world = WorkerWorld.registered()
  world.hear(launchDriver(1))
  world.step({ kind: 'fetching', process: attempt(1, 1), fetching: true })
  assert.equal(world.core.status().drivers[0]?.state, 'FETCHING')
  world.hear(kill(1))
  assert.deepEqual(world.effects, [{ kind: 'abandonStart', process: attempt(1, 1) }])
  world.started(attempt(1, 1))
  assert.deepEqual(world.done('stopProcess'), [
    { kind: 'stopProcess', process: attempt(1, 1), graceMs: 10_000 },
  ])
})

test('R6: nothing at or below a generation once decided is started, also after its end', () => {
  const world = WorkerWorld.registered()
  world.hear(launchDriver(5))
  world.started(attempt(5, 1))
  for (const generation of [5, 4, 1]) {
    world.hear(launchDriver(generation))
    assert.deepEqual(world.done('startDriver'), [])
  }
  world.ended(attempt(5, 1), { exitCode: 9 })
  world.hear(launchDriver(5))
  assert.deepEqual(world.done('startDriver'), [])
  assert.equal(world.told('DriverStateChanged')[0]?.exitCode, 9, 'its end is told again')
  world.hear(launchDriver(3))
  assert.deepEqual(world.done('startDriver'), [])
  const [told] = world.told('DriverStateChanged')
  assert.deepEqual([told?.generation, told?.state, told?.exitCode], [3, 'FAILED', 9], 'it has run, once')
  world.hear(launchDriver(6))
  assert.equal(world.done('startDriver').length, 1)
})

test('R6: a supervised driver is refused with the generation that was decided here, to be placed above it', () => {
  const world = running(true)
  world.hear(launchDriver(2, { supervise: true }))
  world.ended(attempt(1, 1), { exitCode: 1 })
  world.started(attempt(2, 1))
  world.hear(launchDriver(1, { supervise: true }))
  const [refused] = world.told('DriverStateChanged')
  assert.deepEqual([refused?.generation, refused?.state, refused?.decided], [1, 'FAILED', 2])
  world.ended(attempt(2, 1), { exitCode: 0 })
  world.hear(launchDriver(2, { supervise: true }))
  assert.equal(world.told('DriverStateChanged')[0]?.state, 'FINISHED', 'it has ended for good')
  assert.deepEqual(world.done('startDriver'), [])
})

test('S3: the next generation starts only when nothing of the older is left here', () => {
  const world = running(true)
  world.hear(launchDriver(2))
  assert.deepEqual(
    world.effects.map(({ kind }) => kind),
    ['stopProcess', 'tell'],
  )
  assert.equal(world.told('DriverProgressed')[0]?.progress.phase, 'stopping')
  assert.equal(world.core.status().coresUsed, 2)
  world.ended(attempt(1, 1), { exitCode: null, signal: 'SIGTERM' })
  assert.equal(world.told('DriverStateChanged')[0]?.state, 'KILLED')
  assert.deepEqual(
    world.done('startDriver').map(({ process }) => process),
    [attempt(2, 1)],
  )
})

test('S3: a generation that waits for an older one can be killed before it ever starts', () => {
  const world = running(true)
  world.hear(launchDriver(2))
  world.hear(kill(2))
  assert.deepEqual(
    world.told('DriverStateChanged').map(({ generation, state }) => [generation, state]),
    [[2, 'KILLED']],
  )
  world.ended(attempt(1, 1), { exitCode: null, signal: 'SIGTERM' })
  assert.deepEqual(world.done('startDriver'), [])
  assert.equal(world.core.status().coresUsed, 0)
})

test('an older generation that rests is ended at once by the newer', () => {
  const world = running(true)
  world.ended(attempt(1, 1), { exitCode: 1 })
  world.hear(launchDriver(2))
  assert.deepEqual(
    world.done('startDriver').map(({ process }) => process),
    [attempt(2, 1)],
  )
})

test('S4: no room for a driver is no failure of it, full report attached', () => {
  const world = WorkerWorld.registered()
  world.hear(launchDriver(1, { cores: 5 }))
  const [change] = world.told('DriverStateChanged')
  assert.deepEqual([change?.state, change?.noRoom], ['FAILED', true])
  assert.equal(world.told('WorkerLatestState').length, 1)
})

test('the kill of a generation that never came here ends it, and its late launch starts nothing', () => {
  const world = WorkerWorld.registered()
  world.hear(kill(4))
  assert.equal(world.told('DriverStateChanged')[0]?.state, 'KILLED')
  world.hear(launchDriver(4))
  assert.deepEqual(world.done('startDriver'), [])
})

for (const [name, supervise, end, killedFirst, expected] of [
  ['supervised, exit 0', true, { exitCode: 0 }, false, ['KILLED', true, 0]],
  ['supervised, exit 1', true, { exitCode: 1 }, false, ['KILLED', true, 1]],
  [
    'supervised, by the signal',
    true,
    { exitCode: null, signal: 'SIGTERM' },
    false,
    ['KILLED', true, undefined],
  ],
  [
    'supervised, killed on request before',
    true,
    { exitCode: null, signal: 'SIGTERM' },
    true,
    ['KILLED', undefined, undefined],
  ],
  ['unsupervised, exit 0: cut off, not finished', false, { exitCode: 0 }, false, ['FAILED', true, 0]],
  [
    'unsupervised, by the signal',
    false,
    { exitCode: null, signal: 'SIGTERM' },
    false,
    ['FAILED', true, undefined],
  ],
] as const) {
  test(`stop: a driver that its Worker stops was stopped by us (${name})`, () => {
    const world = running(supervise)
    if (killedFirst) world.hear(kill(1))
    world.step({ kind: 'stop' })
    world.ended(attempt(1, 1), end)
    const [change] = world.told('DriverStateChanged')
    assert.deepEqual([change?.state, change?.stopped, change?.exitCode], expected)
    assert.equal(world.done('stopped').length, 1)
  })
}

test('stop: one that rests is told at once, one that never ran as not started', () => {
  const resting = running(true)
  resting.ended(attempt(1, 1), { exitCode: 1 })
  resting.step({ kind: 'stop' })
  assert.equal(resting.told('DriverStateChanged')[0]?.stopped, true)
  assert.equal(resting.done('stopped').length, 1)

  const held = running(false)
  held.hear(launchDriver(2))
  held.step({ kind: 'stop' })
  const [change] = held.told('DriverStateChanged')
  assert.deepEqual([change?.generation, change?.stopped, change?.notStarted !== undefined], [2, true, true])
})

test('a driver id that is no folder name is never started', () => {
  const world = WorkerWorld.registered()
  world.hear(launchDriver(1, {}, { driverId: 'driver-/../../x' }), MASTER)
  assert.deepEqual(world.done('startDriver'), [])
  assert.equal(world.told('DriverStateChanged')[0]?.state, 'ERROR')
})

test('its output may grow while it rests, and no longer after its end', () => {
  const world = running(true)
  world.ended(attempt(1, 1), { exitCode: 1 })
  assert.equal(world.core.lives(DRIVER), true)
  world.hear(kill(1))
  assert.equal(world.core.lives(DRIVER), false)
})

test('--max-restarts: the failure above it is the end, whatever a Master would do with it', () => {
  const world = WorkerWorld.registered()
  world.hear(launchDriver(1, { supervise: true, maxRestarts: 2 }))
  for (const number of [1, 2]) {
    world.started(attempt(1, number))
    world.later(100_000)
    world.ended(attempt(1, number), { exitCode: 1 })
    assert.deepEqual(world.told('DriverStateChanged'), [])
    world.timer(restart(1))
  }
  world.started(attempt(1, 3))
  world.ended(attempt(1, 3), { exitCode: 4 })
  const [end] = world.told('DriverStateChanged')
  assert.deepEqual([end?.state, end?.givenUp, end?.exitCode, end?.life?.starts], ['FAILED', true, 4, 3])
  assert.equal(end?.message, 'it failed 3 times; maxRestarts is 2; the last time: Command exited with code 4')
  world.hear(launchDriver(1, { supervise: true }))
  assert.equal(world.told('DriverStateChanged')[0]?.state, 'FAILED', 'its end is told again')
  assert.deepEqual(world.done('startDriver'), [])
})

test('--restart-window: only failures within it count, those of former generations too', () => {
  const limited = { supervise: true, maxRestarts: 1, restartWindowMs: 60_000 }
  const failedAtMs = [EPOCH_MS - 30_000]
  const world = WorkerWorld.registered()
  world.hear(launchDriver(2, limited, { life: { starts: 1, failedAtMs } }))
  world.started(attempt(2, 1))
  world.later(40_000)
  world.ended(attempt(2, 1), { exitCode: 1 })
  const [told] = world.told('DriverProgressed')
  assert.deepEqual([told?.progress.phase, told?.progress.life.starts], ['resting', 2], 'the first is too old')
  world.timer(restart(2))
  world.started(attempt(2, 2))
  world.ended(attempt(2, 2), { exitCode: 1 })
  assert.match(world.told('DriverStateChanged')[0]?.message ?? '', /^it failed 2 times within 1m; /)
})

const restartRequest = (request: string) =>
  ({ type: 'RestartDriver', workerId: ME, driverId: DRIVER, generation: 1, request }) as const

test('restart: its process ends, and the next attempt starts at once, whatever its exit code; it is no failure', () => {
  for (const end of [{ exitCode: 0 }, { exitCode: null, signal: 'SIGKILL' }]) {
    const world = WorkerWorld.registered()
    world.hear(launchDriver(1, { supervise: true, maxRestarts: 0 }))
    world.started(attempt(1, 1))
    world.hear(restartRequest('r1'))
    assert.deepEqual(world.done('stopProcess'), [
      { kind: 'stopProcess', process: attempt(1, 1), graceMs: 10_000 },
    ])
    assert.equal(world.told('DriverProgressed')[0]?.progress.phase, 'stopping')
    world.hear(restartRequest('r1'))
    world.ended(attempt(1, 1), end)
    assert.deepEqual(world.told('DriverStateChanged'), [])
    assert.equal(world.done('startDriver')[0]?.attempt, 2)
    world.started(attempt(1, 2))
    world.hear(restartRequest('r1'))
    assert.deepEqual(world.done('stopProcess'), [], 'a repeated request restarts once')
    world.hear({ type: 'ReconnectWorker', workerId: ME })
    world.hear({ type: 'RegisteredWorker', workerId: ME, duplicate: true })
    assert.equal(
      world.told('WorkerLatestState')[0]?.drivers[0]?.restart,
      'r1',
      'a report says that it heard of it',
    )
  }
})

test('restart: one that rests starts at once, one that is being killed does not, one that is not supervised runs once', () => {
  const resting = running(true)
  resting.ended(attempt(1, 1), { exitCode: 1 })
  resting.hear(restartRequest('r1'))
  assert.deepEqual(resting.done('cancelTimer'), [{ kind: 'cancelTimer', timer: restart(1) }])
  assert.equal(resting.done('startDriver').length, 1)
  const killed = running(true)
  killed.hear(kill(1))
  killed.hear(restartRequest('r1'))
  killed.ended(attempt(1, 1), { exitCode: null, signal: 'SIGTERM' })
  assert.equal(killed.told('DriverStateChanged')[0]?.state, 'KILLED')
  const once = running(false)
  once.hear(restartRequest('r1'))
  assert.deepEqual(once.effects, [])
})

test('a lack of memory is told from other ends, with the figures', () => {
  const limit = running(true)
  const signal = 'SIGKILL'
  limit.ended(attempt(1, 1), { exitCode: null, signal, overMemory: { usedMib: 700, limitMib: 512 } })
  const exitOf = (world: WorkerWorld) => world.told('DriverProgressed')[0]?.progress.life.lastExit
  assert.deepEqual(exitOf(limit)?.outOfMemory, { by: 'limit', usedMib: 700, limitMib: 512 })
  const byHand = running(true)
  byHand.ended(attempt(1, 1), { exitCode: null, signal })
  assert.deepEqual([exitOf(byHand)?.signal, exitOf(byHand)?.outOfMemory], [signal, undefined])
  assert.equal(exitOf(byHand)?.told, undefined)
  const onRequest = running(true)
  onRequest.hear(restartRequest('r1'))
  onRequest.told('DriverProgressed')
  onRequest.ended(attempt(1, 1), { exitCode: null, signal: 'SIGTERM' })
  onRequest.started(attempt(1, 2))
  assert.equal(exitOf(onRequest)?.told, true, 'by its Worker, for its restart')
})

const collection = (before: string, after: string): string =>
  `[1:0x1]  100 ms: Mark-Compact ${before} (${before}) -> ${after} (${after}) MB, 10.1 / 0.0 ms`
const lastWords = [
  '<--- Last few GCs --->',
  collection('45.9', '45.4'),
  collection('46.2', '46.0'),
  'FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory',
].join('\n')

test('the last words of Node tell that its heap was full, and at what size', () => {
  assert.deepEqual(heapExhaustion(lastWords, 64), { by: 'heap', limitMib: 64, usedMib: 46 })
  assert.deepEqual(heapExhaustion('JavaScript heap out of memory', 64), { by: 'heap', limitMib: 64 })
  assert.equal(heapExhaustion('Aborted', 64), undefined)
  assert.deepEqual(
    [mayBeHeapExhaustion(null, 'SIGABRT'), mayBeHeapExhaustion(134, null), mayBeHeapExhaustion(1, null)],
    [true, true, false],
  )
})
