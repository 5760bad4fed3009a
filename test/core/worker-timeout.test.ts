import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DRIVER, launchDriver, MASTER, ME, OTHER_MASTER, WorkerWorld } from '../tools/worker-fixture.js'

/* By which workerTimeout a Worker lives (protocol 8.1). Its own is 60 s; a world begins at 1 s. */

const PROCESS = `${DRIVER}/1/1`
const stopping = { supervise: true, onIsolation: 'stop' } as const

function running(): WorkerWorld {
  const world = WorkerWorld.registered()
  world.hear(launchDriver(1, stopping))
  world.started(PROCESS)
  return world
}

/** The leader answers the heartbeat of this moment, and tells W. */
function answer(world: WorkerWorld, workerTimeoutMs?: number, from = MASTER): WorkerWorld {
  const told = workerTimeoutMs === undefined ? {} : { workerTimeoutMs }
  world.hear({ type: 'HeartbeatAck', workerId: ME, sentAtMs: world.nowMs, ...told }, from)
  return world
}

/** What it tells a leader that it lives by. */
function livesBy(world: WorkerWorld): number | undefined {
  world.timer({ kind: 'heartbeat' })
  return world.told('Heartbeat')[0]?.workerTimeoutMs
}

const timersOf = (world: WorkerWorld): (string | number)[][] =>
  world.done('startTimer').map(({ timer, ms }) => [timer.kind, ms])

test('it registers with its own, and says in each heartbeat what it lives by', () => {
  const world = new WorkerWorld()
  world.step({ kind: 'start' })
  world.leads(MASTER)
  assert.equal(world.told('RegisterWorker')[0]?.workerTimeoutMs, 60_000)
  world.hear({ type: 'RegisteredWorker', workerId: ME, duplicate: false })
  assert.equal(
    world.told('Heartbeat')[0]?.workerTimeoutMs,
    60_000,
    'at once, so that it hears of another soon',
  )
  answer(world, 12_000)
  assert.equal(livesBy(world), 12_000)
})

test('a shorter one that its leader tells holds at once: heartbeats, isolation, guard, restart', () => {
  const world = running()
  assert.deepEqual(timersOf(answer(world, 60_000)), [], 'its own changes nothing')
  world.later(3000)
  answer(world, 12_000)
  assert.deepEqual(timersOf(world), [
    ['isolation', 6000],
    ['heartbeat', 1000],
  ])
  assert.deepEqual(world.done('extendDriver'), [
    { kind: 'extendDriver', process: PROCESS, validUntilBootMs: world.nowMs + 8000 },
  ])
  assert.deepEqual(
    world.done('log').map(({ level, fields }) => [level, fields]),
    [['info', { workerTimeoutMs: 12_000, formerMs: 60_000 }]],
  )
  assert.equal(world.core.times.restartMs, 6000)
  world.later(1000)
  assert.deepEqual(timersOf(answer(world, 12_000)), [], 'told again')
  world.timer({ kind: 'heartbeat' })
  assert.deepEqual(timersOf(world), [['heartbeat', 1000]])
  world.later(6000)
  world.timer({ kind: 'heartbeat' })
  assert.deepEqual(world.done('stopProcess'), [{ kind: 'stopProcess', process: PROCESS, graceMs: 2000 }])
})

test('a leader that is silent for a sixth of it is looked for', () => {
  const world = running()
  answer(world, 12_000)
  world.link(OTHER_MASTER)
  world.later(2001)
  world.timer({ kind: 'heartbeat' })
  assert.deepEqual(
    world.tells().map(({ to }) => to),
    [MASTER, OTHER_MASTER],
  )
})

test('a longer one holds as well, and the next leader tells another', () => {
  const world = running()
  answer(world, 120_000)
  assert.deepEqual(world.done('extendDriver')[0]?.validUntilBootMs, world.nowMs + 80_000)
  world.linkDown()
  world.leads(OTHER_MASTER, 2)
  assert.equal(livesBy(world), 120_000, 'it has not been told yet')
  answer(world, 24_000, OTHER_MASTER)
  assert.equal(livesBy(world), 24_000)
  assert.deepEqual(timersOf(world), [['heartbeat', 2000]])
})

test('a former leader tells nothing any more', () => {
  const world = running()
  world.leads(OTHER_MASTER, 2)
  answer(world, 24_000, OTHER_MASTER)
  world.hear({ type: 'HeartbeatAck', workerId: ME, sentAtMs: world.nowMs, workerTimeoutMs: 90_000 }, MASTER, {
    epoch: 1,
    seq: 99,
  })
  assert.equal(livesBy(world), 24_000)
})

test('under a leader of an earlier release it lives by its own, and not longer than before', () => {
  const world = running()
  assert.equal(livesBy(answer(world)), 60_000)
  assert.equal(livesBy(answer(answer(world, 120_000))), 60_000)
  assert.equal(livesBy(answer(answer(world, 12_000))), 12_000)
})

test('the next process of a planned restart lives by what the former was told', () => {
  const world = running()
  answer(world, 12_000)
  const after = world.next()
  after.step({ kind: 'start' })
  assert.deepEqual(timersOf(after)[0], ['heartbeat', 1000])
  after.leads(MASTER)
  assert.equal(after.told('RegisterWorker')[0]?.workerTimeoutMs, 12_000)
  after.hear({ type: 'RegisteredWorker', workerId: ME, duplicate: true })
  assert.equal(livesBy(answer(after)), 12_000)
  assert.equal(livesBy(answer(after, 60_000)), 60_000)
})

test('what the former process of an earlier release saved is its own', () => {
  const saved = JSON.parse(JSON.stringify(running().core.save({ monotonicMs: 0, bootMs: 0, wallMs: 0 })))
  delete saved.workerTimeoutMs
  const world = new WorkerWorld({}, undefined, { saved })
  assert.equal(world.core.times.workerTimeoutMs, 60_000)
})
