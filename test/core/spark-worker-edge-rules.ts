import assert from 'node:assert/strict'
import {
  APP,
  DRIVER,
  launchDriver,
  launchExecutor,
  MASTER,
  ME,
  OTHER_MASTER,
  WorkerWorld,
} from '../tools/worker-fixture.js'
import {
  acknowledge,
  afterFailover,
  appOf,
  driverOf,
  driverReport,
  executorReport,
  respond,
  type SparkRule,
  workerStateOf,
} from './spark-rules.js'

/* Spark 3.6, rows 1 to 11: Workers and their Masters. */

export const workerEdgeRules: readonly SparkRule[] = [
  {
    rule: '3.6.1',
    title: 'A Worker registers twice with one Master',
    spark: 'RegisteredWorker(duplicate), the Worker goes on',
    as: 'Spark',
    test(world) {
      world.elect()
      world.worker('w1')
      const driverId = world.submitted()
      world.registerWorker('w1')
      world.report('w1', { drivers: [driverReport(driverId)] })
      assert.equal(world.lastTold('w1', 'RegisteredWorker')?.duplicate, true)
      assert.equal(world.snapshot().workers[0]?.coresUsed, 1)
      assert.equal(world.toldTo('w1', 'KillDriver').length, 0)
    },
  },
  {
    rule: '3.6.2',
    title: 'A Worker restarts before its death was noticed',
    spark: 'the new process is refused and exits until the old entry is DEAD or UNKNOWN',
    as: 'different',
    ours: 'it replaces the old entry at once',
    why: 'a restarted Worker would stay away for up to W, and its supervisor would restart it in a loop',
    test(world) {
      world.elect()
      world.worker('w1')
      const driverId = world.submitted({ supervise: true })
      world.worker('w1b')
      assert.equal(workerStateOf(world, 'w1b'), 'ALIVE')
      assert.equal(world.toldTo('w1b', 'RegisterWorkerFailed').length, 0)
      world.advance(world.config.guardMarginMs)
      assert.equal(driverOf(world, driverId)?.worker, 'w1b')
    },
  },
  {
    rule: '3.6.3',
    title: 'A Worker registers during recovery instead of answering MasterChanged',
    spark: 'ALIVE, but its executors are not re-attached and are killed by its WorkerLatestState',
    as: 'different',
    ours: 'its WorkerLatestState re-attaches all',
    why: 'both reports say the same, so both do the same',
    test(world) {
      const { appId, executors, drivers, held } = afterFailover(world)
      world.link('w1')
      world.registerWorker('w1')
      world.report('w1', { executors, drivers })
      acknowledge(world, 'app', appId, held)
      assert.equal(world.core.state, 'ALIVE')
      assert.equal(appOf(world, appId)?.executors.length, 4)
      assert.equal(world.toldTo('w1', 'KillExecutor').length + world.toldTo('w1', 'KillDriver').length, 0)
    },
  },
  {
    rule: '3.6.4',
    title: 'A Worker reports executors of unknown applications',
    spark: 'ignored during recovery, killed by a later WorkerLatestState',
    as: 'different',
    ours: 'killed at once; if launched after the last write that the store still has, kept for adoptGrace',
    why: 'no later report need come; a store that lost its last writes has forgotten the application, not the Worker',
    test(world) {
      afterFailover(world)
      const forgotten = executorReport('app-forgotten', 2, {
        launchedAt: { epoch: 1, seq: 1000, owner: 'm1' },
      })
      const stray = executorReport('app-stray', 1, { launchedAt: { epoch: 0, seq: 1, owner: 'm1' } })
      respond(world, 'w1', { executors: [stray, forgotten] })
      const killed = () => world.toldTo('w1', 'KillExecutor').map(({ appId }) => appId)
      assert.deepEqual(killed(), ['app-stray'])
      world.advance(world.config.adoptGraceMs)
      assert.ok(killed().includes('app-forgotten'))
    },
  },
  {
    rule: '3.6.5',
    title: 'A Worker reports unknown drivers',
    spark: 'ignored during recovery, killed by WorkerLatestState',
    as: 'different',
    ours: 'killed at once, or adopted as in 3.6.4',
    why: 'as 3.6.4; the report holds the whole description, so an adopted driver is complete',
    test(world) {
      afterFailover(world)
      const forgotten = driverReport('driver-forgotten', { launchedAt: { epoch: 1, seq: 1000, owner: 'm1' } })
      const stray = driverReport('driver-stray', { launchedAt: { epoch: 0, seq: 1, owner: 'm1' } })
      respond(world, 'w1', { drivers: [stray, forgotten] })
      assert.deepEqual(
        world.toldTo('w1', 'KillDriver').map(({ driverId }) => driverId),
        ['driver-stray'],
      )
      assert.equal(driverOf(world, 'driver-forgotten')?.state, 'RUNNING')
      assert.ok(world.store.get('driver')?.has('driver-forgotten'))
    },
  },
  {
    rule: '3.6.6',
    title: 'One executor twice in one report',
    spark: 'its cores are counted twice, the last one stays in the map',
    as: 'different',
    ours: 'counted once, with what was said last',
    why: 'used capacity is the sum of what is held by id, so it cannot drift (S4)',
    test(world) {
      const { appId, executors, held } = afterFailover(world)
      const twice = [...executors, { ...executors[0]!, cores: 2 }]
      respond(world, 'w1', { executors: twice })
      acknowledge(world, 'app', appId, held)
      assert.equal(appOf(world, appId)?.executors.length, 4)
      assert.equal(appOf(world, appId)?.coresGranted, 5)
      world.tell('app', { type: 'UnregisterApplication', appId })
      respond(world, 'w1')
      assert.equal(world.snapshot().workers[0]?.coresUsed, 2, 'the two drivers')
    },
  },
  {
    rule: '3.6.7',
    title: 'Heartbeat of a Worker that was removed',
    spark: 'ReconnectWorker while its DEAD entry is shown, then ignored for ever',
    as: 'different',
    ours: 'ReconnectWorker, always',
    why: 'as 1.3.5c',
    test(world) {
      world.elect()
      world.worker('w1')
      const beat = () => {
        world.forgetTold()
        world.tell('w1', { type: 'Heartbeat', workerId: 'w1', sentAtMs: 1 })
        return world.toldTo('w1', 'ReconnectWorker').length
      }
      world.advance(70_000)
      assert.deepEqual([workerStateOf(world, 'w1'), beat()], ['DEAD', 1])
      world.advance(17 * 60_000)
      assert.deepEqual([workerStateOf(world, 'w1'), beat()], [undefined, 1])
    },
  },
  {
    rule: '3.6.8',
    title: 'Heartbeat of an UNKNOWN Worker at a new leader',
    spark: 'its time is noted, it stays UNKNOWN',
    as: 'Spark',
    test(world) {
      afterFailover(world)
      world.link('w1')
      world.advance(50_000)
      world.tell('w1', { type: 'Heartbeat', workerId: 'w1', sentAtMs: 1 })
      assert.equal(workerStateOf(world, 'w1'), 'UNKNOWN')
      world.advance(50_000)
      assert.equal(workerStateOf(world, 'w1'), 'UNKNOWN')
      world.advance(15_000)
      assert.equal(workerStateOf(world, 'w1'), 'DEAD')
    },
  },
  {
    rule: '3.6.9',
    title: 'A Worker talks to a STANDBY',
    spark: 'MasterInStandby is ignored, its retry timer goes on',
    as: 'different',
    ours: 'it says nothing to a STANDBY, not even heartbeats, until that leads',
    why: 'as 1.3.4',
    test() {
      const worker = new WorkerWorld()
      worker.step({ kind: 'start' })
      worker.link(MASTER)
      worker.hear({ type: 'MasterInStandby', masters: [] }, MASTER, { epoch: 0, seq: 0 })
      worker.timer({ kind: 'heartbeat' })
      assert.deepEqual(worker.tells(), [])
      worker.leads(MASTER)
      assert.equal(worker.told('RegisterWorker').length, 1)
    },
  },
  {
    rule: '3.6.10',
    title: 'A Worker dials another address than the Master’s own (NAT, DNS)',
    spark: 'the Master echoes the dialled address; an option makes the Worker prefer it',
    as: 'different',
    ours: 'a Master is known by its incarnation; a Worker dials what it was given and what Masters name, and answers on the link that spoke',
    why: 'no answer depends on how the Master calls itself, so nothing needs to be preferred',
    test() {
      const worker = new WorkerWorld()
      worker.step({ kind: 'start' })
      worker.link(MASTER)
      const inside = 'firesteel://192.168.0.7:7070'
      worker.hear({ type: 'MasterChanged', master: inside, web: null, masters: [inside] })
      assert.deepEqual(worker.done('dial'), [{ kind: 'dial', address: inside }])
      assert.deepEqual(
        worker.tells().map(({ to, message }) => `${to} ${message.type}`),
        [`${MASTER} RegisterWorker`],
      )
    },
  },
  {
    rule: '3.6.11',
    title: 'A command of a Master that is not the active one',
    spark: 'LaunchExecutor and KillExecutor are dropped if the URL differs; other commands are obeyed',
    as: 'different',
    ours: 'every command of a lower (epoch, owner) is refused with StaleEpoch, whatever its URL',
    why: 'S1; a restarted leader has the same URL, so a URL fences nothing',
    test() {
      const worker = WorkerWorld.registered()
      worker.hear(launchDriver(1))
      worker.started(`${DRIVER}/1/1`)
      worker.leads(OTHER_MASTER, 2)
      for (const command of [
        launchExecutor(0),
        launchDriver(2),
        { type: 'KillExecutor', workerId: ME, appId: APP, execId: 0 },
        { type: 'KillDriver', workerId: ME, driverId: DRIVER, generation: 1 },
        { type: 'ApplicationFinished', appId: APP },
      ] as const) {
        worker.hear(command, MASTER, { epoch: 1, seq: 999 })
        const kinds = new Set(worker.effects.map(({ kind }) => kind))
        assert.deepEqual([...kinds].sort(), ['refuse', 'tell'], command.type)
        assert.deepEqual(worker.tells(), [
          { to: MASTER, message: { type: 'StaleEpoch', epoch: 2, owner: OTHER_MASTER } },
        ])
      }
    },
  },
]
