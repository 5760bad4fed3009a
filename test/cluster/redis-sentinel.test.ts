import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { isFiresteelError } from '../../runtime/errors.js'
import { createTestCluster, type RedisServer, startRedis, startSentinels } from '../harness/index.js'
import {
  clientOf,
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

const NAME = 'sentinel'

/** From here on the replica misses everything, though Sentinel finds both well: it cannot log in any more. */
async function cutReplication(primary: RedisServer, replica: RedisServer): Promise<void> {
  await replica.cli('CONFIG', 'SET', 'masteruser', 'nobody')
  await replica.cli('CONFIG', 'SET', 'masterauth', 'wrong')
  await primary.cli('CLIENT', 'KILL', 'TYPE', 'replica')
}

/** The store falls back by a second; the Master that led lives on, or dies with the primary. */
async function lossyPromotion(t: TestContext, leaderDies: boolean): Promise<void> {
  const primary = await startRedis()
  t.after(() => primary.stop())
  const replica = await startRedis({ replicaOf: primary })
  t.after(() => replica.stop())
  // Sentinel promotes no replica whose link has been down for ten times as long before the primary fell.
  const sentinels = await startSentinels({ primaryPort: primary.port, downAfterMs: 3000 })
  t.after(() => sentinels.stop())
  await using cluster = await createTestCluster({
    cluster: NAME,
    masters: 3,
    workers: 1,
    cores: 6,
    sentinel: { name: sentinels.name, hosts: sentinels.hosts },
    lease: '1s',
    // Longer than Sentinel takes.
    workerTimeout: '30s',
  })
  const client = clientOf(cluster)
  t.after(() => client.close())
  const flow = await TaskFlow.start(cluster)
  const early = await RunningDriver.start(cluster, 'early')
  const earlyWaiting = await submit(client, waitingDriver('early-waiting'))
  await cluster.waitUntil(
    'the replica to have it',
    async () => (await replica.cli('HLEN', `{firesteel:${NAME}}:driver`)) === '2',
  )

  await cutReplication(primary, replica)
  const late = await RunningDriver.start(cluster, 'late')
  const lateFlow = await TaskFlow.start(cluster)
  await using submitters = new Submitters(cluster, 's', [undefined, undefined])
  await submitters.acknowledges(20)
  const lateWaiting = await submit(client, waitingDriver('late-waiting'))
  const before = await leadership(primary, NAME)
  await submitters.stop()
  const leader = await cluster.waitAlive()
  await primary.kill()
  if (leaderDies) await cluster.kill(leader)
  await cluster.waitUntil(
    'the replica to be promoted',
    async () => (await sentinels.primaryPort()) === replica.port,
    {
      deadlineMs: 60_000,
      everyMs: 100,
    },
  )
  await cluster.waitAlive()

  logged(cluster, /STORE_REWOUND/)
  assert.ok((await leadership(replica, NAME)).epoch > before.epoch)
  await cluster.waitUntil('the late driver to be known', async () => {
    const { activeDrivers } = await stateOf(cluster)
    return activeDrivers.find(({ id }) => id === late.id)?.state === 'RUNNING'
  })
  const clusterState = await stateOf(cluster)
  await early.goesOn(clusterState)
  await late.goesOn(clusterState)
  assert.ok(everyDriver(clusterState).some(({ id }) => id === earlyWaiting))
  assert.equal(clusterState.activeApps.filter(({ state }) => state === 'RUNNING').length, 2)
  if (leaderDies) {
    assert.deepEqual(
      everyDriver(clusterState)
        .map(({ description }) => description.name)
        .toSorted(),
      ['early', 'early-waiting', 'late'],
    )
    const asked = await client
      .request({ type: 'RequestDriverStatus', driverId: lateWaiting })
      .catch((error: unknown) => error)
    assert.ok(isFiresteelError(asked, 'SUBMISSION_LOST'), String(asked))
    const again = await submit(client, waitingDriver('late-waiting'))
    assert.notEqual(again, lateWaiting)
  } else {
    submitters.check(clusterState)
    assert.equal(everyDriver(clusterState).length, submitters.acknowledged.size + 4)
  }
  for (const each of [flow, lateFlow]) {
    await each.flows()
    await each.stop()
  }
}

test('Sentinel promotes a replica that misses the last second', { concurrency: 2 }, async (t) => {
  await Promise.all([
    t.test('the leader has the rest: nothing acknowledged is lost', (each) => lossyPromotion(each, false)),
    t.test(
      'the leader dies as well: what runs comes back, of what waited it is said that it is lost',
      (each) => lossyPromotion(each, true),
    ),
  ])
})
