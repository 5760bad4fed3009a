import assert from 'node:assert/strict'
import { recordViolations } from '../../actors/master/records.js'
import { takeUnreadable } from '../../runtime/persistence/file-system/quarantine.js'
import { RecordTables } from '../../runtime/persistence/record-tables.js'
import {
  acknowledge,
  afterFailover,
  appOf,
  driverOf,
  refuseDials,
  respond,
  type SparkRule,
  workerStateOf,
} from './spark-rules.js'

/* Spark 3.4, steps 1 to 7: from ElectedLeader to completion. */

const begin: readonly SparkRule[] = [
  {
    rule: '3.4.1',
    title: 'ElectedLeader over an empty store',
    spark: 'ALIVE at once',
    as: 'Spark',
    ours: 'records of what has ended do not count',
    test(world) {
      assert.equal(world.elect().core.state, 'ALIVE')
      const appId = world.application('app')
      world.tell('app', { type: 'UnregisterApplication', appId })
      assert.ok(world.store.get('ended')?.has(appId))
      assert.equal(world.failover().elect().core.state, 'ALIVE')
    },
  },
  {
    rule: '3.4.2a',
    title: 'Stored applications',
    spark: 'UNKNOWN; MasterChanged is sent to the endpoint of the record',
    as: 'different',
    ours: 'UNKNOWN; MasterChanged goes to every link there is, and first on each that comes',
    why: 'no stored reference is dialled: clients and Workers keep a link to every Master (R0)',
    test(world) {
      const { appId } = afterFailover(world)
      assert.equal(appOf(world, appId)?.state, 'UNKNOWN')
      assert.deepEqual(world.toldTo('app', 'MasterChanged'), [])
      world.link('app', 'client')
      assert.equal(world.toldTo('app', 'MasterChanged').length, 1)
      world.failover().link('app', 'client')
      world.elect()
      assert.equal(world.toldTo('app', 'MasterChanged').length, 1)
    },
  },
  {
    rule: '3.4.2b',
    title: 'A stored record that cannot be taken back',
    spark: 'logged and skipped; one that cannot be read is deleted, or stops the election',
    as: 'different',
    ours: 'validated as it is read and set aside, never deleted: it costs only itself',
    why: 'a later version may read it; nothing that was acknowledged is thrown away by a reader',
    async test(world) {
      world.elect()
      world.worker('w1', { port: 1 })
      world.worker('w2', { port: 2 })
      const stored = new RecordTables()
      const putOf = (id: string, changes: object) => {
        const value = { ...world.store.get('worker')!.get(id), ...changes }
        return { table: 'worker', id, json: JSON.stringify(value) } as const
      }
      stored.apply([putOf('w1', {}), putOf('w2', { cores: 'many' })], [])
      const aside = await takeUnreadable(stored, recordViolations, 1)
      assert.deepEqual(
        aside.map(({ place, content }) => [place, JSON.parse(content).cores]),
        [['epoch-1, worker w2', 'many']],
      )
      const workers = [...stored.rows('worker').values()].map((json) => JSON.parse(json))
      world.failover().elect({ ...world.stored(), workers })
      assert.deepEqual([workerStateOf(world, 'w1'), workerStateOf(world, 'w2')], ['UNKNOWN', undefined])
    },
  },
  {
    rule: '3.4.3',
    title: 'Stored drivers',
    spark: 'SUBMITTED and bound to no Worker, not queued until recovery ends',
    as: 'different',
    ours: 'bound to the Worker of their record, whose capacity they hold; those without one are queued, launched once ALIVE',
    why: 'the record says where it was launched, so a silent Worker is not a lost driver',
    test(world) {
      world.elect()
      world.worker('w1', { cores: 1 })
      const bound = world.submitted({ supervise: true })
      const waiting = world.submitted()
      world.failover().elect()
      assert.equal(driverOf(world, bound)?.worker, 'w1')
      assert.equal(world.snapshot().workers[0]?.coresUsed, 1)
      world.worker('w2', { port: 2 })
      assert.equal(world.core.state, 'RECOVERING')
      assert.deepEqual(world.toldTo('w2', 'LaunchDriver'), [])
      world.advance(1000)
      assert.deepEqual(
        world.toldTo('w2', 'LaunchDriver').map(({ driverId }) => driverId),
        [waiting],
      )
    },
  },
  {
    rule: '3.4.4a',
    title: 'Stored Workers',
    spark: 'UNKNOWN, last heartbeat = time of reading',
    as: 'Spark',
    test(world) {
      world.elect()
      world.worker('w1')
      world.unlink('w1')
      world.nowMs = 1_000_000
      world.failover().elect()
      assert.equal(workerStateOf(world, 'w1'), 'UNKNOWN')
      world.advance(59_000)
      assert.equal(workerStateOf(world, 'w1'), 'UNKNOWN')
      world.advance(6000)
      assert.equal(workerStateOf(world, 'w1'), 'DEAD')
    },
  },
  {
    rule: '3.4.4b',
    title: 'How stored Workers hear of the new leader',
    spark: 'MasterChanged to the endpoint of the record, which may be gone',
    as: 'different',
    ours: 'MasterChanged on each link; a Worker without one is dialled, and DEAD after three refusals',
    why: 'a process that died with its Master would otherwise hold up its drivers for W',
    test(world) {
      const { supervised } = afterFailover(world)
      world.worker('w2', { port: 2 })
      world.advance(5000)
      refuseDials(world, 'w1')
      assert.equal(workerStateOf(world, 'w1'), 'DEAD')
      world.advance(world.config.guardMarginMs)
      assert.equal(driverOf(world, supervised)?.worker, 'w2')
    },
  },
  {
    rule: '3.4.5a',
    title: 'Nothing is UNKNOWN',
    spark: 'completes at once, starts no timer',
    as: 'Spark',
    test(world) {
      world.elect()
      assert.equal(world.recoveriesMs.length, 1)
      const timers = [...world.timers.keys()].filter((key) => key.startsWith('recovery'))
      assert.deepEqual(timers, [])
    },
  },
  {
    rule: '3.4.5b',
    title: 'CompleteRecovery, the timer',
    spark: 'after recoveryTimeout, 60 s',
    as: 'different',
    ours: 'when no answer came for 250 ms, after 1 s at most',
    why: 'completing costs the silent nothing here (3.4.8, 3.4.9), so recovery does not wait for it (L3)',
    test(world) {
      world.elect()
      for (let at = 0; at < 9; at++) world.worker(`w${at}`, { port: at + 1 })
      world.failover().elect()
      world.advance(249)
      assert.equal(world.core.state, 'RECOVERING')
      for (let at = 0; at < 5; at++) {
        assert.equal(world.core.state, 'RECOVERING')
        respond(world, `w${at}`)
        world.advance(150)
      }
      assert.equal(world.nowMs, 999)
      assert.equal(world.core.state, 'RECOVERING')
      world.advance(1)
      assert.equal(world.core.state, 'ALIVE')
    },
  },
]

const answers: readonly SparkRule[] = [
  {
    rule: '3.4.6a',
    title: 'MasterChangeAcknowledged',
    spark: 'the application is WAITING again',
    as: 'Spark',
    ours: 'RUNNING if it has executors; it brings them, its target and its highest executor id',
    test(world) {
      world.elect()
      world.worker('w1')
      const bare = world.application('bare', { executor: { cores: 64, memoryMib: 128, resources: {} } })
      const appId = world.application('app')
      const held = world.toldTo('w1', 'LaunchExecutor').map(({ execId }) => ({ execId, workerId: 'w1' }))
      world.failover().elect()
      assert.equal(appOf(world, bare)?.state, 'UNKNOWN')
      acknowledge(world, 'bare', bare)
      assert.equal(appOf(world, bare)?.state, 'WAITING')
      acknowledge(world, 'app', appId, held)
      assert.equal(appOf(world, appId)?.state, 'RUNNING')
    },
  },
  {
    rule: '3.4.6b',
    title: 'WorkerSchedulerStateResponse',
    spark: 'the Worker is ALIVE, its executors and drivers are re-attached and accounted',
    as: 'Spark',
    ours: 'it is given work at once, before the others have answered',
    test(world) {
      const { appId, executors, drivers, supervised, plain } = afterFailover(world)
      respond(world, 'w1', { executors, drivers })
      assert.equal(workerStateOf(world, 'w1'), 'ALIVE')
      assert.equal(world.snapshot().workers[0]?.coresUsed, 6)
      assert.equal(appOf(world, appId)?.executors.length, 4)
      for (const id of [supervised, plain]) assert.equal(driverOf(world, id)?.generation, 1)
      assert.equal(world.toldTo('w1', 'KillDriver').length + world.toldTo('w1', 'KillExecutor').length, 0)
    },
  },
  {
    rule: '3.4.6c',
    title: 'The last answer',
    spark: 'completes recovery',
    as: 'Spark',
    test(world) {
      const { appId, executors, drivers, held } = afterFailover(world)
      respond(world, 'w1', { executors, drivers })
      assert.equal(world.core.state, 'RECOVERING')
      acknowledge(world, 'app', appId, held)
      assert.equal(world.core.state, 'ALIVE')
      assert.equal(world.nowMs, 0)
    },
  },
  {
    rule: '3.4.7',
    title: 'Completion',
    spark: 'acts in RECOVERING only, so it runs once',
    as: 'Spark',
    test(world) {
      const { appId, executors, drivers, held } = afterFailover(world)
      respond(world, 'w1', { executors, drivers })
      acknowledge(world, 'app', appId, held)
      assert.equal(world.recoveriesMs.length, 1)
      for (const kind of ['recovery-max', 'recovery-quiet'] as const) {
        assert.equal(world.timers.has(kind), false)
        world.input({ kind: 'timer', timer: { kind } })
        assert.equal(world.recoveriesMs.length, 1)
        assert.equal(world.core.state, 'ALIVE')
      }
    },
  },
]

export const recoveryRules: readonly SparkRule[] = [...begin, ...answers]
