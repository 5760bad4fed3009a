import assert from 'node:assert/strict'
import {
  acknowledge,
  afterFailover,
  appOf,
  driverOf,
  respond,
  type SparkRule,
  workerStateOf,
} from './spark-rules.js'

/* Spark 3.4, steps 8 to 12: completion; 13 and 14 are the remarks below them. */

export const completionRules: readonly SparkRule[] = [
  {
    rule: '3.4.8',
    title: 'Workers still UNKNOWN at completion',
    spark: 'removed: executors LOST, drivers relaunched or ERROR',
    as: 'different',
    ours: 'stay UNKNOWN for W from the election; nothing is placed there',
    why: 'slow is not dead: a healthy Worker that answers late keeps all that it runs',
    test(world) {
      const { appId, executors, drivers, held, supervised } = afterFailover(world)
      acknowledge(world, 'app', appId, held)
      world.advance(1000)
      assert.equal(world.core.state, 'ALIVE')
      assert.equal(workerStateOf(world, 'w1'), 'UNKNOWN')
      world.advance(30_000)
      respond(world, 'w1', { executors, drivers })
      assert.equal(workerStateOf(world, 'w1'), 'ALIVE')
      assert.equal(appOf(world, appId)?.executors.length, 4)
      assert.equal(driverOf(world, supervised)?.generation, 1)
      assert.deepEqual(world.toldTo('app', 'ExecutorUpdated'), [])
    },
  },
  {
    rule: '3.4.9',
    title: 'Applications still UNKNOWN at completion',
    spark: 'FINISHED, without ApplicationRemoved',
    as: 'different',
    ours: 'stay UNKNOWN for applicationTimeout (60 s), then FINISHED with ApplicationRemoved',
    why: 'a driver whose own code blocks its loop is alive (L4); one that comes back must hear that it is over',
    test(world) {
      const { appId } = afterFailover(world)
      world.advance(59_000)
      assert.equal(world.core.state, 'ALIVE')
      assert.equal(appOf(world, appId)?.state, 'UNKNOWN')
      world.advance(1000)
      assert.equal(appOf(world, appId)?.state, 'FINISHED')
      assert.equal(world.lastTold('app', 'ApplicationRemoved')?.state, 'FINISHED')
    },
  },
  {
    rule: '3.4.10',
    title: 'Applications that are WAITING at completion',
    spark: 'become RUNNING, with or without executors',
    as: 'different',
    ours: 'stay WAITING until they have an executor',
    why: 'as outside of recovery: the state tells whether anything runs',
    test(world) {
      world.elect()
      const appId = world.application('app')
      world.failover().elect()
      acknowledge(world, 'app', appId)
      assert.equal(world.core.state, 'ALIVE')
      assert.equal(appOf(world, appId)?.state, 'WAITING')
      world.worker('w1')
      assert.equal(appOf(world, appId)?.state, 'RUNNING')
    },
  },
  {
    rule: '3.4.11a',
    title: 'A driver that its Worker does not report',
    spark: 'supervised: relaunched under a new id; others ERROR',
    as: 'different',
    ours: 'same incarnation: its launch never arrived, so the next generation is launched, supervised or not',
    why: 'ends are reported before the report, so it cannot have run: running it is what was acknowledged',
    test(world) {
      const { supervised, plain } = afterFailover(world)
      respond(world, 'w1')
      world.advance(1000)
      for (const id of [supervised, plain]) {
        assert.equal(driverOf(world, id)?.state, 'RUNNING')
        assert.equal(driverOf(world, id)?.generation, 2)
      }
      assert.equal(world.toldTo('w1', 'LaunchDriver').length, 2)
    },
  },
  {
    rule: '3.4.11b',
    title: 'A driver whose Worker process was replaced',
    spark: 'supervised: relaunched; others ERROR',
    as: 'Spark',
    ours: 'once the guard of the old process has surely acted (2 s), under the same id as the next generation',
    test(world) {
      const { supervised, plain } = afterFailover(world)
      world.worker('w1b')
      assert.equal(driverOf(world, plain)?.state, 'ERROR')
      world.advance(world.config.guardMarginMs - 1)
      assert.equal(driverOf(world, supervised)?.state, 'RELAUNCHING')
      world.advance(1)
      assert.equal(driverOf(world, supervised)?.generation, 2)
      assert.equal(world.lastTold('w1b', 'LaunchDriver')?.driverId, supervised)
    },
  },
  {
    rule: '3.4.12',
    title: 'ALIVE',
    spark: 'schedules, logs how long recovery took',
    as: 'Spark',
    test(world) {
      world.elect()
      world.worker('w1', { cores: 1 })
      world.submitted()
      const waiting = world.submitted()
      world.failover().elect()
      world.worker('w2', { port: 2 })
      assert.equal(world.toldTo('w2', 'LaunchDriver').length, 0)
      world.advance(250)
      assert.equal(world.core.state, 'ALIVE')
      assert.equal(world.lastTold('w2', 'LaunchDriver')?.driverId, waiting)
      assert.deepEqual(world.recoveriesMs, [250])
    },
  },
  {
    rule: '3.4.13',
    title: 'One dead Worker or application in the store',
    spark: 'costs every failover the whole recovery timeout (60 s)',
    as: 'different',
    ours: 'costs 250 ms, for others nothing but a refused submission that is tried again',
    why: 'one host that is down must not close the cluster to submissions (L3)',
    test(world) {
      world.elect()
      world.worker('dead', { port: 1 })
      world.worker('w2', { port: 2 })
      world.failover().elect()
      respond(world, 'w2')
      const refused = world.submit()
      assert.equal(refused?.type === 'Failure' && refused.code, 'FIRESTEEL_NOT_LEADER')
      world.advance(250)
      const driverId = world.submitted()
      assert.equal(driverOf(world, driverId)?.worker, 'w2')
      assert.equal(workerStateOf(world, 'dead'), 'UNKNOWN')
    },
  },
  {
    rule: '3.4.14',
    title: 'MasterChanged that is lost',
    spark: 'not sent again',
    as: 'different',
    ours: 'begins every new link, also after recovery, and is answered with a full report',
    why: 'the full report, not a timer, repairs every lost launch and kill (R4)',
    test(world) {
      const { executors, drivers } = afterFailover(world)
      world.link('w1')
      world.unlink('w1')
      world.advance(1000)
      assert.equal(world.core.state, 'ALIVE')
      respond(world, 'w1', { executors, drivers })
      assert.equal(world.toldTo('w1', 'MasterChanged').length, 2)
      assert.equal(workerStateOf(world, 'w1'), 'ALIVE')
    },
  },
]
