import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createTestCluster } from '../harness/index.js'
import { waitUntil } from '../harness/wait-until.js'
import type * as Tasks from './metrics-tasks.js'

/* Executors remember their conversation with their driver, and a trace has it in causal order. */

interface Line {
  readonly message: string
  readonly from: string
  readonly to: string
  readonly id: number
  readonly trace: number
  readonly parent: number | null
  readonly payload?: { readonly execId?: number; readonly tasks?: number; readonly detail?: string }
}

const TASKS = 3000

test('the trace of an application has its executors: launch, link, batches as counts, and their ends', async () => {
  await using cluster = await createTestCluster({ workers: 1, cores: 2 })
  await using app = await cluster.connect({
    name: 'traced',
    cores: 2,
    executor: { cores: 1, memory: '128m' },
  })
  const ready = new Set<number>()
  app.on('executorReady', ({ id }) => ready.add(id))
  const tasks = app.tasks<typeof Tasks>(new URL('./metrics-tasks.js', import.meta.url))
  await tasks.double(1)
  await waitUntil('two executors', () => ready.size === 2)
  let done = 1
  for await (const _ of app.map(tasks.double, Array(TASKS - 1).keys())) done++
  assert.equal(done, TASKS)
  const traced = async (...options: string[]): Promise<Line[]> => {
    const { code, stdout, stderr } = await cluster.cli(['trace', '--json', '--payloads', ...options])
    assert.equal(code, 0, stderr)
    return stdout
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line) as Line)
  }
  const lines = await traced('--app', 'traced')
  const ofExecutor = (id: number, message: string): Line[] =>
    lines.filter((line) => line.message === message && line.payload?.execId === id)

  for (const { id } of app.executors) {
    const launch = lines.find(
      ({ message, payload }) => message === 'LaunchExecutor' && payload?.execId === id,
    )!
    const [started] = ofExecutor(id, 'ExecutorStarted') as [Line]
    assert.deepEqual([started.parent, started.trace], [launch.id, launch.trace])
    const hellos = ofExecutor(id, 'ExecutorHello')
    assert.equal(hellos.length, 1, 'both ends remember it, and it is one message')
    const [hello] = hellos as [Line]
    assert.equal(hello.parent, started.id)
    assert.match(hello.from, new RegExp(`/user/${app.id}/${id}$`))
    assert.match(hello.to, /\/user\/ClientEndpoint$/)
    const order = ['LaunchExecutor', 'ExecutorStarted', 'ExecutorHello', 'ExecutorWelcome', 'TasksGiven']
    const places = order.map((message) =>
      lines.findIndex((line) => line.message === message && line.payload?.execId === id),
    )
    assert.ok(
      places[0]! >= 0 && places.every((place, at) => at === 0 || place > places[at - 1]!),
      `${places}`,
    )
    assert.equal(ofExecutor(id, 'ExecutorWelcome').length, 1)
  }
  const sumOf = (message: string): number =>
    lines.filter((line) => line.message === message).reduce((sum, { payload }) => sum + payload!.tasks!, 0)
  assert.equal(sumOf('TaskResults'), TASKS)
  assert.ok(sumOf('TasksGiven') >= TASKS)
  const batches = lines.filter(({ message }) => message === 'TaskResults').length
  assert.ok(batches < 50, `${batches} entries for ${TASKS} tasks`)

  // What a gone executor said stands at its driver.
  const [first] = app.executors
  await app.killExecutors([first!.id])
  const end = await waitUntil('its link has ended', async () =>
    (await traced('--app', app.id)).find(
      ({ message, payload }) => message === 'ExecutorLinkDown' && payload?.execId === first!.id,
    ),
  )
  assert.ok((end.payload as { results: number }).results > 0)
})
