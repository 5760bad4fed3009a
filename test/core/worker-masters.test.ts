import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { CoreMessage } from '../../actors/worker/worker-events.js'
import { limits } from '../../runtime/limits.js'
import {
  APP,
  DRIVER,
  launchDriver,
  launchExecutor,
  MASTER,
  ME,
  WorkerWorld,
} from '../tools/worker-fixture.js'

/* A Worker with links to three Masters: R1, R3 to R5, R8 and PositionSeen (protocol 5.3, 7, 11). */

const addresses = ['firesteel://10.0.0.1:7070', 'firesteel://10.0.0.2:7070', 'firesteel://10.0.0.3:7070']
const [M1, M2, M3] = ['m1-aaaa', 'm2-bbbb', 'm3-cccc'] as const
const changed = (master: number): Extract<CoreMessage, { type: 'MasterChanged' }> => ({
  type: 'MasterChanged',
  master: addresses[master - 1]!,
  web: null,
  masters: addresses,
})

/** Linked to all three; M1 leads in epoch 5, at 5/10. */
function world3(): WorkerWorld {
  const world = new WorkerWorld({}, addresses)
  world.step({ kind: 'start' })
  for (const [index, master] of [M1, M2, M3].entries()) world.link(master, addresses[index]!)
  world.hear(changed(1), M1, { epoch: 5, seq: 10 })
  world.hear({ type: 'RegisteredWorker', workerId: ME, duplicate: false }, M1, { epoch: 5, seq: 11 })
  return world
}

const kill: CoreMessage = { type: 'KillExecutor', workerId: ME, appId: APP, execId: 1 }
const ack: CoreMessage = { type: 'HeartbeatAck', workerId: ME, sentAtMs: 1000 }
const acknowledged: CoreMessage = { type: 'ChangesAcknowledged', workerId: ME, changes: [1] }
const told = (world: WorkerWorld): string[] => world.tells().map(({ to, message }) => `${to} ${message.type}`)

// Who says what under which epoch, after M2 has taken over in epoch 6: is it obeyed?
for (const [from, epoch, obeyed] of [
  [M2, 6, true],
  [M1, 5, false],
  [M1, 6, false],
  [M3, 4, false],
  [M3, 6, false],
  [M3, 7, true],
  [M1, 7, true],
] as const) {
  for (const message of [launchExecutor(2), launchDriver(1), kill, ack, acknowledged, changed(1)]) {
    test(`R1: led by M2 in epoch 6, ${message.type} from ${from} of epoch ${epoch} is ${obeyed ? '' : 'not '}obeyed`, () => {
      const world = world3()
      world.hear(changed(2), M2, { epoch: 6, seq: 12 })
      world.hear(message, from, { epoch, seq: 99 })
      const stale = world.told('StaleEpoch')
      if (obeyed) assert.deepEqual(stale, [])
      else {
        assert.deepEqual(world.tells(), [{ to: from, message: { type: 'StaleEpoch', epoch: 6, owner: M2 } }])
        assert.deepEqual(
          world.effects.map(({ kind }) => kind),
          ['refuse', 'tell'],
          'and nothing else happens',
        )
      }
      world.later(1)
      world.ended(`${APP}/2`)
      assert.ok(
        world.tells().every(({ to }) => to === (obeyed && epoch === 7 ? from : M2)),
        'one Master hears',
      )
    })
  }
}

test('R4, R5: the new leader alone hears the full report and all later changes', () => {
  const world = world3()
  world.hear(launchExecutor(1), M1, { epoch: 5, seq: 12 })
  world.hear(launchDriver(1), M1, { epoch: 5, seq: 13 })
  world.started(`${APP}/1`)
  assert.deepEqual(told(world), [`${M1} ExecutorStateChanged`])
  world.hear(changed(2), M2, { epoch: 6, seq: 13 })
  const all = world.tells()
  assert.deepEqual(
    all.map(({ to, message }) => `${to} ${message.type}`),
    [
      `${M2} PositionSeen`,
      `${M2} ExecutorStateChanged`,
      `${M2} WorkerSchedulerStateResponse`,
      `${M2} Heartbeat`,
    ],
  )
  assert.deepEqual(
    all[0]?.message,
    { type: 'PositionSeen', position: { epoch: 5, seq: 13 }, owner: M1 },
    'what it had seen of the former leader: the store may have lost it',
  )
  const [report] = world.told('WorkerSchedulerStateResponse')
  assert.deepEqual(report?.seen, { epoch: 6, seq: 13 }, 'R8: what it has seen of this leader')
  assert.deepEqual(
    report?.drivers.map(({ driverId, launchedAt }) => [driverId, launchedAt]),
    [[DRIVER, { epoch: 5, seq: 13, owner: M1 }]],
  )
  world.ended(`${APP}/1`)
  assert.deepEqual(told(world), [`${M2} ExecutorStateChanged`])
  world.timer({ kind: 'heartbeat' })
  assert.deepEqual(told(world), [`${M2} Heartbeat`])
  // The deposed one has not noticed: its link comes and goes without effect.
  world.linkDown(M1)
  world.ended(`${DRIVER}/1/1`)
  assert.deepEqual(told(world), [`${M2} DriverStateChanged`])
})

test('R3: after a new link to the leader nothing is told before it has spoken; then all is', () => {
  const world = world3()
  world.hear(launchExecutor(1), M1, { epoch: 5, seq: 12 })
  world.link(M1, addresses[0]!)
  world.started(`${APP}/1`)
  world.timer({ kind: 'heartbeat' })
  assert.deepEqual(told(world), [])
  world.hear(changed(1), M1, { epoch: 5, seq: 12 })
  assert.deepEqual(told(world), [
    `${M1} ExecutorStateChanged`,
    `${M1} WorkerSchedulerStateResponse`,
    `${M1} Heartbeat`,
  ])
})

/** A driver has ended, and the leader of epoch 5 has acknowledged that. */
function acknowledgedEnd(seq: number) {
  const world = world3()
  world.hear(launchDriver(1), M1, { epoch: 5, seq: 12 })
  world.started(`${DRIVER}/1/1`)
  world.ended(`${DRIVER}/1/1`, { exitCode: 0 })
  const [end] = world.told('DriverStateChanged')
  const changes = [end!.change]
  world.hear({ type: 'ChangesAcknowledged', workerId: ME, changes }, M1, { epoch: 5, seq })
  return { world, end, changes }
}

test('R5: an end that was acknowledged goes to a leader whose store fell back, for 10 min, with its number', () => {
  const { world, end, changes } = acknowledgedEnd(13)
  world.later(9 * 60_000)
  world.timer({ kind: 'heartbeat' })
  world.hear(changed(2), M2, { epoch: 6, seq: 3 })
  assert.deepEqual(world.told('DriverStateChanged'), [end])
  // Acknowledged again: the ten minutes count from the first time, when it was durable somewhere.
  world.hear({ type: 'ChangesAcknowledged', workerId: ME, changes }, M2, { epoch: 6, seq: 4 })
  world.later(60_001)
  world.timer({ kind: 'heartbeat' })
  world.hear(changed(3), M3, { epoch: 7, seq: 4 })
  assert.deepEqual(world.told('DriverStateChanged'), [])
})

test('R5: a leader says what its store knew at election: what it has acknowledged is not said again', () => {
  const { world, end } = acknowledgedEnd(14)
  const found = (seq: number) => ({
    base: { epoch: 5, seq },
    earlier: [{ epoch: 5, owner: M1, base: { epoch: 4, seq: 2 } }],
  })
  world.hear({ ...changed(2), found: found(14) }, M2, { epoch: 6, seq: 14 })
  assert.deepEqual(world.told('DriverStateChanged'), [])
  world.hear({ ...changed(3), found: found(13) }, M3, { epoch: 7, seq: 13 })
  assert.deepEqual(world.told('DriverStateChanged'), [end], 'its store had lost it')
})

test('R5: another owner had that epoch on its store: what the first one acknowledged in it is said again', () => {
  const { world, end } = acknowledgedEnd(14)
  const earlier = [{ epoch: 5, owner: M2, base: { epoch: 4, seq: 2 } }]
  world.hear({ ...changed(3), found: { base: { epoch: 5, seq: 30 }, earlier } }, M3, { epoch: 6, seq: 30 })
  assert.deepEqual(world.told('DriverStateChanged'), [end])
})

test('R5: an acknowledged end of an earlier generation is not said to a leader that may not know the later one', () => {
  const { world, end } = acknowledgedEnd(13)
  world.hear(launchDriver(2), M1, { epoch: 5, seq: 14 })
  world.started(`${DRIVER}/2/1`)
  world.hear(changed(2), M2, { epoch: 6, seq: 3 })
  assert.deepEqual(world.told('DriverStateChanged'), [], 'the report says what runs')
  const [report] = world.told('WorkerSchedulerStateResponse')
  assert.deepEqual(
    report?.drivers.map(({ generation }) => generation),
    [2],
  )
  // Once that is over as well, both are said.
  world.ended(`${DRIVER}/2/1`, { exitCode: 0 })
  const [later] = world.told('DriverStateChanged')
  world.hear(changed(3), M3, { epoch: 7, seq: 3 })
  assert.deepEqual(world.told('DriverStateChanged'), [end, later])
})

test('PositionSeen: each Master that says it does not lead hears once per link what this Worker obeyed', () => {
  const world = world3()
  world.standby(M2, addresses)
  const seen = { type: 'PositionSeen', position: { epoch: 5, seq: 11 }, owner: M1 }
  assert.deepEqual(world.tells(), [{ to: M2, message: seen }])
  world.standby(M2, addresses)
  assert.deepEqual(world.tells(), [], 'not again, whatever it says next on this link')
  world.linkDown(M2)
  world.link(M2, addresses[1]!)
  world.standby(M2, addresses)
  assert.deepEqual(world.tells(), [{ to: M2, message: seen }])
})

test('PositionSeen: when the link to the leader goes down, all others that are linked hear it', () => {
  const world = world3()
  world.hear(ack, M1, { epoch: 5, seq: 40 })
  world.linkDown(M3)
  assert.deepEqual(world.tells(), [], 'not for another link')
  world.link(M3, addresses[2]!)
  world.linkDown(M1)
  const seen = { type: 'PositionSeen', position: { epoch: 5, seq: 40 }, owner: M1 }
  assert.deepEqual(world.tells(), [
    { to: M2, message: seen },
    { to: M3, message: seen },
  ])
})

test('PositionSeen: who has obeyed nobody says nothing, nor to peers that are no Masters', () => {
  const world = new WorkerWorld({}, addresses)
  world.step({ kind: 'start' })
  world.link(M2, addresses[1]!)
  world.standby(M2, addresses)
  assert.deepEqual(world.tells(), [])
  const led = world3()
  led.step({ kind: 'linkUp', peer: 'some-client' })
  led.linkDown(M2)
  led.linkDown(M3)
  led.linkDown(M1)
  assert.deepEqual(led.tells(), [])
})

test('a Worker that is refused again and again logs each reason once in a while', () => {
  const world = new WorkerWorld()
  world.step({ kind: 'start' })
  world.leads(MASTER)
  const logged = (message: string): unknown[] =>
    world
      .hear({ type: 'RegisterWorkerFailed', workerId: ME, message })
      .flatMap((effect) => (effect.kind === 'log' && effect.level === 'error' ? [effect.fields] : []))
  assert.deepEqual(logged('its token is over'), [{ reason: 'its token is over' }])
  assert.deepEqual(logged('its token is over'), [])
  assert.deepEqual(logged('another reason'), [{ reason: 'another reason' }])
  world.nowMs += limits.logRepeatMs
  assert.deepEqual(logged('another reason'), [{ reason: 'another reason' }])
})
