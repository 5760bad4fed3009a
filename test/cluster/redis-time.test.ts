import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createTestCluster, startRedis } from '../harness/index.js'
import { blockLoop, shiftClock } from '../tools/node-debugger.js'
import {
  clientOf,
  leaderStays,
  leadership,
  RunningDriver,
  stateOf,
  submit,
  TaskFlow,
  waitingDriver,
} from '../tools/redis-cluster.js'

const NAME = 'time'
const HOUR_MS = 3_600_000
/** L4 promises stalls of half of it: ours, and one of the machine besides. */
const LEASE_MS = 5000
const STALL_MS = 1500

test('a loop that stands still, a wall clock that jumps by an hour: nothing happens', async (t) => {
  const redis = await startRedis()
  t.after(() => redis.stop())
  await using cluster = await createTestCluster({
    cluster: NAME,
    masters: 3,
    workers: 2,
    redis: redis.url,
    lease: `${LEASE_MS}ms`,
  })
  const driver = await RunningDriver.start(cluster)
  const flow = await TaskFlow.start(cluster)
  const client = clientOf(cluster)
  t.after(() => client.close())
  const pids = (role: 'master' | 'worker') =>
    cluster.nodes.filter((node) => node.role === role).map(({ pid }) => pid)
  const leader = (await cluster.leader())!
  const { owner } = await leadership(redis, NAME)

  const nothingHappened = async (name: string): Promise<void> => {
    await submit(client, waitingDriver(name))
    const clusterState = await stateOf(cluster)
    assert.deepEqual(
      clusterState.workers.map(({ state, suspect }) => [state, suspect]),
      [
        ['ALIVE', false],
        ['ALIVE', false],
      ],
    )
    assert.deepEqual((await leadership(redis, NAME)).owner, owner)
    await driver.goesOn(clusterState)
    await flow.flows()
    assert.doesNotMatch(cluster.log, /RevokedLeadership|early take-over|"level":"error"/)
  }

  await t.test('the leader blocks twice', async () => {
    for (const pauseMs of [1, 400]) {
      await blockLoop(leader.pid, STALL_MS)
      await leaderStays(redis, NAME, pauseMs)
    }
    await nothingHappened('after-block')
  })

  await t.test('SIGSTOP of the leader', async () => {
    await cluster.freeze(leader)
    const sinceMs = performance.now()
    await cluster.waitUntil('the stall to last', () => performance.now() - sinceMs >= STALL_MS)
    cluster.thaw(leader)
    await leaderStays(redis, NAME, LEASE_MS / 2)
    await nothingHappened('after-stop')
  })

  for (const [title, ms] of [
    ['an hour ahead', HOUR_MS],
    ['an hour behind', -HOUR_MS],
  ] as const) {
    await t.test(`the leader's clock is ${title}`, async () => {
      assert.equal(await shiftClock(leader.pid, ms), ms)
      await leaderStays(redis, NAME, 1.2 * LEASE_MS)
      await nothingHappened(`leader-${ms}`)
    })
  }

  await t.test('clocks of a STANDBY and a Worker are ahead, of others behind', async () => {
    await shiftClock(leader.pid, 0)
    for (const [role, own] of [
      ['master', leader.pid],
      ['worker', 0],
    ] as const) {
      const [one, other] = pids(role).filter((pid) => pid !== own)
      await shiftClock(one!, HOUR_MS)
      await shiftClock(other!, -HOUR_MS)
    }
    await leaderStays(redis, NAME, 1.2 * LEASE_MS)
    await nothingHappened('others')
  })

  await t.test('and a STANDBY whose clock is wrong takes over as ever', async () => {
    await cluster.kill(leader)
    await cluster.waitAlive()
    const clusterState = await stateOf(cluster)
    assert.equal(clusterState.position.epoch, 2)
    assert.equal(clusterState.activeDrivers.length, 6)
    await driver.goesOn(clusterState)
    await flow.flows()
    await flow.stop()
  })
})
