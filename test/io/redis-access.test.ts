import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { after, afterEach, before, test } from 'node:test'
import { RedlockLock } from '../../actors/election/redlock-lock.js'
import { isFiresteelError } from '../../runtime/errors.js'
import { putOf, readAll, SuiteLeader, takeOver } from '../conformance/persistence-suite.js'
import { type RedisServer, startRedis } from '../harness/redis-server.js'
import { waitUntil } from '../harness/wait-until.js'
import { LEASE_MS, RedisOpener } from './redis-fixture.js'

const opener = new RedisOpener()
let server: RedisServer

before(async () => {
  server = await startRedis()
})
after(() => server.stop())
afterEach(async () => {
  await opener.closeAll()
  opener.log.lines.length = 0
})

/** What docs/operating.md tells people to grant, for a cluster called demo. Tests run from DIST/test/io. */
const manual = readFileSync(new URL('../../../docs/operating.md', import.meta.url), 'utf8')
const rights = /^ACL SETUSER firesteel (reset on .*)$/m
  .exec(manual)![1]!
  .split(' ')
  .filter((one) => one !== '>PASSWORD')
const lockRights = /lock server needs only `([^`]*)`/.exec(manual)![1]!.split(' ')

const urlOf = (user: string): string => `redis://${user}:pw@127.0.0.1:${server.port}/0`

/** All that a Master does with its Redis. `isOver`: nobody waits for it any more. */
async function useAll(url: string, isOver = () => false): Promise<void> {
  const { engine, presence, lockServers, lockKey } = await opener.open({
    cluster: 'demo',
    redis: url,
    replicas: 0,
  })
  const lock = new RedlockLock({ servers: lockServers, key: lockKey, leaseMs: LEASE_MS })
  const value = await waitUntil('the lock', () => (isOver() ? 'nothing' : lock.acquire()))
  assert.equal(await lock.extend(value), true)
  assert.ok((await lock.remainingMs()) > 0)
  await presence.join('m1')
  assert.equal(await presence.count('m1'), 1)
  const leader = new SuiteLeader(engine, await takeOver(engine, 'm1'))
  await leader.write([putOf('worker', 'w1'), { table: 'worker', id: 'bad', json: '7' }])
  await leader.write([], [{ table: 'worker', id: 'w1' }])
  assert.equal((await engine.touch(leader.fence, value, leader.writeId)).kind, 'ok')
  await engine.leave(leader.fence)
  assert.equal((await engine.leader())?.left, true)
  await readAll(engine, await takeOver(engine, 'm2'), 'worker')
  assert.equal((await engine.quarantined()).length, 1)
  await presence.leave('m1')
  assert.equal(await presence.count('m1'), 0)
  await lock.release(value)
  assert.equal(await lock.remainingMs(), 0)
}

async function freshUser(name: string, without?: string): Promise<string> {
  await server.cli('FLUSHALL')
  await server.cli('SCRIPT', 'FLUSH')
  await server.cli('ACL', 'LOG', 'RESET')
  const allowed = rights.filter((right) => right !== without)
  assert.equal(await server.cli('ACL', 'SETUSER', name, ...allowed, '>pw'), 'OK')
  return urlOf(name)
}

/** What the server has refused since `freshUser`, but the one command that may be. */
async function refused(): Promise<string[]> {
  const log = (await server.cli('ACL', 'LOG')).match(/^object\n.*$/gm) ?? []
  return log.filter((line) => line !== 'object\nconfig|get')
}

test('the least rights suffice; without CONFIG GET a warning says what could not be seen', async () => {
  await useAll(await freshUser('least'))
  assert.equal(opener.log.complaints(/CONFIG GET is not allowed/).length, 1)
  assert.match(await server.cli('ACL', 'LOG'), /^object\nconfig\|get$/m)
  assert.deepEqual(await refused(), [])
})

test('with CONFIG GET there is nothing to warn of', async () => {
  await freshUser('more')
  await server.cli('ACL', 'SETUSER', 'more', '+config|get')
  await useAll(urlOf('more'))
  assert.deepEqual(opener.log.complaints(/CONFIG|INFO|append/), [])
})

test('not even INFO: it works, and says what could not be seen', async () => {
  await useAll(await freshUser('blind', '+info'))
  assert.equal(opener.log.complaints(/INFO is not allowed/).length, 1)
})

test('on a lock server fewer rights suffice', async () => {
  await freshUser('lock')
  const keys = ['reset', 'on', '>pw', '~{firesteel:demo}:*']
  await server.cli('ACL', 'SETUSER', 'lock', ...keys, ...lockRights)
  const data = { cluster: 'demo', redis: `redis://127.0.0.1:${server.port}/1` }
  const { lockServers, lockKey } = await opener.open({ ...data, election: [urlOf('lock')] })
  const lock = new RedlockLock({ servers: lockServers, key: lockKey, leaseMs: LEASE_MS })
  const value = (await lock.acquire())!
  assert.equal(await lock.extend(value), true)
  assert.ok((await lock.remainingMs()) > 0)
  await lock.release(value)
  assert.equal(await lock.remainingMs(), 0)
  assert.deepEqual(opener.log.complaints(/./), [])
})

test('each of the rights is needed: without it something is refused', async () => {
  const spare = ['reset', 'on', '+info', '+client|setname', '+wait', '+ping']
  for (const right of rights.filter((one) => !spare.includes(one))) {
    const url = await freshUser('less', right)
    let isOver = false
    const used = useAll(url, () => isOver).catch(() => undefined)
    try {
      await waitUntil(`${right} to be missed`, async () => (await refused()).length > 0)
    } finally {
      // Some of it waits for a right that it never gets.
      isOver = true
      await opener.closeAll()
    }
    await used
  }
})

test('a forbidden command is STORE_DENIED to who reads, and refused to who writes', async () => {
  const { engine } = await opener.open({ cluster: 'demo', redis: await freshUser('half', '+hgetall') })
  await assert.rejects(engine.leader(), (error) => isFiresteelError(error, 'STORE_DENIED'))
  const other = await opener.open({ cluster: 'other', redis: urlOf('half') })
  const outcome = await other.engine.touch({ epoch: 1, owner: 'm1' }, 'l')
  assert.equal(outcome.kind, 'refused')
})

test('TLS: a server whose certificate we trust; another, and one without TLS, are refused', async () => {
  const secure = await startRedis({ tls: true, password: 'pw' })
  try {
    const { engine } = await opener.open({ redis: secure.url })
    await new SuiteLeader(engine, await takeOver(engine, 'm1')).write([putOf('worker', 'w1')])
    const bare = await opener.open({ redis: secure.url.replace(/\?.*/, '') })
    await assert.rejects(bare.engine.leader(), /self.signed certificate/)
    const plain = await opener.open({ redis: `redis://:pw@127.0.0.1:${secure.port}` })
    await assert.rejects(plain.engine.leader(), (error) => isFiresteelError(error))
    const wrong = await opener.open({ redis: `rediss://127.0.0.1:${server.port}` })
    await assert.rejects(wrong.engine.leader(), (error) => isFiresteelError(error))
  } finally {
    await opener.closeAll()
    await secure.stop()
  }
})

test('addresses that cannot be meant are CONFIG_INVALID, without their password', async () => {
  for (const redis of [
    'redis://:secret@h/zero',
    'redis://:secret@h?ca=x',
    'rediss://:secret@h?ca=/does/not/exist',
    'rediss://:secret@h?cipher=x',
    'redis://:se%cret@h',
    'http://:secret@h',
    'redis://:secret@',
  ]) {
    await assert.rejects(opener.open({ redis }), (error: Error) => {
      assert.ok(!/se%?cret/.test(error.message), error.message)
      return isFiresteelError(error, 'CONFIG_INVALID')
    })
  }
  await assert.rejects(opener.open({}), (error) => isFiresteelError(error, 'CONFIG_INVALID'))
})
