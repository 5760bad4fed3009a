import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isAdmitted } from '../../actors/master/routes.js'
import { catalogue, type MasterMessage, type WorkerMessage } from '../../actors/messages/catalogue.js'
import { workerOffer } from '../../actors/messages/samples.js'
import { limits } from '../../runtime/limits.js'
import { newTokenId } from '../../runtime/transport/token.js'
import { MasterWorld } from '../tools/master-fixture.js'

/* Workers that have a token of their own: each is the one Worker of its name, and nothing else. */

const run = (name: string, n = 1): string => `${name}-${String(n).padStart(16, '0')}`

function leader(): MasterWorld {
  const master = new MasterWorld().elect()
  master.link('admin', 'client')
  return master
}

/** Makes the token of a Worker. */
function invite(master: MasterWorld, name: string, endsAtMs?: number): string {
  const id = newTokenId('worker', endsAtMs)
  const made = master.ask('admin', { type: 'RequestCreateToken', id, name })
  assert.equal(made?.type, 'TokenCreated', JSON.stringify(made))
  return id
}

interface Joined {
  readonly as?: string
  readonly name?: string
  readonly port?: number
}

/** A Worker with this token registers. Returns why not. */
function join(
  master: MasterWorld,
  token: string | undefined,
  incarnation: string,
  { name = incarnation.slice(0, incarnation.lastIndexOf('-')), port = 7071 }: Joined = {},
): string | undefined {
  if (token === undefined) master.link(incarnation)
  else master.link(incarnation, 'worker', token)
  master.tell(incarnation, {
    type: 'RegisterWorker',
    id: incarnation,
    ...workerOffer,
    name,
    port,
  })
  const failed = master.lastTold(incarnation, 'RegisterWorkerFailed')?.message
  assert.equal(master.lastTold(incarnation, 'RegisteredWorker') === undefined, failed !== undefined)
  if (failed === undefined) master.report(incarnation)
  return failed
}

test('a Worker with a token sends what Workers send, and nothing that clients, Masters or launchers do', () => {
  const types = [...catalogue.master.keys()]
  assert.deepEqual(types.filter((type) => isAdmitted('worker', type)).sort(), [
    'CodeHeld',
    'DriverProgressed',
    'DriverStateChanged',
    'ExecutorStateChanged',
    'Heartbeat',
    'PositionSeen',
    'RegisterWorker',
    'StaleEpoch',
    'WorkerDecommissioning',
    'WorkerLatestState',
    'WorkerRestartRefused',
    'WorkerSchedulerStateResponse',
  ])
})

test('it registers under the name of its token, and under no other', () => {
  const master = leader()
  const token = invite(master, 'w1')
  assert.equal(join(master, token, run('w1')), undefined)
  assert.deepEqual(master.store.get('worker')?.get(run('w1')), {
    ...(master.store.get('worker')?.get(run('w1')) as object),
    join: token,
  })
  assert.match(
    join(master, token, run('w2')) ?? '',
    /token is that of the Worker w1, and it says that it is w2-/,
  )
  assert.match(join(master, token, run('w1', 2), { name: 'w2', port: 7072 }) ?? '', /and its name is w2/)
  assert.match(join(master, token, run('w1-a'), { port: 7073 }) ?? '', /token is that of the Worker w1/)
})

test('it takes the address of no other Worker; who has the secret may, and so may its own next process', () => {
  const master = leader()
  const [one, two] = [invite(master, 'w1'), invite(master, 'w2')]
  assert.equal(join(master, undefined, run('plain'), { port: 7070 }), undefined)
  assert.equal(join(master, two, run('w2'), { port: 7072 }), undefined)
  for (const port of [7070, 7072])
    assert.match(join(master, one, run('w1', port), { port }) ?? '', /which has another credential/)
  assert.equal(join(master, two, run('w2', 2), { port: 7072 }), undefined)
  assert.equal(join(master, undefined, run('plain', 2), { port: 7072 }), undefined)
})

test('a second process with the token of a living Worker waits until that one counts as dead', () => {
  const master = leader()
  const token = invite(master, 'w1')
  assert.equal(join(master, token, run('w1'), { port: 7071 }), undefined)
  const refused = `FIRESTEEL_TOKEN_IN_USE: its token is that of ${run('w1')} at 10.0.0.1:7071, which counts as alive`
  const second = () => join(master, token, run('w1', 2), { port: 7072 })
  assert.equal(second(), refused)
  // Neither a link that is cut nor another leader takes its place from it.
  master.unlink(run('w1'))
  assert.equal(second(), refused)
  master.forgetTold()
  assert.equal(join(master, token, run('w1'), { port: 7071 }), undefined)
  master.failover().elect()
  assert.equal(second(), refused)
  master.forgetTold()
  assert.equal(join(master, token, run('w1'), { port: 7071 }), undefined)
  assert.equal(master.core.cluster!.workers.get(run('w1'))?.state, 'ALIVE')
})

test('the next process of a Worker with a token comes at once to its address, and elsewhere once it is dead', () => {
  const master = leader()
  const token = invite(master, 'w1')
  assert.equal(join(master, token, run('w1'), { port: 7071 }), undefined)
  // The link of the former is half open: nobody has closed it.
  assert.equal(join(master, token, run('w1', 2), { port: 7071 }), undefined)
  assert.equal(join(master, token, run('w1', 3), { port: 7072 }) === undefined, false)
  master.advance(limits.workerTimeoutMs)
  master.forgetTold()
  assert.equal(join(master, token, run('w1', 3), { port: 7072 }), undefined)
  // Whoever was cut off comes back as the second one now.
  master.forgetTold()
  assert.match(
    join(master, token, run('w1', 2), { port: 7071 }) ?? '',
    /TOKEN_IN_USE: .* at 10\.0\.0\.1:7072/,
  )
})

test('while the store has forgotten whose token it is, it registers as no Worker and goes on as the one it was', () => {
  const master = leader()
  const [one, two] = [invite(master, 'w1'), invite(master, 'w2')]
  assert.equal(join(master, one, run('w1'), { port: 7071 }), undefined)
  assert.equal(join(master, two, run('w2'), { port: 7072 }), undefined)
  master.failover()
  // This Master has not answered yet, and may hold what the store lost.
  master.link('m2', 'node', 'master')
  master.elect({ ...master.stored(), tokens: [] })
  assert.match(join(master, one, run('w3'), { port: 7073 }) ?? '', /not known yet whose token/)
  assert.match(join(master, one, run('w1', 2), { port: 7072 }) ?? '', /not known yet whose token/)
  assert.equal(join(master, one, run('w1'), { port: 7071 }), undefined)
  master.forgetTold()
  assert.match(join(master, one, run('w1'), { port: 7072 }) ?? '', /which has another credential/)
})

test('it speaks for no other Worker, neither before nor after a failover', () => {
  const master = leader()
  const [one, two] = [invite(master, 'w1'), invite(master, 'w2')]
  assert.equal(join(master, two, run('w2'), { port: 7072 }), undefined)
  master.failover().elect()
  // It links to the new leader before the true one does.
  const messages: readonly MasterMessage[] = [
    { type: 'WorkerLatestState', id: run('w2'), executors: [], drivers: [] },
    { type: 'Heartbeat', workerId: run('w2'), sentAtMs: 1 },
    { type: 'CodeHeld', workerId: run('w2'), begins: true, codes: [] },
    { type: 'StaleEpoch', epoch: 9, owner: 'm9', seq: 1 } as never,
  ]
  for (const as of [
    { role: 'worker', subject: one },
    { role: 'node', subject: undefined },
  ] as const) {
    master.link(run('w2'), as.role, as.subject)
    master.forgetTold()
    for (const message of messages) {
      master.tell(run('w2'), message)
      const refused = master.lastStep?.free.find(({ kind }) => kind === 'refused')
      assert.ok(refused, `${as.role}: ${message.type}`)
    }
    assert.deepEqual(master.told, [])
    assert.equal(master.core.cluster!.workers.get(run('w2'))?.answered, false)
    master.unlink(run('w2'))
  }
  assert.equal(join(master, two, run('w2'), { port: 7072 }), undefined)
  assert.equal(master.core.cluster!.workers.get(run('w2'))?.answered, true)
})

test('whoever links as a Worker that it may not be is told why and goes, so that the true one gets in', () => {
  const master = leader()
  const [one, two] = [invite(master, 'w1'), invite(master, 'w2')]
  assert.equal(join(master, two, run('w2'), { port: 7072 }), undefined)
  const unlinked = () => master.lastStep?.free.filter(({ kind }) => kind === 'unlink').length
  master.link(run('w2', 9), 'worker', one)
  assert.equal(unlinked(), 1)
  assert.match(master.lastTold(run('w2', 9), 'RegisterWorkerFailed')?.message ?? '', /of the Worker w1/)
  assert.equal(master.lastTold(run('w2', 9), 'MasterChanged'), undefined)
  // It has linked to a STANDBY, which does not know whose the token is until it leads.
  master.failover()
  master.link(run('w2'), 'worker', one)
  assert.equal(unlinked(), 0)
  master.elect()
  assert.ok(
    master.told.some(({ to, message }) => to === run('w2') && message.type === 'RegisterWorkerFailed'),
  )
  assert.equal(master.lastTold(run('w2'), 'MasterChanged'), undefined)
})

test('a token that is over opens nothing more for its Worker', () => {
  const master = leader()
  const token = invite(master, 'w1')
  assert.equal(join(master, token, run('w1')), undefined)
  master.ask('admin', { type: 'RequestRevokeToken', token: 'w1' })
  assert.equal(master.core.isOver({ role: 'worker', subject: token }), true)
  master.tell(run('w1'), { type: 'Heartbeat', workerId: run('w1'), sentAtMs: 1 })
  assert.ok(master.lastStep?.free.some(({ kind }) => kind === 'refused'))
  assert.match(join(master, token, run('w1', 2)) ?? '', /is over/)
  assert.equal(join(master, invite(master, 'w1'), run('w1', 3), { port: 7079 }), undefined)
})

test('a Worker with a token is told which tokens are in force, and is launched on as any other', () => {
  const master = leader()
  const token = invite(master, 'w1')
  assert.equal(join(master, token, run('w1')), undefined)
  assert.deepEqual(
    master.lastTold(run('w1'), 'TokensInForce' as WorkerMessage['type'])?.type,
    'TokensInForce',
  )
  const driverId = master.submitted()
  assert.equal(master.lastTold(run('w1'), 'LaunchDriver')?.driverId, driverId)
})

test('the token of a Worker is in the list, and no client links with it', () => {
  const master = leader()
  const id = invite(master, 'w1')
  const answer = master.ask('admin', { type: 'RequestTokens' })
  assert.ok(answer?.type === 'Tokens')
  assert.deepEqual(
    answer.tokens.map(({ id, name, role }) => [id, name, role]),
    [[id, 'w1', 'worker']],
  )
})
