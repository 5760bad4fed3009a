import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type ClusterNode, type RedisServer, startRedis } from '../harness/index.js'
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

const LEASE_MS = 1000
const NAME = 'links'

/** The presence of every Master is gone for a moment, again and again: the third witness is wrong, too. */
function dropPresence(redis: RedisServer): { stop(): Promise<void> } {
  let isOver = false
  const loop = async (): Promise<void> => {
    while (!isOver) await redis.cli('CLIENT', 'KILL', 'TYPE', 'pubsub')
  }
  const ended = loop()
  return {
    stop: () => {
      isOver = true
      return ended
    },
  }
}

const skip = process.platform !== 'linux' && 'needs 127.0.1.1 and on, which only Linux has unasked'

test('links that break without a death', { skip }, async (t) => {
  const redis = await startRedis()
  t.after(() => redis.stop())
  const proxies = await Promise.all(
    ['127.0.1.1', '127.0.1.2', '127.0.1.3'].map((host) => LinkProxy.start(host)),
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
      workerTimeout: '4s',
      orphanGrace: undefined,
      directory: undefined,
      places: proxies.map(({ place }) => place),
    }),
  )
  const driver = await RunningDriver.start(cluster)
  const flow = await TaskFlow.start(cluster)
  const client = clientOf(cluster)
  t.after(() => client.close())
  const proxyOf = ({ name }: ClusterNode): LinkProxy => proxies[Number(name.slice(1)) - 1]!
  /** Nothing else has happened: the tasks, the driver, and one driver for one submission. */
  const allGoesOn = async (name: string): Promise<void> => {
    await submit(client, waitingDriver(name))
    const clusterState = await stateOf(cluster)
    assert.equal(clusterState.activeDrivers.filter(({ description }) => description.name === name).length, 1)
    assert.deepEqual(
      clusterState.workers.map(({ state }) => state),
      ['ALIVE', 'ALIVE'],
    )
    await driver.goesOn(clusterState)
    await flow.flows()
  }

  await t.test('Masters lose each other: who still answers is not deposed', async () => {
    const { epoch } = await leadership(redis, NAME)
    for (const proxy of proxies) proxy.cut(/^m\d/)
    const known = async () => (await stateOf(cluster)).masters.map(({ state }) => state).toSorted()
    await leaderStays(redis, NAME, 3 * LEASE_MS)
    assert.deepEqual(await known(), ['ALIVE', 'UNKNOWN', 'UNKNOWN'])
    for (const proxy of proxies) proxy.heal()
    await cluster.waitUntil(
      'the Masters to be linked again',
      async () => !(await known()).includes('UNKNOWN'),
    )
    assert.equal((await leadership(redis, NAME)).epoch, epoch)
    await allGoesOn('after-master-links')
  })

  await t.test('all three witnesses are wrong: one needless failover', async () => {
    const { epoch } = await leadership(redis, NAME)
    const leader = (await cluster.leader())!
    const presence = dropPresence(redis)
    await proxyOf(leader).refuse()
    for (const proxy of proxies) proxy.cut(/^m\d/)
    await cluster.waitUntil('a needless failover', async () => (await leadership(redis, NAME)).epoch > epoch)
    await presence.stop()
    await proxyOf(leader).open()
    for (const proxy of proxies) proxy.heal()
    await cluster.waitAlive({ standbys: 2 })
    assert.equal((await leadership(redis, NAME)).epoch, epoch + 1)
    logged(cluster, /early take-over/)
    await leaderStays(redis, NAME, 2 * LEASE_MS)
    assert.notEqual((await cluster.leader())?.name, leader.name)
    await allGoesOn('after-false-evidence')
  })

  await t.test('a leader cut from its Workers only hands over to one that hears them', async () => {
    const { epoch } = await leadership(redis, NAME)
    const leader = (await cluster.leader())!
    proxyOf(leader).cut(/^w\d/)
    await cluster.waitUntil('another to lead', async () => {
      const name = (await cluster.leader())?.name
      return name !== undefined && name !== leader.name
    })
    await cluster.waitAlive()
    logged(cluster, /hands over: it hears 0 of 2 workers/)
    await leaderStays(redis, NAME, 3 * LEASE_MS)
    assert.equal((await leadership(redis, NAME)).epoch, epoch + 1)
    proxyOf(leader).heal()
    await allGoesOn('after-worker-links')
  })
  await flow.stop()
})
