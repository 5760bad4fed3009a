import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  DRIVER,
  launchDriver,
  launchExecutor,
  MASTER,
  ME,
  OTHER_MASTER,
  WorkerWorld,
} from '../tools/worker-fixture.js'

/* Whom a Worker obeys: R1, R2, S1, S6, R0. */

test('R1: a lower epoch is not handled and answered StaleEpoch with the leader that is known', () => {
  const world = WorkerWorld.registered()
  world.leads(OTHER_MASTER, 2)
  world.hear(launchDriver(1), MASTER, { epoch: 1, seq: 999 })
  assert.deepEqual(world.done('startDriver'), [])
  assert.deepEqual(world.tells(), [
    { to: MASTER, message: { type: 'StaleEpoch', epoch: 2, owner: OTHER_MASTER } },
  ])
})

test('R1: an equal epoch with another owner is not handled: one owner per epoch', () => {
  const world = WorkerWorld.registered()
  world.hear(launchDriver(1), OTHER_MASTER, { epoch: 1, seq: 999 })
  assert.deepEqual(world.done('startDriver'), [])
  assert.deepEqual(world.tells(), [
    { to: OTHER_MASTER, message: { type: 'StaleEpoch', epoch: 1, owner: MASTER } },
  ])
})

test('R1: a higher epoch is noted by whatever message carries it, then the message is handled', () => {
  const world = WorkerWorld.registered()
  world.hear(launchDriver(1), OTHER_MASTER, { epoch: 5, seq: 1 })
  assert.equal(world.done('startDriver').length, 1)
  world.hear({ type: 'KillDriver', workerId: ME, driverId: DRIVER, generation: 1 }, MASTER, {
    epoch: 4,
    seq: 9,
  })
  assert.deepEqual(world.told('StaleEpoch'), [{ type: 'StaleEpoch', epoch: 5, owner: OTHER_MASTER }])
})

test('R1: MasterInStandby is no command: it is taken from any Master, whatever its epoch', () => {
  const world = WorkerWorld.registered()
  world.leads(MASTER, 3)
  const masters = ['firesteel://10.0.0.9:7070']
  world.link(OTHER_MASTER)
  world.standby(OTHER_MASTER, [])
  world.hear({ type: 'MasterInStandby', masters }, OTHER_MASTER, { epoch: 0, seq: 0 })
  assert.deepEqual(world.tells(), [])
  assert.deepEqual(world.done('dial'), [{ kind: 'dial', address: 'firesteel://10.0.0.9:7070' }])
})

test('R0: Masters that are named are dialled once, whoever names them', () => {
  const world = new WorkerWorld()
  world.step({ kind: 'start' })
  assert.deepEqual(
    world.done('dial').map(({ address }) => address),
    ['firesteel://127.0.0.1:7070'],
  )
  world.leads(MASTER)
  assert.deepEqual(
    world.done('dial').map(({ address }) => address),
    ['firesteel://127.0.0.1:7071'],
  )
  world.leads(MASTER)
  assert.deepEqual(world.done('dial'), [])
})

for (const message of [
  launchExecutor(1, { workerId: 'w1-other' }),
  launchDriver(1, {}, { workerId: 'w1-other' }),
] as const) {
  test(`R2: ${message.type} for another incarnation is refused and logged`, () => {
    const world = WorkerWorld.registered()
    world.hear(message)
    assert.deepEqual(
      world.effects.map(({ kind }) => kind),
      ['refuse'],
    )
    assert.equal(world.core.status().coresUsed, 0)
  })
}

test('R2: a kill for another incarnation kills nothing', () => {
  const world = WorkerWorld.registered()
  world.hear(launchExecutor(1))
  world.started(`${launchExecutor(1).appId}/1`)
  world.hear({ type: 'KillExecutor', workerId: 'w1-other', appId: launchExecutor(1).appId, execId: 1 })
  assert.deepEqual(world.done('stopProcess'), [])
})

for (const role of ['client', 'driver', 'application'] as const) {
  test(`S6: who opened its link with a ${role} key commands nobody, not with the highest epoch either`, () => {
    const world = WorkerWorld.registered()
    const position = { epoch: 99, seq: 1 }
    world.step({ kind: 'message', from: 'evil', role, position, message: launchDriver(1) })
    assert.deepEqual(
      world.effects.map(({ kind }) => kind),
      ['refuse'],
    )
    world.hear(launchDriver(1))
    assert.equal(world.done('startDriver').length, 1, 'and the epoch it named does not count')
  })
}

const LIAR = 'liar-cccc'
/** From a peer with a node's key whose link the Worker did not dial. */
const lie = (world: WorkerWorld, epoch: number) =>
  world.step({
    kind: 'message',
    from: LIAR,
    role: 'node',
    position: { epoch, seq: 1 },
    message: {
      type: 'MasterChanged',
      master: 'firesteel://10.0.0.9:7070',
      web: null,
      masters: ['firesteel://10.0.0.9:7070'],
    },
  })

test('R0: who dials the Worker and says that it leads is refused, whatever its epoch, and no address is taken from it', () => {
  const world = WorkerWorld.registered()
  world.step({ kind: 'linkUp', peer: LIAR })
  lie(world, 9)
  assert.deepEqual(
    world.effects.map(({ kind }) => kind),
    ['refuse'],
  )
  world.hear(launchDriver(1))
  assert.equal(world.done('startDriver').length, 1)
})

test('R0: nor who takes the incarnation of the leader: its link has pushed out the one that the Worker had dialled', () => {
  const world = WorkerWorld.registered()
  world.step({ kind: 'linkUp', peer: MASTER })
  world.step({
    kind: 'message',
    from: MASTER,
    role: 'node',
    position: { epoch: 1, seq: 99 },
    message: launchDriver(1),
  })
  assert.deepEqual(world.done('startDriver'), [])
  world.leads(MASTER)
  world.hear({ type: 'RegisteredWorker', workerId: ME, duplicate: true })
  world.hear(launchDriver(1))
  assert.equal(world.done('startDriver').length, 1)
})

test('a Worker without its leader for W obeys the next, whatever its epoch: a store may have forgotten that leadership', () => {
  const world = WorkerWorld.registered()
  world.leads(OTHER_MASTER, 7)
  world.linkDown(OTHER_MASTER)
  world.later(59_000)
  world.leads(MASTER, 2)
  assert.equal(world.told('StaleEpoch').length, 1)
  world.later(2000)
  world.leads(MASTER, 2)
  assert.equal(world.told('StaleEpoch').length, 0)
  assert.equal(world.told('WorkerSchedulerStateResponse').length, 1)
})

test('not while the leader is linked, however long it has not answered', () => {
  const world = WorkerWorld.registered()
  world.leads(OTHER_MASTER, 7)
  world.later(120_000)
  world.leads(MASTER, 2)
  assert.equal(world.told('StaleEpoch').length, 1)
})
