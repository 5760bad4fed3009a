import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { parse } from 'yaml'
import type { HistoryResponse } from '../../actors/messages/deployments.js'
import { createTestCluster, startRedis, type TestCluster } from '../harness/index.js'
import { randomFor } from '../soak/draw.js'
import { ApplyTrial } from '../tools/apply-trial.js'
import { newClient } from '../tools/load/stage.js'

/* `firesteel apply` on real clusters (docs/operating.md). */

async function history(cluster: TestCluster): Promise<HistoryResponse['deployments']> {
  const { stdout, code, stderr } = await cluster.cli(['history', '--json'])
  assert.equal(code, 0, stderr)
  return (JSON.parse(stdout) as HistoryResponse).deployments
}

test('random edits, each cut off in the middle and applied again: the status equals the file', async () => {
  await using cluster = await createTestCluster({ workers: 2, cores: 2, memory: '1g' })
  const client = newClient(cluster)
  try {
    const trial = await ApplyTrial.begin(cluster)
    const random = randomFor(7, 'fault', 1)
    for (let number = 0; number < 5; number++) {
      const what = await trial.edit(random)
      await trial.applyKilled(200 + 800 * random())
      const applied = await trial.apply()
      assert.equal(applied.code, 0, `${what}: ${applied.stderr}`)
      assert.deepEqual(await trial.differences(client), [], what)
      const again = await trial.apply()
      assert.match(again.stdout, /^Nothing to do\.$/m, `${what}: ${again.stdout}${again.stderr}`)
    }
    const deployments = await history(cluster)
    assert.ok(deployments.every(({ state }) => state === 'APPLIED' || state === 'INTERRUPTED'))

    const [first] = deployments
    const back = await cluster.cli(['apply', '--to', String(first!.number), '--prune', '--deadline', '5s'])
    assert.equal(back.code, 0, back.stderr)
    const { workers, activeDrivers } = await client.request({ type: 'RequestMasterState' })
    const alive = workers.filter(({ state }) => state === 'ALIVE')
    assert.deepEqual(alive.map(({ name, cores }) => `${name}:${cores}`).sort(), ['w1:2', 'w2:2'])
    assert.deepEqual(activeDrivers, [])
    assert.equal((await history(cluster)).at(-1)?.back, first!.number)
  } finally {
    await client.close()
  }
})

test('Masters come and go while the leader is killed, two applies at once: one wins, and what runs goes on', async () => {
  const redis = await startRedis()
  try {
    await using cluster = await createTestCluster({ masters: 2, workers: 1, redis: redis.url })
    const client = newClient(cluster)
    try {
      const trial = await ApplyTrial.begin(cluster)
      await trial.change((file) => {
        file.masters.push({ ...file.masters[0]!, name: 'm3' })
        file.submissions = [{ name: 'api', main: './service.mjs', supervise: true, memory: '16m' }]
        file.logging.level = 'warn'
      })
      const both = Promise.all([trial.apply(), trial.apply()])
      const leader = await cluster.leader()
      if (leader) await cluster.kill(leader)
      const outcomes = await both
      const lost = outcomes.filter(({ code }) => code !== 0)
      for (const { stderr } of lost) assert.match(stderr, /FIRESTEEL_APPLY_(RUNS|OVERTAKEN)/)
      assert.ok(lost.length < 2, outcomes.map(({ stderr }) => stderr).join('\n'))
      await trial.apply()
      assert.deepEqual(await trial.differences(client), [])
      const [driver] = (await cluster.status()).drivers
      await trial.change((file) => {
        file.masters = file.masters.filter(({ name }) => name !== 'm2')
      })
      const removed = await trial.apply()
      assert.equal(removed.code, 0, removed.stderr)
      await cluster.waitUntil('the Masters of the file', async () => {
        return (await trial.differences(client)).length === 0
      })
      const { drivers } = await cluster.status()
      assert.deepEqual(
        drivers.map(({ id, generation }) => [id, generation]),
        [[driver?.id, driver?.generation]],
        'no driver noticed',
      )
    } finally {
      await client.close()
    }
  } finally {
    await redis.stop()
  }
})

test('a Worker whose drain was begun by an apply that was cut off stays, with its work, or goes by the next one', async (t) => {
  await using cluster = await createTestCluster({ workers: 2, cores: 2, memory: '1g' })
  const client = newClient(cluster)
  t.after(() => client.close())
  const trial = await ApplyTrial.begin(cluster)
  await trial.change((file) => {
    file.workers[1]!.labels = { zone: 'c' }
    const there = { on: { zone: 'c' } }
    file.submissions = [{ name: 'api', main: './service.mjs', supervise: true, memory: '16m', ...there }]
  })
  assert.equal((await trial.apply()).code, 0)
  const both = (await readFile(trial.path, 'utf8')).toString()
  const stateOf = async (name: string) => (await cluster.status()).workers.find((w) => w.name === name)?.state
  const cut = async () => {
    await trial.change((file) => file.workers.pop())
    const drains = () =>
      cluster.waitUntil('w2 drains', async () => (await stateOf('w2')) === 'DECOMMISSIONED')
    assert.ok(await trial.applyCut(drains, '--deadline', '1h'))
  }
  const back = async (edit: (text: string) => string) => {
    const text = edit(both)
    await trial.change((file) => Object.assign(file, parse(text)))
    return trial.apply()
  }
  await cluster.waitUntil(
    'the driver runs',
    async () => (await cluster.status()).drivers[0]?.state === 'RUNNING',
  )
  const [driver] = (await cluster.status()).drivers

  await cut()
  const same = await back((text) => text)
  assert.match(same.stdout, /^w2: restart it, so that it does not stop; its work goes on$/m, same.stderr)
  assert.equal(same.code, 0, same.stderr)
  assert.equal(await stateOf('w2'), 'ALIVE')
  await cut()
  const other = await back((text) => text.replace('name: w1', 'name: w1\n    labels: { zone: a }'))
  assert.match(other.stdout, /^w1: restart it; its work goes on\nw2: restart it, so that/m)
  assert.equal(other.code, 0, other.stderr)
  assert.equal(await stateOf('w2'), 'ALIVE')
  const { drivers } = await cluster.status()
  assert.deepEqual(
    drivers.map(({ id, generation, worker }) => [id, generation, worker]),
    [[driver?.id, driver?.generation, driver?.worker]],
    'no driver noticed',
  )
  assert.match((await trial.apply()).stdout, /^Nothing to do\.$/m)
  const states = (await history(cluster)).map(({ state }) => state)
  assert.deepEqual(states.slice(-4), ['INTERRUPTED', 'APPLIED', 'INTERRUPTED', 'APPLIED'])

  await cut()
  const gone = await trial.apply('--deadline', '1s')
  assert.equal(gone.code, 0, gone.stderr)
  assert.notEqual(await stateOf('w2'), 'ALIVE')
})

test('a Worker that hangs is ended where the file changes it, and becomes what the file says', async (t) => {
  await using cluster = await createTestCluster({ workers: 1, cores: 2 })
  const client = newClient(cluster)
  t.after(() => client.close())
  const trial = await ApplyTrial.begin(cluster)
  await trial.change((file) => {
    file.workers[0]!.cores = 3
  })
  const { pid } = cluster.nodes.find(({ name }) => name === 'w1')!
  process.kill(pid, 'SIGSTOP')
  const { code, stdout, stderr } = await trial.apply()
  assert.equal(code, 0, `${stdout}${stderr}`)
  await cluster.waitUntil(
    'the Worker of the file',
    async () => (await trial.differences(client)).length === 0,
  )
  assert.throws(() => process.kill(pid, 0), { code: 'ESRCH' })
  assert.match((await trial.apply()).stdout, /^Nothing to do\.$/m)
})

test('a Worker that hangs is ended at once where the file removes it, however long its drain may take', async (t) => {
  await using cluster = await createTestCluster({ workers: 2 })
  const client = newClient(cluster)
  t.after(() => client.close())
  const trial = await ApplyTrial.begin(cluster)
  await trial.change((file) => file.workers.pop())
  const { pid } = cluster.nodes.find(({ name }) => name === 'w2')!
  process.kill(pid, 'SIGSTOP')
  const { code, stdout, stderr } = await trial.apply('--deadline', '1h')
  assert.equal(code, 0, `${stdout}${stderr}`)
  assert.throws(() => process.kill(pid, 0), { code: 'ESRCH' })
  assert.match((await trial.apply()).stdout, /^Nothing to do\.$/m)
})

test('what cannot be applied is refused before anything is done, and --dry-run does nothing', async () => {
  await using cluster = await createTestCluster({ workers: 1 })
  const trial = await ApplyTrial.begin(cluster)
  const file = trial.text
  const applied = async (text: string, ...more: string[]) => {
    await writeFile(trial.path, text)
    return trial.apply(...more)
  }
  const store = await applied(file.replace('./state', './other'))
  assert.equal(store.code, 1)
  assert.match(store.stderr, /FIRESTEEL_APPLY_REFUSED/)
  const far = await applied(file.replace('workers:\n', 'workers:\n  - { name: w9, host: 203.0.113.9 }\n'))
  assert.match(far.stderr, /FIRESTEEL_LAUNCHER_AWAY.*w9 \(203\.0\.113\.9\)/)
  const dry = await applied(file.replace('level: info', 'level: warn'), '--dry-run')
  assert.match(dry.stdout, /~ logging: restart m1, w1.*Nothing was done/s)
  assert.deepEqual(await history(cluster), [])
  const none = await cluster.cli(['apply', '--to', '9'])
  assert.match(none.stderr, /FIRESTEEL_UNKNOWN_ID/)
})

test('a launcher that starts again with its old file begins as the newest deployment says', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'firesteel-apply-'))
  t.after(() => rm(directory, { recursive: true, force: true }))
  let original = ''
  {
    await using cluster = await createTestCluster({ workers: 1, directory })
    const trial = await ApplyTrial.begin(cluster)
    original = trial.text
    await trial.change((file) => file.workers.push({ ...file.workers[0]!, name: 'w2' }))
    assert.equal((await trial.apply()).code, 0)
  }
  await using again = await createTestCluster({ workers: 1, directory })
  assert.notEqual(original, '')
  assert.deepEqual(again.nodes.map(({ name }) => name).sort(), ['m1', 'w1', 'w2'])
})
