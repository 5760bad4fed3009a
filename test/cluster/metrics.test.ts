import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { readProcessTable } from '../../runtime/process/process-table.js'
import { createTestCluster, startRedis, type TestCluster } from '../harness/index.js'
import { seriesValue } from '../tools/metrics-fixture.js'
import type * as tasks from './metrics-tasks.js'

/* Each metric moves when its event happens, on real nodes. */

let cluster: TestCluster

before(async () => {
  cluster = await createTestCluster({ masters: 1, workers: 1, cores: 2, memory: '1g' })
  for (const [name, text] of Object.entries({
    'well.js': '',
    'ill.js': 'process.exit(3)',
    'large.js': 'globalThis.kept = Buffer.alloc(300e6, 1); setInterval(() => {}, 1000)',
  }))
    await writeFile(join(cluster.directory, name), text)
})
after(() => cluster.stop())

async function scrape(of: TestCluster, node: string): Promise<string> {
  const answer = await fetch(`${of.node(node).web}/metrics`)
  assert.equal(answer.status, 200)
  return answer.text()
}

/** Waits until the metric of this node has this value. */
async function becomes(
  of: TestCluster,
  [node, name, labels = {}]: readonly [node: string, name: string, labels?: Record<string, string>],
  is: (value: number) => boolean,
): Promise<number> {
  let value = Number.NaN
  await of.waitUntil(`${name}${JSON.stringify(labels)} of ${node}`, async () => {
    // A node that is being started again does not answer, and a type of message may not have come yet.
    value = await scrape(of, node)
      .then((text) => seriesValue(text, name, labels))
      .catch(() => Number.NaN)
    return is(value)
  })
  return value
}

const submit = (...args: string[]) => cluster.cli(['submit', ...args])

test('a Master and a Worker say what they are, and how they stand', async () => {
  const master = await scrape(cluster, 'm1')
  assert.equal(seriesValue(master, 'firesteel_build_info', { role: 'master' }), 1)
  assert.equal(seriesValue(master, 'firesteel_master_state', { state: 'ALIVE' }), 1)
  assert.equal(seriesValue(master, 'firesteel_master_is_leader'), 1)
  assert.equal(seriesValue(master, 'firesteel_master_epoch'), 1)
  assert.equal(seriesValue(master, 'firesteel_recovery_duration_seconds'), 1)
  assert.equal(seriesValue(master, 'firesteel_failover_duration_seconds'), 0)
  assert.equal(seriesValue(master, 'firesteel_workers', { state: 'ALIVE' }), 1)
  assert.equal(seriesValue(master, 'firesteel_cluster_cores'), 2)
  assert.equal(seriesValue(master, 'firesteel_cluster_memory_bytes'), 2 ** 30)
  assert.equal(seriesValue(master, 'firesteel_store_reachable'), 1)
  assert.ok(seriesValue(master, 'firesteel_links', { role: 'node' }) >= 1)
  assert.ok(seriesValue(master, 'process_resident_memory_bytes') > 1e6)
  await becomes(cluster, ['m1', 'firesteel_event_loop_lag_seconds'], (count) => count > 0)
  const worker = await scrape(cluster, 'w1')
  assert.equal(seriesValue(worker, 'firesteel_worker_registered'), 1)
  assert.equal(seriesValue(worker, 'firesteel_worker_isolated'), 0)
  assert.equal(seriesValue(worker, 'firesteel_worker_epoch'), 1)
  assert.equal(seriesValue(worker, 'firesteel_worker_cores'), 2)
})

test('drivers that end well and ill are counted by Master and Worker, with messages and commits', async () => {
  assert.equal((await submit('--wait', 'well.js')).code, 0)
  assert.notEqual((await submit('--wait', 'ill.js')).code, 0)
  await becomes(cluster, ['m1', 'firesteel_drivers_ended_total', { state: 'FINISHED' }], (n) => n === 1)
  await becomes(cluster, ['m1', 'firesteel_drivers_ended_total', { state: 'FAILED' }], (n) => n === 1)
  const master = await scrape(cluster, 'm1')
  assert.equal(seriesValue(master, 'firesteel_messages_received_total', { type: 'RequestSubmitDriver' }), 2)
  assert.equal(seriesValue(master, 'firesteel_messages_handled_total', { type: 'RequestSubmitDriver' }), 2)
  assert.equal(seriesValue(master, 'firesteel_messages_sent_total', { type: 'LaunchDriver' }), 2)
  assert.ok(
    seriesValue(master, 'firesteel_message_handler_seconds_total', { type: 'RequestSubmitDriver' }) > 0,
  )
  assert.ok(seriesValue(master, 'firesteel_mailbox_wait_seconds') > 0)
  const commits = seriesValue(master, 'firesteel_commits_total', { outcome: 'ok' })
  assert.ok(commits >= 4)
  assert.equal(seriesValue(master, 'firesteel_commit_duration_seconds'), commits)
  assert.equal(seriesValue(master, 'firesteel_commit_records'), commits)
  assert.match(master, /firesteel_store_round_trip_seconds_count\{operation="commit"\} [1-9]/)
  const of = (outcome: string) => ({ kind: 'driver', outcome })
  await becomes(cluster, ['w1', 'firesteel_processes_ended_total', of('success')], (n) => n === 1)
  await becomes(cluster, ['w1', 'firesteel_processes_ended_total', of('failure')], (n) => n === 1)
  await becomes(cluster, ['w1', 'firesteel_processes_started_total', { kind: 'driver' }], (n) => n === 2)
})

test('a driver that uses too much memory is a kill, and ended so', async () => {
  await submit('--wait', '--memory', '128m', 'large.js')
  await becomes(cluster, ['w1', 'firesteel_process_kills_total', { reason: 'memory' }], (n) => n === 1)
  await becomes(
    cluster,
    ['w1', 'firesteel_processes_ended_total', { kind: 'driver', outcome: 'memory' }],
    (n) => n === 1,
  )
})

test('what waits is counted by reason, until it is killed', async () => {
  const { stdout } = await submit('--json', '--cores', '64', 'well.js')
  const waits = ['m1', 'firesteel_waiting', { kind: 'driver', reason: 'TOO_LARGE' }] as const
  await becomes(cluster, waits, (n) => n === 1)
  await becomes(cluster, ['m1', 'firesteel_drivers', { state: 'SUBMITTED' }], (n) => n === 1)
  await cluster.cli(['kill', (JSON.parse(stdout) as { id: string }).id])
  await becomes(cluster, waits, (n) => n === 0)
  await becomes(cluster, ['m1', 'firesteel_drivers_ended_total', { state: 'KILLED' }], (n) => n === 1)
})

test('an application, its executors and their end', async () => {
  const app = await cluster.connect({ name: 'a name of a user', cores: 2 })
  const { double, fail } = app.tasks<typeof tasks>(new URL('./metrics-tasks.js', import.meta.url), {
    retries: 0,
  })
  assert.equal(await double(4), 8)
  await assert.rejects(fail())
  await becomes(cluster, ['m1', 'firesteel_executors', { state: 'RUNNING' }], (n) => n >= 1)
  await becomes(cluster, ['m1', 'firesteel_applications', { state: 'RUNNING' }], (n) => n === 1)
  await becomes(cluster, ['m1', 'firesteel_cluster_cores_used'], (n) => n === 2)
  await becomes(cluster, ['w1', 'firesteel_worker_executors', { state: 'RUNNING' }], (n) => n >= 1)
  await becomes(cluster, ['w1', 'firesteel_worker_cores_used'], (n) => n === 2)
  assert.doesNotMatch(await scrape(cluster, 'm1'), /a name of a user/)
  await cluster.waitUntil('the page of the driver to be made anew', async () => {
    const text = await app.metrics()
    return seriesValue(text, 'firesteel_tasks_ended_total', { outcome: 'failed' }) === 1
  })
  const ofTasks = await app.metrics()
  assert.equal(seriesValue(ofTasks, 'firesteel_tasks_ended_total', { outcome: 'done' }), 1)
  assert.equal(seriesValue(ofTasks, 'firesteel_tasks', { state: 'running' }), 0)
  assert.ok(seriesValue(ofTasks, 'firesteel_application_executors') >= 1)
  await app.close()
  await becomes(cluster, ['m1', 'firesteel_applications_ended_total', { state: 'FINISHED' }], (n) => n === 1)
  await becomes(cluster, ['w1', 'firesteel_worker_cores_used'], (n) => n === 0)
})

test('a wrong secret is a refused connection, and a killed guard is replaced', async () => {
  await cluster.cli(['status', '--master-timeout', '500ms'], {
    env: { FIRESTEEL_SECRET: 'another secret, and long enough as well' },
  })
  await becomes(
    cluster,
    ['m1', 'firesteel_connections_refused_total', { reason: 'SECRET_WRONG' }],
    (n) => n > 0,
  )
  const worker = cluster.node('w1').pid
  const children = [...readProcessTable().values()].filter(({ parentPid }) => parentPid === worker)
  assert.equal(children.length, 1, 'only the guard runs')
  process.kill(children[0]!.pid, 'SIGKILL')
  await becomes(cluster, ['w1', 'firesteel_guard_restarts_total'], (n) => n === 1)
})

test('a failover is counted and measured by the Master that leads next, a hand-over by both', async (t) => {
  const redis = await startRedis()
  t.after(() => redis.stop())
  const masters = await createTestCluster({ masters: 2, workers: 1, redis: redis.url })
  t.after(() => masters.stop())
  const first = await masters.waitAlive({ standbys: 1 })
  const second = first.name === 'm1' ? 'm2' : 'm1'
  await becomes(masters, [second, 'firesteel_master_epoch'], (epoch) => epoch >= 1)
  assert.equal(seriesValue(await scrape(masters, second), 'firesteel_master_is_leader'), 0)
  const hears = (standby: string) =>
    becomes(
      masters,
      [standby, 'firesteel_messages_handled_total', { type: 'LeaderPulse' }],
      (pulses) => pulses > 0,
    )
  await hears(second)
  await masters.kill(first)
  await becomes(masters, [second, 'firesteel_failover_duration_seconds'], (count) => count === 1)
  const text = await scrape(masters, second)
  assert.equal(seriesValue(text, 'firesteel_elections_total'), 1)
  assert.equal(seriesValue(text, 'firesteel_master_is_leader'), 1)
  await masters.waitAlive({ standbys: 1 })
  await hears(first.name)
  await masters.kill(second, 'SIGTERM')
  await becomes(masters, [first.name, 'firesteel_failover_duration_seconds'], (count) => count === 1)
  const worker = await scrape(masters, 'w1')
  const epochs = seriesValue(await scrape(masters, first.name), 'firesteel_master_epoch')
  assert.equal(seriesValue(worker, 'firesteel_worker_epoch'), epochs)
})
