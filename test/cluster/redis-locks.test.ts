import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createTestCluster, type RedisServer, startRedis, type TestCluster } from '../harness/index.js'
import {
  clientOf,
  leaderStays,
  leadership,
  RunningDriver,
  stateOf,
  submit,
  waitingDriver,
} from '../tools/redis-cluster.js'

const LEASE_MS = 1000
const NAME = 'locks'

/** Nobody is elected while the STANDBYs could have tried several times. */
async function nobodyLeads(cluster: TestCluster, redis: RedisServer, forMs: number): Promise<void> {
  const { epoch } = await leadership(redis, NAME)
  const untilMs = performance.now() + forMs
  let now = epoch
  await cluster.waitUntil('some leases to pass', async () => {
    now = (await leadership(redis, NAME)).epoch
    return now !== epoch || performance.now() >= untilMs
  })
  assert.equal(now, epoch, 'somebody was elected')
}

test('three lock servers: one dead or frozen changes nothing; without two the leader stays and no other is elected', async (t) => {
  const data = await startRedis()
  t.after(() => data.stop())
  const locks: RedisServer[] = []
  for (let i = 0; i < 3; i++) {
    const lock = await startRedis({ extra: ['--appendonly', 'no'] })
    t.after(() => lock.stop())
    locks.push(lock)
  }
  const [a, b, c] = locks as [RedisServer, RedisServer, RedisServer]
  await using cluster = await createTestCluster({
    cluster: NAME,
    masters: 3,
    workers: 1,
    redis: data.url,
    election: locks.map(({ url }) => url),
    lease: `${LEASE_MS}ms`,
    workerTimeout: '4s',
  })
  const driver = await RunningDriver.start(cluster)
  const { epoch } = await leadership(data, NAME)
  assert.equal(epoch, 1)

  await t.test('one killed', async () => {
    await c.kill()
    await leaderStays(data, NAME, 3 * LEASE_MS)
    await c.restart()
  })
  await t.test('one frozen', async () => {
    a.freeze()
    await leaderStays(data, NAME, 3 * LEASE_MS)
    a.thaw()
  })
  await t.test('two gone: the leader leads on, and takes submissions', async () => {
    await Promise.all([b.kill(), c.kill()])
    await leaderStays(data, NAME, 2 * LEASE_MS)
    const client = clientOf(cluster)
    await submit(client, waitingDriver('meanwhile'))
    await client.close()
    assert.equal((await leadership(data, NAME)).epoch, 1)
  })
  await t.test('two gone and the leader killed: nobody is elected until one of them is back', async () => {
    await cluster.kill((await cluster.leader())!)
    await nobodyLeads(cluster, data, 2 * LEASE_MS)
    await driver.goesOn()
    await b.restart()
    await cluster.waitAlive()
    assert.equal((await leadership(data, NAME)).epoch, 2)
  })
  const clusterState = await stateOf(cluster)
  assert.ok(clusterState.activeDrivers.some(({ description }) => description.name === 'meanwhile'))
  await driver.goesOn(clusterState)
})
