import assert from 'node:assert/strict'
import { test } from 'node:test'
import { findCluster } from '../../actors/client/find-cluster.js'
import { MasterClient } from '../../actors/client/master-client.js'
import { awaitLaunchers, linkedLaunchers, orderLauncher } from '../../actors/client/order-launcher.js'
import { upgradeSteps } from '../../runtime/launch/cli/upgrade.js'
import { readProcess } from '../../runtime/process/process-table.js'
import { createTestCluster, startRedis, waitUntil } from '../harness/index.js'

/*
 * The launcher of a machine holds a link to the Masters, and restarts its nodes when it is told (protocol
 * 15).
 */

const { signal } = new AbortController()
const bothMasters = {
  masters: ['m1', 'm2'].map((name) => ({ name, advertise: '127.0.0.1', port: 1 })),
  workers: [],
} as unknown as Parameters<typeof upgradeSteps>[1]

test('through its launcher a Worker restarts with its work, and the leader hands over and comes back', async () => {
  await using cluster = await createTestCluster({ workers: 1, recovery: 'FILESYSTEM' })
  const { directory: cwd } = cluster
  const client = new MasterClient(findCluster({ address: undefined, env: {}, cwd }))
  try {
    const launcher = await waitUntil('the launcher', async () => (await linkedLaunchers(client))[0])
    const { id, nodes } = launcher
    assert.deepEqual(
      nodes.map(({ name, role }) => [name, role]),
      [
        ['m1', 'master'],
        ['w1', 'worker'],
      ],
    )
    const submitted = await cluster.cli(['submit', '--supervise', '--no-code', '/bin/sleep', '600'])
    assert.equal(submitted.code, 0, submitted.stderr)
    const [before] = (await cluster.status()).workers
    const said: string[] = []
    const onMessage = (text: string): void => void said.push(text)
    await orderLauncher(client, id, { kind: 'restart', node: 'w1' }, { signal, onMessage })
    const { workers, drivers } = await cluster.status()
    assert.deepEqual(
      workers.map(({ id, state }) => [id, state]),
      [[before?.id, 'ALIVE']],
      [...said, cluster.log].join('\n'),
    )
    assert.deepEqual(
      drivers.map(({ state, generation }) => [state, generation]),
      [['RUNNING', 1]],
    )
    assert.equal(cluster.node('w1').starts, 2)

    await orderLauncher(client, id, { kind: 'restart', node: 'm1' }, { signal })
    assert.equal(cluster.node('m1').starts, 2)
    assert.equal((await linkedLaunchers(client)).length, 1)
    await assert.rejects(orderLauncher(client, id, { kind: 'restart', node: 'w7' }, { signal }), {
      code: 'FIRESTEEL_UNKNOWN_ID',
    })
  } finally {
    await client.close()
  }
})

test('who asks for launchers when the leader is new, and an upgrade, wait for one that dials it', async () => {
  const redis = await startRedis()
  try {
    await using cluster = await createTestCluster({ masters: 2, workers: 0, redis: redis.url })
    const client = new MasterClient(findCluster({ address: undefined, env: {}, cwd: cluster.directory }))
    try {
      await awaitLaunchers(client, ({ length }) => length > 0, signal)
      const leader = await cluster.waitAlive({ standbys: 1 })
      const launcherPid = readProcess(leader.pid)!.parentPid
      const counts: number[] = []
      const counting = (launchers: readonly unknown[]): boolean => {
        counts.push(launchers.length)
        return launchers.length > 0
      }
      process.kill(launcherPid, 'SIGSTOP')
      try {
        process.kill(leader.pid, 'SIGKILL')
        await waitUntil(
          'a leader without launchers',
          async () => (await linkedLaunchers(client)).length === 0,
        )
        const asked = awaitLaunchers(client, counting, signal)
        const begun = upgradeSteps(client, bothMasters, null, signal)
        void begun.catch(() => undefined)
        await waitUntil('an answer', () => counts.length > 1)
        process.kill(launcherPid, 'SIGCONT')
        assert.equal((await asked).length, 1)
        assert.deepEqual(counts.slice(0, 2), [0, 0])
        assert.deepEqual(
          (await begun).map(({ node }) => node),
          ['m1', 'm2'],
        )
      } finally {
        process.kill(launcherPid, 'SIGCONT')
      }
    } finally {
      await client.close()
    }
  } finally {
    await redis.stop()
  }
})
