import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Hono } from 'hono'
import { addHealth } from '../../runtime/http/health.js'
import { inSlices } from '../../runtime/http/in-slices.js'
import { withMonitoring } from '../../runtime/http/monitoring.js'
import { isLoopback, type Readers } from '../../runtime/http/readers.js'
import { createHttpServer } from '../../runtime/http/server.js'
import { limits } from '../../runtime/limits.js'
import { MetricsPage } from '../../runtime/metrics/metrics-page.js'
import {
  countedApplication,
  countedMaster,
  countedWorker,
  labelsOf,
  parsed,
  seriesValue,
} from '../tools/metrics-fixture.js'

for (const [role, make] of [
  ['Master', countedMaster],
  ['Worker', countedWorker],
] as const)
  test(`a parser of Prometheus text reads the metrics of a ${role}: names, types, units, labels`, async (t) => {
    const { source, system, loop } = make()
    t.after(() => loop.close())
    system.messages.handled('Heartbeat')
    system.messages.took(2)
    const page = new MetricsPage(source)
    const answer = await page.answer()
    assert.match(answer.headers.get('content-type') ?? '', /^text\/plain; version=0\.0\.4/)
    const text = await answer.text()
    const metrics = parsed(text)
    assert.deepEqual(metrics.map(({ name }) => name).sort(), Object.keys(source.families).sort())
    for (const { name, help, type } of metrics) {
      const family = source.families[name]!
      assert.equal(type.toLowerCase(), family.kind, name)
      assert.equal(help, family.help)
      assert.match(name, /^(firesteel|process|nodejs)_[a-z_]+$/)
      if (type === 'COUNTER') assert.match(name, /_total$/)
      else assert.doesNotMatch(name, /_(total|ms|mib|milliseconds)$/)
      if (type === 'HISTOGRAM') assert.match(name, /_(seconds|records)$/)
      const wanted = [...(family.labels ?? []), ...(type === 'HISTOGRAM' ? ['le'] : [])].sort()
      for (const labels of labelsOf(text, name)) assert.deepEqual(Object.keys(labels).sort(), wanted, name)
    }
  })

test('no label can hold an id or a name that a user gives', () => {
  const allowed = ['state', 'reason', 'type', 'kind', 'outcome', 'operation', 'role', 'actor', 'result']
  // Which of three: certificate, CA or CRL.
  const ofTls = ['file']
  const ofBuild = ['version', 'node_version']
  for (const { source, loop } of [countedMaster(), countedWorker()]) {
    loop.close()
    for (const { labels = [] } of Object.values(source.families))
      for (const label of labels) assert.ok([...allowed, ...ofTls, ...ofBuild].includes(label), label)
  }
})

test('a counter is read when it is asked for, and a histogram has cumulative buckets', async (t) => {
  const { source, metrics, loop } = countedMaster()
  t.after(() => loop.close())
  let nowMs = 0
  const page = new MetricsPage(source, () => nowMs)
  const text = async () => (await page.answer()).text()
  assert.equal(seriesValue(await text(), 'firesteel_elections_total'), 0)
  metrics.observed({ event: 'elected', epoch: 3 }, 1000)
  metrics.observed({ event: 'alive' }, 1300)
  nowMs += limits.httpPageMaxAgeMs + 1
  const after = await text()
  assert.equal(seriesValue(after, 'firesteel_elections_total'), 1)
  assert.equal(seriesValue(after, 'firesteel_master_epoch'), 3)
  const recovery = parsed(after).find(({ name }) => name === 'firesteel_recovery_duration_seconds')
    ?.metrics[0]
  assert.deepEqual([recovery?.count, recovery?.sum], ['1', '0.3'])
  assert.deepEqual(
    [recovery?.buckets?.['0.25'], recovery?.buckets?.['0.5'], recovery?.buckets?.['+Inf']],
    ['0', '1', '1'],
  )
})

test('many readers at once cost one page, and a page is kept as long as it was costly', async (t) => {
  const { source, loop } = countedWorker()
  t.after(() => loop.close())
  let made = 0
  let nowMs = 0
  const prepare = async () => {
    made++
    return 100
  }
  const page = new MetricsPage({ ...source, prepare }, () => nowMs)
  await Promise.all(Array.from({ length: 50 }, async () => (await page.answer()).text()))
  assert.equal(made, 1)
  nowMs += 1000
  await page.answer()
  assert.equal(made, 1)
  nowMs += limits.httpPageMaxAgeMs
  await page.answer()
  assert.equal(made, 2)
})

test('long work for a page gives up the event loop in between', async () => {
  let nowMs = 0
  let turns = 0
  function* work(): Generator<void, string, undefined> {
    for (let number = 0; number < 100; number++) {
      nowMs += 1
      yield
    }
    return 'done'
  }
  let isOver = false
  const count = (): void => {
    turns++
    if (!isOver) setImmediate(count)
  }
  setImmediate(count)
  const { result, costMs } = await inSlices(work(), () => nowMs)
  isOver = true
  assert.equal(result, 'done')
  assert.equal(costMs, 100)
  assert.ok(turns >= 100 / limits.httpSliceMs - 1, `${turns} turns`)
})

test('loopback has these addresses', () => {
  for (const address of ['127.0.0.1', '127.9.9.9', '::1', '::ffff:127.0.0.1']) assert.ok(isLoopback(address))
  for (const address of ['10.0.0.1', '128.0.0.1', '127.example', '::ffff:10.0.0.1', 'fe80::1', ''])
    assert.ok(!isLoopback(address), address)
})

/** Answers of a node to one who comes from this address. */
async function statuses(metrics: Readers, probes: Readers, from: string): Promise<number[]> {
  const { source, loop } = countedWorker()
  const routes = new Hono()
  addHealth(routes, () => 'ok')
  routes.get('/leader', (context) => context.text('me'))
  routes.get('/json', (context) => context.text('{}'))
  const app = withMonitoring(routes, new MetricsPage(source), { metrics, probes })
  const env = { incoming: { socket: { remoteAddress: from } } }
  const answers = ['/metrics', '/healthz', '/leader', '/json'].map((path) => app.request(path, {}, env))
  loop.close()
  return (await Promise.all(answers)).map(({ status }) => status)
}

test('the deployment file says who reads metrics and probes; other pages are not concerned', async () => {
  assert.deepEqual(await statuses('everyone', 'everyone', '10.0.0.1'), [200, 200, 200, 200])
  assert.deepEqual(await statuses('loopback', 'everyone', '10.0.0.1'), [403, 200, 200, 200])
  assert.deepEqual(await statuses('loopback', 'loopback', '::ffff:127.0.0.1'), [200, 200, 200, 200])
  assert.deepEqual(await statuses('everyone', 'loopback', '10.0.0.1'), [200, 403, 403, 200])
  assert.deepEqual(await statuses('nobody', 'nobody', '127.0.0.1'), [404, 404, 404, 200])
})

test('a real connection of this machine is loopback', async (t) => {
  const { source, loop } = countedWorker()
  const page = new MetricsPage(source)
  const server = await createHttpServer({
    host: '127.0.0.1',
    port: 0,
    routes: () => withMonitoring(new Hono(), page, { metrics: 'loopback', probes: 'nobody' }),
  })
  t.after(async () => {
    loop.close()
    await server.close()
  })
  const answer = await fetch(`http://127.0.0.1:${server.port}/metrics`)
  assert.equal(answer.status, 200)
  assert.equal(seriesValue(await answer.text(), 'firesteel_worker_epoch'), 3)
})

test('an application gives its tasks by state and outcome', async () => {
  const stats = { done: 7, failed: 1, cancelled: 2, retried: 3, lost: 4, dropped: 5, executors: 2 }
  const now = { live: 9, running: 2, atExecutors: 3, waiting: 4 }
  const text = await new MetricsPage(countedApplication({ ...stats, ...now })).text()
  const tasks = (name: string, labels: Record<string, string>) => seriesValue(text, name, labels)
  assert.equal(tasks('firesteel_tasks', { state: 'running' }), 2)
  assert.equal(tasks('firesteel_tasks', { state: 'at_executors' }), 3)
  assert.equal(tasks('firesteel_tasks', { state: 'waiting' }), 4)
  assert.equal(tasks('firesteel_tasks_ended_total', { outcome: 'done' }), 7)
  assert.equal(tasks('firesteel_tasks_ended_total', { outcome: 'failed' }), 1)
  assert.equal(tasks('firesteel_tasks_ended_total', { outcome: 'cancelled' }), 2)
  assert.equal(tasks('firesteel_task_repetitions_total', { reason: 'failure' }), 3)
  assert.equal(tasks('firesteel_task_repetitions_total', { reason: 'loss' }), 4)
  assert.equal(seriesValue(text, 'firesteel_task_results_dropped_total'), 5)
  assert.equal(seriesValue(text, 'firesteel_application_executors'), 2)
})

test('a message of a former leadership that was refused with StaleEpoch is a refused epoch', async (t) => {
  const { source, system, loop } = countedWorker()
  t.after(() => loop.close())
  system.messages.of('StaleEpoch').sent += 2
  assert.equal(seriesValue(await new MetricsPage(source).text(), 'firesteel_refused_epochs_total'), 2)
})
