import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { LauncherOrder } from '../../actors/messages/launchers.js'
import { LAUNCHER_SUBJECT, MASTER_SUBJECT } from '../../runtime/transport/identity.js'
import { MasterWorld } from '../tools/master-fixture.js'

/* The launchers of all machines, and what the leader passes on to them (protocol 15). */

const LAUNCHER = 'launcher-1'
const restart: LauncherOrder = { kind: 'restart', node: 'w1' }

function linked(): MasterWorld {
  const world = new MasterWorld().elect()
  world.link(LAUNCHER, 'node', LAUNCHER_SUBJECT)
  world.link('cli', 'client')
  register(world)
  return world
}

const register = (world: MasterWorld, from = LAUNCHER): void =>
  world.tell(from, {
    type: 'RegisterLauncher',
    id: from,
    host: 'alpha',
    release: '0.1.0',
    nodes: [{ name: 'w1', role: 'worker', host: '10.0.0.1' }],
  })

const order = (world: MasterWorld, id = 'order-1') =>
  world.ask('cli', { type: 'RequestLauncherOrder', launcher: LAUNCHER, id, order: restart })

const launchers = (world: MasterWorld): readonly string[] => {
  const answer = world.ask('cli', { type: 'RequestLaunchers' })
  return answer?.type === 'LaunchersResponse' ? answer.launchers.map(({ id }) => id) : []
}

test('a launcher is known while it is linked, and only a launcher registers as one', () => {
  const world = linked()
  assert.deepEqual(launchers(world), [LAUNCHER])
  world.link('w9-1')
  register(world, 'w9-1')
  assert.deepEqual(launchers(world), [LAUNCHER])
  world.input({ kind: 'linkDown', incarnation: LAUNCHER, closedByKernel: true })
  assert.deepEqual(launchers(world), [])
  const answer = order(world)
  assert.equal(answer?.type === 'Failure' && answer.code, 'FIRESTEEL_LAUNCHER_AWAY')
})

test('an order is passed on once, and the answer says how it stands', () => {
  const world = linked()
  assert.deepEqual(order(world), {
    type: 'LauncherOrderState',
    launcher: LAUNCHER,
    id: 'order-1',
    state: 'SENT',
    message: '',
  })
  order(world)
  assert.deepEqual(world.toldTo(LAUNCHER, 'OrderLauncher'), [
    { type: 'OrderLauncher', id: 'order-1', order: restart },
  ])
  for (const state of ['RUNNING', 'DONE'] as const) {
    world.tell(LAUNCHER, {
      type: 'LauncherOrderChanged',
      launcher: LAUNCHER,
      id: 'order-1',
      state,
      message: '',
    })
    const answer = order(world)
    assert.equal(answer?.type === 'LauncherOrderState' && answer.state, state)
  }
})

test('a new leader passes on an order that it does not know: its launcher does', () => {
  const world = linked()
  order(world)
  const next = linked()
  order(next)
  assert.equal(next.toldTo(LAUNCHER, 'OrderLauncher').length, 1)
})

test('a launcher counts neither as a Worker that a STANDBY hears, nor as a Master', () => {
  const world = new MasterWorld()
  world.link('m2-1', 'node', MASTER_SUBJECT)
  world.link('w1-1')
  world.link(LAUNCHER, 'node', LAUNCHER_SUBJECT)
  const pulse = { type: 'LeaderPulse', workers: 1, workersHeard: 1 } as const
  const { free } = world.input({
    kind: 'message',
    from: 'm2-1',
    message: pulse,
    position: { epoch: 9, seq: 1 },
  })
  const heard = free.flatMap((effect) =>
    effect.kind === 'tellNow' && effect.message.type === 'StandbyPulse' ? [effect.message.workersHeard] : [],
  )
  assert.deepEqual(heard, [1])
})

test('two orders whose answers come together: each who asked gets its own', () => {
  const world = linked()
  const plan: LauncherOrder = { kind: 'plan', text: '' }
  const ask = (id: string) =>
    world.ask('cli', { type: 'RequestLauncherOrder', launcher: LAUNCHER, id, order: plan })
  const done = (id: string): void =>
    world.tell(LAUNCHER, {
      type: 'LauncherOrderChanged',
      launcher: LAUNCHER,
      ...{ id, state: 'DONE', message: '', result: `"${id}"` },
    })
  ask('a')
  ask('b')
  done('a')
  done('b')
  assert.equal((ask('b') as { result?: string }).result, '"b"')
  assert.equal((ask('a') as { state?: string }).state, 'SENT', 'its launcher is asked again')
  done('a')
  assert.equal((ask('a') as { result?: string }).result, '"a"')
})
