import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { identityOf, isAlive } from '../../runtime/process/find-process.js'
import { createTestCluster } from '../harness/index.js'

/* The harness itself: what `firesteel/testing` promises to other people's tests. */

const isRunning = (pid: number): boolean => {
  const identity = identityOf(pid)
  return identity !== undefined && isAlive(identity)
}

test('a killed node comes back at its address; a frozen one stays; nothing outlives stop()', async () => {
  const cluster = await createTestCluster({ workers: 2, cores: 1, memory: '2g' })
  const pids = new Set(cluster.nodes.map(({ pid }) => pid))
  try {
    assert.deepEqual(
      cluster.nodes.map(({ name, role, starts }) => [name, role, starts]),
      [
        ['m1', 'master', 1],
        ['w1', 'worker', 1],
        ['w2', 'worker', 1],
      ],
    )
    const status = await cluster.status()
    assert.equal(status.leader, cluster.address)
    assert.deepEqual(
      status.workers.map(({ name, cores, memoryMib, state }) => [name, cores, memoryMib, state]).sort(),
      [
        ['w1', 1, 2048, 'ALIVE'],
        ['w2', 1, 2048, 'ALIVE'],
      ],
    )

    const before = cluster.node('m1')
    const killed = await cluster.kill('m1')
    assert.equal(killed, before.pid)
    assert.equal(isRunning(killed), false)
    const back = await cluster.waitAlive()
    assert.deepEqual([back.name, back.address, back.starts], ['m1', before.address, 2])
    assert.notEqual(back.pid, killed)
    pids.add(back.pid)

    const frozen = cluster.node('w1')
    await cluster.freeze('w1')
    assert.match(await readFile(`/proc/${frozen.pid}/stat`, 'utf8').catch(() => ') T '), /\) T /)
    cluster.thaw('w1')
    await cluster.waitAlive()
    assert.equal(cluster.node('w1').pid, frozen.pid)
    // Also one that stands still is stopped.
    await cluster.freeze('w2')
  } finally {
    await cluster.stop()
  }
  for (const pid of pids) assert.equal(isRunning(pid), false, `process ${pid} is left`)
  assert.equal(existsSync(cluster.directory), false)
  await cluster.stop()
})

test('applications connect with its secret and are closed with it', async () => {
  const cluster = await createTestCluster()
  try {
    const app = await cluster.connect({ name: 'of a test', cores: 1 })
    const { applications } = await cluster.status()
    assert.deepEqual(
      applications.map(({ id, name }) => [id, name]),
      [[app.id, 'of a test']],
    )
  } finally {
    await cluster.stop()
  }
})

test('commands run against it, with input, exit code and both outputs', async () => {
  await using cluster = await createTestCluster()
  const { code, stdout, stderr } = await cluster.cli(['each', '-k', 'cat {} -; echo oops >&2'], {
    input: '/dev/null\n',
  })
  assert.deepEqual([code, stdout], [0, ''], stderr)
  assert.match(stderr, /oops/)
  const unknown = await cluster.cli(['kill', 'driver-19700101000000-0000'])
  assert.equal(unknown.code, 4, unknown.stderr)
  assert.match(unknown.stderr, /^FIRESTEEL_UNKNOWN_ID: /)
})

test('what it refuses, it refuses with a code', async () => {
  await assert.rejects(createTestCluster({ workers: -1 }), { code: 'FIRESTEEL_USAGE' })
  await assert.rejects(createTestCluster({ masters: 2 }), { code: 'FIRESTEEL_CONFIG_CONFLICT' })
})

test('a folder that was given stays, and is found again with its state and secret', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'firesteel-kept-'))
  try {
    const secrets: string[] = []
    const epochs: number[] = []
    for (let life = 0; life < 2; life++) {
      await using cluster = await createTestCluster({ directory })
      secrets.push(cluster.secret)
      epochs.push((await cluster.status()).epoch)
    }
    assert.equal(secrets[0], secrets[1])
    assert.ok(epochs[1]! > epochs[0]!, `epochs ${epochs}`)
  } finally {
    await rm(directory, { recursive: true })
  }
})
