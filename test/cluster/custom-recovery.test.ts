import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { createTestCluster } from '../harness/index.js'
import { errorOf, firesteel, folder } from '../tools/command-fixture.js'

const module = fileURLToPath(new URL('../../examples/custom-recovery/recovery.js', import.meta.url))
const driverMain = fileURLToPath(new URL('../tools/failover-driver.js', import.meta.url))

test('CUSTOM: two Masters over the store of an example; the leader is killed, the other one leads on', async () => {
  await using cluster = await createTestCluster({ masters: 2, recovery: 'CUSTOM', module, lease: '1s' })
  const before = await cluster.waitAlive({ standbys: 1 })
  const submitted = await cluster.cli([
    'submit',
    '--memory',
    '128m',
    '--json',
    driverMain,
    join(cluster.directory, 'runs'),
  ])
  assert.equal(submitted.code, 0, submitted.stderr)
  const { id } = JSON.parse(submitted.stdout) as { id: string }
  const { pid } = cluster.node('w1')
  await cluster.kill(before)
  const after = await cluster.waitUntil('another Master to lead', async () => {
    const leader = await cluster.leader()
    return leader && leader.name !== before.name ? leader : undefined
  })
  assert.notEqual(after.name, before.name)
  await cluster.waitAlive({ standbys: 1 })
  const driver = (await cluster.status()).drivers.find((one) => one.id === id)
  assert.equal(driver?.state, 'RUNNING')
  assert.equal(cluster.node('w1').pid, pid)
})

for (const [name, file, message] of [
  ['is not there', undefined, /cannot be read: ENOENT/],
  ['throws', 'throw new Error("my own bug")', /cannot be loaded: my own bug/],
  [
    'lacks a function',
    'export const createPersistenceEngine = () => {}',
    /does not export the function createLeaderElectionAgent/,
  ],
  [
    'throws in its function',
    'export const createPersistenceEngine = () => { throw new Error("no room") }; export const createLeaderElectionAgent = 1 && (() => {})',
    /failed in createPersistenceEngine: no room/,
  ],
] as const) {
  test(`CUSTOM: a module that ${name} is a coded error and exit 2`, async (t) => {
    const cwd = await folder(t, {
      'firesteel.yaml':
        'cluster: t\nrecovery: {mode: CUSTOM, module: ./mine.mjs}\nmasters: [{name: m1, port: 0, web: 0}]\n',
      ...(file !== undefined && { 'mine.mjs': file }),
    })
    const outcome = await firesteel(['up', 'firesteel.yaml', '--json'], { cwd })
    assert.equal(outcome.code, 2, outcome.stdout + outcome.stderr)
    const error = errorOf(outcome)
    assert.equal(error.code, 'FIRESTEEL_CONFIG_INVALID')
    assert.match(error.message, message)
  })
}
