import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { LaunchExecutor } from '../../actors/messages/executors.js'
import { APP, launchDriver, launchExecutor, MASTER, ME, WorkerWorld } from '../tools/worker-fixture.js'

/* Launches of executors, their admission and their ends: R6, S4, Spark 5.5. */

const process = `${APP}/1`

function running(): WorkerWorld {
  const world = WorkerWorld.registered()
  world.hear(launchExecutor(1))
  world.started(process)
  return world
}

test('Spark: RUNNING is reported right after the fork', () => {
  const world = WorkerWorld.registered()
  world.hear(launchExecutor(1))
  assert.deepEqual(
    world.effects.map(({ kind }) => kind),
    ['startExecutor'],
  )
  assert.equal(world.core.status().executors[0]?.state, 'LAUNCHING')
  world.started(process)
  assert.deepEqual(world.told('ExecutorStateChanged'), [
    { type: 'ExecutorStateChanged', workerId: ME, change: 1, appId: APP, execId: 1, state: 'RUNNING' },
  ])
})

for (const [name, end, state, exitStatus, message] of [
  ['exit 0', { exitCode: 0 }, 'EXITED', 0, 'Command exited with code 0'],
  ['exit 7', { exitCode: 7 }, 'EXITED', 7, 'Command exited with code 7'],
  [
    'its own exit without a link',
    { exitCode: 3 },
    'EXITED',
    3,
    'It had no link to its driver, whose address is in its output',
  ],
  ['a signal', { exitCode: null, signal: 'SIGSEGV' }, 'EXITED', 139, 'Command ended by signal SIGSEGV'],
  [
    'the memory watch',
    { exitCode: null, signal: 'SIGKILL', overMemory: { usedMib: 600, limitMib: 512 } },
    'EXITED',
    137,
    'Killed: it used 600 MiB of the 512 MiB it was given',
  ],
] as const) {
  test(`the end of an executor by ${name} is ${state} with its status`, () => {
    const world = running()
    world.ended(process, end)
    const [change] = world.told('ExecutorStateChanged')
    assert.equal(change?.state, state)
    assert.equal(change?.exitStatus, exitStatus)
    assert.equal(change?.message, message)
    assert.equal(world.core.status().finishedExecutors.length, 1)
  })
}

test('a start that failed is FAILED with the reason, and holds nothing', () => {
  const world = WorkerWorld.registered()
  world.hear(launchExecutor(1))
  const message = 'FIRESTEEL_DISK_FULL: no space is left for /work'
  world.step({
    kind: 'startFailed',
    process,
    failure: { code: 'FIRESTEEL_DISK_FULL', place: '/work', message },
  })
  const [change] = world.told('ExecutorStateChanged')
  assert.deepEqual([change?.state, change?.message, change?.noRoom], ['FAILED', message, undefined])
  assert.deepEqual(change?.notStarted, { code: 'FIRESTEEL_DISK_FULL', place: '/work' })
  assert.equal(world.core.status().coresUsed, 0)
})

test('S4: a kill frees nothing, the end of the group does', () => {
  const world = running()
  world.hear({ type: 'KillExecutor', workerId: ME, appId: APP, execId: 1 })
  assert.deepEqual(world.done('stopProcess'), [{ kind: 'stopProcess', process, graceMs: 10_000 }])
  assert.equal(world.core.status().coresUsed, 1)
  world.hear({ type: 'KillExecutor', workerId: ME, appId: APP, execId: 1 })
  assert.deepEqual(world.effects, [], 'asked twice, stopped once')
  world.ended(process, { exitCode: null, signal: 'SIGTERM' })
  assert.equal(world.told('ExecutorStateChanged')[0]?.state, 'KILLED')
  assert.equal(world.core.status().coresUsed, 0)
})

test('a kill before the fork stops the process as soon as it is there, and it never shows as RUNNING', () => {
  const world = WorkerWorld.registered()
  world.hear(launchExecutor(1))
  world.hear({ type: 'KillExecutor', workerId: ME, appId: APP, execId: 1 })
  assert.deepEqual(world.done('stopProcess'), [])
  world.started(process)
  assert.deepEqual(
    world.effects.map(({ kind }) => kind),
    ['stopProcess'],
  )
})

for (const [what, changes] of [
  ['cores', { cores: 5 }],
  ['memory', { memoryMib: 5000 }],
  ['an address that is not here', { resources: { gpu: ['7'] } }],
  ['a resource that is not here', { resources: { fpga: ['0'] } }],
  ['an address twice', { resources: { gpu: ['0', '0'] } }],
] satisfies [string, Partial<LaunchExecutor>][]) {
  test(`S4: a launch beyond ${what} is refused: no failure, full report attached`, () => {
    const world = WorkerWorld.registered()
    world.hear(launchExecutor(1, changes))
    assert.deepEqual(world.done('startExecutor'), [])
    const [change] = world.told('ExecutorStateChanged')
    assert.deepEqual([change?.state, change?.noRoom], ['FAILED', true])
    assert.deepEqual(
      world.tells().map(({ message }) => message.type),
      ['ExecutorStateChanged', 'WorkerLatestState'],
    )
    assert.deepEqual(world.core.status().resourcesUsed, {})
    assert.equal(world.core.status().finishedExecutors.length, 0)
  })
}

test('S4: an address that is taken is refused, and free again after the end', () => {
  const world = WorkerWorld.registered()
  world.hear(launchExecutor(1, { resources: { gpu: ['1'] } }))
  world.started(process)
  world.hear(launchExecutor(2, { resources: { gpu: ['1'] } }))
  assert.equal(world.told('ExecutorStateChanged')[0]?.noRoom, true)
  world.ended(process)
  world.hear(launchExecutor(3, { resources: { gpu: ['1'] } }))
  assert.equal(world.done('startExecutor').length, 1)
})

test('R6: the same launch again starts nothing while it lives', () => {
  const world = running()
  world.hear(launchExecutor(1))
  assert.deepEqual(world.done('startExecutor'), [])
  assert.deepEqual(world.tells(), [])
})

test('R6: the same launch after its end starts nothing; its end is told again', () => {
  const world = running()
  world.ended(process, { exitCode: 4 })
  world.hear(launchExecutor(1))
  assert.deepEqual(world.done('startExecutor'), [])
  const [change] = world.told('ExecutorStateChanged')
  assert.deepEqual([change?.state, change?.exitStatus], ['EXITED', 4])
})

test('R6: what was refused for want of room is not started by a late copy', () => {
  const world = WorkerWorld.registered()
  world.hear(launchExecutor(1, { cores: 9 }))
  world.hear(launchExecutor(1))
  assert.deepEqual(world.done('startExecutor'), [])
  assert.equal(world.told('ExecutorStateChanged')[0]?.noRoom, true)
})

test('R6: the kill of an executor that never came here ends it, and its late launch starts nothing', () => {
  const world = WorkerWorld.registered()
  world.hear({ type: 'KillExecutor', workerId: ME, appId: APP, execId: 9 })
  assert.equal(world.told('ExecutorStateChanged')[0]?.state, 'KILLED')
  world.hear(launchExecutor(9))
  assert.deepEqual(world.done('startExecutor'), [])
})

test('R6: memory of ends is bounded, memory of what lives is not', () => {
  const world = WorkerWorld.registered({ rememberedLaunches: 2 })
  world.hear(launchExecutor(0))
  for (const execId of [1, 2, 3]) {
    world.hear(launchExecutor(execId))
    world.started(`${APP}/${execId}`)
    world.ended(`${APP}/${execId}`)
  }
  world.hear(launchExecutor(0))
  assert.deepEqual(world.done('startExecutor'), [], 'alive')
  world.hear(launchExecutor(2))
  assert.deepEqual(world.done('startExecutor'), [], 'remembered')
})

for (const appId of ['../../etc', 'app-../x', 'driver-1', 'app-a/b']) {
  test(`an application id that is no folder name is never started: ${appId}`, () => {
    const world = WorkerWorld.registered()
    world.hear(launchExecutor(1, { appId }))
    assert.deepEqual(world.done('startExecutor'), [])
    assert.equal(world.told('ExecutorStateChanged')[0]?.state, 'FAILED')
    world.hear({ type: 'ApplicationFinished', appId })
    assert.deepEqual(world.done('folderEnded'), [])
  })
}

test('a late report of a process nobody knows changes nothing', () => {
  const world = running()
  for (const name of [`${APP}/77`, 'driver-1/1/1', '', '/']) {
    world.started(name)
    world.ended(name)
    world.step({ kind: 'startFailed', process: name, failure: { code: 'x', message: 'x' } })
    assert.deepEqual(world.effects, [])
  }
  assert.equal(world.core.status().executors.length, 1)
})

test('finished executors are kept for people, the newest only', () => {
  const world = WorkerWorld.registered({ retainedFinished: 2 })
  for (const execId of [1, 2, 3]) {
    world.hear(launchExecutor(execId))
    world.started(`${APP}/${execId}`)
    world.ended(`${APP}/${execId}`)
  }
  assert.deepEqual(
    world.core.status().finishedExecutors.map(({ execId }) => execId),
    [2, 3],
  )
})

test('of an executor that has ended only what is shown is kept: no environment, no folder, the begin of its command', () => {
  const world = WorkerWorld.registered()
  const launch = launchExecutor(1)
  const large = { TEXT: 'x'.repeat(100_000) }
  const nodeOptions = Array.from({ length: 100 }, (_, at) => `--option-${at}=${'x'.repeat(100)}`)
  world.hear({ ...launch, application: { ...launch.application, env: large, nodeOptions } })
  world.started(`${APP}/1`)
  world.ended(`${APP}/1`)
  const [kept] = world.core.status().finishedExecutors
  assert.ok(JSON.stringify(kept).length < 2000)
  assert.match(kept?.command ?? '', /^node firesteel-executor --option-0=x/)
  assert.deepEqual(Object.keys(kept?.application ?? {}).sort(), ['executor', 'name', 'user'])
})

test('stop: everybody is stopped, nothing is started any more, and it is over when the last is gone', () => {
  const world = running()
  world.hear(launchExecutor(2))
  world.step({ kind: 'stop' })
  assert.deepEqual(
    world.done('stopProcess').map((effect) => effect.process),
    [process],
  )
  world.hear(launchExecutor(3), MASTER)
  const [refused] = world.told('ExecutorStateChanged')
  assert.deepEqual([refused?.execId, refused?.state, refused?.stopped], [3, 'KILLED', true])
  world.hear(launchDriver(1), MASTER)
  const [refusedDriver] = world.told('DriverStateChanged')
  assert.deepEqual([refusedDriver?.stopped, refusedDriver?.notStarted !== undefined], [true, true])
  assert.deepEqual(world.done('startDriver'), [])
  world.started(`${APP}/2`)
  assert.deepEqual(
    world.done('stopProcess').map((effect) => effect.process),
    [`${APP}/2`],
  )
  world.ended(process, { exitCode: null, signal: 'SIGTERM' })
  assert.deepEqual(world.done('stopped'), [])
  assert.equal(world.told('ExecutorStateChanged')[0]?.message, 'Worker shutting down')
  assert.equal(world.told('ExecutorStateChanged')[0]?.stopped, true)
  world.ended(`${APP}/2`)
  assert.equal(world.done('stopped').length, 1)
})

test('stop with nothing running is over at once', () => {
  const world = WorkerWorld.registered()
  world.step({ kind: 'stop' })
  assert.deepEqual(world.effects, [{ kind: 'stopped' }])
})
