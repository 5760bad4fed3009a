import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import fc from 'fast-check'
import { RedlockLock } from '../../actors/election/redlock-lock.js'
import type { RedisConnection } from '../../runtime/redis/connection.js'
import { connectionLockServer } from '../../runtime/redis/lock-server.js'
import { type RedisServer, startRedis } from '../harness/redis-server.js'
import { waitUntil } from '../harness/wait-until.js'
import { LockServerModel } from '../simulation/lock-server-model.js'
import { LockPair, lockCommand } from '../simulation/store-locks.js'
import { Reached } from '../simulation/store-reached.js'
import { connect } from '../simulation/store-real.js'

/*
 * The simulator's lock servers are the real ones: the same commands through RedlockLock on real servers, and
 * by majority on models.
 */

const candidates = 3
let servers: RedisServer[] = []
/** By candidate, then by server. */
let connections: RedisConnection[][] = []

before(async () => {
  servers = await Promise.all([0, 1, 2].map(() => startRedis({ appendfsync: 'no' })))
  connections = await Promise.all(
    Array.from({ length: candidates }, () => Promise.all(servers.map(({ url }) => connect(url)))),
  )
  for (const connection of connections[0]!) await teach(connection)
})
after(async () => {
  for (const connection of connections.flat()) await connection.close()
  await Promise.all(servers.map((server) => server.stop()))
})

/**
 * A server that knows the scripts runs what it is sent in one step, and so in the order of the connection.
 */
async function teach(connection: RedisConnection): Promise<void> {
  const lock = new RedlockLock({ servers: [connectionLockServer(connection)], key: 'teach', leaseMs: 60_000 })
  const value = await lock.acquire()
  assert.ok(value)
  assert.ok(await lock.extend(value))
  await lock.release(value)
  assert.equal(await connection.call('EXISTS', 'teach'), 0)
}

let keys = 0

async function compare(serverCount: number, numRuns: number): Promise<Reached> {
  const reached = new Reached()
  const own = connections.map((each) => each.slice(0, serverCount))
  const sequences = fc.array(lockCommand, { maxLength: 60, size: 'max' })
  await fc.assert(
    fc.asyncProperty(sequences, (commands) => new LockPair(own, `lock-${++keys}`, reached).run(commands)),
    { numRuns, includeErrorInReport: true },
  )
  return reached
}

const common = [
  ...[
    'acquire of all',
    'acquire of none',
    'extend of all',
    'extend of all, some of it free',
    'extend of none',
  ],
  ...['release some', 'release none', 'remaining some', 'remaining none', 'expire'],
]

test('one server: the model is what redlock finds', async () => {
  const reached = await compare(1, 100)
  reached.expect(5, common)
})

test('three servers: a majority of models is what redlock finds, and each is left as the real one', async () => {
  const reached = await compare(3, 100)
  reached.expect(5, [
    ...common,
    ...['acquire of most', 'acquire of too few', 'extend of most', 'extend of too few'],
    // Which is kept there, though the extend failed.
    'extend of too few, some of it free',
  ])
})

test('a key runs out: PEXPIRE on the server, time on the model', async () => {
  const key = `lock-${++keys}`
  const [first, second] = [0, 1].map((by) => {
    const servers = [connectionLockServer(connections[by]![0]!)]
    return new RedlockLock({ servers, key, leaseMs: 600_000 })
  })
  const model = new LockServerModel()
  const connection = connections[0]![0]!
  const runOut = async () => {
    assert.equal(await connection.call('PEXPIRE', key, 1), 1)
    // Not its PTTL: that is 0 a millisecond before.
    await waitUntil('the end of the key', async () => (await connection.call('GET', key)) === null, {
      everyMs: 1,
    })
    assert.equal(await first!.remainingMs(), 0)
  }
  const value = await first!.acquire()
  assert.ok(value)
  assert.equal(model.take(value, 600_000, 0), true)
  await runOut()
  assert.equal(model.remainingMs(600_001), 0)
  // Nobody took it: it is had again.
  assert.equal(await first!.extend(value), true)
  assert.equal(model.take(value, 600_000, 600_001), true)
  await runOut()
  const other = await second!.acquire()
  assert.ok(other)
  assert.equal(model.take(other, 600_000, 1_200_002), true)
  assert.equal(await first!.extend(value), false)
  assert.equal(model.take(value, 600_000, 1_200_002), false)
  await first!.release(value)
  model.release(value)
  assert.ok((await second!.remainingMs()) > 0)
  assert.equal(model.remainingMs(1_200_002), 600_000)
})

test('the last millisecond: held, though none remains; then free', async () => {
  // In a script time stands still: keys that end around now, with PTTL and GET of each.
  const lua = `
    local time, found = redis.call('TIME'), {}
    local ms = time[1] * 1000 + math.floor(time[2] / 1000)
    for off = -5, 5 do
      redis.call('SET', KEYS[1], 'a', 'PXAT', string.format('%.0f', ms + off))
      table.insert(found, {redis.call('PTTL', KEYS[1]), redis.call('GET', KEYS[1]) or 'none'})
    end
    return found`
  const found = await waitUntil('a script within one millisecond', async () => {
    const reply = (await connections[0]![0]!.call('EVAL', lua, 1, 'ends now')) as [number, string][]
    return reply.some(([ms]) => Number(ms) === 0) ? reply : undefined
  })
  const model = new LockServerModel()
  model.take('a', 100, 1000)
  for (const [ms, value] of found) {
    // -2: gone; by how much is not told.
    const nowMs = Number(ms) === -2 ? 1101 : 1100 - Number(ms)
    assert.equal(model.holder(nowMs) ?? 'none', value)
    assert.equal(model.remainingMs(nowMs), Math.max(0, Number(ms)))
  }
  assert.equal(model.take('b', 100, 1100), false)
  assert.equal(model.remainingMs(5000), 0)
  assert.equal(model.take('b', 100, 1101), true)
  model.forget()
  assert.equal(model.take('a', 100, 1101), true)
})
