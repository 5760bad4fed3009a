import assert from 'node:assert/strict'
import { test } from 'node:test'
import { workerOffer } from '../../actors/messages/samples.js'
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

/* Registration, full reports, the outbox: R4, R5, S5, heartbeats and contact (protocol 8). */

const types = (world: WorkerWorld): string[] => world.tells().map(({ message }) => message.type)

test('R4: an unknown Worker registers with who leads, with nobody else, and then reports all', () => {
  const world = new WorkerWorld()
  world.step({ kind: 'start' })
  world.hear({ type: 'MasterInStandby', masters: [] }, OTHER_MASTER, { epoch: 0, seq: 0 })
  assert.deepEqual(types(world), [])
  world.leads(MASTER)
  assert.deepEqual(world.tells(), [
    {
      to: MASTER,
      message: {
        type: 'RegisterWorker',
        id: ME,
        ...workerOffer,
        memoryMib: 4096,
        resources: { gpu: ['0', '1'] },
        labels: { zone: 'a' },
        workerTimeoutMs: 60_000,
      },
    },
  ])
  world.hear({ type: 'RegisteredWorker', workerId: ME, duplicate: false })
  assert.deepEqual(types(world), ['WorkerLatestState', 'Heartbeat'])
})

test('R4: MasterChanged on a later link is answered with the full report, not with a registration', () => {
  const world = WorkerWorld.registered()
  world.hear(launchExecutor(3), MASTER, { epoch: 1, seq: 77 })
  world.started(`${APP}/3`)
  world.hear(launchDriver(2, { supervise: true }), MASTER, { epoch: 1, seq: 78 })
  world.linkDown()
  world.leads(OTHER_MASTER, 2)
  const [report] = world.told('WorkerSchedulerStateResponse')
  assert.deepEqual(world.told('RegisterWorker'), [])
  assert.equal(report?.id, ME)
  const { cores, memoryMib, resources } = launchExecutor(3)
  assert.deepEqual(report?.executors, [
    {
      appId: APP,
      execId: 3,
      cores,
      memoryMib,
      resources,
      state: 'RUNNING',
      launchedAt: { epoch: 1, seq: 77, owner: MASTER },
    },
  ])
  assert.deepEqual(report?.drivers, [
    {
      driverId: DRIVER,
      generation: 2,
      attempt: 1,
      state: 'RUNNING',
      resources: {},
      description: launchDriver(2, { supervise: true }).description,
      launchedAt: { epoch: 1, seq: 78, owner: MASTER },
    },
  ])
})

test('R4: the report repeats on each new link to the same leader', () => {
  const world = WorkerWorld.registered()
  world.linkDown()
  world.leads(MASTER)
  assert.equal(world.told('WorkerSchedulerStateResponse').length, 1)
})

test('R4: ReconnectWorker makes it register again', () => {
  const world = WorkerWorld.registered()
  world.hear({ type: 'ReconnectWorker', workerId: ME })
  assert.deepEqual(types(world), ['RegisterWorker'])
  world.hear({ type: 'RegisteredWorker', workerId: ME, duplicate: true })
  assert.deepEqual(types(world), ['WorkerLatestState', 'Heartbeat'])
})

test('R4, R5: what ended without a leader is told before the report that lacks it', () => {
  const world = WorkerWorld.registered()
  world.hear(launchDriver(1))
  world.started(`${DRIVER}/1/1`)
  world.linkDown()
  world.ended(`${DRIVER}/1/1`)
  assert.deepEqual(world.tells(), [], 'nobody to tell')
  world.leads(OTHER_MASTER, 2)
  assert.deepEqual(types(world), [
    'PositionSeen',
    'DriverStateChanged',
    'WorkerSchedulerStateResponse',
    'Heartbeat',
  ])
  assert.equal(world.told('DriverStateChanged')[0]?.state, 'FINISHED')
})

test('S5, R5: a change is resent on each link until acknowledged, and for outboxKeepMs more', () => {
  const world = WorkerWorld.registered({ outboxKeepMs: 600_000 })
  world.hear(launchExecutor(1))
  world.started(`${APP}/1`)
  const [running] = world.told('ExecutorStateChanged')
  assert.equal(running?.state, 'RUNNING')
  for (const epoch of [2, 3]) {
    world.leads(OTHER_MASTER + epoch, epoch)
    assert.deepEqual(world.told('ExecutorStateChanged'), [running])
  }
  const changes = [running!.change]
  world.hear({ type: 'ChangesAcknowledged', workerId: ME, changes }, `${OTHER_MASTER}3`, {
    epoch: 3,
    seq: 50,
  })
  world.later(599_000)
  world.leads(MASTER, 4)
  assert.deepEqual(world.told('ExecutorStateChanged'), [running], 'a store may fall back')
  world.later(2000)
  world.leads(OTHER_MASTER, 5)
  assert.deepEqual(world.told('ExecutorStateChanged'), [])
})

test('R5: of one executor only the newest change is kept; acknowledging the older is not enough', () => {
  const world = WorkerWorld.registered()
  world.hear(launchExecutor(1))
  world.started(`${APP}/1`)
  const [running] = world.told('ExecutorStateChanged')
  world.ended(`${APP}/1`, { exitCode: 3 })
  const [exited] = world.told('ExecutorStateChanged')
  assert.ok(exited!.change > running!.change)
  world.hear({ type: 'ChangesAcknowledged', workerId: ME, changes: [running!.change] })
  world.later(60 * 60_000)
  world.leads(OTHER_MASTER, 2)
  assert.deepEqual(world.told('ExecutorStateChanged'), [exited])
})

test('no change overtakes the registration: it follows with the report', () => {
  const world = WorkerWorld.registered()
  world.hear(launchExecutor(1))
  world.hear({ type: 'ReconnectWorker', workerId: ME })
  world.started(`${APP}/1`)
  assert.deepEqual(types(world), [])
  world.hear({ type: 'RegisteredWorker', workerId: ME, duplicate: false })
  assert.deepEqual(types(world), ['ExecutorStateChanged', 'WorkerLatestState', 'Heartbeat'])
})

test('protocol 8: a heartbeat every W/12, to the leader alone, and none while nobody leads', () => {
  const world = new WorkerWorld()
  world.step({ kind: 'start' })
  assert.deepEqual(
    world.done('startTimer').map(({ timer, ms }) => [timer.kind, ms]),
    [
      ['heartbeat', 5000],
      ['cleanup', 1_800_000],
    ],
  )
  world.timer({ kind: 'heartbeat' })
  assert.deepEqual(world.tells(), [])
  assert.equal(world.done('startTimer').length, 1)
  world.leads(MASTER)
  world.timer({ kind: 'heartbeat' })
  const heartbeat = { type: 'Heartbeat', workerId: ME, sentAtMs: world.nowMs, workerTimeoutMs: 60_000 }
  assert.deepEqual(world.tells(), [{ to: MASTER, message: heartbeat }], 'also before it is registered')
  world.linkDown()
  world.timer({ kind: 'heartbeat' })
  assert.deepEqual(world.tells(), [])
})

test('with onIsolation run the work goes on without a leader', () => {
  const world = WorkerWorld.registered()
  world.hear(launchDriver(1, { supervise: true }))
  world.started(`${DRIVER}/1/1`)
  world.linkDown()
  world.later(3_600_000)
  world.ended(`${DRIVER}/1/1`, { exitCode: 1 })
  world.timer({ kind: 'restart', driver: `${DRIVER}/1` })
  assert.equal(world.done('startDriver').length, 1)
})

test('ApplicationFinished: the age of its folder counts from the end of its last executor here', () => {
  const world = WorkerWorld.registered()
  world.hear(launchExecutor(1))
  world.started(`${APP}/1`)
  world.hear({ type: 'ApplicationFinished', appId: APP })
  assert.deepEqual(world.done('folderEnded'), [])
  world.ended(`${APP}/1`)
  assert.deepEqual(world.done('folderEnded'), [{ kind: 'folderEnded', folder: APP }])
})

test('work folders are counted at the start, every half-hour, and after each hundredth end', () => {
  const world = new WorkerWorld()
  world.step({ kind: 'start' })
  assert.equal(world.done('cleanWork').length, 1)
  world.timer({ kind: 'cleanup' })
  assert.equal(world.done('cleanWork').length, 1)
  world.leads(MASTER)
  world.hear({ type: 'RegisteredWorker', workerId: ME, duplicate: false })
  const cleaned: number[] = []
  for (let execId = 1; execId <= 250; execId++) {
    world.hear(launchExecutor(execId))
    const process = `${APP}/${execId}`
    if (execId % 2 === 0) {
      world.started(process)
      world.ended(process, { exitCode: 1 })
    } else {
      world.step({ kind: 'startFailed', process, failure: { code: 'FIRESTEEL_DISK_FULL', message: 'full' } })
    }
    if (world.done('cleanWork').length > 0) cleaned.push(execId)
  }
  assert.deepEqual(cleaned, [100, 200])
})
