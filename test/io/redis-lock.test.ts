import assert from 'node:assert/strict'
import { after, afterEach, before, test } from 'node:test'
import { RedlockLock } from '../../actors/election/redlock-lock.js'
import { isFiresteelError } from '../../runtime/errors.js'
import { systemTimers, type TimerSource } from '../../runtime/timers.js'
import { type RedisServer, startRedis } from '../harness/redis-server.js'
import { waitUntil } from '../harness/wait-until.js'
import { VirtualTime } from '../tools/virtual-time.js'
import { RedisOpener } from './redis-fixture.js'

const leaseMs = 2000
const opener = new RedisOpener()
let servers: RedisServer[] = []

before(async () => {
  servers = [await startRedis(), await startRedis(), await startRedis()]
})
after(() => Promise.all(servers.map((server) => server.stop())))
afterEach(() => {
  // A test that fails leaves no server frozen for the next ones.
  for (const server of servers) server.thaw()
  return opener.closeAll()
})

let clusters = 0

/** Locks of `count` candidates of one cluster. */
async function candidates(count: number, urls: readonly string[], data = urls[0]!): Promise<RedlockLock[]> {
  const cluster = `c${++clusters}`
  const locks: RedlockLock[] = []
  for (let i = 0; i < count; i += 1) {
    const opened = await opener.open({ cluster, redis: data, election: urls, leaseMs })
    locks.push(new RedlockLock({ servers: opened.lockServers, key: opened.lockKey, leaseMs }))
  }
  return locks
}

const urls = (): string[] => servers.map(({ url }) => url)
const unavailable = (error: unknown) => isFiresteelError(error, 'STORE_UNAVAILABLE')

/**
 * Rejects. A frozen server would never make it: each call of a lock has its own end (election-quorum-lock).
 */
const isGivenUp = (call: Promise<unknown>): Promise<void> => assert.rejects(call, unavailable)

async function contend(a: RedlockLock, b: RedlockLock): Promise<void> {
  assert.equal(await a.remainingMs(), 0)
  const value = await a.acquire()
  assert.ok(value)
  assert.equal(await b.acquire(), undefined)
  const remaining = await b.remainingMs()
  assert.ok(remaining > 0 && remaining <= leaseMs, String(remaining))
  assert.equal(await a.extend(value), true)
  assert.equal(await b.extend('a value of nobody'), false)
  await b.release('a value of nobody')
  assert.ok((await b.remainingMs()) > 0)
  // Known from the leader record alone.
  await b.release(value)
  assert.equal(await b.remainingMs(), 0)
  const second = await b.acquire()
  assert.ok(second)
  assert.equal(await a.extend(value), false)
  // Free, and nobody took it: it is had again.
  await b.release(second)
  assert.equal(await a.extend(value), true)
  assert.equal(await b.acquire(), undefined)
}

test('one server: acquire, extend, release, also by another that knows the value', async () => {
  const [a, b] = await candidates(2, [urls()[0]!])
  await contend(a!, b!)
})

test('three servers: the same', async () => {
  const [a, b] = await candidates(2, urls())
  await contend(a!, b!)
})

test('of many at once one has it at most, and soon one has it', async () => {
  const locks = await candidates(5, urls())
  const value = await waitUntil('a winner', async () => {
    const values = (await Promise.all(locks.map((lock) => lock.acquire()))).filter((one) => one !== undefined)
    assert.ok(values.length <= 1, `${values.length} have the lock`)
    return values[0]
  })
  await locks[0]!.release(value)
})

test('an even number of servers is refused', async () => {
  const opened = await opener.open({ redis: urls()[0]!, election: urls().slice(0, 2) })
  assert.throws(
    () => new RedlockLock({ servers: opened.lockServers, key: opened.lockKey, leaseMs }),
    (error) => isFiresteelError(error, 'CONFIG_INVALID'),
  )
})

test('a full server: the lock is had, extended and released all the same', async () => {
  const [a] = await candidates(1, [urls()[0]!])
  await servers[0]!.cli('CONFIG', 'SET', 'maxmemory', '1')
  try {
    assert.match(await servers[0]!.cli('SET', 'k', 'v'), /OOM/)
    const value = await a!.acquire()
    assert.ok(value)
    assert.equal(await a!.extend(value), true)
    await a!.release(value)
    assert.equal(await a!.remainingMs(), 0)
  } finally {
    await servers[0]!.cli('CONFIG', 'SET', 'maxmemory', '0')
  }
})

test('the wall clock moves by an hour, both ways: the lock is extended all the same', async (context) => {
  const [a] = await candidates(1, [urls()[0]!])
  const value = await a!.acquire()
  assert.ok(value)
  const real = Date.now
  for (const byMs of [3_600_000, -3_600_000]) {
    context.mock.method(Date, 'now', () => real() + byMs)
    assert.equal(await a!.extend(value), true)
    context.mock.restoreAll()
  }
})

test('one of three killed, then one of three frozen: nothing happens', async () => {
  const [a, b] = await candidates(2, urls())
  const value = await a!.acquire()
  assert.ok(value)
  await servers[2]!.kill()
  assert.equal(await a!.extend(value), true)
  assert.equal(await b!.acquire(), undefined)
  assert.ok((await b!.remainingMs()) > 0)
  await a!.release(value)
  assert.equal(await b!.remainingMs(), 0)
  await servers[2]!.restart()

  servers[1]!.freeze()
  const [c] = await candidates(1, urls())
  // A server that has just come back may be slower than the rest by more than a candidate waits for it.
  const frozen = await waitUntil('the lock', () => c!.acquire())
  assert.equal(await c!.extend(frozen), true)
  assert.ok((await c!.remainingMs()) > 0)
  await c!.release(frozen)
  servers[1]!.thaw()
})

test('a server that came back without its data is given the lock again, and counts when another one freezes', async () => {
  const [a, b] = await candidates(2, urls())
  const value = await a!.acquire()
  assert.ok(value)
  await servers[2]!.cli('FLUSHALL')
  assert.equal(await a!.extend(value), true)
  await waitUntil('the third to have it', async () => (await servers[2]!.cli('DBSIZE')) === '1')
  servers[0]!.freeze()
  assert.equal(await a!.extend(value), true)
  assert.equal(await b!.acquire(), undefined)
  servers[0]!.thaw()
})

test('one of three is silent, and of the others one is another’s: no majority, said at once, and nothing stays', async () => {
  // Nothing ends because it takes too long.
  const leaseMs = 600_000
  const names = { cluster: `c${++clusters}`, redis: urls()[0]!, election: urls() }
  const { lockServers, lockKey: key } = await opener.open({ ...names, leaseMs })
  const timers: TimerSource = {
    after: (ms, fire) => (ms > 1000 ? () => undefined : systemTimers.after(ms, fire)),
  }
  const lock = new RedlockLock({ servers: lockServers, key, leaseMs, timers })
  const [first, second, third] = servers
  // Scripts are known there from now on.
  await lock.release((await lock.acquire())!)
  await first!.cli('SET', key, 'another', 'PX', '600000')
  third!.freeze()
  try {
    assert.equal(await lock.acquire(), undefined)
    assert.equal(await second!.cli('EXISTS', key), '0')
    // Two who release what a dead leader held find it on one server each.
    await lock.release('another')
    await lock.release('another')
    assert.equal(await lock.remainingMs(), 0)
    const value = await lock.acquire()
    assert.ok(value)
    await second!.cli('DEL', key)
    await lock.release(value)
    assert.equal(await first!.cli('EXISTS', key), '0')
  } finally {
    third!.thaw()
  }
})

test('two of three killed: every call rejects at once; with them back it works again', async () => {
  const [a, b] = await candidates(2, urls())
  const value = await a!.acquire()
  assert.ok(value)
  await servers[1]!.kill()
  await servers[2]!.kill()
  await isGivenUp(a!.extend(value))
  await isGivenUp(b!.acquire())
  await isGivenUp(b!.remainingMs())
  await a!.release(value)
  await servers[1]!.restart()
  await servers[2]!.restart()
  await waitUntil('the lock to be had again', () => b!.acquire().catch(() => undefined))
})

test('two of three frozen: every call rejects', async () => {
  const [a, b] = await candidates(2, urls())
  const value = await a!.acquire()
  assert.ok(value)
  servers[0]!.freeze()
  servers[1]!.freeze()
  try {
    await isGivenUp(a!.extend(value))
    await isGivenUp(b!.acquire())
    await isGivenUp(b!.remainingMs())
  } finally {
    servers[0]!.thaw()
    servers[1]!.thaw()
  }
  await waitUntil('the lock to be free or had', () => b!.remainingMs().then(() => true))
})

test('a success that comes after the call was given up is released again', async () => {
  const [a, b] = await candidates(2, [urls()[0]!])
  const time = new VirtualTime()
  const opened = await opener.open({ cluster: `c${clusters}`, redis: urls()[0]!, leaseMs })
  const hasty = new RedlockLock({
    servers: opened.lockServers,
    key: opened.lockKey,
    // It must not become free by itself while the test looks.
    leaseMs: 600_000,
    timers: time,
  })
  const given = hasty.acquire()
  time.advance(600_000)
  await assert.rejects(given, unavailable)
  await waitUntil('the lock to be free', async () => (await b!.remainingMs()) === 0)
  assert.ok(await a!.acquire())
})

test('a key of somebody else under the name of the lock is named, and not touched', async () => {
  const opened = await opener.open({ cluster: 'foreign', redis: urls()[0]! })
  const lock = new RedlockLock({ servers: opened.lockServers, key: opened.lockKey, leaseMs })
  await servers[0]!.cli('SET', opened.lockKey, 'mine')
  await assert.rejects(lock.remainingMs(), /has no end/)
  await assert.rejects(lock.acquire(), unavailable)
  assert.equal(await servers[0]!.cli('GET', opened.lockKey), 'mine')
})
