import assert from 'node:assert/strict'
import { MASTER, ME, OTHER_MASTER, WorkerWorld } from '../tools/worker-fixture.js'
import type { SparkRule } from './spark-rules.js'

/* Spark 1.3, the rows whose receiver is a Worker. */

export const workerRules: readonly SparkRule[] = [
  {
    rule: '1.3.2a',
    title: 'RegisteredWorker as a duplicate',
    spark: 'the Worker warns and goes on',
    as: 'different',
    ours: 'goes on without a warning',
    why: 'an ordinary case: the answer of the former leader was lost, its record was not',
    test() {
      const worker = new WorkerWorld()
      worker.leads(MASTER)
      worker.hear({ type: 'RegisteredWorker', workerId: ME, duplicate: true })
      assert.deepEqual(worker.done('log'), [])
      assert.equal(worker.told('WorkerLatestState').length, 1)
    },
  },
  {
    rule: '1.3.2b',
    title: 'Which Master the Worker adopts',
    spark: 'the last one that sends RegisteredWorker or MasterChanged',
    as: 'different',
    ours: 'the highest (epoch, owner) observed; a lower one is refused with StaleEpoch',
    why: 'a deposed leader that has not noticed must not win its Workers back (S1)',
    test() {
      const worker = new WorkerWorld()
      worker.leads(MASTER, 2)
      const answer = { type: 'RegisteredWorker', workerId: ME, duplicate: false } as const
      worker.hear(answer, OTHER_MASTER, { epoch: 1, seq: 99 })
      assert.deepEqual(worker.tells(), [
        { to: OTHER_MASTER, message: { type: 'StaleEpoch', epoch: 2, owner: MASTER } },
      ])
      worker.hear(answer, MASTER, { epoch: 2, seq: 5 })
      assert.deepEqual([...new Set(worker.tells().map(({ to }) => to))], [MASTER])
    },
  },
  {
    rule: '1.3.2c',
    title: 'Heartbeats',
    spark: 'begin at once, then every W/4',
    as: 'different',
    ours: 'begin at once, then every W/12; each is answered',
    why: 'the answer tells a Worker when it is cut off (isolation after W/2); Spark starts one more timer per registration',
    test() {
      const worker = new WorkerWorld()
      worker.leads(MASTER)
      worker.hear({ type: 'RegisteredWorker', workerId: ME, duplicate: false })
      assert.equal(worker.told('Heartbeat').length, 1)
      assert.deepEqual(worker.done('startTimer'), [])
      worker.timer({ kind: 'heartbeat' })
      assert.equal(worker.told('Heartbeat').length, 1)
      assert.deepEqual(
        worker.done('startTimer').map(({ timer, ms }) => `${timer.kind} ${ms}`),
        ['heartbeat 5000'],
      )
    },
  },
  {
    rule: '1.3.2d',
    title: 'Cleaning of work folders',
    spark: 'its timer starts with the first registration',
    as: 'different',
    ours: 'its timer starts with the Worker',
    why: 'a disk fills whether or not a Master leads',
    test() {
      const worker = new WorkerWorld()
      worker.step({ kind: 'start' })
      assert.ok(worker.done('startTimer').some(({ timer }) => timer.kind === 'cleanup'))
      worker.timer({ kind: 'cleanup' })
      assert.equal(worker.done('cleanWork').length, 1)
    },
  },
  {
    rule: '1.3.2e',
    title: 'WorkerLatestState after RegisteredWorker',
    spark: 'sent after each',
    as: 'Spark',
    test() {
      const worker = WorkerWorld.registered()
      worker.hear({ type: 'RegisteredWorker', workerId: ME, duplicate: false })
      assert.equal(worker.told('WorkerLatestState')[0]?.id, ME)
    },
  },
  {
    rule: '1.3.3a',
    title: 'RegisterWorkerFailed before a registration',
    spark: 'the Worker process exits with status 1',
    as: 'different',
    ours: 'it logs an error, lives on and registers again',
    why: 'an exit would take its children along, for a refusal that another leader may not repeat',
    test() {
      const worker = new WorkerWorld()
      worker.leads(MASTER)
      worker.hear({ type: 'RegisterWorkerFailed', workerId: ME, message: 'no' })
      assert.deepEqual(
        worker.effects.map((effect) => effect.kind === 'log' && effect.level),
        ['error'],
      )
      worker.timer({ kind: 'heartbeat' })
      assert.equal(worker.told('Heartbeat').length, 1)
      worker.hear({ type: 'ReconnectWorker', workerId: ME })
      assert.equal(worker.told('RegisterWorker').length, 1)
    },
  },
  {
    rule: '1.3.3b',
    title: 'RegisterWorkerFailed to a registered Worker',
    spark: 'ignored',
    as: 'Spark',
    test() {
      const worker = WorkerWorld.registered()
      worker.hear({ type: 'RegisterWorkerFailed', workerId: ME, message: 'no' })
      assert.deepEqual(worker.effects, [])
      worker.timer({ kind: 'heartbeat' })
      assert.equal(worker.told('Heartbeat').length, 1)
    },
  },
  {
    rule: '1.3.4',
    title: 'MasterInStandby',
    spark: 'the Worker ignores it, its retry timer goes on',
    as: 'different',
    ours: 'it dials Masters of the list that it did not know; there is no retry timer',
    why: 'it keeps a link to every Master, and the Master that comes to lead speaks first on it',
    test() {
      const worker = new WorkerWorld()
      worker.step({ kind: 'start' })
      const masters = ['firesteel://127.0.0.1:7070', 'firesteel://10.0.0.9:7070']
      worker.hear({ type: 'MasterInStandby', masters })
      assert.deepEqual(worker.effects, [{ kind: 'dial', address: masters[1] }])
      worker.leads(OTHER_MASTER)
      assert.deepEqual(
        worker.tells().map(({ to, message }) => `${to} ${message.type}`),
        [`${OTHER_MASTER} RegisterWorker`],
      )
    },
  },
  {
    rule: '1.3.6',
    title: 'ReconnectWorker',
    spark: 'the Worker registers again',
    as: 'Spark',
    test() {
      const worker = WorkerWorld.registered()
      worker.hear({ type: 'ReconnectWorker', workerId: ME })
      assert.deepEqual(
        worker.told('RegisterWorker').map(({ id }) => id),
        [ME],
      )
    },
  },
]
