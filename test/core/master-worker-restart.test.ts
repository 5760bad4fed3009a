import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MasterWorld } from '../tools/master-fixture.js'

/* A Worker that announces its restart, and comes back in time, late or never (protocol 8.6). */

const stateOf = (world: MasterWorld, id: string) => world.snapshot().workers.find((w) => w.id === id)?.state
const recordOf = (world: MasterWorld, table: 'worker' | 'driver', id: string) =>
  world.store.get(table)!.get(id) as { state?: string; restartMs?: number }

const RESTART_MS = 30_000

const announce = (world: MasterWorld, id = 'w1'): void =>
  world.tell(id, { type: 'Heartbeat', workerId: id, sentAtMs: 5, restartMs: RESTART_MS })

/** Nobody listens at its port. */
function refuse(world: MasterWorld, dials = 3): void {
  for (let dial = 0; dial < dials; dial++) {
    world.input({ kind: 'probed', workerId: 'w1', refused: true })
    world.advance(500)
  }
}

function running(): { world: MasterWorld; driverId: string } {
  const world = new MasterWorld().elect()
  world.worker('w1')
  const driverId = world.submitted({ supervise: true })
  return { world, driverId }
}

const launches = (world: MasterWorld): number => world.toldTo('w1', 'LaunchDriver').length

test('an announced restart is in the store before the Worker is told so', () => {
  const { world } = running()
  announce(world)
  assert.deepEqual(world.lastTold('w1', 'HeartbeatAck'), {
    type: 'HeartbeatAck',
    workerId: 'w1',
    sentAtMs: 5,
    workerTimeoutMs: 60_000,
    restarting: true,
  })
  assert.equal(recordOf(world, 'worker', 'w1').restartMs, RESTART_MS)
})

test('a Worker that goes on after all is given work again, and dies as any other', () => {
  const { world } = running()
  announce(world)
  world.forgetTold()
  world.submitted()
  assert.equal(launches(world), 0)
  world.tell('w1', { type: 'Heartbeat', workerId: 'w1', sentAtMs: 6 })
  assert.equal('restartMs' in recordOf(world, 'worker', 'w1'), false)
  assert.equal(launches(world), 1)
  world.unlink('w1')
  world.advance(0)
  refuse(world)
  assert.equal(stateOf(world, 'w1'), 'DEAD')
})

test('while it restarts nobody buries it and it gets no work; what it brings back stays', () => {
  const { world, driverId } = running()
  announce(world)
  world.forgetTold()
  const waiting = world.submitted()
  assert.equal(launches(world), 0)
  world.unlink('w1')
  world.advance(1000)
  assert.equal(world.probes.length, 0)
  refuse(world)
  assert.equal(stateOf(world, 'w1'), 'ALIVE')
  world.link('w1')
  world.registerWorker('w1', { cores: 3 })
  assert.equal(world.lastTold('w1', 'RegisteredWorker')?.duplicate, true)
  world.report('w1', {
    drivers: [
      {
        driverId,
        generation: 1,
        attempt: 1,
        state: 'RUNNING',
        resources: {},
        cores: 1,
        memoryMib: 128,
        launchedAt: { ...world.position, owner: 'm1' },
      },
    ],
  })
  assert.equal(world.snapshot().workers[0]?.cores, 3, 'and its new offer counts')
  assert.equal('restartMs' in recordOf(world, 'worker', 'w1'), false)
  assert.deepEqual(
    world.toldTo('w1', 'LaunchDriver').map((launch) => launch.driverId),
    [waiting],
  )
  assert.equal(world.toldTo('w1', 'KillDriver').length, 0)
})

test('the drain before its stop ends with a restart, though the next process has its incarnation', () => {
  const { world } = running()
  world.tell('w1', { type: 'WorkerDecommissioning', workerId: 'w1', deadlineMs: 60_000 })
  assert.equal(stateOf(world, 'w1'), 'DECOMMISSIONED')
  announce(world)
  world.unlink('w1')
  world.link('w1')
  world.forgetTold()
  world.registerWorker('w1')
  assert.equal(world.lastTold('w1', 'DecommissionWorker')?.isDrained, false)
  world.report('w1')
  assert.equal(stateOf(world, 'w1'), 'ALIVE')
  assert.equal(world.store.get('drain')?.size, 0)
})

test('one that does not come back in time is buried as any other, and its driver runs again', () => {
  const { world, driverId } = running()
  announce(world)
  world.unlink('w1')
  world.advance(RESTART_MS - 1)
  assert.equal(world.probes.length, 0)
  world.advance(1)
  assert.ok(world.probes.length > 0)
  refuse(world)
  assert.equal(stateOf(world, 'w1'), 'DEAD')
  assert.equal(recordOf(world, 'driver', driverId).state, 'RELAUNCHING')
})

test('the next leader waits as well, from its election on', () => {
  const { world } = running()
  announce(world)
  world.failover().elect()
  world.advance(20_000)
  refuse(world)
  assert.notEqual(stateOf(world, 'w1'), 'DEAD')
  world.advance(RESTART_MS)
  refuse(world)
  assert.equal(stateOf(world, 'w1'), 'DEAD')
})

const asked = (world: MasterWorld, changes: { worker?: string; request?: string; since?: number } = {}) => {
  const answer = world.ask('cli', { type: 'RequestRestartWorker', worker: 'w1', request: 'r1', ...changes })
  return answer?.type === 'RestartWorkerResponse' ? [answer.state, answer.count] : answer
}

const refusedBecause = (world: MasterWorld, changes = {}): string[] => {
  const answer = world.ask('cli', { type: 'RequestRestartWorker', worker: 'w1', request: 'r1', ...changes })
  return answer?.type === 'Failure' ? [answer.code, answer.message] : []
}

const asks = (world: MasterWorld): string[] =>
  world.toldTo('w1', 'RestartWorker').map(({ request }) => request)

/** One that somebody starts again, and a command. */
function supervised(): MasterWorld {
  const world = new MasterWorld().elect()
  world.worker('w1', { isSupervised: true })
  world.link('cli', 'client')
  return world
}

/** Its next process registers and reports. */
function comeBack(world: MasterWorld, request: string | undefined, count = 1): void {
  world.link('w1')
  const restarts = { count, ...(request !== undefined && { request }), gapMs: 700 }
  world.registerWorker('w1', { isSupervised: true, restarts })
  world.report('w1', {})
}

test('a restart that is asked for: told until it is announced, then waited for, and done once', () => {
  const world = supervised()
  assert.deepEqual(asked(world), ['ASKED', 0])
  assert.deepEqual(asked(world, { since: 0 }), ['ASKED', 0])
  assert.deepEqual(asks(world), ['r1', 'r1'], 'the first one may have been lost')
  announce(world)
  assert.deepEqual(asked(world, { since: 0 }), ['RESTARTING', 0])
  world.unlink('w1')
  assert.deepEqual(asked(world, { since: 0 }), ['RESTARTING', 0])
  world.link('w1')
  assert.deepEqual(asked(world, { since: 0 }), ['RESTARTING', 0], 'linked is not yet back')
  comeBack(world, 'r1')
  assert.deepEqual(asked(world, { since: 0 }), ['RESTARTED', 1])
  assert.deepEqual(asked(world), ['RESTARTED', 1], 'the first request, again')
  assert.deepEqual(asks(world), ['r1', 'r1'])
  world.failover().elect()
  world.link('cli', 'client')
  world.link('w1')
  world.report('w1', {})
  world.advance(2000)
  assert.deepEqual(asked(world), ['RESTARTED', 1], 'the next leader knows of it')
  assert.deepEqual(asks(world), [], 'and it does not tell the Worker')
})

test('two who ask before it begins wait for one restart; a later request is another one', () => {
  const world = supervised()
  assert.deepEqual(asked(world), ['ASKED', 0])
  assert.deepEqual(asked(world, { request: 'r2' }), ['ASKED', 0])
  announce(world)
  comeBack(world, 'r1')
  assert.deepEqual(asked(world, { request: 'r2', since: 0 }), ['RESTARTED', 1])
  assert.deepEqual(asks(world), ['r1', 'r2'])
  assert.deepEqual(asked(world, { request: 'r3' }), ['ASKED', 1])
  assert.deepEqual(asks(world), ['r1', 'r2', 'r3'])
})

for (const away of ['has announced its restart', 'is away, and nobody heard why'] as const)
  test(`who asks while a Worker ${away} gets a restart that began after that`, () => {
    const world = supervised()
    asked(world)
    if (away === 'has announced its restart') announce(world)
    world.unlink('w1')
    assert.deepEqual(asked(world, { request: 'r2' }), ['RESTARTING', 0], 'its next process may run already')
    world.link('w1')
    assert.deepEqual(asked(world, { request: 'r2' }), ['RESTARTING', 0], 'linked is not yet counted')
    comeBack(world, 'r1')
    assert.deepEqual(asked(world, { request: 'r2' }), ['ASKED', 1])
    assert.deepEqual(asks(world), ['r1', 'r2'])
    comeBack(world, 'r2', 2)
    assert.deepEqual(asked(world, { request: 'r2', since: 1 }), ['RESTARTED', 2])
  })

test('a restart of which no leader heard is known by its number', () => {
  const world = supervised()
  assert.deepEqual(asked(world), ['ASKED', 0])
  world.unlink('w1')
  comeBack(world, undefined)
  assert.deepEqual(asked(world, { since: 0 }), ['RESTARTED', 1])
})

test('a store that forgot a restart: who asks counts from what the Worker says, and hears of no old one', () => {
  const world = supervised()
  const forgotten = world.stored()
  comeBack(world, undefined)
  world.failover().elect(forgotten)
  world.link('w1')
  world.link('cli', 'client')
  world.report('w1', { restarts: { count: 1, gapMs: 700 } })
  assert.deepEqual(asked(world, { request: 'r2' }), ['ASKED', 1])
  assert.deepEqual(asked(world, { request: 'r2', since: 1 }), ['ASKED', 1])
  world.report('w1', { restarts: { count: 1, gapMs: 700 } })
  assert.equal(world.lastStep?.puts.length, 0, 'what is known is not written again')
})

test('a store that forgot that a Worker restarts: nobody buries it; one that has answered keeps what it said', () => {
  const world = supervised()
  const forgotten = world.stored()
  announce(world)
  const newer = { ...recordOf(world, 'worker', 'w1'), at: { epoch: 1, seq: 9 } }
  const lost = () => {
    world.input({ kind: 'lostWrites', records: [{ table: 'worker', id: 'w1', value: newer }] })
    return world.lastStep!.puts.length
  }
  world.failover().elect(forgotten)
  assert.equal(lost(), 1)
  assert.equal(recordOf(world, 'worker', 'w1').restartMs, RESTART_MS)
  world.advance(1000)
  refuse(world)
  assert.notEqual(stateOf(world, 'w1'), 'DEAD')
  world.failover().elect(forgotten)
  world.link('w1')
  world.report('w1')
  assert.equal(lost(), 0)
})

test('a store that forgot that a Worker is back: it is given work again', () => {
  const world = supervised()
  announce(world)
  const forgotten = world.stored()
  comeBack(world, undefined)
  world.failover().elect(forgotten)
  world.link('w1')
  world.report('w1')
  world.submitted()
  assert.equal(launches(world), 0)
  world.tell('w1', { type: 'Heartbeat', workerId: 'w1', sentAtMs: 6 })
  assert.equal(launches(world), 1)
})

test('a restart that is refused: by the Worker, for want of a supervisor, of a dead and of an unknown one', () => {
  const world = supervised()
  asked(world)
  const message = 'the disk is full'
  world.tell('w1', { type: 'WorkerRestartRefused', workerId: 'w1', request: 'other', message })
  assert.deepEqual(asked(world, { since: 0 }), ['ASKED', 0], 'of another request')
  world.tell('w1', { type: 'WorkerRestartRefused', workerId: 'w1', request: 'r1', message })
  assert.deepEqual(asked(world, { since: 0 }), ['REFUSED', 0])
  assert.deepEqual(asked(world, { request: 'r2' }), ['ASKED', 0], 'somebody mended it')
  const code = 'FIRESTEEL_RESTART_REFUSED'
  world.worker('w2', { port: 7002 })
  const unsupervised = 'nobody would start w2 again: neither a launcher nor a service manager runs it'
  assert.deepEqual(refusedBecause(world, { worker: 'w2' }), [code, unsupervised])
  assert.deepEqual(refusedBecause(world, { worker: 'w3' })[0], 'FIRESTEEL_UNKNOWN_ID')
  world.unlink('w1')
  world.advance(0)
  refuse(world)
  assert.equal(stateOf(world, 'w1'), 'DEAD')
  assert.equal(refusedBecause(world)[0], code)
})
