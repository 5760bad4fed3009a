import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MasterList } from '../../actors/worker/master-list.js'
import { DRIVER, launchDriver, MASTER, ME, OTHER_MASTER, WorkerWorld } from '../tools/worker-fixture.js'

/* Isolation: protocol 8 and 9, with W = 60 s. A world begins at 1 s, and its contact with it. */

const A = 'firesteel://10.0.0.1:7070'
const B = 'firesteel://10.0.0.2:7070'
const C = 'firesteel://10.0.0.3:7070'
const ALL = [A, B, C]
const PROCESS = `${DRIVER}/1/1`
const stopping = { supervise: true, onIsolation: 'stop' } as const
const START = 1000

/** Runs one supervised driver with onIsolation: stop; three Masters are linked, MASTER at A leads. */
function working(description: Parameters<typeof launchDriver>[1] = stopping): WorkerWorld {
  const world = new WorkerWorld({}, ALL)
  world.step({ kind: 'start' })
  world.link(MASTER, A)
  world.hear({ type: 'MasterChanged', master: A, web: null, masters: ALL })
  world.hear({ type: 'RegisteredWorker', workerId: ME, duplicate: false })
  world.link(OTHER_MASTER, B)
  world.link('m3-cccc', C)
  for (const master of [OTHER_MASTER, 'm3-cccc']) world.standby(master, ALL)
  world.hear(launchDriver(1, description))
  world.started(PROCESS)
  return world
}

const at = (world: WorkerWorld, ms: number): WorkerWorld => {
  world.nowMs = ms
  return world
}

test('a driver with onIsolation stop is valid until contact + W/2 + W/6, which moves with each answer', () => {
  const world = new WorkerWorld({}, ALL)
  world.step({ kind: 'start' })
  world.link(MASTER, A)
  world.hear({ type: 'MasterChanged', master: A, web: null, masters: ALL })
  world.hear(launchDriver(1, stopping))
  assert.equal(world.done('startDriver')[0]?.validUntilBootMs, START + 40_000)
  assert.deepEqual(world.done('startTimer'), [
    { kind: 'startTimer', timer: { kind: 'isolation' }, ms: 30_000 },
  ])
  at(world, 8000).hear({ type: 'HeartbeatAck', workerId: ME, sentAtMs: 7000 })
  const extended = { kind: 'extendDriver', process: PROCESS, validUntilBootMs: 47_000 }
  assert.deepEqual(world.done('extendDriver'), [extended], 'also while it is being started')
  world.started(PROCESS)
  at(world, 13_000).hear({ type: 'HeartbeatAck', workerId: ME, sentAtMs: 12_000 })
  assert.equal(world.done('extendDriver')[0]?.validUntilBootMs, 52_000)
  for (const sentAtMs of [11_000, 14_000]) {
    world.hear({ type: 'HeartbeatAck', workerId: ME, sentAtMs })
    assert.deepEqual(world.done('extendDriver'), [], 'an older heartbeat, or one to come, proves nothing')
  }
  at(world, 31_000).timer({ kind: 'isolation' })
  assert.deepEqual(world.done('startTimer'), [
    { kind: 'startTimer', timer: { kind: 'isolation' }, ms: 11_000 },
  ])
})

for (const [name, description] of [
  ['onIsolation run', { supervise: true }],
  ['no supervision: nobody launches it twice', { onIsolation: 'stop' }],
] as const) {
  test(`with ${name} a driver runs on without a leader, and no timer looks at the contact`, () => {
    const world = working(description)
    assert.deepEqual(world.done('startTimer'), [])
    at(world, 3_600_000).timer({ kind: 'heartbeat' })
    assert.deepEqual(world.done('stopProcess'), [])
  })
}

test('at contact + W/2 SIGTERM, with SIGKILL at the "valid until"; its end is told, to be launched again', () => {
  const world = working()
  world.linkDown()
  at(world, START + 30_000).timer({ kind: 'isolation' })
  assert.deepEqual(world.done('stopProcess'), [{ kind: 'stopProcess', process: PROCESS, graceMs: 10_000 }])
  assert.deepEqual(world.done('startTimer'), [])
  at(world, START + 32_000).ended(PROCESS, { exitCode: null, signal: 'SIGTERM' })
  assert.deepEqual(world.tells(), [], 'nobody to tell')
  world.leads(OTHER_MASTER, 2)
  const [end] = world.told('DriverStateChanged')
  assert.deepEqual([end?.state, end?.isolated, end?.generation], ['KILLED', true, 1])
  assert.deepEqual(world.told('WorkerSchedulerStateResponse')[0]?.drivers, [])
})

test('who exits 0 because isolation told it to has not finished', () => {
  const world = working()
  at(world, START + 30_000).timer({ kind: 'isolation' })
  world.ended(PROCESS, { exitCode: 0 })
  const [end] = world.told('DriverStateChanged')
  assert.deepEqual([end?.state, end?.isolated], ['KILLED', true])
})

test('a Worker that was frozen looks before it acts: what the guard has killed meanwhile does not start again', () => {
  const world = working()
  at(world, START + 50_000).ended(PROCESS, { exitCode: null, signal: 'SIGKILL' })
  assert.deepEqual(world.done('startTimer'), [], 'no next attempt')
  assert.equal(world.told('DriverStateChanged')[0]?.isolated, true)
})

test('a Worker that wakes between SIGTERM and SIGKILL leaves what is left of the time, and none when there is none', () => {
  for (const [wakesAt, graceMs] of [
    [START + 37_000, 3000],
    [START + 90_000, 0],
  ] as const) {
    const world = working()
    at(world, wakesAt).timer({ kind: 'heartbeat' })
    assert.equal(world.done('stopProcess')[0]?.graceMs, graceMs)
  }
})

test('a heartbeat answered before the freeze does not undo it: what was sent counts, not what arrives', () => {
  const world = working()
  at(world, START + 45_000).hear({ type: 'HeartbeatAck', workerId: ME, sentAtMs: START + 2000 })
  assert.equal(world.done('stopProcess').length, 1)
  assert.deepEqual(world.done('extendDriver'), [])
})

test('one that is being started when isolation comes is stopped as soon as it is there', () => {
  const world = new WorkerWorld({}, ALL)
  world.leads(MASTER)
  world.hear(launchDriver(1, stopping))
  at(world, START + 30_000).timer({ kind: 'isolation' })
  assert.deepEqual(world.done('stopProcess'), [])
  at(world, START + 31_000).started(PROCESS)
  assert.deepEqual(world.done('stopProcess'), [{ kind: 'stopProcess', process: PROCESS, graceMs: 9000 }])
  world.ended(PROCESS, { exitCode: null, signal: 'SIGTERM' })
  assert.equal(world.core.status().coresUsed, 0)
})

test('between two attempts isolation ends it at once; the next attempt never comes', () => {
  const world = working()
  at(world, START + 29_000).ended(PROCESS, { exitCode: 1 })
  assert.deepEqual(world.done('startTimer')[0]?.timer, { kind: 'restart', driver: `${DRIVER}/1` })
  at(world, START + 30_000).timer({ kind: 'restart', driver: `${DRIVER}/1` })
  assert.deepEqual(world.done('startDriver'), [])
  const [end] = world.told('DriverStateChanged')
  assert.deepEqual([end?.state, end?.isolated], ['KILLED', true])
  world.hear({ type: 'HeartbeatAck', workerId: ME, sentAtMs: world.nowMs - 10 })
  world.timer({ kind: 'restart', driver: `${DRIVER}/1` })
  assert.deepEqual(world.done('startDriver'), [], 'a leader decides where it runs next')
})

test('none is started before a leader is found: a launch that was buffered over a freeze is given back', () => {
  const world = working()
  const late = 'driver-20260101000000-1-0007'
  at(world, START + 30_000).timer({ kind: 'isolation' })
  world.ended(PROCESS, { exitCode: null, signal: 'SIGTERM' })
  at(world, START + 31_000).hear(launchDriver(1, stopping, { driverId: late }))
  assert.deepEqual(world.done('startDriver'), [])
  const end = world.told('DriverStateChanged').find(({ driverId }) => driverId === late)
  assert.equal(end?.isolated, true)
  world.hear({ type: 'HeartbeatAck', workerId: ME, sentAtMs: world.nowMs - 5 })
  world.hear(launchDriver(2, stopping, { driverId: late }))
  assert.equal(world.done('startDriver')[0]?.validUntilBootMs, world.nowMs - 5 + 40_000)
  assert.deepEqual(
    world.done('startTimer').map(({ timer }) => timer.kind),
    ['isolation'],
  )
})

test('a launch that isolation has refused stays refused when it comes again, and is placed again', () => {
  const world = working()
  const late = { driverId: 'driver-20260101000000-1-0007' }
  at(world, START + 31_000).hear(launchDriver(1, stopping, late))
  world.hear({ type: 'HeartbeatAck', workerId: ME, sentAtMs: world.nowMs - 5 })
  world.hear(launchDriver(1, stopping, late))
  assert.deepEqual(world.done('startDriver'), [])
  assert.equal(world.told('DriverStateChanged')[0]?.decided, 1)
})

test('a driver that isolation is ending is not let live longer by a leader that comes then', () => {
  const world = working()
  at(world, START + 30_000).timer({ kind: 'isolation' })
  at(world, START + 31_000).hear({ type: 'HeartbeatAck', workerId: ME, sentAtMs: START + 30_900 })
  assert.deepEqual(world.done('extendDriver'), [])
})

/** Heartbeats of the last step, by whom they ask. */
const asked = (world: WorkerWorld): string[] =>
  world.tells().flatMap(({ to, message }) => (message.type === 'Heartbeat' ? [to] : []))

test('while a leader answers nobody else is asked; after W/6 without one every linked Master is', () => {
  const world = working()
  at(world, START + 10_000).timer({ kind: 'heartbeat' })
  assert.deepEqual(asked(world), [MASTER])
  assert.deepEqual(world.done('tellRefusals'), [])
  at(world, START + 10_001).timer({ kind: 'heartbeat' })
  assert.deepEqual(asked(world), [MASTER, OTHER_MASTER, 'm3-cccc'])
  assert.equal(world.done('tellRefusals').length, 1)
  world.linkDown()
  world.timer({ kind: 'heartbeat' })
  assert.deepEqual(asked(world), [OTHER_MASTER, 'm3-cccc'])
})

/** The leader is gone; the others are asked at 15 s. `A` refuses since 14 s. */
function probing(): WorkerWorld {
  const world = working()
  world.linkDown()
  at(world, 15_000).timer({ kind: 'heartbeat' })
  return world
}

test('when every Master says that it does not lead or refuses, the contact is the time of the first question', () => {
  const world = probing()
  world.standby(OTHER_MASTER, [C, B, A], 15_000)
  world.standby('m3-cccc', ALL, 15_000)
  assert.deepEqual(world.done('extendDriver'), [], 'one has yet to answer')
  at(world, 15_100).step({ kind: 'masterRefused', address: A, dialledAtMs: 14_800 })
  assert.equal(world.done('extendDriver')[0]?.validUntilBootMs, 14_800 + 40_000)
})

for (const [name, spoil] of [
  ['a Master is silent', () => undefined],
  ['a link says first that it leads not, unasked', (world) => world.standby('m3-cccc', ALL)],
  [
    'a Master goes by another list',
    (world) => world.standby('m3-cccc', [...ALL, 'firesteel://10.0.0.4:7070'], 15_000),
  ],
  ['a Master goes by a shorter list', (world) => world.standby('m3-cccc', [A, B], 15_000)],
  ['a stranger answers', (world) => world.standby('m9-ffff', ALL, 15_000)],
  ['an answer is to a question that was never asked', (world) => world.standby('m3-cccc', ALL, 99_000)],
] as const satisfies readonly (readonly [string, (world: WorkerWorld) => unknown])[]) {
  test(`no contact while ${name}`, () => {
    const world = probing()
    world.step({ kind: 'masterRefused', address: A, dialledAtMs: 14_800 })
    world.standby(OTHER_MASTER, ALL, 15_000)
    spoil(world)
    assert.deepEqual(world.done('extendDriver'), [])
    at(world, START + 30_000).timer({ kind: 'isolation' })
    assert.equal(world.done('stopProcess').length, 1)
  })
}

test('an answer to an older question counts from then', () => {
  const world = probing()
  at(world, 20_000).timer({ kind: 'heartbeat' })
  world.step({ kind: 'masterRefused', address: A, dialledAtMs: 19_900 })
  world.standby(OTHER_MASTER, ALL, 20_000)
  world.standby('m3-cccc', ALL, 15_000)
  assert.equal(world.done('extendDriver')[0]?.validUntilBootMs, 15_000 + 40_000)
})

test('work runs on without a control plane, for hours, as long as every Master says so', () => {
  const world = working()
  world.linkDown()
  for (let ms = 6000; ms < 7_200_000; ms += 5000) {
    at(world, ms).timer({ kind: 'heartbeat' })
    world.step({ kind: 'masterRefused', address: A, dialledAtMs: ms - 200 })
    for (const master of [OTHER_MASTER, 'm3-cccc']) world.standby(master, ALL, ms)
    world.timer({ kind: 'isolation' })
    assert.deepEqual(world.done('stopProcess'), [])
  }
  world.ended(PROCESS, { exitCode: 1 })
  world.timer({ kind: 'restart', driver: `${DRIVER}/1` })
  assert.equal(world.done('startDriver').length, 1, 'and it may be restarted')
})

test('Masters without a leader end no isolation: one may have come and gone meanwhile', () => {
  const world = probing()
  at(world, START + 30_000).timer({ kind: 'heartbeat' })
  world.ended(PROCESS, { exitCode: null, signal: 'SIGTERM' })
  world.step({ kind: 'masterRefused', address: A, dialledAtMs: world.nowMs })
  for (const master of [OTHER_MASTER, 'm3-cccc']) world.standby(master, ALL, world.nowMs)
  world.hear(launchDriver(2, stopping))
  assert.deepEqual(world.done('startDriver'), [])
  world.leads(OTHER_MASTER, 2)
  assert.deepEqual(
    world.told('DriverStateChanged').map(({ generation, isolated }) => [generation, isolated]),
    [
      [1, true],
      [2, true],
    ],
  )
})

test('Master list: a Master under two addresses answers for both; one that moved answers for its new one only', () => {
  const alias = 'firesteel://localhost:7070'
  const masterList = new MasterList([alias, 'firesteel://10.0.0.2'])
  assert.deepEqual(masterList.learn([A, B]), [A], 'the port may be left out')
  masterList.linkUp('m1', alias)
  masterList.linkUp('m1', A)
  masterList.linkUp('m2', B)
  masterList.answered('m1', 10, [A, B])
  masterList.answered('m2', 12, [B, A, A])
  assert.equal(masterList.noLeaderSince(), 10)
  masterList.linkUp('m1-again', A)
  masterList.answered('m1', 20, [A, B])
  masterList.answered('m2', 20, [A, B])
  assert.equal(masterList.noLeaderSince(), 10, 'the former Master at A speaks for it no more')
  masterList.answered('m1-again', 19, [A, B])
  assert.equal(masterList.noLeaderSince(), 19)
})
