import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { test } from 'node:test'
import { startChild } from '../../runtime/process/child.js'
import { createTestCluster, type RedisServer, startRedis } from '../harness/index.js'
import { waitUntil } from '../harness/wait-until.js'
import { atEnd, bin, firesteel, folder } from '../tools/command-fixture.js'
import { ownLoopback } from '../tools/own-loopback.js'

/* Several Masters with a real Redis, from outside: what `up`, commands and the harness make of them. */

async function redisOf(t: Parameters<typeof folder>[0]): Promise<RedisServer> {
  const redis = await startRedis()
  t.after(() => redis.stop())
  return redis
}

test('three Masters on one machine: all are known, one leads, the commands follow it', async (t) => {
  const redis = await redisOf(t)
  await using cluster = await createTestCluster({ masters: 3, workers: 1, redis: redis.url })
  const first = await cluster.waitAlive({ standbys: 2 })
  assert.equal((await cluster.leader())?.name, first.name)
  const masters = cluster.nodes.filter(({ role }) => role === 'master')
  assert.deepEqual(
    cluster.address.replace('firesteel://', '').split(','),
    masters.map(({ address }) => address.replace('firesteel://', '')),
  )
  const registry = JSON.parse(await readFile(join(cluster.directory, '.firesteel', 'cluster.json'), 'utf8'))
  assert.deepEqual([...registry.masters].sort(), masters.map(({ address }) => address).sort())

  const before = await cluster.status()
  assert.equal(before.leader, first.address)
  assert.deepEqual(before.masters.map(({ state }) => state).sort(), ['ALIVE', 'STANDBY', 'STANDBY'])

  // Submitted while one Master dies and another takes over, twice with one key: one driver.
  const script = join(cluster.directory, 'job.mjs')
  await writeFile(script, '')
  const killed = cluster.kill(first)
  const submitted = await Promise.all(
    [1, 2].map(() => cluster.cli(['submit', '--json', '--key', 'nightly', '--memory', '64m', script])),
  )
  const ids = submitted.map(({ stdout, stderr }) => {
    assert.notEqual(stdout, '', stderr)
    return (JSON.parse(stdout) as { id: string }).id
  })
  assert.equal(ids[0], ids[1])
  await killed
  const next = await cluster.waitAlive()
  assert.notEqual(next.name, first.name)
  const after = await cluster.status()
  assert.ok(after.epoch > before.epoch)
  assert.equal(after.leader, next.address)
  assert.deepEqual(
    after.drivers.map(({ id }) => id),
    [ids[0]],
  )

  // Asked of one that stands by, by a client that knows no other.
  await cluster.waitAlive({ standbys: 2 })
  const asked = await cluster.cli(['status', '--json', '--master', first.address])
  assert.equal(JSON.parse(asked.stdout).leader, next.address, asked.stderr)
  assert.equal(cluster.node(first).starts, 2, 'it came back')
  assert.equal(cluster.node(first).address, first.address, 'with the same port')
})

test('a frozen Master is left by those who ask; it stands by when it thaws', async (t) => {
  const redis = await redisOf(t)
  await using cluster = await createTestCluster({
    masters: 2,
    workers: 0,
    redis: redis.url,
    lease: '1s',
    workerTimeout: '10s',
  })
  const first = await cluster.waitAlive({ standbys: 1 })
  await cluster.freeze(first)
  const next = await cluster.waitAlive()
  assert.notEqual(next.name, first.name)
  assert.equal((await cluster.status()).leader, next.address)
  cluster.thaw(first)
  assert.equal((await cluster.waitAlive({ standbys: 1 })).name, next.name)
})

test('three machines: the same file on each, one node by `master`, the rest by `up`', async (t) => {
  const redis = await redisOf(t)
  const [HOST_A, HOST_B, HOST_C] = ownLoopback(3) as [string, string, string]
  const env = {
    FIRESTEEL_SECRET: '0123456789abcdef0123456789abcdef',
    REDIS_URL: redis.url,
    HOST_A,
    HOST_B,
    HOST_C,
  }
  const file = resolve('config/three-machines.yaml')
  const machines = await Promise.all(
    [
      ['up', file, '--only', 'm1,w1', '--json'],
      ['up', file, '--only', 'm2,w2', '--json'],
      ['master', file, '--name', 'm3', '--json'],
    ].map(async (args) => {
      const cwd = await folder(t)
      const child = await startChild({
        command: process.execPath,
        args: [bin, ...args],
        cwd,
        env: { PATH: process.env.PATH ?? '', ...env },
        stdin: 'ignore',
        stdout: 'pipe',
        stderr: 'ignore',
        ownGroup: true,
        followDescendants: false,
      })
      atEnd(t, () => child.stop({ graceMs: 20_000 }))
      let text = ''
      child.stdout?.setEncoding('utf8').on('data', (part: string) => {
        text += part
      })
      return { cwd, ready: () => text.includes('"event":"ready"') }
    }),
  )
  await waitUntil('all machines to be ready', () => machines.every(({ ready }) => ready()))
  const { stdout, stderr } = await firesteel(['status', '--json', '--master', `firesteel://${HOST_C}`], {
    cwd: machines[0]!.cwd,
    env,
  })
  const status = JSON.parse(stdout || '{}') as { masters: { address: string }[]; workers: { name: string }[] }
  assert.deepEqual(
    status.masters?.map(({ address }) => address).sort(),
    [HOST_A, HOST_B, HOST_C].map((host) => `firesteel://${host}:7070`).sort(),
    stderr,
  )
  assert.deepEqual(status.workers.map(({ name }) => name).sort(), ['w1', 'w2'])
})
