import assert from 'node:assert/strict'
import { afterFailover, appOf, driverOf, type SparkRule, workerStateOf } from './spark-rules.js'

/* Spark 3.5: what becomes of the entry of a new Worker. */

export const addingRules: readonly SparkRule[] = [
  {
    rule: '3.5.1',
    title: 'A DEAD entry at the same host and port',
    spark: 'dropped first',
    as: 'Spark',
    test(world) {
      world.elect()
      world.worker('w1')
      world.advance(70_000)
      assert.equal(workerStateOf(world, 'w1'), 'DEAD')
      world.worker('w1b')
      assert.equal(workerStateOf(world, 'w1'), undefined)
      assert.equal(world.lastTold('w1b', 'RegisteredWorker')?.duplicate, false)
    },
  },
  {
    rule: '3.5.2a',
    title: 'The address belongs to an UNKNOWN entry',
    spark: 'the old one is removed, the new one accepted',
    as: 'Spark',
    test(world) {
      const { plain } = afterFailover(world)
      world.worker('w1b')
      assert.equal(workerStateOf(world, 'w1'), undefined)
      assert.equal(workerStateOf(world, 'w1b'), 'ALIVE')
      assert.equal(driverOf(world, plain)?.state, 'ERROR')
      assert.deepEqual([...world.store.get('worker')!.keys()], ['w1b'])
    },
  },
  {
    rule: '3.5.2b',
    title: 'The address belongs to an entry in another state',
    spark: 'refused',
    as: 'different',
    ours: 'the old one is removed as in 3.5.2a; it is refused if it comes back, for then both live',
    why: 'a port has one owner: the process that holds it has outlived the other, whose work is placed again at once',
    test(world) {
      world.elect()
      world.worker('w1')
      const appId = world.application('app')
      world.worker('w1b')
      assert.equal(workerStateOf(world, 'w1'), undefined)
      const states = world.toldTo('app', 'ExecutorUpdated').map(({ state }) => state)
      assert.deepEqual(states, ['LOST', 'LOST', 'LOST', 'LOST'])
      assert.deepEqual(
        appOf(world, appId)?.executors.map(({ workerId }) => workerId),
        ['w1b', 'w1b', 'w1b', 'w1b'],
      )
      world.registerWorker('w1')
      assert.match(world.lastTold('w1', 'RegisterWorkerFailed')?.message ?? '', /also the address of w1b/)
      assert.equal(workerStateOf(world, 'w1b'), 'ALIVE')
      assert.equal(appOf(world, appId)?.executors.length, 4)
      world.advance(70_000)
      world.registerWorker('w1')
      assert.equal(workerStateOf(world, 'w1'), 'ALIVE', 'w1b has fallen silent')
    },
  },
  {
    rule: '3.5.3',
    title: 'Otherwise',
    spark: 'added to the set, the map of ids and the map of addresses',
    as: 'Spark',
    test(world) {
      world.elect()
      world.worker('w1', { port: 1 })
      world.worker('w2', { port: 2 })
      assert.deepEqual([...world.core.cluster!.workers.keys()], ['w1', 'w2'])
      assert.deepEqual([...world.core.cluster!.workersByAddress.keys()], ['10.0.0.1:1', '10.0.0.1:2'])
      assert.equal(world.core.cluster?.workersByAddress.get('10.0.0.1:2')?.id, 'w2')
    },
  },
]
