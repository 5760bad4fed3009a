import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { findCluster } from '../../../actors/client/find-cluster.js'
import { MasterClient } from '../../../actors/client/master-client.js'
import { launcherRunning, linkedLaunchers, orderLauncher } from '../../../actors/client/order-launcher.js'
import { clusterKeys } from '../../../runtime/persistence/redis/keys.js'
import { currentRelease } from '../../fixtures/releases.js'
import { type Build, copyBuild, thisBuild } from '../../harness/build-copy.js'
import { freePort } from '../../harness/free-port.js'
import { startRedis, type TestCluster, waitUntil } from '../../harness/index.js'
import { runCommand } from '../../harness/run-command.js'
import { TestCluster as Cluster } from '../../harness/test-cluster.js'
import { commandEnvironment, UpProcess } from '../../harness/up-process.js'
import { errorOf } from '../../tools/command-fixture.js'

/* A rolling upgrade to a release that knows a next format of the store, back again, and its end. */

const { signal } = new AbortController()

async function command(cluster: TestCluster, build: Build, ...args: string[]) {
  return runCommand({
    command: process.execPath,
    args: [build.bin, ...args],
    cwd: cluster.directory,
    env: commandEnvironment(),
    timeoutMs: 300_000,
  })
}

/** The last line of what such a command said. */
async function said(cluster: TestCluster, build: Build, ...args: string[]): Promise<string> {
  const outcome = await command(cluster, build, 'upgrade', 'cluster.yaml', ...args)
  assert.equal(outcome.code, 0, outcome.stderr)
  return outcome.stdout.trimEnd().split('\n').at(-1) ?? ''
}

async function refused(cluster: TestCluster, build: Build): Promise<string> {
  const outcome = await command(cluster, build, 'upgrade', 'cluster.yaml', '--finish', '--json')
  const { code, message } = errorOf(outcome)
  assert.deepEqual([outcome.code, code], [1, 'FIRESTEEL_FINISH_REFUSED'], outcome.stderr)
  return message
}

/** Kills it, and resolves when another Master leads and all are well. */
async function killLeader(cluster: TestCluster): Promise<void> {
  const { name } = await cluster.waitAlive({ workers: 1, standbys: 1 })
  await cluster.kill(name)
  await waitUntil('another leader', async () => {
    const now = await cluster.waitAlive({ workers: 1, standbys: 1 })
    return now.name !== name
  })
}

async function storeOf(cluster: TestCluster): Promise<unknown> {
  const { stdout } = await command(cluster, thisBuild, 'status', '--json')
  return (JSON.parse(stdout) as { store?: unknown }).store
}

test('the store keeps its format there and back; --finish raises it once no older Master is there', async () => {
  await using redis = await redisServer()
  const places = await Promise.all(
    [1, 2].map(async () => ({ host: '127.0.0.1', port: await freePort(), web: 0 })),
  )
  const name = `finish-${process.pid}`
  const up = await UpProcess.start({
    cluster: name,
    ...{ masters: 2, workers: 1, places, cores: 2, memory: '4g' },
    recovery: { mode: 'REDIS', redis: redis.url },
    ...{ workerTimeout: undefined, orphanGrace: undefined, directory: undefined },
  })
  await using cluster = new Cluster(up)
  const well = () => cluster.waitAlive({ workers: 1, standbys: 1 })
  const stored = () => redis.cli('HGET', clusterKeys(name).leader, 'format')
  const other = await copyBuild(join(cluster.directory, 'other'), {
    version: '99.0.1',
    formats: { min: 1, max: 2 },
  })
  await well()
  const nothing = 'nothing to finish: the store has format 1, the newest that all Masters know'
  assert.equal(await said(cluster, thisBuild, '--finish'), nothing)
  assert.deepEqual(await storeOf(cluster), { format: 1, newest: 1 })

  // One Master of each release, and each of them leads once.
  const client = new MasterClient(findCluster({ address: undefined, env: {}, cwd: cluster.directory }))
  try {
    const launcher = await waitUntil('the launcher', async () =>
      launcherRunning(await linkedLaunchers(client), 'm2'),
    )
    await orderLauncher(
      client,
      launcher.id,
      { kind: 'restart', node: 'm2', folder: other.folder },
      { signal },
    )
  } finally {
    await client.close()
  }
  await well()
  const [first, second] = cluster.nodes.filter(({ role }) => role === 'master').map(({ address }) => address)
  const why = `The store keeps format 1: ${first} knows format 1, and the newest is 2.`
  assert.equal(await refused(cluster, other), why)
  await killLeader(cluster)
  assert.equal(await refused(cluster, other), why)
  assert.equal(await stored(), '1')

  const hint =
    'The store still has format 1, and all Masters know 2. When the older release is not to come back, run the same with --finish.'
  assert.equal(await said(cluster, other), hint)
  assert.equal(await stored(), '1')
  assert.equal(await said(cluster, thisBuild), nothing, 'the way back')
  assert.equal(await said(cluster, other), hint)
  await well()
  const raised = "The store's format was 1 and is 2. An older release cannot read it any more."
  assert.equal(await said(cluster, other, '--finish'), raised)
  assert.equal(await stored(), '2')
  assert.equal(
    await said(cluster, other, '--finish'),
    'nothing to finish: the store has format 2, the newest that all Masters know',
  )
  assert.deepEqual(await storeOf(cluster), { format: 2, newest: 2 })
  await killLeader(cluster)
  assert.equal(await stored(), '2', 'a failover keeps it')

  const back = await command(cluster, thisBuild, 'upgrade', 'cluster.yaml', '--json')
  const { code, message } = errorOf(back)
  assert.deepEqual([back.code, code], [3, 'FIRESTEEL_UPGRADE_STOPPED'], back.stderr)
  assert.match(
    message,
    new RegExp(`does not become ready with ${currentRelease}: .*has format 2; this Firesteel knows 1\\.`),
  )
  await well()
  const alone = ['--cluster', name, '--recovery', 'REDIS', '--redis', redis.url, '--port', '0', '--web', '0']
  const start = await command(cluster, thisBuild, 'master', '--json', ...alone)
  assert.deepEqual([start.code, errorOf(start).code], [4, 'FIRESTEEL_VERSION_UNSUPPORTED'], start.stderr)
  assert.match(errorOf(start).message, /^The state in Redis has format 2; this Firesteel knows 1\.$/)
  assert.ok(second)
})

async function redisServer() {
  const server = await startRedis()
  return Object.assign(server, { [Symbol.asyncDispose]: () => server.stop() })
}
