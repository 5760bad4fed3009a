import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createTestCluster, startRedis } from '../harness/index.js'
import { errorOf } from '../tools/command-fixture.js'
import {
  clientOf,
  everyDriver,
  leaderStays,
  RunningDriver,
  stateOf,
  submit,
  TaskFlow,
  waitingDriver,
} from '../tools/redis-cluster.js'

const LEASE_MS = 1000
const NAME = 'full'

test('a Redis at maxmemory keeps its leader, refuses new submissions, and takes them when it has room again', async (t) => {
  const redis = await startRedis()
  t.after(() => redis.stop())
  await using cluster = await createTestCluster({
    cluster: NAME,
    masters: 3,
    workers: 1,
    cores: 4,
    redis: redis.url,
    lease: `${LEASE_MS}ms`,
    workerTimeout: '4s',
  })
  const driver = await RunningDriver.start(cluster)
  const flow = await TaskFlow.start(cluster)
  // Less than an empty one takes.
  await redis.cli('CONFIG', 'SET', 'maxmemory', '500kb')

  // The one that meets the full store first is not refused: it has been sent, and waits.
  const client = clientOf(cluster)
  t.after(() => client.close())
  const patient = submit(client, waitingDriver('patient'))
  await cluster.waitUntil('the leader to know', () =>
    /STORE_FULL: new requests are refused/.test(cluster.log),
  )
  // One that is under way at the end of its time is OUTCOME_UNKNOWN: on a busy machine that may be the first.
  const ends: unknown[][] = []
  await cluster.waitUntil('a submission to be refused', async () => {
    const end = await cluster.cli(
      ['submit', '--json', '--key', 'refused', '--master-timeout', '2s', '--cores', '900', process.execPath],
      { timeoutMs: 60_000 },
    )
    ends.push([end.code, errorOf(end).code])
    return errorOf(end).code !== 'FIRESTEEL_OUTCOME_UNKNOWN'
  })
  assert.deepEqual(ends.pop(), [3, 'FIRESTEEL_STORE_FULL'])
  for (const end of ends) assert.deepEqual(end, [3, 'FIRESTEEL_OUTCOME_UNKNOWN'])
  const { epoch } = await leaderStays(redis, NAME, 3 * LEASE_MS)
  assert.equal(epoch, 1)
  await flow.flows()

  await redis.cli('CONFIG', 'SET', 'maxmemory', '0')
  const id = await patient
  const clusterState = await stateOf(cluster)
  assert.equal(clusterState.position.epoch, 1)
  assert.deepEqual(
    everyDriver(clusterState)
      .filter(({ description }) => description.name === 'patient')
      .map((entry) => entry.id),
    [id],
  )
  assert.ok(!everyDriver(clusterState).some(({ description }) => description.name === 'refused'))
  await driver.goesOn(clusterState)
  await flow.flows()
  await flow.stop()
})
