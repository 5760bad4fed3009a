import assert from 'node:assert/strict'
import { violation } from '../../actors/messages/catalogue.js'
import { applicationDescription, workerOffer } from '../../actors/messages/samples.js'
import {
  afterFailover,
  appOf,
  clientOf,
  executorReport,
  gatedTypes,
  respond,
  type SparkRule,
  workerStateOf,
  writtenBy,
} from './spark-rules.js'
import { workerRules } from './spark-worker-rules.js'

/* Spark 1.3, by row of its table: what each receiver does with each message. */

const registerWorker: readonly SparkRule[] = [
  {
    rule: '1.3.1a',
    title: 'RegisterWorker in STANDBY',
    spark: 'answers MasterInStandby, records nothing',
    as: 'Spark',
    ours: 'the answer names all Masters',
    test(world) {
      world.link('w1')
      world.forgetTold()
      world.registerWorker('w1')
      assert.deepEqual(world.toldTo('w1', 'MasterInStandby'), [
        { type: 'MasterInStandby', masters: [...world.config.masters] },
      ])
      assert.deepEqual(writtenBy(world), [])
      assert.equal(world.elect().snapshot().workers.length, 0)
    },
  },
  {
    rule: '1.3.1b',
    title: 'RegisterWorker of a known id',
    spark: 'RegisteredWorker(duplicate), no new record, nothing scheduled',
    as: 'Spark',
    test(world) {
      world.elect()
      world.worker('w1')
      const message = { type: 'RegisterWorker', id: 'w1', ...workerOffer } as const
      const now = { monotonicMs: 0, wallMs: 0 }
      const commitQueue = { position: world.position, degradation: undefined }
      const step = world.core.step(
        { kind: 'message', from: 'w1', message, reply: undefined },
        now,
        commitQueue,
      )
      assert.equal(world.core.cluster?.dirty, false, 'nothing new can be placed')
      assert.deepEqual(step.puts, [])
      assert.deepEqual(
        step.gated.map((effect) => effect.kind === 'tell' && effect.message),
        [{ type: 'RegisteredWorker', workerId: 'w1', duplicate: true }],
      )
      assert.equal(world.snapshot().workers.length, 1)
    },
  },
  {
    rule: '1.3.1c',
    title: 'RegisterWorker of an id that is UNKNOWN',
    spark: 'sets it ALIVE',
    as: 'different',
    ours: 'it stays UNKNOWN until its full report, which follows at once',
    why: 'ALIVE means that the Master knows what runs there; otherwise its cores would be given away twice',
    test(world) {
      afterFailover(world)
      world.link('w1')
      world.registerWorker('w1')
      assert.equal(world.lastTold('w1', 'RegisteredWorker')?.duplicate, true)
      assert.equal(workerStateOf(world, 'w1'), 'UNKNOWN')
      world.report('w1')
      assert.equal(workerStateOf(world, 'w1'), 'ALIVE')
    },
  },
  {
    rule: '1.3.1d',
    title: 'RegisterWorker of a new id',
    spark: 'persisted first, then RegisteredWorker(duplicate=false)',
    as: 'Spark',
    ours: 'the store does not hold up the Master meanwhile: the answer waits for the commit',
    test(world) {
      world.elect()
      world.link('w1')
      world.registerWorker('w1')
      assert.deepEqual(writtenBy(world), ['worker w1'])
      assert.deepEqual(gatedTypes(world), ['RegisteredWorker'])
      assert.equal(world.lastTold('w1', 'RegisteredWorker')?.duplicate, false)
    },
  },
  {
    rule: '1.3.1e',
    title: 'Scheduling after a registration',
    spark: 'schedules at once',
    as: 'different',
    ours: 'after its first full report, the next message on that link',
    why: 'a Worker that was declared dead may still run processes; nothing is launched beside what it has not told',
    test(world) {
      world.elect()
      world.submitted()
      world.link('w1')
      world.registerWorker('w1')
      assert.equal(world.toldTo('w1', 'LaunchDriver').length, 0)
      world.report('w1')
      assert.equal(world.toldTo('w1', 'LaunchDriver').length, 1)
    },
  },
  {
    rule: '1.3.1f',
    title: 'A registration that fails',
    spark: 'RegisterWorkerFailed, naming the address that is taken',
    as: 'different',
    ours: 'RegisterWorkerFailed with the reason: an id that is not the incarnation of the link, a port of 0, or 3.5.2b',
    why: 'a foreign id would let one node speak for another; a taken address alone is no failure here',
    test(world) {
      world.elect()
      world.link('w2')
      world.registerWorker('w1', { from: 'w2' })
      assert.match(world.lastTold('w2', 'RegisterWorkerFailed')?.message ?? '', /w1 is not the incarnation/)
      assert.equal(world.snapshot().workers.length, 0)
    },
  },
  {
    rule: '1.3.1g',
    title: 'The port of a Worker',
    spark: 'asserts that it is above 0',
    as: 'Spark',
    ours: 'answers RegisterWorkerFailed instead of losing the message',
    test(world) {
      world.elect()
      world.link('w1')
      world.registerWorker('w1', { port: 0 })
      assert.match(world.lastTold('w1', 'RegisterWorkerFailed')?.message ?? '', /10\.0\.0\.1:0 is no address/)
      assert.equal(world.snapshot().workers.length, 0)
      const message = { type: 'RegisterWorker', id: 'w1', ...workerOffer, port: -1 }
      assert.match(violation('master', message) ?? '', /port/)
    },
  },
]

const heartbeat = (workerId: string) => ({ type: 'Heartbeat', workerId, sentAtMs: 1 }) as const

const liveness: readonly SparkRule[] = [
  {
    rule: '1.3.5a',
    title: 'Heartbeat of a known Worker',
    spark: 'its time is noted',
    as: 'Spark',
    ours: 'and answered with its own sending time',
    test(world) {
      world.elect()
      world.worker('w1', { port: 1 })
      world.worker('w2', { port: 2 })
      world.advance(50_000)
      world.tell('w1', heartbeat('w1'))
      assert.deepEqual(world.lastTold('w1', 'HeartbeatAck'), {
        type: 'HeartbeatAck',
        workerId: 'w1',
        sentAtMs: 1,
        workerTimeoutMs: 60_000,
      })
      world.advance(20_000)
      assert.equal(workerStateOf(world, 'w1'), 'ALIVE')
      assert.equal(workerStateOf(world, 'w2'), 'DEAD')
    },
  },
  {
    rule: '1.3.5b',
    title: 'Heartbeat of a Worker that the Master holds as DEAD',
    spark: 'ReconnectWorker',
    as: 'Spark',
    test(world) {
      world.elect()
      world.worker('w1')
      world.advance(70_000)
      world.tell('w1', heartbeat('w1'))
      assert.equal(world.lastTold('w1', 'ReconnectWorker')?.workerId, 'w1')
      assert.equal(workerStateOf(world, 'w1'), 'DEAD')
    },
  },
  {
    rule: '1.3.5c',
    title: 'Heartbeat of a Worker that the Master does not hold',
    spark: 'logged and ignored',
    as: 'different',
    ours: 'ReconnectWorker',
    why: 'ignored for ever, the Worker would stay an orphan until its connection breaks',
    test(world) {
      world.elect()
      world.link('w1')
      world.tell('w1', heartbeat('w1'))
      assert.equal(world.lastTold('w1', 'ReconnectWorker')?.workerId, 'w1')
    },
  },
  {
    rule: '1.3.10a',
    title: 'CheckForWorkerTimeOut: period',
    spark: 'every W, first at once',
    as: 'different',
    ours: 'every W/12; a sweep that comes late judges no Worker',
    why: 'a death is noticed within W + W/12 instead of 2 W, and a stalled Master does not kill the healthy (R7)',
    test(world) {
      world.elect()
      assert.equal(world.timers.get('sweep'), 5000)
      world.worker('w1')
      world.nowMs = 80_000
      world.advance(0)
      assert.equal(workerStateOf(world, 'w1'), 'ALIVE')
      world.advance(5000)
      assert.equal(workerStateOf(world, 'w1'), 'DEAD')
    },
  },
  {
    rule: '1.3.10b',
    title: 'CheckForWorkerTimeOut: silent Workers',
    spark: 'removed after W without a heartbeat, its executors LOST, its record deleted',
    as: 'Spark',
    test(world) {
      world.elect()
      world.worker('w1')
      const appId = world.application('app')
      world.advance(59_000)
      assert.equal(workerStateOf(world, 'w1'), 'ALIVE')
      world.advance(6000)
      assert.equal(workerStateOf(world, 'w1'), 'DEAD')
      assert.equal(world.store.get('worker')?.has('w1'), false)
      const states = world.toldTo('app', 'ExecutorUpdated').map(({ state }) => state)
      assert.deepEqual(states, ['LOST', 'LOST', 'LOST', 'LOST'])
      assert.equal(world.toldTo('app', 'WorkerRemoved').length, 1)
      assert.equal(appOf(world, appId)?.executors.length, 0)
    },
  },
  {
    rule: '1.3.10c',
    title: 'CheckForWorkerTimeOut: how long the dead are shown',
    spark: '16 W from the last heartbeat',
    as: 'different',
    ours: '16 W from its death',
    why: 'equally long whether it fell silent or its port refused',
    test(world) {
      world.elect()
      world.worker('w1')
      world.advance(60_000 + 16 * 60_000 - 1)
      assert.equal(workerStateOf(world, 'w1'), 'DEAD')
      world.advance(5001)
      assert.equal(workerStateOf(world, 'w1'), undefined)
    },
  },
  {
    rule: '1.3.11',
    title: 'BoundPortsRequest',
    spark: 'asks the Master once, at start, for its ports',
    as: 'different',
    ours: 'no such message: a node tells its launcher its addresses; RequestMasterState has them too',
    why: 'the launcher is another process here, and needs them before anybody can link',
    test(world) {
      assert.match(violation('master', { type: 'BoundPortsRequest' }) ?? '', /unknown type/)
      world.link('cli', 'client')
      const state = world.ask('cli', { type: 'RequestMasterState' })
      assert.ok(state?.type === 'MasterStateResponse')
      assert.deepEqual([state.address, state.web, state.rest], [world.config.address, null, null])
    },
  },
]

const register = (registration: string) =>
  ({
    type: 'RegisterApplication',
    registration,
    description: applicationDescription,
    listen: { port: 5000 },
  }) as const

const ended = (appId: string) => ({ appId, execId: 0, state: 'EXITED', exitStatus: 0 }) as const

const applications: readonly SparkRule[] = [
  {
    rule: '1.3.7a',
    title: 'RegisterApplication in STANDBY',
    spark: 'dropped without an answer',
    as: 'different',
    ours: 'MasterInStandby, with the list of Masters',
    why: 'silence costs the client a time-out for each STANDBY it tries',
    test(world) {
      world.link('app', 'client')
      world.forgetTold()
      world.tell('app', register('reg'))
      assert.equal(world.toldTo('app', 'MasterInStandby').length, 1)
      assert.equal(world.elect().snapshot().activeApps.length, 0)
    },
  },
  {
    rule: '1.3.7b',
    title: 'RegisterApplication',
    spark: 'new id, persisted, RegisteredApplication, executors scheduled',
    as: 'Spark',
    ours: 'no command leaves before the record is durable',
    test(world) {
      world.elect()
      world.worker('w1')
      world.link('app', 'client')
      world.tell('app', register('reg'))
      const appId = world.lastTold('app', 'RegisteredApplication')!.appId
      assert.deepEqual(writtenBy(world), [`app ${appId}`])
      assert.deepEqual(gatedTypes(world), ['RegisteredApplication'])
      assert.equal(world.toldTo('w1', 'LaunchExecutor').length, 4)
      assert.equal(world.toldTo('app', 'ExecutorAdded').length, 4)
    },
  },
  {
    rule: '1.3.7c',
    title: 'RegisterApplication repeated by one client',
    spark: 'a second application (a known gap)',
    as: 'different',
    ours: 'the same application, also under the next leader, which takes it for its answer',
    why: 'a lost answer must not cost cores; the random registration tells a repetition from a second application',
    test(world) {
      world.elect()
      world.worker('w1')
      const appId = world.application('app')
      world.tell('app', register('reg-app'))
      assert.deepEqual(
        world.toldTo('app', 'RegisteredApplication').map((answer) => answer.appId),
        [appId, appId],
      )
      const executors = world
        .toldTo('w1', 'LaunchExecutor')
        .map(({ execId }) => executorReport(appId, execId))
      world.failover().elect()
      respond(world, 'w1', { executors })
      world.link('app', 'client')
      world.tell('app', register('reg-app'))
      assert.equal(world.core.state, 'ALIVE')
      assert.equal(world.lastTold('app', 'RegisteredApplication')?.appId, appId)
      assert.deepEqual(
        world.toldTo('app', 'ExecutorAdded').map(({ execId }) => execId),
        executors.map(({ execId }) => execId),
      )
      world.tell('w1', { type: 'ExecutorStateChanged', workerId: 'w1', change: 1, ...ended(appId) })
      world.advance(1000)
      assert.equal(world.toldTo('w1', 'LaunchExecutor').length, 1, 'it is given executors again')
    },
  },
  {
    rule: '1.3.8',
    title: 'RegisteredApplication',
    spark: 'the client stores id and Master, its listener is told',
    as: 'Spark',
    test() {
      const { core, hear } = clientOf()
      const effects = hear({ type: 'RegisteredApplication', appId: 'app-1', registration: 'reg' })
      assert.equal(core.appId, 'app-1')
      assert.ok(effects.some((effect) => effect.kind === 'registered' && effect.appId === 'app-1'))
    },
  },
  {
    rule: '1.3.9',
    title: 'UnregisterApplication',
    spark: 'the application ends FINISHED, its executors are killed',
    as: 'Spark',
    ours: 'only from its own endpoint, and acknowledged once it is durable',
    test(world) {
      world.elect()
      world.worker('w1')
      const appId = world.application('app')
      const other = world.application('other')
      world.tell('other', { type: 'UnregisterApplication', appId })
      assert.equal(appOf(world, appId)?.state, 'RUNNING')
      world.tell('app', { type: 'UnregisterApplication', appId })
      assert.equal(appOf(world, appId)?.state, 'FINISHED')
      assert.equal(world.toldTo('w1', 'KillExecutor').length, 4)
      assert.equal(world.lastTold('app', 'UnregisteredApplication')?.appId, appId)
      assert.equal(world.store.get('app')?.has(appId), false)
      assert.notEqual(appOf(world, other)?.state, 'FINISHED')
    },
  },
]

export const registrationRules = [...registerWorker, ...workerRules, ...liveness, ...applications].sort(
  (a, b) => byNumber(a.rule, b.rule),
)

function byNumber(a: string, b: string): number {
  return a.localeCompare(b, 'en', { numeric: true })
}
