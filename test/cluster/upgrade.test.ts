import assert from 'node:assert/strict'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { findCluster } from '../../actors/client/find-cluster.js'
import { MasterClient } from '../../actors/client/master-client.js'
import { linkedLaunchers, orderLauncher } from '../../actors/client/order-launcher.js'
import { startChild } from '../../runtime/process/child.js'
import { currentRelease } from '../fixtures/releases.js'
import { copyBuild, thisBuild } from '../harness/build-copy.js'
import { freePort } from '../harness/free-port.js'
import { createTestCluster, type TestCluster, waitUntil } from '../harness/index.js'
import { OutputTail } from '../harness/output-tail.js'
import { commandEnvironment } from '../harness/up-process.js'
import { atEnd, errorOf, firesteel, folder } from '../tools/command-fixture.js'
import { RunningDriver } from '../tools/redis-cluster.js'

/* A rolling upgrade that does not go well, and a launcher that another one replaces. */

const { signal } = new AbortController()

async function upgrade(cluster: TestCluster, to: string) {
  const outcome = await cluster.cli(['upgrade', 'cluster.yaml', '--json', '--to', to])
  return { exit: outcome.code, ...errorOf(outcome) }
}

test('a release that is not there, or does not start: the node runs the former one, and its work goes on', async () => {
  await using cluster = await createTestCluster({ workers: 1, recovery: 'FILESYSTEM' })
  const { directory: cwd } = cluster
  const driver = await RunningDriver.start(cluster)
  const client = new MasterClient(findCluster({ address: undefined, env: {}, cwd }))
  try {
    const launcher = await waitUntil('the launcher', async () => (await linkedLaunchers(client))[0])
    const before = cluster.nodes.map(({ pid }) => pid)
    const empty = join(cwd, 'empty')
    await mkdir(empty)
    const missing = await upgrade(cluster, empty)
    assert.deepEqual([missing.exit, missing.code], [3, 'FIRESTEEL_UPGRADE_STOPPED'])
    assert.match(missing.message, /^Stopped at m1: .*empty has no package of Firesteel/)
    assert.equal(missing.help, 'No node was changed.')
    const file = await readFile(join(cwd, 'cluster.yaml'), 'utf8')
    await writeFile(join(cwd, 'other.yaml'), file.replace(/^cluster: .*$/m, 'cluster: other'))
    for (const more of [['--to', thisBuild.folder], ['--finish']]) {
      const other = await cluster.cli(['upgrade', 'other.yaml', '--json', ...more])
      assert.deepEqual([other.code, errorOf(other).code], [1, 'FIRESTEEL_APPLY_REFUSED'])
    }
    assert.deepEqual(
      cluster.nodes.map(({ pid }) => pid),
      before,
    )

    const broken = await copyBuild(join(cwd, 'broken'), { version: '99.0.1' })
    await writeFile(join(broken.folder, 'dist/programs/node.js'), 'process.exit(2)\n')
    const stopped = await upgrade(cluster, broken.folder)
    assert.deepEqual([stopped.exit, stopped.code], [3, 'FIRESTEEL_UPGRADE_STOPPED'])
    assert.match(stopped.message, /^Stopped at m1: m1 does not become ready with 99\.0\.1: /)
    const back = ` It runs ${currentRelease} again.`
    assert.ok(stopped.message.endsWith(back), stopped.message)
    await cluster.waitAlive({ workers: 1 })
    const order = { kind: 'restart', node: 'w1', folder: broken.folder } as const
    await assert.rejects(orderLauncher(client, launcher.id, order, { signal }), {
      code: 'FIRESTEEL_UPGRADE_STOPPED',
    })
    await cluster.waitAlive({ workers: 1 })
    await driver.goesOn()
  } finally {
    await client.close()
  }
})

test('a release that hangs: its process is ended, the node runs the former one, and its work goes on', async () => {
  await using cluster = await createTestCluster({ workers: 1, recovery: 'FILESYSTEM' })
  const { directory: cwd } = cluster
  const driver = await RunningDriver.start(cluster)
  const pidsFile = join(cwd, 'hung')
  const hanging = await copyBuild(join(cwd, 'hanging'), { version: '99.0.1' })
  // It reads nothing, and takes no signal but SIGKILL.
  const program = `import { appendFileSync } from 'node:fs'
    for (const signal of ['SIGTERM', 'SIGUSR2']) process.on(signal, () => {})
    appendFileSync(${JSON.stringify(pidsFile)}, process.pid + '\\n')
    setInterval(() => {}, 1000)\n`
  await writeFile(join(hanging.folder, 'dist/programs/node.js'), program)
  const client = new MasterClient(findCluster({ address: undefined, env: {}, cwd }))
  try {
    const launcher = await waitUntil('the launcher', async () => (await linkedLaunchers(client))[0])
    const order = { kind: 'restart', node: 'w1', folder: hanging.folder } as const
    await assert.rejects(orderLauncher(client, launcher.id, order, { signal }), ({ code, message }) => {
      assert.equal(code, 'FIRESTEEL_UPGRADE_STOPPED')
      assert.match(message, /^w1 does not become ready with 99\.0\.1: w1 is not ready after 15 s/)
      assert.ok(message.endsWith(` It runs ${currentRelease} again.`), message)
      return true
    })
    await cluster.waitAlive({ workers: 1 })
    await driver.goesOn()
    const stopped = await upgrade(cluster, hanging.folder)
    assert.deepEqual([stopped.exit, stopped.code], [3, 'FIRESTEEL_UPGRADE_STOPPED'])
    assert.match(stopped.message, /^Stopped at m1: m1 does not become ready with 99\.0\.1: /)
    await cluster.waitAlive({ workers: 1 })
    await driver.goesOn()
    const pids = (await readFile(pidsFile, 'utf8')).split('\n').filter(Boolean)
    assert.equal(pids.length, 2)
    for (const pid of pids) assert.throws(() => process.kill(Number(pid), 0), { code: 'ESRCH' })
    // Nothing is under way any more that would refuse the way back.
    const back = await cluster.cli(['upgrade', 'cluster.yaml', '--json'])
    assert.equal(back.code, 0, back.stderr)
  } finally {
    await client.close()
  }
})

test('up --replace: another launcher takes over, and the driver goes on', async (t) => {
  const cwd = await folder(t)
  const [port, web] = [await freePort(), await freePort()]
  const flags = ['--port', String(port), '--web', String(web), '--memory', '1g']
  const start = async (...more: string[]) => {
    const child = await startChild({
      command: process.execPath,
      args: [thisBuild.bin, 'up', '--json', ...flags, ...more],
      cwd,
      env: commandEnvironment(),
      stdin: 'ignore',
      stdout: 'pipe',
      stderr: 'inherit',
      ownGroup: true,
      followDescendants: false,
    })
    const said = new OutputTail(child.stdout!, 100)
    atEnd(t, () => child.stop({ graceMs: 30_000 }))
    await waitUntil('the cluster', () => /"event":"ready"/.test(said.text))
    return child
  }
  const first = await start()
  const pids = join(cwd, 'pids')
  const main = join(cwd, 'driver.mjs')
  await writeFile(
    main,
    `import { appendFileSync } from 'node:fs'
     appendFileSync(${JSON.stringify(pids)}, process.pid + '\\n')
     setInterval(() => {}, 1000)`,
  )
  const submitted = await firesteel(['submit', '--supervise', '--memory', '64m', main], { cwd })
  assert.equal(submitted.code, 0, submitted.stderr)
  const started = async (): Promise<string[]> =>
    (await readFile(pids, 'utf8').catch(() => '')).split('\n').filter(Boolean)
  const [pid] = await waitUntil('the driver', async () => {
    const lines = await started()
    return lines.length > 0 ? lines : undefined
  })
  const moving = await firesteel(['up', '--replace', '--port', '0', '--json'], { cwd })
  assert.deepEqual([moving.code, errorOf(moving).code], [2, 'FIRESTEEL_CONFIG_CONFLICT'])
  await start('--replace')
  assert.deepEqual(await first.exited, { code: 0, signal: null })
  const { stdout } = await firesteel(['status', '--json'], { cwd })
  const { drivers } = JSON.parse(stdout) as { drivers: { state: string; generation: number }[] }
  assert.deepEqual(
    drivers.map(({ state, generation }) => [state, generation]),
    [['RUNNING', 1]],
  )
  assert.deepEqual(await started(), [pid], 'it was started once')
  process.kill(Number(pid), 0)
})
