import assert from 'node:assert/strict'
import { test } from 'node:test'
import { TaskStreams } from '../../actors/master/task-streams.js'
import { violation } from '../../actors/messages/catalogue.js'
import { encodeError } from '../../actors/messages/task-error.js'
import { durationBoundsMs, type TaskSummary } from '../../actors/messages/task-summary.js'
import type { TaskEnd } from '../../actors/tasks/dispatch-types.js'
import { TaskSummaries } from '../../actors/tasks/task-summaries.js'
import { innerLimits } from '../../runtime/inner-limits.js'
import { limits } from '../../runtime/limits.js'
import { MasterWorld } from '../tools/master-fixture.js'
import { attacks } from '../tools/page-attacks.js'

/* What a driver tells its Master of its tasks, and what the Master keeps of it. */

const appId = 'app-1'
const stats = {
  ...{ dispatched: 0, executed: 0, accepted: 0, failed: 0, cancelled: 0, quarantined: 0, unknown: 0 },
  ...{ retried: 0, lost: 0, dropped: 0, recalled: 0, running: 0, atExecutors: 0, waiting: 0 },
}
const value: TaskEnd = { kind: 'value', body: new Uint8Array() }
const failed = (error: unknown): TaskEnd => ({ kind: 'failed', cause: 'failure', body: encodeError(error) })

const message = (summary: TaskSummary, of = appId) =>
  ({ type: 'TasksSummarized', appId: of, ...summary }) as const

/** A driver's tasks, each with how long it takes and how it ends. */
class Driver {
  readonly summaries = new TaskSummaries(0)
  nowMs = 0
  next = 1
  accepted = 0
  failed = 0

  run(ms: number, end: TaskEnd = value, name = 'work', attempts = 1): void {
    this.end(this.next++, ms, end, name, attempts)
  }

  end(taskId: number, ms: number, end: TaskEnd, name = 'work', attempts = 1): void {
    if (end.kind === 'value') this.accepted++
    else this.failed++
    const given = { execId: 7, atMs: this.nowMs }
    this.summaries.ended({ taskId, end, attempts, repetitions: [] }, name, given, this.nowMs + ms)
  }

  take(): TaskSummary | undefined {
    const { accepted, failed } = this
    return this.summaries.take({ ...stats, accepted, failed }, this.nowMs)
  }
}

test('a session of a million tasks: the driver and the Master keep a few KiB, and every task is counted', () => {
  const driver = new Driver()
  const streams = new TaskStreams()
  const [tasks, window, perSecond] = [1_000_000, 256, 500]
  let mostBytes = 0
  let mostMoments = 0
  for (let first = 1; first <= tasks; first += window) {
    const batch = Array.from({ length: Math.min(window, tasks + 1 - first) }, (_, at) => ({
      taskId: first + at,
    }))
    for (const { taskId } of batch) {
      if (taskId % 100 === 0) driver.summaries.repeated('executor lost: it died')
      const fails = taskId % 1000 === 0
      driver.end(taskId, taskId % 3000, fails ? failed(new Error(`task ${taskId}`)) : value)
    }
    driver.nowMs += (1000 * window) / perSecond
    const summary = driver.take()
    if (!summary) continue
    mostBytes = Math.max(mostBytes, JSON.stringify(message(summary)).length)
    streams.add(message(summary), { wallMs: 1e12 + driver.nowMs })
    mostMoments = Math.max(mostMoments, streams.of(appId)!.moments.length)
  }
  const stream = streams.of(appId)!
  const { summary, moments } = stream
  assert.equal(summary.done + summary.failed, tasks)
  assert.equal(
    summary.durations.reduce((sum, count) => sum + count, 0),
    tasks,
  )
  assert.equal(summary.retries.executorLost, tasks / 100)
  assert.deepEqual(
    summary.slowest.map(({ ms }) => ms),
    Array(limits.summaryTasks).fill(2999),
  )
  assert.deepEqual(
    summary.failures.map(({ error }) => error),
    Array.from({ length: limits.summaryTasks }, (_, at) => `task ${tasks - 1000 * at}`),
  )
  assert.ok(mostBytes < 4096, `${mostBytes} bytes`)
  assert.ok(mostMoments <= innerLimits.taskMoments, `${mostMoments} moments`)
  assert.ok(moments.length >= innerLimits.taskMoments / 2 - 1)
  // The picture goes back to the beginning, and has lost nothing since the first summary.
  const lengthOf = ({ fromMs, toMs }: { fromMs: number; toMs: number }): number => toMs - fromMs
  assert.ok(lengthOf(moments[0]!) > 10 * lengthOf(moments.at(-1)!))
  assert.equal(
    moments.reduce((sum, { ended }) => sum + ended, 0),
    tasks - window,
  )
  assert.ok(JSON.stringify(stream).length < 16 * 1024, `${JSON.stringify(stream).length} bytes`)
})

test('a Master keeps those applications that it heard last, whatever it hears', () => {
  const driver = new Driver()
  for (let ms = 0; ms < 100; ms++)
    driver.run(10 ** (ms / 13), failed(new Error('x'.repeat(500))), 'f'.repeat(200))
  const summary = driver.take()!
  const streams = new TaskStreams()
  const most = limits.summaryApplications
  for (let second = 0; second < 130; second++) {
    const changed = { ...summary, done: second }
    streams.add(message(changed, 'app-0'), { wallMs: second * 1000 })
  }
  for (let app = 1; app < 3 * most; app++) streams.add(message(summary, `app-${app}`), { wallMs: 130_000 })
  assert.equal(streams.size, most)
  assert.equal(streams.of('app-0'), undefined)
  assert.ok(streams.of(`app-${3 * most - 1}`))
  // As JSON, and at most. The limit says so.
  const bytes =
    JSON.stringify(message(summary)).length +
    JSON.stringify({ fromMs: 1e13, toMs: 1e13, ended: 1e6, retries: 1e6 }).length * innerLimits.taskMoments
  assert.ok(bytes * most < 16 * 1024 * 1024, `${bytes} bytes of each`)
})

test('a flood of summaries makes no more moments than two in a second, and nothing is lost', () => {
  const streams = new TaskStreams()
  const driver = new Driver()
  for (let at = 0; at < 1000; at++) {
    driver.run(1)
    driver.nowMs += 10
    streams.add(message(driver.take()!), { wallMs: driver.nowMs })
  }
  const { moments } = streams.of(appId)!
  assert.ok(moments.length <= 20, `${moments.length} moments in 10 s`)
  assert.equal(
    moments.reduce((sum, { ended }) => sum + ended, 0),
    999,
  )
})

test('a quiet while is a gap between two moments, and a clock that is set back is none', () => {
  const streams = new TaskStreams()
  const driver = new Driver()
  const second = (tasks: number): void => {
    for (let task = 0; task < tasks; task++) driver.run(1)
    driver.nowMs += 1000
    const summary = driver.take()
    if (summary) streams.add(message(summary), { wallMs: 1e12 + driver.nowMs })
  }
  for (const tasks of [5, 5, 0, 0, 0, 7]) second(tasks)
  const { moments } = streams.of(appId)!
  assert.deepEqual(
    moments.map(({ fromMs, toMs, ended }) => [fromMs - 1e12, toMs - 1e12, ended]),
    [
      [1000, 2000, 5],
      [5000, 6000, 7],
    ],
  )
  driver.run(1)
  streams.add(message(driver.take()!), { wallMs: 1e12 - 99_000 })
  driver.nowMs += 5000
  driver.run(1)
  streams.add(message(driver.take()!), { wallMs: 1e12 - 94_000 })
  const later = streams.of(appId)!.moments
  assert.ok(later.every(({ fromMs, toMs }, at) => fromMs < toMs && fromMs >= (later[at - 1]?.toMs ?? 0)))
  assert.equal(
    later.reduce((sum, { ended }) => sum + ended, 0),
    14,
  )
})

test('nothing is told twice, and a new leader is told all at once', () => {
  const driver = new Driver()
  driver.run(3)
  driver.nowMs = 1000
  const first = driver.take()
  assert.equal(first?.overMs, 1000)
  driver.nowMs = 2000
  assert.equal(driver.take(), undefined)
  driver.summaries.forget()
  driver.nowMs = 3000
  assert.deepEqual(driver.take(), first)
})

test('durations are counted in their span', () => {
  const driver = new Driver()
  let counted: readonly number[] = []
  const spanOf = (ms: number): number => {
    driver.run(ms)
    const before = counted
    counted = driver.take()!.durations
    return counted.findIndex((count, at) => count > (before[at] ?? 0))
  }
  assert.deepEqual([0, 0.9, 1, 1.9, 2, 4.9, 500, 1e9].map(spanOf), [
    0,
    0,
    1,
    1,
    2,
    2,
    9,
    durationBoundsMs.length,
  ])
})

test('what a driver says is always a sound message: texts are cut, and lone halves of characters are let be', () => {
  for (const text of [...attacks, 'x'.repeat(1e5), '\ud83d\ude00'.repeat(400), '']) {
    const driver = new Driver()
    driver.run(1, failed(Object.assign(new Error(text), { name: text })), text)
    driver.run(1, { kind: 'quarantined', executors: Array.from({ length: 999 }, (_, at) => at) }, text)
    driver.run(1, { kind: 'unknown', lost: 'thread', why: text }, text)
    const told = message(driver.take()!)
    assert.equal(violation('master', told), undefined, text.slice(0, 40))
    assert.equal(told.failures.length, 3)
  }
  const driver = new Driver()
  driver.run(1)
  const told = message(driver.take()!)
  for (const odd of [
    { ...told, done: -1 },
    { ...told, overMs: 0 },
    { ...told, durations: Array(99).fill(1) },
    { ...told, slowest: Array(99).fill(told.slowest[0]) },
    { ...told, retries: {} },
    { ...told, failures: [{ function: 'f', task: 1, attempts: 1, error: 'e'.repeat(301) }] },
  ])
    assert.notEqual(violation('master', odd), undefined)
})

test('only an application itself, while its Master leads, speaks of its tasks', () => {
  const world = new MasterWorld()
  const driver = new Driver()
  driver.run(1)
  const streams = new TaskStreams()
  const now = { wallMs: 1, monotonicMs: 1 }
  streams.hear(world.core.cluster, 'a1', message(driver.take()!), now)
  assert.equal(streams.size, 0)
  world.elect()
  world.worker('w1')
  world.application('a1')
  const [app] = world.core.cluster!.apps.values()
  driver.run(1)
  const own = message(driver.take()!, app!.id)
  streams.hear(world.core.cluster, 'another', own, now)
  streams.hear(world.core.cluster, app!.record.endpoint, { ...own, appId: 'app-none' }, now)
  assert.equal(streams.size, 0)
  streams.hear(world.core.cluster, app!.record.endpoint, own, now)
  assert.equal(streams.of(app!.id)?.summary.done, 2)
})
