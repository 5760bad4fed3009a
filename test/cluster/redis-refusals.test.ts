import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { freePort } from '../harness/free-port.js'
import { type RedisServer, startRedis } from '../harness/index.js'
import { probe } from '../harness/probe.js'
import { waitUntil } from '../harness/wait-until.js'
import { atEnd, errorOf, firesteel, folder, startUp, type Up } from '../tools/command-fixture.js'

const LEADER = '{firesteel:test}:leader'

/** Everything in it, by content. */
const contentOf = (redis: RedisServer): Promise<string> =>
  redis.cli(
    'EVAL',
    `local out = {}
     for _, key in ipairs(redis.call('KEYS', '*')) do
       out[#out + 1] = key .. ' ' .. redis.sha1hex(redis.call('DUMP', key))
     end
     table.sort(out)
     return out`,
    '0',
  )

interface Waiting {
  readonly up: Up
  readonly web: string
}

/** A Master that cannot lead: it says so, and serves as a STANDBY that is not ready. */
async function standsBy(t: TestContext, redis: string, code: string, text: RegExp): Promise<Waiting> {
  const web = await freePort()
  const cwd = await folder(t, {
    'cluster.yaml': `
cluster: test
recovery: {mode: REDIS, redis: "${redis}", lease: 1s}
masters: [{name: m1, port: 0, web: ${web}}]
logging: {level: info, format: json}
`,
  })
  const up = await startUp(t, cwd, ['cluster.yaml'])
  const line = await waitUntil(`the log to say ${code}`, () => lineOf(up, code))
  assert.match(line.message, text)
  assert.ok((line.help ?? '').length > 0, 'it says what to do')
  return { up, web: `http://127.0.0.1:${web}` }
}

interface LogLine {
  readonly message: string
  readonly help?: string
}

const lineOf = (up: Up, code: string): LogLine | undefined => {
  const line = up
    .stderr()
    .split('\n')
    .find((text) => text.includes(`"code":"FIRESTEEL_${code}"`))
  return line === undefined ? undefined : (JSON.parse(line) as LogLine)
}

async function isNotReady({ up, web }: Waiting): Promise<void> {
  await waitUntil('its HTTP', async () => (await probe(`${web}/healthz`, 500)).status === 200)
  assert.equal((await probe(`${web}/readyz`, 500)).status, 503)
  assert.notEqual((await probe(`${web}/leader`, 500)).status, 200)
  assert.ok(!up.lines.some(({ event }) => event === 'ready' || event === 'exited'))
}

const redisOf = async (
  t: TestContext,
  options: Parameters<typeof startRedis>[0] = {},
): Promise<RedisServer> => {
  const redis = await startRedis(options)
  atEnd(t, () => redis.stop())
  return redis
}

test('a Redis that is not there yet: the Master stands by, and leads when it comes', async (t) => {
  const port = await freePort()
  const waiting = await standsBy(t, `redis://127.0.0.1:${port}`, 'STORE_UNAVAILABLE', /ECONNREFUSED/)
  await isNotReady(waiting)
  await redisOf(t, { port })
  await waiting.up.ready()
  assert.equal((await probe(`${waiting.web}/leader`, 500)).status, 200)
})

test('a read-only replica: STORE_UNAVAILABLE until it is the primary', async (t) => {
  const primary = await startRedis()
  t.after(() => primary.stop())
  const replica = await startRedis({ replicaOf: primary })
  t.after(() => replica.stop())
  const waiting = await standsBy(t, replica.url, 'STORE_UNAVAILABLE', /replica/)
  await isNotReady(waiting)
  assert.equal(await replica.cli('DBSIZE'), '0')
  await replica.cli('REPLICAOF', 'NO', 'ONE')
  await waiting.up.ready()
})

test('a Redis without memory from the start: a Master leads, and takes its Worker in when there is some', async (t) => {
  const redis = await startRedis({ maxmemory: '1mb' })
  t.after(() => redis.stop())
  const cwd = await folder(t, {
    'cluster.yaml': `
cluster: test
recovery: {mode: REDIS, redis: "${redis.url}", lease: 1s}
masters: [{name: m1, port: 0, web: 0}]
workers: [{name: w1, port: 0, web: 0, cores: 1, memory: 1g}]
logging: {level: info, format: json}
`,
  })
  const up = await startUp(t, cwd, ['cluster.yaml'])
  await waitUntil('the log to say STORE_FULL', () => up.stderr().includes('STORE_FULL'))
  await redis.cli('CONFIG', 'SET', 'maxmemory', '0')
  await up.ready()
  assert.equal(await redis.cli('HGET', LEADER, 'epoch'), '1')
})

test('what no wait can mend ends the Master with exit 4, and leaves all as it was', async (t) => {
  const redis = await startRedis()
  t.after(() => redis.stop())
  const cwd = await folder(t)
  const master = (url: string) =>
    firesteel(
      [
        'master',
        '--json',
        '--cluster',
        'test',
        '--port',
        '0',
        '--web',
        '0',
        '--recovery',
        'REDIS',
        '--redis',
        url,
      ],
      { cwd },
    )
  const web = createServer((_, response) => void response.end('hello')).listen(0, '127.0.0.1')
  t.after(() => web.close())
  await new Promise((resolve) => web.once('listening', resolve))
  const webPort = (web.address() as { port: number }).port

  await t.test('a wrong password, which is never shown', async () => {
    await redis.cli('ACL', 'SETUSER', 'firesteel', 'on', '>right', '~*', '&*', '+@all')
    const outcome = await master(redis.url.replace('//', '//firesteel:hunter2secret@'))
    assert.deepEqual([outcome.code, errorOf(outcome).code], [4, 'FIRESTEEL_STORE_DENIED'], outcome.stderr)
    assert.ok(!`${outcome.stdout}${outcome.stderr}`.includes('hunter2'))
  })

  await t.test('a Redis that may evict', async () => {
    await redis.cli('SET', 'of-somebody-else', '1')
    await redis.cli('CONFIG', 'SET', 'maxmemory-policy', 'allkeys-lru')
    const before = await contentOf(redis)
    const outcome = await master(redis.url)
    assert.deepEqual([outcome.code, errorOf(outcome).code], [4, 'FIRESTEEL_STORE_UNSUITABLE'], outcome.stderr)
    assert.match(errorOf(outcome).help, /noeviction/)
    assert.equal(await contentOf(redis), before)
    await redis.cli('CONFIG', 'SET', 'maxmemory-policy', 'noeviction')
  })

  await t.test('not a Redis', async () => {
    const outcome = await master(`redis://127.0.0.1:${webPort}`)
    assert.deepEqual([outcome.code, errorOf(outcome).code], [4, 'FIRESTEEL_STORE_UNREADABLE'], outcome.stderr)
    assert.match(errorOf(outcome).message, /not a Redis/)
  })

  // What a Master left behind, changed since.
  const leader = [
    'format',
    '1',
    'cluster',
    'test',
    'epoch',
    '3',
    'owner',
    'm9-00',
    'address',
    'firesteel://127.0.0.1:1',
  ]
  const record = [...leader, 'lock', '', 'seq', '7', 'mark', 'x', 'base', '2:1', 'touched', '1', 'left', '1']
  for (const [title, code, change] of [
    ["another cluster's data", 'CLUSTER_MISMATCH', ['HSET', LEADER, 'cluster', 'other']],
    ['data of a newer version', 'VERSION_UNSUPPORTED', ['HSET', LEADER, 'format', '2']],
    ['a key of a wrong type', 'STORE_UNREADABLE', ['SET', '{firesteel:test}:driver', 'mine']],
    ['a leader record of a wrong type', 'STORE_UNREADABLE', ['SET', LEADER, 'mine']],
    ['a leader record that cannot be read', 'STORE_UNREADABLE', ['HSET', LEADER, 'epoch', 'many']],
  ] as const) {
    await t.test(title, async () => {
      await redis.cli('FLUSHALL')
      await redis.cli('HSET', LEADER, ...record)
      await redis.cli('HSET', '{firesteel:test}:app', 'a', '{"id":"a"}')
      await redis.cli(...change)
      const before = await contentOf(redis)
      const outcome = await master(redis.url)
      assert.deepEqual([outcome.code, errorOf(outcome).code], [4, `FIRESTEEL_${code}`], outcome.stderr)
      assert.ok(errorOf(outcome).help.length > 0)
      assert.equal(await contentOf(redis), before)
    })
  }

  await t.test('`up` ends all its nodes with it', async () => {
    const before = await contentOf(redis)
    const place = await folder(t, {
      'cluster.yaml': `
cluster: test
recovery: {mode: REDIS, redis: "${redis.url}"}
masters: [{name: m1, port: 0, web: 0}, {name: m2, port: 0, web: 0}]
workers: [{name: w1, port: 0, web: 0, cores: 1, memory: 1g}]
`,
    })
    const outcome = await firesteel(['up', join(place, 'cluster.yaml'), '--json'], { cwd: place })
    assert.deepEqual([outcome.code, errorOf(outcome).code], [4, 'FIRESTEEL_STORE_UNREADABLE'], outcome.stderr)
    assert.equal(await contentOf(redis), before)
  })
})
