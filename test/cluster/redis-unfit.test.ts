import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createTestCluster, type RedisServer, startRedis } from '../harness/index.js'
import {
  clientOf,
  endOf,
  everyDriver,
  logged,
  RunningDriver,
  Submitters,
  stateOf,
  submit,
  TaskFlow,
  waitingDriver,
} from '../tools/redis-cluster.js'

const NAME = 'unfit'
const LEADER = `{firesteel:${NAME}}:leader`

/** What people do to a Redis under a running cluster, and how they set it right. */
interface Mistake {
  readonly title: string
  make(redis: RedisServer): Promise<unknown>
  mend(redis: RedisServer): Promise<unknown>
}

const mistakes: readonly Mistake[] = [
  {
    title: 'its key has another type for a while',
    async make(redis) {
      await redis.cli('RENAME', LEADER, 'aside')
      await redis.cli('SET', LEADER, 'mine')
    },
    mend: (redis) => redis.cli('RENAME', 'aside', LEADER),
  },
  {
    title: 'it refuses us for a while',
    async make(redis) {
      await redis.cli('ACL', 'SETUSER', 'firesteel', 'resetpass', '>other')
      await redis.cli('CLIENT', 'KILL', 'USER', 'firesteel')
    },
    mend: (redis) => redis.cli('ACL', 'SETUSER', 'firesteel', '>word'),
  },
]

test('a Redis that becomes unfit under a running cluster: its Masters wait, and what they know is not lost', async (t) => {
  const redis = await startRedis()
  t.after(() => redis.stop())
  await redis.cli('ACL', 'SETUSER', 'firesteel', 'on', '>word', '~*', '&*', '+@all')
  await using cluster = await createTestCluster({
    cluster: NAME,
    masters: 3,
    workers: 1,
    cores: 4,
    redis: redis.url.replace('//', '//firesteel:word@'),
    lease: '1s',
    workerTimeout: '20s',
  })
  const driver = await RunningDriver.start(cluster)
  const flow = await TaskFlow.start(cluster)
  const client = clientOf(cluster)
  t.after(() => client.close())
  const { nodes } = cluster
  for (const { title, make, mend } of mistakes) {
    await t.test(title, async () => {
      await submit(client, waitingDriver(title))
      await make(redis)
      await cluster.waitUntil('nobody to lead', async () => (await cluster.leader()) === undefined)
      await flow.flows(200)
      await mend(redis)
      await cluster.waitAlive()
      const clusterState = await stateOf(cluster)
      assert.equal(
        everyDriver(clusterState).filter(({ description }) => description.name === title).length,
        1,
      )
      assert.deepEqual(cluster.nodes, nodes, 'a node was started again')
      await driver.goesOn(clusterState)
    })
  }
  await t.test('its file is torn, and at first it refuses us', async () => {
    const end = await endOf(redis)
    await using submitters = new Submitters(cluster, 's', [undefined])
    await submitters.acknowledges(10)
    await submitters.stop()
    await redis.kill()
    await end.cut()
    // The user is not in the append-only file: until it is made again, nobody gets in.
    await redis.restart()
    await flow.flows(200)
    await redis.cli('ACL', 'SETUSER', 'firesteel', 'on', '>word', '~*', '&*', '+@all')
    await cluster.waitAlive()
    const clusterState = await stateOf(cluster)
    logged(cluster, /STORE_REWOUND/)
    submitters.check(clusterState)
    assert.deepEqual(cluster.nodes, nodes, 'a node was started again')
  })
  await driver.goesOn(await stateOf(cluster))
  await flow.stop()
})
