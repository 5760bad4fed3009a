import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startRedis } from '../harness/index.js'
import { TestCluster } from '../harness/test-cluster.js'
import { UpProcess } from '../harness/up-process.js'
import { LinkProxy } from '../tools/link-proxy.js'
import {
  clientOf,
  leaderStays,
  leadership,
  logged,
  RunningDriver,
  stateOf,
  submit,
  TaskFlow,
  waitingDriver,
} from '../tools/redis-cluster.js'
import { LEASE_MS } from './redis-cut-cluster.js'

/* The leader and its Workers, one way only. Both ways: redis-links.test.ts. */

const NAME = 'cut-workers'
const skip = process.platform !== 'linux' && 'needs 127.0.2.1 and on, which only Linux has unasked'

test('one-way cuts between the leader and its Workers: one that hears them takes over', {
  skip,
}, async (t) => {
  const redis = await startRedis()
  t.after(() => redis.stop())
  const proxies = await Promise.all(
    ['127.0.2.1', '127.0.2.2', '127.0.2.3'].map((host) => LinkProxy.start(host)),
  )
  t.after(() => {
    for (const proxy of proxies) proxy.stop()
  })
  await using cluster = new TestCluster(
    await UpProcess.start({
      cluster: NAME,
      masters: 3,
      workers: 2,
      cores: 2,
      memory: '4g',
      recovery: { mode: 'REDIS', redis: redis.url, lease: `${LEASE_MS}ms` },
      // A link is dead after 5 s of silence, the Worker must not be by then.
      workerTimeout: '30s',
      orphanGrace: undefined,
      directory: undefined,
      places: proxies.map(({ place }) => place),
    }),
  )
  const driver = await RunningDriver.start(cluster)
  const flow = await TaskFlow.start(cluster)
  const client = clientOf(cluster)
  t.after(() => client.close())

  for (const [title, kind] of [
    ['what Workers say does not arrive', 'requests'],
    ['what it says does not arrive at Workers', 'answers'],
  ] as const) {
    await t.test(title, async () => {
      const leader = await cluster.waitAlive({ standbys: 2 })
      const proxy = proxies[Number(leader.name.slice(1)) - 1]!
      proxy.suffer(/^w\d/, { kind })
      await cluster.waitUntil('another to lead', async () => {
        const now = (await cluster.leader())?.name
        return now !== undefined && now !== leader.name
      })
      await cluster.waitAlive()
      await cluster.waitUntil('it to say why', () => {
        logged(cluster, new RegExp(`hands over: it hears 0 of 2 workers.*"node":"${leader.name}"`))
        return true
      })
      const { owner } = await leadership(redis, NAME)
      assert.equal((await leaderStays(redis, NAME, 2 * LEASE_MS)).owner, owner)
      proxy.heal()
      await cluster.waitAlive({ standbys: 2 })
      await submit(client, waitingDriver(kind))
      const clusterState = await stateOf(cluster)
      assert.equal(
        clusterState.activeDrivers.filter(({ description }) => description.name === kind).length,
        1,
      )
      assert.equal((await leadership(redis, NAME)).owner, owner)
      await driver.goesOn(clusterState)
      await flow.flows()
    })
  }
  await flow.stop()
})
