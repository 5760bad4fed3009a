import assert from 'node:assert/strict'
import { violation } from '../../actors/messages/catalogue.js'
import { applicationDescription } from '../../actors/messages/samples.js'
import { ME, OTHER_MASTER, WorkerWorld } from '../tools/worker-fixture.js'
import {
  acknowledge,
  afterFailover,
  appOf,
  clientOf,
  driverEnds,
  driverOf,
  driverReport,
  refuseDials,
  respond,
  type SparkRule,
  workerStateOf,
} from './spark-rules.js'

/* Spark 3.6, rows 12 to 23: applications, losses, numbers. */

const applications: readonly SparkRule[] = [
  {
    rule: '3.6.12',
    title: 'An application registers from an address that is registered already',
    spark: 'it is answered with an id that the Master does not hold',
    as: 'different',
    ours: 'one application per registration, each held and durable before it is answered',
    why: 'an acknowledged id must exist (S2)',
    test(world) {
      world.elect()
      const first = world.application('app')
      world.tell('app', {
        type: 'RegisterApplication',
        registration: 'another',
        description: applicationDescription,
        listen: { port: 5000 },
      })
      const second = world.lastTold('app', 'RegisteredApplication')!.appId
      assert.notEqual(second, first)
      for (const id of [first, second]) {
        assert.equal(appOf(world, id)?.state, 'WAITING')
        assert.ok(world.store.get('app')?.has(id))
      }
    },
  },
  {
    rule: '3.6.13',
    title: 'RegisteredApplication several times',
    spark: 'the last one wins (an open question there)',
    as: 'different',
    ours: 'the first one for its own registration; a Master whose leadership is over is ignored',
    why: 'all Masters give one registration the same id, so a second id can only be somebody else’s',
    test() {
      const { core, hear } = clientOf()
      hear({ type: 'RegisteredApplication', appId: 'foreign', registration: 'other' })
      hear({ type: 'RegisteredApplication', appId: 'old', registration: 'reg' }, 'm0', { epoch: 0, seq: 9 })
      assert.equal(core.appId, undefined)
      hear({ type: 'RegisteredApplication', appId: 'app-1', registration: 'reg' })
      hear({ type: 'RegisteredApplication', appId: 'app-2', registration: 'reg' })
      assert.equal(core.appId, 'app-1')
    },
  },
  {
    rule: '3.6.14',
    title: 'MasterChangeAcknowledged of an unknown application',
    spark: 'a warning',
    as: 'different',
    ours: 'ApplicationRemoved with how it ended; adopted if its registration is newer than what the store still has',
    why: 'it would otherwise wait for executors for ever',
    test(world) {
      afterFailover(world)
      acknowledge(world, 'stranger', 'app-unknown')
      assert.equal(world.lastTold('stranger', 'ApplicationRemoved')?.state, 'FAILED')
      world.tell('stranger', {
        type: 'MasterChangeAcknowledged',
        appId: 'app-forgotten',
        registration: 'forgotten',
        description: applicationDescription,
        listen: { port: 5000 },
        executors: [],
        highestExecId: -1,
        registeredAt: { epoch: 1, seq: 1000, owner: 'm1' },
      })
      assert.equal(appOf(world, 'app-forgotten')?.state, 'WAITING')
    },
  },
  {
    rule: '3.6.15',
    title: 'An application dies during recovery',
    spark: 'its disconnect finishes it, and completion is looked at again',
    as: 'different',
    ours: 'a closed link gives it applicationGrace (10 s), answered or not; recovery does not wait for it',
    why: 'as 3.6.16; an application without any link has applicationTimeout',
    test(world) {
      const { appId } = afterFailover(world)
      respond(world, 'w1')
      world.link('app', 'client')
      world.unlink('app')
      world.advance(1000)
      assert.equal(world.core.state, 'ALIVE')
      world.advance(8999)
      assert.equal(appOf(world, appId)?.state, 'UNKNOWN')
      world.advance(1)
      assert.equal(appOf(world, appId)?.state, 'FINISHED')
    },
  },
]

const losses: readonly SparkRule[] = [
  {
    rule: '3.6.16',
    title: 'The connection of a Worker drops',
    spark: 'death, at once',
    as: 'different',
    ours: 'the Master dials it: DEAD after three refusals within a second, else after W of silence',
    why: 'one reset connection must not cost a healthy machine its work (R7)',
    test(world) {
      world.elect()
      world.worker('w1')
      world.unlink('w1')
      world.advance(0)
      world.input({ kind: 'probed', workerId: 'w1', refused: false })
      world.advance(3000)
      assert.equal(workerStateOf(world, 'w1'), 'ALIVE')
      respond(world, 'w1')
      world.unlink('w1')
      refuseDials(world, 'w1')
      assert.equal(workerStateOf(world, 'w1'), 'DEAD')
    },
  },
  {
    rule: '3.6.17',
    title: 'A supervised driver on a Worker that is only cut off',
    spark: 'relaunched under a new id; the old copy is killed when the Worker returns',
    as: 'different',
    ours: 'relaunched under the same id as the next generation; the old copy is killed likewise',
    why: 'callers keep one id, and the generation is a token that fences the old copy’s writes',
    test(world) {
      world.elect()
      world.worker('w1', { port: 1 })
      const driverId = world.submitted({ supervise: true })
      world.unlink('w1')
      world.advance(55_000)
      world.worker('w2', { port: 2 })
      world.advance(6000)
      assert.equal(driverOf(world, driverId)?.worker, 'w2')
      assert.equal(driverOf(world, driverId)?.generation, 2)
      world.link('w1')
      world.registerWorker('w1', { port: 1 })
      world.report('w1', { drivers: [driverReport(driverId)] })
      assert.deepEqual(
        world.toldTo('w1', 'KillDriver').map(({ generation }) => generation),
        [1],
      )
      assert.equal(world.toldTo('w2', 'KillDriver').length, 0)
    },
  },
  {
    rule: '3.6.18',
    title: 'State of an unknown executor',
    spark: 'a warning, and true, so that the Worker stops repeating it',
    as: 'Spark',
    ours: 'ChangesAcknowledged',
    test(world) {
      world.elect()
      world.worker('w1')
      world.tell('w1', {
        type: 'ExecutorStateChanged',
        workerId: 'w1',
        change: 7,
        appId: 'app-unknown',
        execId: 0,
        state: 'EXITED',
      })
      assert.deepEqual(world.lastTold('w1', 'ChangesAcknowledged')?.changes, [7])
    },
  },
  {
    rule: '3.6.19',
    title: 'State of an unknown driver',
    spark: 'a warning',
    as: 'different',
    ours: 'while it still runs it is killed; its end is kept, and acknowledged when no Master can have its record any more',
    why: 'a store may have forgotten the driver, and a Master may give its record back: then it has ended (S5)',
    test(world) {
      world.elect()
      world.worker('w1')
      driverEnds(world, 'w1', 'driver-unknown', 'RUNNING')
      driverEnds(world, 'w1', 'driver-unknown', 'FINISHED')
      assert.equal(world.toldTo('w1', 'ChangesAcknowledged').length, 1)
      world.advance(world.config.leaseMs + world.config.recordCacheGraceMs)
      assert.equal(world.toldTo('w1', 'ChangesAcknowledged').length, 2)
      assert.deepEqual(
        world.toldTo('w1', 'KillDriver').map(({ driverId }) => driverId),
        ['driver-unknown'],
      )
    },
  },
  {
    rule: '3.6.20',
    title: 'A state that ends no driver in DriverStateChanged',
    spark: 'an exception: the message is lost, the Master goes on',
    as: 'different',
    ours: 'states of the catalogue are noted and acknowledged, others dropped before any actor sees them',
    why: 'a core that throws is inconsistent and ends the leadership: nothing that a peer says may do that',
    test(world) {
      world.elect()
      world.worker('w1')
      const driverId = world.submitted()
      driverEnds(world, 'w1', driverId, 'RUNNING')
      assert.equal(driverOf(world, driverId)?.state, 'RUNNING')
      assert.equal(world.toldTo('w1', 'ChangesAcknowledged').length, 1)
      const message = {
        type: 'DriverStateChanged',
        workerId: 'w1',
        change: 2,
        driverId,
        generation: 1,
        attempt: 1,
        state: 'EXPLODED',
      }
      assert.match(violation('master', message) ?? '', /state/)
    },
  },
  {
    rule: '3.6.21',
    title: 'A driver ends while no Master can be reached',
    spark: 'its end is lost: ERROR, or a needless relaunch',
    as: 'different',
    ours: 'the Worker keeps the end and tells it to the next leader before its report',
    why: 'S5: nothing that a living Worker knows is forgotten',
    test(world) {
      world.elect()
      world.worker(ME)
      const driverId = world.submitted({ supervise: true })
      const worker = WorkerWorld.registered()
      worker.hear(world.lastTold(ME, 'LaunchDriver')!)
      worker.started(`${driverId}/1/1`)
      worker.linkDown()
      worker.ended(`${driverId}/1/1`)
      assert.deepEqual(worker.tells(), [])
      worker.leads(OTHER_MASTER, 2)
      world.failover().elect().link(ME)
      for (const { message } of worker.tells()) world.tell(ME, message)
      world.advance(1000)
      assert.equal(driverOf(world, driverId)?.state, 'FINISHED')
      assert.equal(world.toldTo(ME, 'LaunchDriver').length, 0)
    },
  },
]

const numbers: readonly SparkRule[] = [
  {
    rule: '3.6.22',
    title: 'Executor ids after a failover',
    spark: 'highest reported + 1: ids on Workers that have not answered are given again',
    as: 'different',
    ours: 'above the durable ceiling of the block in use: none is ever given twice',
    why: 'a late result must not be taken for that of another executor',
    test(world) {
      const { appId } = afterFailover(world)
      acknowledge(world, 'app', appId)
      world.worker('w2', { port: 2 })
      world.advance(1000)
      const ids = world.toldTo('w2', 'LaunchExecutor').map(({ execId }) => execId)
      assert.ok(ids.length > 0)
      assert.ok(ids.every((execId) => execId >= world.config.executorIdBlock))
    },
  },
  {
    rule: '3.6.23',
    title: 'Numbers of applications and drivers',
    spark: 'from 0 in each process: unique by the second in which a Master was elected',
    as: 'different',
    ours: 'from 0 in each leadership, with its epoch in the id',
    why: 'a failover takes less than a second here, so the time stamp is not enough',
    test(world) {
      world.elect()
      const before = [world.submitted(), world.application('app')]
      world.failover().elect().advance(1000)
      world.nowMs = 0
      const after = [world.submitted(), world.application('app2')]
      assert.deepEqual(
        after.map((id) => id.replace(/-2-(\d+)$/, '-1-$1')),
        before,
      )
      assert.notDeepEqual(after, before)
    },
  },
]

export const edgeRules: readonly SparkRule[] = [...applications, ...losses, ...numbers]
