import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isFiresteelError } from '../../runtime/errors.js'
import { createTestCluster, startRedis, type TestCluster } from '../harness/index.js'
import {
  clientOf,
  copyOf,
  everyDriver,
  leadership,
  logged,
  RunningDriver,
  Submitters,
  stateOf,
  submit,
  TaskFlow,
  waitingDriver,
} from '../tools/redis-cluster.js'

const LEASE_MS = 1000
const NAME = 'restart'

const clusterOver = (redis: string): Promise<TestCluster> =>
  createTestCluster({
    cluster: NAME,
    masters: 3,
    workers: 1,
    cores: 6,
    redis,
    lease: `${LEASE_MS}ms`,
    workerTimeout: '4s',
  })

const noLeader = (cluster: TestCluster): Promise<boolean> =>
  cluster.waitUntil('nobody to lead', async () => (await cluster.leader()) === undefined)

test('Redis is killed and started again under submissions: each acknowledged one is there, none twice', async (t) => {
  const redis = await startRedis({ appendfsync: 'always' })
  t.after(() => redis.stop())
  await using cluster = await clusterOver(redis.url)
  const driver = await RunningDriver.start(cluster)
  // Two that wait until they succeed, two that give up within an outage.
  await using submitters = new Submitters(cluster, 's', [undefined, undefined, 300, 300])
  const someoneGivesUp = async (): Promise<void> => {
    const { size } = submitters.failed
    await cluster.waitUntil('a submission to fail', () => submitters.failed.size > size)
  }
  const outages: readonly (() => Promise<unknown>)[] = [
    async () => undefined,
    // Its client has given up, and it may still be done.
    someoneGivesUp,
    () => noLeader(cluster),
  ]
  for (const outage of outages) {
    await submitters.acknowledges(20)
    await redis.kill()
    await outage()
    await redis.restart()
  }
  await submitters.acknowledges(20)
  redis.freeze()
  await someoneGivesUp()
  redis.thaw()
  await submitters.acknowledges(20)
  await submitters.stop()
  const names = new Set(everyDriver(await stateOf(cluster)).map(({ description }) => description.name))
  assert.ok(
    [...submitters.failed.keys()].some((name) => names.has(name)),
    'none of them was done all the same',
  )
  submitters.check(await stateOf(cluster))
  await submitters.repeatFailed()
  const clusterState = await stateOf(cluster)
  submitters.check(clusterState)
  assert.equal(everyDriver(clusterState).length, submitters.acknowledged.size + 1)
  await driver.goesOn(clusterState)
})

test('Redis comes back without its last writes: the leader has it, and what was acknowledged is there', async (t) => {
  const redis = await startRedis({ appendfsync: 'everysec' })
  t.after(() => redis.stop())
  await using cluster = await clusterOver(redis.url)
  const flow = await TaskFlow.start(cluster)
  const kept = await RunningDriver.start(cluster, 'kept')
  const killed = await RunningDriver.start(cluster, 'killed')
  const client = clientOf(cluster)
  t.after(() => client.close())
  const withdrawn = await submit(client, waitingDriver('withdrawn'))
  const older = await copyOf(redis)

  // All of this is in the lost writes.
  const late = await RunningDriver.start(cluster, 'late')
  await using submitters = new Submitters(cluster, 's', [undefined, undefined])
  for (const driverId of [withdrawn, killed.id]) await client.request({ type: 'RequestKillDriver', driverId })
  await cluster.waitUntil(
    'both to have ended',
    async () => (await stateOf(cluster)).completedDrivers.length === 2,
  )
  await submitters.acknowledges(20)
  const before = await leadership(redis, NAME)

  await redis.kill()
  await older.putBack()
  await redis.restart()
  await submitters.acknowledges(20)
  await submitters.stop()
  await flow.flows()

  const clusterState = await stateOf(cluster)
  logged(cluster, /STORE_REWOUND/)
  assert.ok(clusterState.position.epoch > before.epoch)
  submitters.check(clusterState)
  assert.equal(everyDriver(clusterState).length, submitters.acknowledged.size + 4)
  for (const id of [withdrawn, killed.id])
    assert.equal(clusterState.completedDrivers.find((entry) => entry.id === id)?.state, 'KILLED')
  await kept.goesOn(clusterState)
  await late.goesOn(clusterState)
  await flow.stop()
})

test('Redis is gone for longer than lease and worker timeout: no new work, what runs goes on, then all as before', async (t) => {
  const redis = await startRedis()
  t.after(() => redis.stop())
  await using cluster = await clusterOver(redis.url)
  const driver = await RunningDriver.start(cluster)
  const flow = await TaskFlow.start(cluster)
  const client = clientOf(cluster)
  t.after(() => client.close())
  const waiting = await submit(client, waitingDriver('waiting'))
  const before = await stateOf(cluster)

  await redis.kill()
  await noLeader(cluster)
  // Sent on the last moments of its link, the outcome would be unknown: true as well, but not what this is
  // about.
  await cluster.waitUntil('the client to know of no leader', () => client.leader === undefined)
  const refused = await client
    .request(
      { type: 'RequestSubmitDriver', key: 'refused', description: waitingDriver('refused') },
      { timeoutMs: 4500 },
    )
    .catch((error: unknown) => error)
  assert.ok(isFiresteelError(refused, 'NO_MASTER'), String(refused))
  assert.equal(await cluster.leader(), undefined)
  await flow.flows()
  await driver.goesOn()

  await redis.restart()
  await cluster.waitAlive()
  const after = await stateOf(cluster)
  assert.deepEqual(
    everyDriver(after).map(({ id, state, generation, worker }) => ({ id, state, generation, worker })),
    everyDriver(before).map(({ id, state, generation, worker }) => ({ id, state, generation, worker })),
  )
  assert.ok(everyDriver(after).some(({ id }) => id === waiting))
  // A new leader does not know when executors of an earlier one were launched.
  const held = ({ activeApps }: typeof before) =>
    activeApps.map(({ id, state, executors }) => ({
      ...{ id, state },
      executors: executors.map(({ launchedAtMs: _, ...executor }) => executor),
    }))
  assert.deepEqual(held(after), held(before))
  await submit(client, waitingDriver('refused'))
  await driver.goesOn(after)
  await flow.flows()
  await flow.stop()
})
