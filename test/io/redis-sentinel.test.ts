import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { putOf, readAll, SuiteLeader, takeOver } from '../conformance/persistence-suite.js'
import { type RedisServer, type SentinelGroup, startRedis, startSentinels } from '../harness/redis-server.js'
import { waitUntil } from '../harness/wait-until.js'
import { RedisOpener } from './redis-fixture.js'

const password = 'of-the-data'
const sentinelPassword = 'of-the-sentinels'
const opener = new RedisOpener()
let servers: RedisServer[] = []
let sentinels: SentinelGroup

before(async () => {
  const primary = await startRedis({ password })
  servers = [primary]
  servers.push(await startRedis({ password, replicaOf: primary }))
  await waitUntil('the replica', async () =>
    (await primary.cli('INFO', 'replication')).includes('state=online'),
  )
  sentinels = await startSentinels({ primaryPort: primary.port, password, sentinelPassword })
})
after(async () => {
  await opener.closeAll()
  await sentinels?.stop()
  for (const server of servers) await server.stop()
})

const sentinelOf = ({ name, hosts }: SentinelGroup) => ({ name, hosts, password, sentinelPassword })

test('no Sentinel answers, or none knows the name: complaint, and no end of trying', async () => {
  const nobody = await opener.open({ sentinel: { name: 'firesteel', hosts: ['127.0.0.1:1'] } })
  await assert.rejects(nobody.engine.leader(), /All sentinels are unreachable/)
  const unknown = await opener.open({ sentinel: { ...sentinelOf(sentinels), name: 'other' } })
  await assert.rejects(unknown.engine.leader(), /sentinel/i)
  await opener.closeAll()
})

test('a frozen primary is replaced: the leader finds the new one, and the commit queue goes on there', async () => {
  const opened = await opener.open({ sentinel: sentinelOf(sentinels), leaseMs: 2000 })
  let reconnected = 0
  opened.reconnections.onReconnected(() => {
    reconnected += 1
  })
  const { engine } = opened
  const leader = new SuiteLeader(engine, await takeOver(engine, 'm1'))
  await leader.write([putOf('worker', 'w1')])
  await opened.presence.join('m1')
  const [old, next] = servers as [RedisServer, RedisServer]
  assert.equal(await sentinels.primaryPort(), old.port)
  await waitUntil(
    'the replica to have it',
    async () => (await next.cli('HLEN', '{firesteel:c}:worker')) === '1',
  )

  old.freeze()
  const request = leader.next([putOf('worker', 'w2')])
  assert.equal((await engine.commit(leader.fence, request)).kind, 'unknown')
  const outcome = await waitUntil('the commit on the new primary', async () => {
    const again = await engine.commit(leader.fence, request)
    return again.kind === 'unknown' || again.kind === 'refused' ? undefined : again
  })
  assert.deepEqual(outcome, { kind: 'ok', position: { epoch: 1, seq: 2 } })
  assert.equal(await sentinels.primaryPort(), next.port)
  assert.equal(await next.cli('HLEN', '{firesteel:c}:worker'), '2')
  assert.ok(reconnected >= 1)
  const direct = await opener.open({ redis: next.url })
  await waitUntil('presence on the new primary', async () => (await direct.presence.count('m1')) === 1)
  const elected = await takeOver(engine, 'm2')
  assert.deepEqual([...(await readAll(engine, elected, 'worker')).keys()].sort(), ['w1', 'w2'])
})
