import assert from 'node:assert/strict'
import { mkdir, readFile, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { waitUntil } from '../harness/wait-until.js'
import { firesteel, folder, startUp } from '../tools/command-fixture.js'
import { type CollectedSpan, OtlpCollector } from '../tools/otlp-collector.js'

/*
 * Spans of real processes, at an endpoint that checks them against the schema of OTLP: nodes with
 * tracing.otlp, a supervised driver and its tasks with an SDK of their own.
 */

const program = fileURLToPath(new URL('./telemetry-driver.js', import.meta.url))
const CALLER = { traceId: '0af7651916cd43dd8448eb211c80319c', spanId: 'b7ad6b7169203331' }
const TRACEPARENT = `00-${CALLER.traceId}-${CALLER.spanId}-01`
const CLIENT = 3
const SERVER = 2
const ERROR = 2

const clusterWith = (otlp: string): string => `
cluster: traced
recovery: {mode: FILESYSTEM}
masters: [{name: m1, port: 0, web: 0}]
workers: [{name: w1, port: 0, web: 0, cores: 4, memory: 2g}]
tracing: {otlp: "${otlp}"}
logging: {level: info, format: json}
`

test('a submission, its driver, its tasks, a retry, a map and a supervised restart are trees with links', async (t) => {
  await using collector = await OtlpCollector.start()
  const cwd = await folder(t, { 'c.yaml': clusterWith(collector.url) })
  const up = await startUp(t, cwd, ['c.yaml'])
  await up.ready()
  const submit = ['submit', '--wait', '--supervise', '--memory', '256m']
  const environment = ['--env', `COLLECTOR=${collector.url}`, '--env', 'SERVICE=driver']
  const ran = await firesteel([...submit, ...environment, program], { cwd, env: { TRACEPARENT } })
  assert.equal(ran.code, 0, ran.stderr)
  up.signal('SIGTERM')
  await up.exited

  const line =
    up
      .stderr()
      .split('\n')
      .find((text) => text.includes('driver submitted')) ?? '{}'
  assert.equal((JSON.parse(line) as { traceId?: string }).traceId, CALLER.traceId, 'the log names the trace')
  const { problems } = collector
  assert.deepEqual(problems, [])
  const spans = await waitUntil('all spans to arrive', () =>
    collector.named('run driver').length === 2 ? collector.spans : undefined,
  )
  const one = (name: string, of: (span: CollectedSpan) => boolean = () => true): CollectedSpan => {
    const found = spans.filter((span) => span.name === name && of(span))
    assert.equal(found.length, 1, `${name}: ${JSON.stringify(found)}`)
    return found[0] as CollectedSpan
  }
  const child = (span: CollectedSpan, parent: Pick<CollectedSpan, 'traceId' | 'spanId'>): void => {
    assert.deepEqual(
      [span.traceId, span.parentSpanId, span.links],
      [parent.traceId, parent.spanId, []],
      `${span.name} is no child`,
    )
  }
  const linked = (span: CollectedSpan, to: Pick<CollectedSpan, 'traceId' | 'spanId'>): void => {
    assert.deepEqual([span.parentSpanId, span.links], ['', [{ traceId: to.traceId, spanId: to.spanId }]])
    assert.notEqual(span.traceId, to.traceId)
  }

  // submit -> persist -> launch -> run
  const submitted = one('Master/RequestSubmitDriver')
  child(submitted, CALLER)
  assert.equal(submitted.kind, SERVER)
  assert.equal(submitted.service, 'firesteel-master')
  assert.ok(String(submitted.attributes['firesteel.driver.id']).startsWith('driver-'))
  child(
    one('persist', ({ parentSpanId }) => parentSpanId === submitted.spanId),
    submitted,
  )
  const attempt = (number: number) => (span: CollectedSpan) => span.attributes['firesteel.attempt'] === number
  const launched = one('launch driver', attempt(1))
  child(launched, submitted)
  const first = one('run driver', attempt(1))
  child(first, launched)
  assert.deepEqual([first.attributes['process.exit.code'], first.status], [1, ERROR])

  // A supervised restart
  const again = one('launch driver', attempt(2))
  linked(again, submitted)
  const second = one('run driver', attempt(2))
  child(second, again)
  assert.equal(second.attributes['process.exit.code'], 0)

  // An application of each attempt, with its executor; the program's own spans begin traces of their own.
  for (const run of [first, second]) {
    const registered = one('Master/RegisterApplication', ({ traceId }) => traceId === run.traceId)
    child(registered, run)
    const executor = one('launch executor', ({ traceId }) => traceId === run.traceId)
    child(executor, registered)
    child(
      one('run executor', ({ traceId }) => traceId === run.traceId),
      executor,
    )
  }
  const works = spans.filter(({ name }) => name === 'work')
  assert.equal(works.length, 2)
  for (const work of works) theTasksOf(work, spans, { child, linked })
})

test('what an SDK of a task has batched is sent before its thread ends with the application', async (t) => {
  await using collector = await OtlpCollector.start()
  const cwd = await folder(t, { 'c.yaml': clusterWith(collector.url) })
  const up = await startUp(t, cwd, ['c.yaml'])
  await up.ready()
  const environment = [`COLLECTOR=${collector.url}`, 'SERVICE=driver', 'BATCHED=1'].flatMap((each) => [
    '--env',
    each,
  ])
  await firesteel(['submit', '--wait', '--supervise', '--memory', '256m', ...environment, program], { cwd })
  // Two attempts of the driver, each with five such tasks in an executor of its own. A batch waits for 5 s.
  const spans = await waitUntil('the spans of all tasks', () => {
    const found = collector.spans.filter(({ name }) => name.startsWith('user '))
    return found.length >= 10 ? found : undefined
  })
  assert.deepEqual(new Set(spans.map(({ service }) => service)), new Set(['tasks']))
  assert.deepEqual(collector.problems, [])
})

test('the example of docs/telemetry.md traces a task at both ends', async (t) => {
  await using collector = await OtlpCollector.start()
  const root = fileURLToPath(new URL('../../../', import.meta.url))
  const page = await readFile(join(root, 'docs/telemetry.md'), 'utf8')
  const [, example = ''] = /```ts\n(\/\/ telemetry\.ts,[\s\S]*?)```/.exec(page) ?? []
  const url = 'http://127.0.0.1:4318'
  assert.ok(example.includes(url), 'the page shows a program with a collector')
  const cwd = await folder(t, {
    'c.yaml': clusterWith(collector.url),
    'telemetry.mjs': example.replace(url, collector.url),
    'tasks.mjs': "import './telemetry.mjs'\nexport const hello = async (name) => 'hello ' + name\n",
    'main.mjs': `import './telemetry.mjs'
import { connect } from 'firesteel'
const app = await connect({ cores: 1, executor: { cores: 1, memory: '128m' } })
const { hello } = app.tasks(new URL('./tasks.mjs', import.meta.url))
if ((await hello('you')) !== 'hello you') process.exitCode = 1
await app.close()
`,
  })
  await mkdir(join(cwd, 'node_modules'))
  await symlink(root, join(cwd, 'node_modules/firesteel'))
  await symlink(join(root, 'node_modules/@opentelemetry'), join(cwd, 'node_modules/@opentelemetry'))
  const up = await startUp(t, cwd, ['c.yaml'])
  await up.ready()
  const ran = await firesteel(['submit', '--wait', '--memory', '256m', join(cwd, 'main.mjs')], { cwd })
  assert.equal(ran.code, 0, ran.stderr)
  const [call, run] = await waitUntil('both spans', () => {
    const found = collector.named('tasks.mjs/hello').toSorted((a, b) => b.kind - a.kind)
    return found.length === 2 ? found : undefined
  })
  assert.deepEqual([call!.kind, run!.kind], [CLIENT, SERVER])
  assert.deepEqual([run!.traceId, run!.parentSpanId], [call!.traceId, call!.spanId])
  assert.deepEqual(collector.problems, [])
})

interface Relations {
  child(span: CollectedSpan, parent: CollectedSpan): void
  linked(span: CollectedSpan, to: CollectedSpan): void
}

function theTasksOf(
  work: CollectedSpan,
  spans: readonly CollectedSpan[],
  { child, linked }: Relations,
): void {
  const childrenOf = (parent: CollectedSpan) =>
    spans.filter(({ parentSpanId }) => parentSpanId === parent.spanId)
  const linkedTo = (to: CollectedSpan) =>
    spans.filter(({ links }) => links.some(({ spanId }) => spanId === to.spanId))
  const METHOD = 'telemetry-tasks.js/traced'
  const runOf = (task: CollectedSpan): CollectedSpan => {
    const [run, ...more] = childrenOf(task)
    assert.ok(run !== undefined && more.length === 0, JSON.stringify(task))
    assert.deepEqual([run.name, run.kind, run.service], [task.name, SERVER, 'tasks'])
    child(run, task)
    return run
  }
  const userSpanOf = (task: CollectedSpan): string => {
    const [user, ...more] = childrenOf(runOf(task))
    assert.ok(user !== undefined && more.length === 0)
    return user.name
  }

  // Two calls, side by side in one thread. Each is a child of the caller, with the user's span under it.
  const calls = childrenOf(work)
  const traced = calls.filter(({ name }) => name === METHOD)
  assert.deepEqual(
    traced.map(({ kind }) => kind),
    [CLIENT, CLIENT],
  )
  assert.deepEqual(traced.map(userSpanOf).toSorted(), ['user 1', 'user 2'])

  // A retry: the second attempt is a trace of its own.
  const [failing, ...others] = calls.filter(({ name }) => name !== METHOD)
  assert.ok(failing !== undefined && others.length === 0)
  assert.deepEqual([failing.events, failing.status], [['firesteel.task.repeated'], 0])
  assert.equal(runOf(failing).attributes['error.type'], 'RangeError')
  const [retry, ...further] = linkedTo(failing)
  assert.ok(retry !== undefined && further.length === 0)
  linked(retry, failing)
  assert.equal(runOf(retry).status, 0)

  // A map: each task is a trace of its own.
  const mapped = linkedTo(work)
  assert.equal(new Set(mapped.map(({ traceId }) => traceId)).size, 3)
  for (const task of mapped) linked(task, work)
  assert.deepEqual(mapped.map(userSpanOf).toSorted(), ['user 11', 'user 12', 'user 13'])
}
