import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LauncherPages } from '../../actors/client/launcher-pages.js'
import type { LauncherOrder, LaunchersResponse } from '../../actors/messages/launchers.js'
import { limits } from '../../runtime/limits.js'
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

const LONG = 'n'.repeat(200)
const longNodes = (count: number) =>
  Array.from({ length: count }, (_, at) => ({ name: `${at}${LONG}`, role: 'worker' as const, host: LONG }))

/** The launcher links and says that it runs so many nodes of long names, some 430 bytes each. */
function say(world: MasterWorld, id: string, count: number): readonly string[] {
  world.link(id, 'node', LAUNCHER_SUBJECT)
  const nodes = longNodes(count)
  const message = { type: 'RegisterLauncher', id, host: 'alpha', release: '1', nodes } as const
  const { free } = world.input({ kind: 'message', from: id, message })
  return free.flatMap((effect) => (effect.kind === 'log' ? [effect.text] : []))
}

/** All pages, as a client joins them, and the bytes of each. */
function inPages(world: MasterWorld): { readonly ids: readonly string[]; readonly bytes: readonly number[] } {
  const pages = new LauncherPages()
  const bytes: number[] = []
  for (;;) {
    const page = world.ask('cli', pages.request) as LaunchersResponse
    bytes.push(JSON.stringify(page.launchers).length)
    const whole = pages.add(page)
    if (whole) return { ids: whole.launchers.map(({ id }) => id), bytes }
  }
}

test('a launcher that says too much is not known, and what it said before is not either', () => {
  const world = linked()
  say(world, 'l2', 250)
  assert.deepEqual(launchers(world), [LAUNCHER, 'l2'])
  assert.deepEqual(say(world, 'l2', 1000), [
    'a launcher says at least 402890 bytes of its nodes, over 131072, and is not known',
  ])
  assert.deepEqual(launchers(world), [LAUNCHER])
})

test('large launchers have a budget in all, small ones are always taken, and the answer comes in pages', () => {
  const world = linked()
  for (let at = 0; at < 200; at++) say(world, `large-${at}`, 250)
  for (let at = 0; at < 100; at++) {
    world.link(`small-${at}`, 'node', LAUNCHER_SUBJECT)
    register(world, `small-${at}`)
  }
  const { ids, bytes } = inPages(world)
  const large = ids.filter((id) => id.startsWith('large'))
  assert.deepEqual([large.length, ids.length], [76, 77 + 100])
  assert.equal(new Set(ids).size, ids.length)
  assert.ok(Math.max(...bytes) <= limits.statePageBytes + 1024, `${bytes}`)
  const atOnce = world.ask('cli', { type: 'RequestLaunchers' })
  assert.equal(atOnce?.type === 'Failure' && atOnce.code, 'FIRESTEEL_MESSAGE_TOO_LARGE')
  // One of them gives its place to another, and a reader whose last one has left goes on behind it.
  const pages = new LauncherPages()
  pages.add(world.ask('cli', pages.request) as LaunchersResponse)
  world.input({ kind: 'linkDown', incarnation: 'large-0', closedByKernel: true })
  const next = world.ask('cli', pages.request) as LaunchersResponse
  assert.equal(next.launchers[0]?.id, 'large-1')
  say(world, 'large-199', 250)
  assert.equal(inPages(world).ids.at(-1), 'large-199')
})

test('pages of another leadership begin anew', () => {
  const pages = new LauncherPages()
  const page = (epoch: number, id: string, next?: string): LaunchersResponse => ({
    type: 'LaunchersResponse',
    launchers: [{ id, host: 'alpha', release: '1', nodes: [] }],
    epoch,
    ...(next !== undefined && { next }),
  })
  assert.equal(pages.request.after, '0:0')
  pages.add(page(1, 'a', '1:1'))
  assert.equal(pages.request.after, '1:1')
  pages.add(page(2, 'b', '2:1'))
  assert.deepEqual(
    pages.add(page(2, 'c'))?.launchers.map(({ id }) => id),
    ['b', 'c'],
  )
})

test('what a launcher says of an order that nobody asked for is not kept', () => {
  const world = linked()
  const said = { state: 'DONE', message: '', result: '""' } as const
  world.tell(LAUNCHER, { type: 'LauncherOrderChanged', launcher: LAUNCHER, id: 'invented', ...said })
  assert.equal((order(world, 'invented') as { state?: string }).state, 'SENT')
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
