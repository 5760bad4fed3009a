import assert from 'node:assert/strict'
import { createServer, type Server, type Socket } from 'node:net'
import { after, afterEach, before, beforeEach, test } from 'node:test'
import { type ErrorName, isFiresteelError } from '../../runtime/errors.js'
import type { PersistenceEngine } from '../../runtime/persistence/engine.js'
import { putOf, readAll, SuiteLeader, takeOver } from '../conformance/persistence-suite.js'
import { freePort } from '../harness/free-port.js'
import { type RedisServer, type RedisServerOptions, startRedis } from '../harness/redis-server.js'
import { waitUntil } from '../harness/wait-until.js'
import { RedisOpener } from './redis-fixture.js'

/* One server for what only needs another database or key; those that are ill have a server of their own. */
let shared: RedisServer
const opener = new RedisOpener(4000)
const ending: (() => Promise<unknown>)[] = []

before(async () => {
  shared = await startRedis()
})
after(() => shared.stop())
beforeEach(() => shared.cli('FLUSHALL'))
afterEach(async () => {
  await opener.closeAll()
  opener.log.lines.length = 0
  for (const end of ending.splice(0)) await end()
})

async function serverOf(options: RedisServerOptions = {}): Promise<RedisServer> {
  const server = await startRedis(options)
  ending.push(() => server.stop())
  return server
}

async function engineAt(redis: string, cluster = 'c'): Promise<PersistenceEngine> {
  return (await opener.open({ redis, cluster })).engine
}

async function leaderAt(redis: string): Promise<SuiteLeader> {
  const engine = await engineAt(redis)
  return new SuiteLeader(engine, await takeOver(engine, 'm1'))
}

const coded = (code: ErrorName, text = /./) => {
  return (error: unknown) => isFiresteelError(error, code) && text.test(`${error.message} ${error.place}`)
}

/** Until the engine answers as it should. */
const answers = (engine: PersistenceEngine) => () => engine.leader().then(() => true)

async function refused(leader: SuiteLeader, code: 'STORE_FULL' | 'STORE_UNAVAILABLE', reason: RegExp) {
  const outcome = await leader.engine.commit(leader.fence, leader.next([putOf('worker', 'w')]))
  assert.equal(outcome.kind, 'refused', JSON.stringify(outcome))
  if (outcome.kind !== 'refused') return
  assert.equal(outcome.code, code)
  assert.match(outcome.reason, reason)
}

test('unreachable: no throw, one complaint, every call refused at once; it is found when it comes', async () => {
  const port = await freePort()
  const opened = await opener.open({ redis: `redis://127.0.0.1:${port}` })
  let reconnected = 0
  opened.reconnections.onReconnected(() => {
    reconnected += 1
  })
  const { engine } = opened
  await assert.rejects(engine.leader(), coded('STORE_UNAVAILABLE', /ECONNREFUSED.*127\.0\.0\.1/))
  const touch = await engine.touch({ epoch: 1, owner: 'm1' }, 'lock')
  assert.deepEqual([touch.kind, 'code' in touch && touch.code], ['refused', 'STORE_UNAVAILABLE'])
  await waitUntil('some dials', async () => {
    await engine.leader().catch(() => undefined)
    return opener.log.lines.length >= 3
  })
  await serverOf({ port })
  await waitUntil('the engine to answer', answers(engine))
  // Presence and lock are the same server: one outage is one complaint.
  assert.equal(opener.log.complaints(/does not answer/).length, 1)
  assert.equal(reconnected, 0)
})

test('killed and back: refused meanwhile, then the same commit; reconnection is told, presence is back', async () => {
  const server = await serverOf()
  const opened = await opener.open({ redis: server.url })
  const other = await opener.open({ redis: server.url })
  let reconnected = 0
  const stop = opened.reconnections.onReconnected(() => {
    reconnected += 1
  })
  await opened.presence.join('m1')
  assert.equal(await other.presence.count('m1'), 1)
  const leader = new SuiteLeader(opened.engine, await takeOver(opened.engine, 'm1'))
  await leader.write([putOf('worker', 'w1')])
  await server.kill()
  await waitUntil('the loss to be seen', () =>
    opened.engine.leader().then(
      () => false,
      () => true,
    ),
  )
  await refused(leader, 'STORE_UNAVAILABLE', /./)
  await assert.rejects(other.presence.count('m1'), coded('STORE_UNAVAILABLE'))
  await server.restart()
  await waitUntil('the engine to answer', answers(opened.engine))
  await leader.write([putOf('worker', 'w2')])
  await waitUntil('presence', async () => (await other.presence.count('m1')) === 1)
  // Data and lock.
  await waitUntil('both reconnections', () => reconnected === 2)
  stop()
  await opened.presence.leave('m1')
  assert.equal(await other.presence.count('m1'), 0)
})

test('reachable: connected, and answering what was asked last', async () => {
  const server = await serverOf()
  const opened = await opener.open({ redis: server.url })
  assert.equal(opened.reachable(), true)
  server.freeze()
  await assert.rejects(opened.engine.leader(), coded('STORE_UNAVAILABLE', /timed out/))
  assert.equal(opened.reachable(), false)
  server.thaw()
  await waitUntil('an answer', answers(opened.engine))
  assert.equal(opened.reachable(), true)
  await server.kill()
  await waitUntil('the loss to be seen', () => !opened.reachable())
})

test('presence ends with the connection of its owner', async () => {
  const mine = await opener.open({ redis: shared.url })
  const other = await opener.open({ redis: shared.url })
  await mine.presence.join('m1')
  assert.equal(await other.presence.count('m1'), 1)
  assert.equal(await other.presence.count('m2'), 0)
  await mine.close()
  await waitUntil('nobody there', async () => (await other.presence.count('m1')) === 0)
})

test('frozen: unknown, not refused; thawed, the same commit is there once', async () => {
  const server = await serverOf()
  const leader = await leaderAt(server.url)
  // The server knows the script: else the second copy may be the first that runs.
  await leader.write([putOf('worker', 'w1')])
  const request = leader.next([putOf('worker', 'w2')])
  server.freeze()
  const outcome = await leader.engine.commit(leader.fence, request)
  assert.equal(outcome.kind, 'unknown')
  server.thaw()
  const again = await waitUntil('an answer', async () => {
    const next = await leader.engine.commit(leader.fence, request)
    return next.kind === 'unknown' || next.kind === 'refused' ? undefined : next
  })
  assert.deepEqual(again, { kind: 'duplicate', position: { epoch: 1, seq: 2 } })
})

test('frozen for longer than a lease: dialled anew, and the late first copy makes the second a duplicate', async () => {
  const server = await serverOf()
  const leader = await leaderAt(server.url)
  const request = leader.next([putOf('worker', 'w1')])
  server.freeze()
  assert.equal((await leader.engine.commit(leader.fence, request)).kind, 'unknown')
  await waitUntil('the connection to be given up', async () => {
    return (await leader.engine.commit(leader.fence, request)).kind === 'refused'
  })
  server.thaw()
  const kinds = new Set<string>()
  await waitUntil('an answer', async () => {
    const { kind } = await leader.engine.commit(leader.fence, request)
    kinds.add(kind)
    return kind === 'duplicate' || kind === 'ok'
  })
  assert.ok(!kinds.has('rewound') && !kinds.has('deposed'), [...kinds].join())
})

test('killed with a commit under way: unknown; after the restart the same one is there once', async () => {
  const server = await serverOf()
  const leader = await leaderAt(server.url)
  const request = leader.next([putOf('worker', 'w1')])
  server.freeze()
  const sent = leader.engine.commit(leader.fence, request)
  // Time for the bytes to leave.
  await new Promise((resolve) => setImmediate(resolve))
  await server.kill()
  assert.equal((await sent).kind, 'unknown')
  await server.restart()
  const outcome = await waitUntil('an answer', async () => {
    const next = await leader.engine.commit(leader.fence, request)
    return next.kind === 'unknown' || next.kind === 'refused' ? undefined : next
  })
  assert.ok(outcome.kind === 'ok' || outcome.kind === 'duplicate', outcome.kind)
})

test('a server that forgot its scripts gets them again', async () => {
  const leader = await leaderAt(shared.url)
  await shared.cli('SCRIPT', 'FLUSH')
  await leader.write([putOf('worker', 'w1')])
  await shared.cli('SCRIPT', 'FLUSH')
  assert.equal((await leader.engine.touch(leader.fence, 'l')).kind, 'ok')
})

test('a full store: puts are STORE_FULL; refusals, touch, leave, deletes and elections pass', async () => {
  const server = await serverOf()
  const leader = await leaderAt(server.url)
  await leader.write([putOf('worker', 'w1'), putOf('worker', 'w2')])
  const last = {
    n: leader.n,
    prev: 'elect-m1',
    writeId: leader.writeId,
    puts: [putOf('worker', 'w1')],
    deletes: [],
  }
  await server.cli('CONFIG', 'SET', 'maxmemory', '1')
  await refused(leader, 'STORE_FULL', /OOM/)
  // Puts and deletes in one commit: nothing of it is done.
  const mixed = leader.next([putOf('app', 'a')], [{ table: 'worker', id: 'w1' }])
  assert.equal((await leader.engine.commit(leader.fence, mixed)).kind, 'refused')
  assert.equal((await leader.engine.commit(leader.fence, last)).kind, 'duplicate')
  assert.equal((await leader.engine.touch(leader.fence, 'l', leader.writeId)).kind, 'ok')
  await leader.write([], [{ table: 'worker', id: 'w2' }])
  const stranger = { epoch: 1, owner: 'm9' }
  assert.equal((await leader.engine.commit(stranger, leader.next([putOf('worker', 'w')]))).kind, 'deposed')
  await leader.engine.leave(leader.fence)
  assert.equal((await leader.engine.leader())?.left, true)
  const elected = await takeOver(leader.engine, 'm2')
  assert.deepEqual([...(await readAll(leader.engine, elected, 'worker')).keys()], ['w1'])
  await server.cli('CONFIG', 'SET', 'maxmemory', '0')
  await new SuiteLeader(leader.engine, elected).write([putOf('worker', 'w3')])
})

test('too few replicas by min-replicas-to-write: refused for commit and touch', async () => {
  const server = await serverOf()
  const leader = await leaderAt(server.url)
  await server.cli('CONFIG', 'SET', 'min-replicas-to-write', '1')
  await refused(leader, 'STORE_UNAVAILABLE', /NOREPLICAS/)
  assert.equal((await leader.engine.touch(leader.fence, 'l')).kind, 'refused')
  await server.cli('CONFIG', 'SET', 'min-replicas-to-write', '0')
  await leader.write([putOf('worker', 'w1')])
})

test('WAIT: a replica that has the commit makes it OK; too few is unknown, resent it is waited for again', async () => {
  const server = await serverOf()
  const replica = await serverOf({ replicaOf: server })
  await waitUntil('the replica', async () =>
    (await server.cli('INFO', 'replication')).includes('state=online'),
  )
  const { engine } = await opener.open({ redis: server.url, replicas: 1, leaseMs: 2000 })
  const leader = new SuiteLeader(engine, await takeOver(engine, 'm1'))
  const first = leader.next([putOf('worker', 'w1')])
  // A replica that has just come online may be slow once.
  await waitUntil(
    'both to have it',
    async () => (await engine.commit(leader.fence, first)).kind !== 'unknown',
  )
  replica.freeze()
  const request = leader.next([putOf('worker', 'w2')])
  const outcome = await engine.commit(leader.fence, request)
  assert.equal(outcome.kind, 'unknown')
  assert.match('reason' in outcome ? outcome.reason : '', /0 of 1 replicas/)
  assert.equal((await engine.commit(leader.fence, request)).kind, 'unknown')
  // Another connection has written nothing yet, and must be told no tale by WAIT.
  const second = (await opener.open({ redis: server.url, replicas: 1, leaseMs: 2000 })).engine
  assert.equal((await second.commit(leader.fence, request)).kind, 'unknown')
  replica.thaw()
  const again = await waitUntil('the replica to have it', async () => {
    const next = await second.commit(leader.fence, request)
    return next.kind === 'unknown' ? undefined : next
  })
  assert.equal(again.kind, 'duplicate')
})

test('a replica is refused, and a primary that becomes one is looked for anew', async () => {
  const server = await serverOf()
  const replica = await serverOf({ replicaOf: server })
  const engine = await engineAt(replica.url)
  await assert.rejects(engine.leader(), coded('STORE_UNAVAILABLE', /replica/))
  await replica.cli('REPLICAOF', 'NO', 'ONE')
  await waitUntil('the engine to answer', answers(engine))

  const leader = await leaderAt(server.url)
  // Nobody is there: a replica that synchronizes would soon have nothing of what it held.
  await server.cli('REPLICAOF', '127.0.0.1', '1')
  await refused(leader, 'STORE_UNAVAILABLE', /READONLY|replica/)
  await waitUntil('the role to be seen', () =>
    leader.engine.leader().then(
      () => false,
      (error: unknown) => coded('STORE_UNAVAILABLE', /replica/)(error),
    ),
  )
})

test('wrong password, none at all, unknown user: STORE_DENIED; the right one is let in', async () => {
  const server = await serverOf({ password: 'a secret %/@:' })
  const { port } = server
  for (const user of ['', ':wrong@', 'nobody:wrong@']) {
    const engine = await engineAt(`redis://${user}127.0.0.1:${port}`)
    await assert.rejects(engine.leader(), coded('STORE_DENIED', /refuses us/), user)
  }
  assert.ok(!JSON.stringify(opener.log.lines).includes('wrong@'))
  assert.equal(await (await engineAt(server.url)).leader(), undefined)
})

async function listening(onConnection: (socket: Socket) => void): Promise<string> {
  const sockets: Socket[] = []
  const server: Server = createServer((socket) => {
    sockets.push(socket)
    socket.on('error', () => undefined)
    onConnection(socket)
  }).listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  ending.push(async () => {
    for (const socket of sockets) socket.destroy()
    await new Promise((resolve) => server.close(resolve))
  })
  return `redis://127.0.0.1:${(server.address() as { port: number }).port}`
}

test('not a Redis: one that talks is STORE_UNREADABLE, one that is silent or hangs up STORE_UNAVAILABLE', async () => {
  const http = await listening((socket) => {
    socket.on('data', () => socket.write('HTTP/1.1 400 Bad Request\r\n\r\n'))
  })
  await assert.rejects((await engineAt(http)).leader(), coded('STORE_UNREADABLE', /not a Redis/))
  const silent = await listening(() => undefined)
  await assert.rejects((await engineAt(silent)).leader(), coded('STORE_UNAVAILABLE', /timed out/))
  const rude = await listening((socket) => socket.destroy())
  await assert.rejects((await engineAt(rude)).leader(), coded('STORE_UNAVAILABLE'))
})

test('a Redis before 7.0: VERSION_UNSUPPORTED', async () => {
  const info = '# Server\r\nredis_version:6.2.14\r\nrole:master\r\n'
  const old = await listening((socket) => {
    socket.on('data', (bytes) => {
      const text = bytes.toString().toLowerCase()
      for (const command of text.match(/\r\n(hello|client|info)\r\n/g) ?? []) {
        if (command.includes('hello')) socket.write('*2\r\n$5\r\nproto\r\n:3\r\n')
        else if (command.includes('info')) socket.write(`$${info.length}\r\n${info}\r\n`)
        else socket.write('+OK\r\n')
      }
    })
  })
  await assert.rejects((await engineAt(old)).leader(), coded('VERSION_UNSUPPORTED', /6\.2\.14.*7\.0/))
})

test('a Redis that may evict is STORE_UNSUITABLE until it is set right', async () => {
  const server = await serverOf({ extra: ['--maxmemory-policy', 'allkeys-lru'] })
  const engine = await engineAt(server.url)
  await assert.rejects(engine.leader(), coded('STORE_UNSUITABLE', /allkeys-lru/))
  assert.equal((await engine.elect({ ...elect, me: 'm1' })).kind, 'refused')
  assert.equal(await server.cli('DBSIZE'), '0')
  await server.cli('CONFIG', 'SET', 'maxmemory-policy', 'noeviction')
  await waitUntil('the engine to answer', answers(engine))
})

const elect = { seen: undefined, address: 'a', lock: 'l', observedEpoch: 0, format: 1, writeId: 'k' }

test('a database that does not exist: STORE_UNSUITABLE, and nothing is written into another', async () => {
  const engine = await engineAt(shared.url.replace(/\/0$/, '/99'))
  let refusals = 0
  await waitUntil('it to stay so', async () => {
    await assert.rejects(engine.leader(), coded('STORE_UNSUITABLE', /database/))
    refusals += 1
    return refusals > 20
  })
  assert.equal((await engine.elect({ ...elect, me: 'm1' })).kind, 'refused')
  const other = await engineAt(shared.url.replace(/\/0$/, '/3'))
  await takeOver(other, 'm1')
  assert.equal(await shared.cli('DBSIZE'), '0')
  assert.equal(await shared.cli('EVAL', `redis.call('SELECT', 3) return redis.call('DBSIZE')`, '0'), '1')
})

test('durability: always is silent, everysec and no AOF warn once', async () => {
  await engineAt(shared.url)
  assert.deepEqual(opener.log.complaints(/append/), [])
  const everysec = await serverOf({ appendfsync: 'everysec' })
  await engineAt(everysec.url)
  assert.equal(opener.log.complaints(/appendfsync is everysec.*set appendfsync always/).length, 1)
  const off = await serverOf({ extra: ['--appendonly', 'no'] })
  await engineAt(off.url)
  assert.equal(opener.log.complaints(/appendonly is off/).length, 1)
})

test('a key of a wrong type is named; nothing is changed, the commit queue ends', async () => {
  for (const name of ['leader', 'driver', 'quarantine']) {
    await shared.cli('FLUSHALL')
    const key = `{firesteel:c}:${name}`
    await shared.cli('SET', key, 'mine')
    const engine = await engineAt(shared.url)
    const denied = coded('STORE_UNREADABLE', new RegExp(`is a string, not a hash.*:${name}$`))
    await assert.rejects(engine.leader(), denied)
    await assert.rejects(engine.elect({ ...elect, me: 'm1' }), denied)
    if (name === 'quarantine')
      await assert.rejects(engine.quarantined(), coded('STORE_UNREADABLE', /:quarantine$/))
    assert.equal(await shared.cli('GET', key), 'mine')
    assert.equal(await shared.cli('DBSIZE'), '1')
  }
  await shared.cli('FLUSHALL')
  const leader = await leaderAt(shared.url)
  await shared.cli('SET', '{firesteel:c}:driver', 'mine')
  const request = leader.next([putOf('worker', 'w'), putOf('driver', 'd')])
  const outcome = await leader.engine.commit(leader.fence, request)
  assert.equal(outcome.kind, 'failed')
  assert.match('reason' in outcome ? outcome.reason : '', /:driver/)
  assert.equal(await shared.cli('EXISTS', '{firesteel:c}:worker'), '0')
})

test('a newer format, another cluster, a strange leader record: refused, and left as it was', async () => {
  const key = '{firesteel:c}:leader'
  for (const [field, value, code] of [
    ['format', '2', 'VERSION_UNSUPPORTED'],
    ['format', 'x', 'STORE_UNREADABLE'],
    ['cluster', 'other', 'CLUSTER_MISMATCH'],
    ['epoch', 'many', 'STORE_UNREADABLE'],
    ['owner', '', 'STORE_UNREADABLE'],
  ] as const) {
    await shared.cli('FLUSHALL')
    const engine = await engineAt(shared.url)
    await takeOver(engine, 'm1')
    await shared.cli('HSET', key, field, value)
    const before = await shared.cli('HGETALL', key)
    await assert.rejects(engine.leader(), coded(code), `${field} ${value}`)
    const election = engine.elect({ ...elect, seen: { epoch: 1, owner: 'm1' }, me: 'm2' })
    // Owner and format are not what the candidate has seen: it looks again, and is told why.
    if (field === 'owner' || field === 'format') assert.equal((await election).kind, 'changed')
    else await assert.rejects(election, coded('STORE_UNREADABLE'))
    assert.equal(await shared.cli('HGETALL', key), before)
  }
})

test('a store that forgot: emptied, or back at an older state, is rewound for commit and touch', async () => {
  const server = await serverOf()
  const leader = await leaderAt(server.url)
  await leader.write([putOf('worker', 'w1')])
  const older = await server.cli('HGETALL', '{firesteel:c}:leader')
  await leader.write([putOf('worker', 'w2')])
  const next = leader.next([putOf('worker', 'w3')])
  await server.cli('HSET', '{firesteel:c}:leader', ...older.split('\n'))
  const stands = { kind: 'rewound', position: { epoch: 1, seq: 1 }, writeId: 'm1-1-1' }
  assert.deepEqual(await leader.engine.commit(leader.fence, next), stands)
  assert.deepEqual(await leader.engine.touch(leader.fence, 'l', leader.writeId), stands)
  await server.cli('FLUSHALL')
  const empty = { kind: 'rewound', position: { epoch: 0, seq: 0 }, writeId: '' }
  assert.deepEqual(await leader.engine.commit(leader.fence, next), empty)
  assert.deepEqual(await leader.engine.touch(leader.fence, 'l'), empty)
  assert.equal(await server.cli('DBSIZE'), '0')
})

test('two clusters in one Redis do not see each other', async () => {
  const a = await engineAt(shared.url, 'a')
  const b = await engineAt(shared.url, 'b')
  await new SuiteLeader(a, await takeOver(a, 'm1')).write([putOf('worker', 'w1')])
  assert.equal(await b.leader(), undefined)
  assert.equal((await readAll(b, await takeOver(b, 'm1'), 'worker')).size, 0)
})

test('what is unreadable is set aside whole, once, fenced; the rest is read', async () => {
  const leader = await leaderAt(shared.url)
  await leader.write([putOf('driver', 'good')])
  const key = '{firesteel:c}:driver'
  await shared.cli('HSET', key, 'torn', '{"id":"to', 'list', '7', 'odd', '{"no":"id"}')
  // A field that is not UTF-8: redis-cli -x would need a pipe, a script needs none.
  await shared.cli('EVAL', `return redis.call('HSET', KEYS[1], string.char(255, 254), '{}')`, '1', key)
  const elected = await takeOver(leader.engine, 'm2')
  assert.deepEqual([...(await readAll(leader.engine, elected, 'driver')).keys()], ['good'])
  const aside = await leader.engine.quarantined()
  assert.deepEqual(
    aside.map(({ place, reason }) => [place.replace('{firesteel:c}:quarantine ', ''), reason]),
    [
      ['driver fffe (epoch 2)', 'its id is not text'],
      ['driver list (epoch 2)', 'not a JSON object'],
      ['driver odd (epoch 2)', 'a record without an id'],
      ['driver torn (epoch 2)', 'not a JSON object'],
    ],
  )
  assert.equal(await shared.cli('HLEN', key), '1')
  assert.match(await shared.cli('HGET', '{firesteel:c}:quarantine', 'driver torn (epoch 2)'), /\n\{"id":"to$/)
  assert.equal(opener.log.complaints(/not a JSON object/).length, 2)
  // The leader that read them goes on with its first commit.
  await new SuiteLeader(leader.engine, elected).write([putOf('driver', 'torn')])
  assert.equal((await leader.engine.quarantined()).length, 4)
})

test('a record that another program wrote, altered or moved is set aside, and never read', async () => {
  const leader = await leaderAt(shared.url)
  await leader.write([putOf('driver', 'good'), putOf('driver', 'altered'), putOf('driver', 'moved')])
  const key = '{firesteel:c}:driver'
  const field = (id: string) => shared.cli('HGET', key, id)
  const altered = (await field('altered')).replace('{"', '{"cores":100,"')
  await shared.cli('HSET', key, 'altered', altered, 'elsewhere', await field('moved'))
  await shared.cli('HSET', key, 'planted', '{"id":"planted"}')
  const elected = await takeOver(leader.engine, 'm2')
  const read = await readAll(leader.engine, elected, 'driver')
  assert.deepEqual([...read.keys()].sort(), ['good', 'moved'])
  assert.equal('seal' in (read.get('good') as object), false)
  const places = (await leader.engine.quarantined()).map(({ place }) => place.split(' ')[2])
  assert.deepEqual(places, ['altered', 'elsewhere', 'planted'])
  assert.equal(opener.log.complaints(/no Master of this cluster wrote it/).length, 3)
})

test('a Master with another secret reads nothing, sets nothing aside and is not elected', async () => {
  const leader = await leaderAt(shared.url)
  await leader.write([putOf('driver', 'd')])
  const { engine } = await opener.open({
    redis: shared.url,
    secret: 'another secret of the tests, long enough',
  })
  const before = await shared.cli('HGETALL', '{firesteel:c}:leader')
  const refused = { code: 'FIRESTEEL_STORE_UNREADABLE', message: /written with another secret/ }
  await assert.rejects(engine.leader(), refused)
  await assert.rejects(engine.elect({ ...elect, me: 'm2' }), coded('STORE_UNREADABLE'))
  assert.equal(await shared.cli('HGETALL', '{firesteel:c}:leader'), before)
  assert.deepEqual(await leader.engine.quarantined(), [])
})

test('what was unreadable and is written again before the end of its scan stays where it is', async () => {
  const leader = await leaderAt(shared.url)
  const key = '{firesteel:c}:key'
  const tear = `for i = 1, 2000 do redis.call('HSET', KEYS[1], 'k' .. i, '{torn') end`
  await shared.cli('EVAL', tear, '1', key)
  const elected = await takeOver(leader.engine, 'm2')
  const { engine } = leader
  const first = await engine.read(elected, undefined, 'key', undefined)
  assert.ok(first.kind === 'page' && first.cursor !== undefined, 'more than one page')
  const ids = Array.from({ length: 2000 }, (_, index) => `k${index + 1}`)
  await new SuiteLeader(engine, elected).write(ids.map((id) => putOf('key', id)))
  for (let page = first; page.kind === 'page' && page.cursor !== undefined; ) {
    const next = await engine.read(elected, undefined, 'key', page.cursor)
    assert.ok(next.kind === 'page')
    page = next
  }
  assert.equal(await shared.cli('HLEN', key), '2000')
})

test('thousands of entries in one commit', async () => {
  const leader = await leaderAt(shared.url)
  const ids = Array.from({ length: 9000 }, (_, index) => `w${index}`)
  await leader.write(ids.map((id) => putOf('worker', id)))
  assert.equal(await shared.cli('HLEN', '{firesteel:c}:worker'), '9000')
  const elected = await takeOver(leader.engine, 'm2')
  assert.equal((await readAll(leader.engine, elected, 'worker')).size, 9000)
  const next = new SuiteLeader(leader.engine, elected)
  await next.write(
    [],
    ids.map((id) => ({ table: 'worker', id })),
  )
  assert.equal(await shared.cli('EXISTS', '{firesteel:c}:worker'), '0')
})

test('closed: every call ends at once, and nothing keeps the process', async () => {
  const opened = await opener.open({ redis: shared.url })
  await opened.close()
  await assert.rejects(opened.engine.leader(), coded('STORE_UNAVAILABLE'))
  await assert.rejects(opened.presence.join('m1'), coded('STORE_UNAVAILABLE'))
  await opened.close()
})
