import assert from 'node:assert/strict'
import type { DriverStateChanged } from '../../actors/messages/drivers.js'
import type { MasterWorld } from '../tools/master-fixture.js'
import { appOf, driverOf, executorEnds, type SparkRule } from './spark-rules.js'

/* Spark 4.8 and 5.6: executors that fail, drivers that cannot be started or are stopped with their Worker. */

function ended(world: MasterWorld, driverId: string, parts: Partial<DriverStateChanged>): void {
  const generation = driverOf(world, driverId)!.generation
  world.tell('w1', {
    type: 'DriverStateChanged',
    workerId: 'w1',
    change: 1,
    driverId,
    generation,
    attempt: 1,
    state: 'ERROR',
    ...parts,
  })
}

const launched = (world: MasterWorld): number => world.toldTo('w1', 'LaunchExecutor').length

export const failingRules: readonly SparkRule[] = [
  {
    rule: '4.8.1',
    title: 'An executor that failed',
    spark: 'another is launched at once, on whatever Worker has most cores free: the same one, as a rule',
    as: 'different',
    ours: 'that Worker is left alone by this application for 1 s, doubling to 60 s; others come first; after three failures in a row it is excluded for 5 min',
    why: 'one machine that lacks a folder would be asked thousands of times a second, and end applications that run well elsewhere',
    test(world) {
      world.elect()
      world.worker('w1', { cores: 1 })
      const appId = world.application('app')
      executorEnds(world, appId, 0)
      world.advance(900)
      assert.equal(launched(world), 1)
      world.advance(100)
      assert.equal(launched(world), 2)
      executorEnds(world, appId, 1)
      world.worker('w2', { port: 2, cores: 1 })
      assert.equal(world.toldTo('w2', 'LaunchExecutor').length, 1)
    },
  },
  {
    rule: '4.8.2',
    title: 'What resets the count of failures',
    spark: 'an executor that is RUNNING: its process was made',
    as: 'different',
    ours: 'its first result, or 10 s of RUNNING, if it was launched after the last failure on its Worker',
    why: 'a process that ends at once is RUNNING for a moment, so the limit would never be reached',
    test(world) {
      world.elect()
      world.worker('w1', { cores: 1 })
      const appId = world.application('app')
      for (let execId = 0; execId < 2; execId++) {
        executorEnds(world, appId, execId, { state: 'RUNNING' })
        executorEnds(world, appId, execId)
        world.advance(2000)
      }
      assert.equal(world.core.cluster?.apps.get(appId)?.failures, 2)
      world.tell('app', { type: 'ExecutorWorked', appId, execId: 2 })
      assert.equal(world.core.cluster?.apps.get(appId)?.failures, 0)
    },
  },
  {
    rule: '4.8.3',
    title: 'maxExecutorRetries failures in a row',
    spark: 'the application ends FAILED, unless one of its executors runs',
    as: 'different',
    ours: 'it ends FAILED if none of its executors runs or starts and every Worker that is large enough is excluded; with no Worker it waits',
    why: 'a good machine that is busy for now is worth waiting for',
    test(world) {
      world.elect()
      world.worker('w1', { cores: 4 })
      const appId = world.application('app')
      for (let execId = 0; execId < 12; execId++) {
        assert.notEqual(appOf(world, appId)?.state, 'FAILED')
        executorEnds(world, appId, execId)
        if (execId % 4 === 3) world.advance(4000)
      }
      assert.equal(appOf(world, appId)?.state, 'FAILED')
    },
  },
  {
    rule: '4.8.4',
    title: 'An executor that exits with 0',
    spark: 'is no failure',
    as: 'Spark',
    ours: 'but replaced after the back-off only',
    test(world) {
      world.elect()
      world.worker('w1', { cores: 1 })
      const appId = world.application('app')
      executorEnds(world, appId, 0, { exitStatus: 0 })
      assert.equal(world.core.cluster?.apps.get(appId)?.failures, 0)
      assert.equal(launched(world), 1)
    },
  },
  {
    rule: '5.6.1',
    title: 'A driver whose process cannot be made',
    spark: 'ERROR, supervised or not',
    as: 'different',
    ours: 'launched elsewhere; supervised: again and again, with the back-off of 4.8.1; others: once on each Worker, then ERROR',
    why: 'it has not run, so nothing is repeated; the folder may be there on another machine, or in a moment',
    test(world) {
      world.elect()
      world.worker('w1')
      const [plain, supervised] = [world.submitted(), world.submitted({ supervise: true })]
      for (const id of [plain, supervised])
        ended(world, id, { notStarted: { code: 'FIRESTEEL_MAIN_NOT_FOUND', place: '/job.js' } })
      assert.equal(driverOf(world, plain)?.state, 'ERROR')
      assert.equal(driverOf(world, supervised)?.state, 'SUBMITTED')
      world.advance(1000)
      assert.equal(driverOf(world, supervised)?.state, 'RUNNING')
    },
  },
  {
    rule: '5.6.2',
    title: 'A driver that exits with 0 while its Worker is stopped',
    spark: 'FINISHED, supervised or not',
    as: 'different',
    ours: 'supervised: launched again; others: FAILED, with the exit code',
    why: 'most services end well on SIGTERM; they were stopped by us, and are expected to run on',
    test(world) {
      world.elect()
      world.worker('w1')
      const [plain, supervised] = [world.submitted(), world.submitted({ supervise: true })]
      ended(world, plain, { state: 'FAILED', exitCode: 0, stopped: true })
      ended(world, supervised, { state: 'KILLED', exitCode: 0, stopped: true })
      assert.equal(driverOf(world, plain)?.state, 'FAILED')
      assert.equal(driverOf(world, supervised)?.state, 'SUBMITTED')
      world.worker('w2', { port: 2 })
      assert.equal(driverOf(world, supervised)?.worker, 'w2')
    },
  },
  {
    rule: '5.6.3',
    title: 'A supervised driver that fails over and over',
    spark: 'restarted on its Worker for ever',
    as: 'different',
    ours: 'after three failures in a row, each within 5 s of its start, other Workers first, with the back-off of 4.8.1',
    why: 'the machine may be the cause: a library, a disk or a port that is missing there',
    test(world) {
      world.elect()
      world.worker('w1')
      const id = world.submitted({ supervise: true })
      world.worker('w2', { port: 7002 })
      world.tell('w1', {
        type: 'DriverStateChanged',
        workerId: 'w1',
        change: 1,
        driverId: id,
        generation: 1,
        attempt: 3,
        state: 'FAILED',
        exitCode: 1,
        crashes: 3,
      })
      assert.deepEqual(
        world.toldTo('w2', 'LaunchDriver').map(({ driverId, generation }) => [driverId, generation]),
        [[id, 2]],
      )
    },
  },
]
