import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { DriverDescription } from '../../actors/messages/common.js'
import { driverDescription } from '../../actors/messages/samples.js'
import { limits } from '../../runtime/limits.js'
import { createTestCluster, waitUntil } from '../harness/index.js'
import { clientOf } from '../tools/redis-cluster.js'

/*
 * With a client's key alone, and with real processes: no answer, whatever its size, costs a Master its
 * leadership.
 */

const request = { type: 'RequestMasterState' } as const

const submission = (number: number, parts: Partial<DriverDescription>) => ({
  type: 'RequestSubmitDriver' as const,
  key: `key-${number}`,
  description: { ...driverDescription, cwd: '/tmp', ...parts },
})

test('a state of many pages is read by many clients, and the leadership is kept', async () => {
  await using cluster = await createTestCluster()
  const clients = Array.from({ length: 8 }, () => clientOf(cluster))
  const [first] = clients
  assert.ok(first)
  try {
    const before = await first.request(request)
    const drivers = 4000
    for (let from = 0; from < drivers; from += 400) {
      const batch = Array.from({ length: 400 }, (_, number) => submission(from + number, { cores: 1000 }))
      await Promise.all(batch.map((message) => first.request(message)))
    }
    const states = await Promise.all(clients.map((client) => client.request(request)))
    for (const state of states) {
      assert.equal(state.activeDrivers.length, drivers)
      assert.equal(new Set(state.activeDrivers.map(({ id }) => id)).size, drivers)
      assert.deepEqual(state.workers.length, 1)
      assert.equal(state.position.epoch, before.position.epoch)
    }
    const one = states[0]?.activeDrivers[1234]
    const alone = await first.request({ ...request, of: one?.id ?? '' })
    assert.deepEqual(alone.activeDrivers, [one])
    assert.equal((await first.request(request)).position.epoch, before.position.epoch)
  } finally {
    await Promise.all(clients.map((client) => client.close()))
  }
})

test('drivers whose descriptions are more than one message run on through a failover', async () => {
  await using cluster = await createTestCluster({ cores: 16, memory: '16g' })
  const client = clientOf(cluster)
  try {
    const large = Array(2).fill('x'.repeat(100_000))
    const count = 8
    assert.ok(count * 200_000 > limits.nodeMessageBytes)
    for (let number = 0; number < count; number++) {
      const args = ['-c', 'exec sleep 600', 'x', ...large]
      await client.request(submission(number, { main: '/bin/sh', args, supervise: true }))
    }
    const running = async () => {
      const { activeDrivers, workers, position } = await client.request(request)
      const at = activeDrivers.filter(({ state, worker }) => state === 'RUNNING' && worker === workers[0]?.id)
      return { epoch: position.epoch, generations: at.map(({ generation }) => generation), workers }
    }
    const before = await waitUntil('all run', async () => {
      const now = await running()
      return now.generations.length === count ? now : undefined
    })
    await cluster.kill('m1')
    await cluster.waitAlive()
    const after = await waitUntil('the Worker has answered', async () => {
      const now = await running()
      const isBack = now.epoch > before.epoch && now.workers[0]?.state === 'ALIVE'
      return isBack && now.generations.length === count ? now : undefined
    })
    assert.deepEqual(after.generations, Array(count).fill(1))
    assert.equal(after.workers[0]?.coresUsed, count)
  } finally {
    await client.close()
  }
})
