import assert from 'node:assert/strict'
import { chmod, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { freePort } from '../harness/free-port.js'
import { startRedis } from '../harness/index.js'
import { waitUntil } from '../harness/wait-until.js'
import { errorOf, firesteel, folder, isAlive, smallCluster, startUp } from '../tools/command-fixture.js'

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

test('a cluster is found from a folder below, also by down; with nothing running commands say at once what to do', async (t) => {
  const cwd = await folder(t, { 'c.yaml': smallCluster() })
  const below = join(cwd, 'src/deep')
  await mkdir(below, { recursive: true })
  const up = await startUp(t, cwd, ['c.yaml'])
  await up.ready()
  const status = await firesteel(['status', '--json'], { cwd: below })
  assert.equal(status.code, 0, status.stderr)
  const down = await firesteel(['down'], { cwd: below })
  assert.equal(down.stdout, 'The cluster is down.\n')
  await up.exited
  // The default port may be taken by another cluster of this machine, so the file names one that is free.
  const port = await freePort()
  const state = { cluster: 'test', masters: [`firesteel://127.0.0.1:${port}`], pid: 1 }
  await writeFile(join(cwd, '.firesteel/cluster.json'), JSON.stringify(state), { mode: 0o600 })
  await writeFile(join(below, 'main.mjs'), "console.log('it was started')")
  for (const words of [['status'], ['run'], ['submit'], ['each']]) {
    const main = words[0] === 'status' ? [] : ['main.mjs', ...(words[0] === 'each' ? [':::', 'a'] : [])]
    const call = [...words, '--json', '--master-timeout', '10m', ...main]
    const nothing = await firesteel(call, { cwd: below })
    assert.deepEqual([nothing.code, nothing.stdout], [3, ''], words[0])
    const { code, message, help } = errorOf(nothing)
    assert.deepEqual([code, message], ['FIRESTEEL_NO_MASTER', `The cluster of ${cwd} does not run any more.`])
    assert.match(help, /Start one here with `firesteel up --detach`/)
  }
})

test('a second cluster is told which folder holds the port', async (t) => {
  const [first, second] = [await folder(t), await folder(t)]
  const port = String(await freePort())
  const up = await startUp(t, first, ['--port', port, '--web', '0', '--workers', '2', '--memory', '512m'])
  const ready = await up.ready()
  assert.equal(ready.master, `firesteel://127.0.0.1:${port}`)
  assert.equal(ready.nodes.length, 3)
  const refused = await firesteel(['up', '--port', port, '--web', '0'], { cwd: second })
  assert.equal(refused.code, 2)
  const holder = `The port 127.0.0.1:${port} is in use by process ${ready.nodes[0]?.pid} (firesteel master m1)`
  assert.ok(refused.stderr.includes(`${holder}, of the cluster in ${first}.`), refused.stderr)
  assert.match(refused.stderr, /stop it there with `firesteel down`, or choose other ports: --port 0 --web 0/)
})

test('up does not use a state folder that other users may change', async (t) => {
  const cwd = await folder(t)
  await mkdir(join(cwd, '.firesteel'))
  await chmod(join(cwd, '.firesteel'), 0o777)
  const outcome = await firesteel(['up', '--json'], { cwd })
  assert.equal(outcome.code, 4, outcome.stderr)
  assert.equal(errorOf(outcome).code, 'FIRESTEEL_FOLDER_UNTRUSTED')
  assert.match(errorOf(outcome).help, /chmod go-w/)
})
