import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startRedis } from '../harness/index.js'
import { freePort } from '../harness/redis-process.js'
import { waitUntil } from '../harness/wait-until.js'
import { errorOf, firesteel, folder, isAlive, startUp } from '../tools/command-fixture.js'

/* What a person reads when a cluster does not start, or does not answer. */

const redisCluster = (url: string): string => `
cluster: test
recovery: {mode: REDIS, redis: "${url}", lease: 1s}
masters: [{name: m1, port: 0, web: 0}, {name: m2, port: 0, web: 0}]
`

test('up --detach without its Redis says the cause at once, ends with it, and leaves nothing', async (t) => {
  const port = await freePort()
  const cwd = await folder(t, { 'c.yaml': redisCluster(`redis://127.0.0.1:${port}`) })
  const outcome = await firesteel(['up', 'c.yaml', '--detach'], { cwd })
  assert.equal(outcome.code, 3, outcome.stderr)
  assert.match(
    outcome.stderr,
    /^m\d waits: FIRESTEEL_STORE_UNAVAILABLE: Redis does not answer: connect ECONNREFUSED/m,
  )
  assert.match(outcome.stderr, /Start this Redis, or correct its address\..*--master-timeout/)
  for (const [, pid] of outcome.stdout.matchAll(/started, process (\d+)/g)) assert.ok(!isAlive(Number(pid)))
})

test('up --detach waits for a Redis that comes', async (t) => {
  const port = await freePort()
  const cwd = await folder(t, { 'c.yaml': redisCluster(`redis://127.0.0.1:${port}`) })
  const up = firesteel(['up', 'c.yaml', '--detach', '--json', '--master-timeout', '50s'], { cwd })
  const redis = await startRedis({ port })
  t.after(() => redis.stop())
  const outcome = await up
  assert.equal(outcome.code, 0, outcome.stderr)
  assert.equal((await firesteel(['down'], { cwd })).code, 0)
})

test('Masters whose Redis refuses them tell commands the reason', async (t) => {
  const redis = await startRedis()
  t.after(() => redis.stop())
  await redis.cli('ACL', 'SETUSER', 'firesteel', 'on', '>word', '~*', '&*', '+@all')
  const cwd = await folder(t, { 'c.yaml': redisCluster(redis.url.replace('//', '//firesteel:word@')) })
  const up = await startUp(t, cwd, ['c.yaml'])
  await up.ready()
  await redis.cli('ACL', 'SETUSER', 'firesteel', 'resetpass', '>other')
  await redis.cli('CLIENT', 'KILL', 'USER', 'firesteel')
  const refused = await waitUntil('a command to be told why', async () => {
    const outcome = await firesteel(['status', '--json', '--master-timeout', '3s'], { cwd })
    return outcome.code === 3 && errorOf(outcome).message.includes('STORE_DENIED') ? outcome : undefined
  })
  const { code, message, help } = errorOf(refused)
  assert.equal(code, 'FIRESTEEL_NO_MASTER')
  assert.match(message, /in standby, because FIRESTEEL_STORE_DENIED: This Redis refuses us: WRONGPASS/)
  assert.match(help, /Correct user and password/)
  assert.ok(up.lines.some((line) => line.event === 'waiting' && line.error !== null))
  await redis.cli('ACL', 'SETUSER', 'firesteel', '>word')
  await waitUntil('a leader', async () => (await firesteel(['status'], { cwd })).code === 0)
})

test('up in a folder that may not be written: what may not be done, exit 4', async () => {
  for (const args of [
    ['up', '--json'],
    ['up', '--detach', '--json'],
  ]) {
    const outcome = await firesteel(args, { cwd: '/sys' })
    assert.equal(outcome.code, 4, outcome.stderr)
    assert.equal(errorOf(outcome).code, 'FIRESTEEL_FILE_DENIED')
    assert.match(errorOf(outcome).message, /^\/sys\/\.firesteel: .*(EPERM|EACCES|EROFS)/)
  }
})

test('up --detach with a state that may not be written ends at once with the folder', async (t) => {
  const cwd = await folder(t, {
    'c.yaml': 'masters: [{port: 0, web: 0}]\nrecovery: {mode: FILESYSTEM, directory: /sys/firesteel}\n',
  })
  const outcome = await firesteel(['up', 'c.yaml', '--detach', '--json'], { cwd })
  assert.equal(outcome.code, 4, outcome.stderr)
  assert.equal(errorOf(outcome).code, 'FIRESTEEL_STORE_DENIED')
  assert.match(errorOf(outcome).message, /The folder of the state cannot be used: \/sys\/firesteel: /)
  assert.match(errorOf(outcome).help, /recovery\.directory/)
})
