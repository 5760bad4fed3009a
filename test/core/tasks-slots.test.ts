import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DispatchCore } from '../../actors/tasks/dispatch-core.js'
import type { DispatchEffect, DispatchInput, TaskOutcome } from '../../actors/tasks/dispatch-types.js'
import { limits } from '../../runtime/limits.js'

/* Executors that run several tasks on each core, as the driver sees them. */

const none = new Uint8Array(0)

class Driver {
  readonly core = new DispatchCore(() => 0.5)
  readonly effects: DispatchEffect[] = []
  nowMs = 0

  do(input: DispatchInput): void {
    this.effects.push(...this.core.step(input, { monotonicMs: this.nowMs }))
  }

  up(execId: number, cores: number, tasksPerCore: number): void {
    const executor = { execId, workerId: 'w', host: 'h', cores, tasksPerCore }
    this.do({ kind: 'executorAdded', executor })
    this.do({ kind: 'hello', executor })
    this.do({ kind: 'held', execId, attempts: [] })
  }

  submit(count: number, { retries = 3, group = 1, from = 1 } = {}): void {
    const tasks = Array.from({ length: count }, (_, index) => ({
      taskId: from + index,
      group,
      retries,
      inputBytes: 10,
    }))
    this.do({ kind: 'submit', tasks })
  }

  /** The tasks that this executor holds, as the newest run of each says. */
  at(execId: number): { taskId: number; n: number }[] {
    const newest = new Map<number, { execId: number; n: number }>()
    for (const effect of this.effects) {
      if (effect.kind !== 'run') continue
      for (const { taskId, n } of effect.attempts) newest.set(taskId, { execId: effect.execId, n })
    }
    return [...newest].flatMap(([taskId, run]) =>
      run.execId === execId && this.end(taskId) === undefined ? [{ taskId, n: run.n }] : [],
    )
  }

  started(execId: number): void {
    this.do({ kind: 'started', execId, attempts: this.at(execId) })
  }

  lost(execId: number, taskIds: readonly number[], why: string): void {
    const results = this.at(execId)
      .filter(({ taskId }) => taskIds.includes(taskId))
      .map((key) => ({ ...key, status: 'lost' as const, body: Buffer.from(why) }))
    this.do({ kind: 'results', execId, results })
  }

  end(taskId: number): TaskOutcome | undefined {
    for (const effect of this.effects)
      if (effect.kind === 'settle' && effect.outcome.taskId === taskId) return effect.outcome
    return undefined
  }

  causes(taskId: number): string[] {
    return this.effects.flatMap((effect) =>
      effect.kind === 'event' && effect.event.name === 'taskRepeated' && effect.event.taskId === taskId
        ? [effect.event.cause]
        : [],
    )
  }
}

test('an executor gets as many tasks as all its cores run at once, and the window follows', () => {
  const driver = new Driver()
  driver.submit(100)
  driver.up(1, 2, 7)
  assert.equal(driver.at(1).length, 14)
  assert.equal(driver.core.window(), 14)
  driver.up(2, 1, limits.tasksPerCore)
  assert.equal(driver.at(2).length, 86)
  assert.equal(driver.core.window(), 14 + limits.tasksPerCore)
})

test('the window is never smaller than what runs at once, however large that is', () => {
  const driver = new Driver()
  const cores = 2 * Math.ceil(limits.taskWindow / limits.tasksPerCore)
  driver.up(1, cores, limits.tasksPerCore)
  assert.equal(driver.core.window(), cores * limits.tasksPerCore)
})

test('with retries: 0 no task waits at an executor for its turn', () => {
  const driver = new Driver()
  driver.up(1, 1, 3)
  driver.submit(50)
  for (let round = 0; round < 10; round++) {
    driver.nowMs += 2
    const results = driver.at(1).map((key) => ({ ...key, status: 'value' as const, body: none }))
    driver.do({ kind: 'results', execId: 1, results })
  }
  assert.ok(driver.core.window() > 3, 'it is fast')
  driver.submit(10, { retries: 0, from: 1001 })
  assert.equal(driver.at(1).length, 3)
})

test('a task that is lost with its thread runs again uncharged, and the cause is named', () => {
  const driver = new Driver()
  driver.up(1, 1, 2)
  driver.submit(2, { retries: 1 })
  driver.lost(1, [1], 'task 2 was cancelled, and did not end')
  driver.lost(1, [1], 'task 2 was cancelled, and did not end')
  assert.equal(driver.end(1), undefined)
  const cause = 'thread lost: task 2 was cancelled, and did not end'
  assert.deepEqual(driver.causes(1), [cause, cause])
  const { retried, lost, quarantined, failed } = driver.core.stats
  assert.deepEqual({ retried, lost, quarantined, failed }, { retried: 0, lost: 2, quarantined: 0, failed: 0 })
})

test('with retries: 0 it is not run again: its outcome is unknown, and the error names what was lost', () => {
  const driver = new Driver()
  driver.up(1, 1, 2)
  driver.submit(2, { retries: 0 })
  driver.lost(1, [1], 'its thread exited with code 3')
  assert.deepEqual(driver.end(1)?.end, {
    kind: 'unknown',
    lost: 'thread',
    why: 'its thread exited with code 3',
  })
})

test('who loses thread after thread runs alone the next time, and so gets to its end or is charged', () => {
  const driver = new Driver()
  driver.up(1, 1, 3)
  driver.submit(3)
  for (let time = 1; time <= limits.threadLosses; time++) {
    assert.equal(driver.at(1).length, 3, `time ${time}`)
    driver.lost(1, [1, 2, 3], 'nobody knows')
  }
  const given = driver.effects.findLast((effect) => effect.kind === 'run')
  assert.deepEqual(given?.attempts.map(({ taskId }) => taskId).length, 1)
})

test('of a crowd on a dead executor nobody runs alone at first; who was on two does, and on three is quarantined', () => {
  const driver = new Driver()
  driver.submit(8)
  const lastRuns = (): number =>
    driver.effects.findLast((effect) => effect.kind === 'run')?.attempts.length ?? 0
  driver.up(1, 1, 8)
  assert.equal(lastRuns(), 8)
  driver.started(1)
  driver.do({ kind: 'executorUpdated', update: { execId: 1, state: 'EXITED' } })
  driver.up(2, 1, 8)
  assert.equal(lastRuns(), 8)
  driver.started(2)
  driver.do({ kind: 'executorUpdated', update: { execId: 2, state: 'EXITED' } })
  driver.up(3, 1, 8)
  assert.equal(lastRuns(), 1)
  driver.do({ kind: 'executorUpdated', update: { execId: 3, state: 'EXITED' } })
  assert.equal(driver.core.stats.quarantined, 1)
})

test('what runs, waits at executors and waits here is told apart, and adds up', () => {
  const driver = new Driver()
  driver.submit(10)
  driver.submit(3, { group: 2, from: 101 })
  assert.deepEqual(driver.core.counts(), { running: 0, atExecutors: 0, waiting: 13 })
  driver.up(1, 2, 4)
  assert.deepEqual(driver.core.counts(), { running: 2, atExecutors: 6, waiting: 5 })
  driver.started(1)
  assert.deepEqual(driver.core.counts(), { running: 8, atExecutors: 0, waiting: 5 })
  assert.deepEqual(driver.core.counts(1), { running: 5, atExecutors: 0, waiting: 5 })
  assert.deepEqual(driver.core.counts(2), { running: 3, atExecutors: 0, waiting: 0 })
  driver.do({ kind: 'executorUpdated', update: { execId: 1, state: 'LOST' } })
  assert.deepEqual(driver.core.counts(), { running: 0, atExecutors: 0, waiting: 13 })
})

test('beside an idle core what has not begun is taken back, though it is within the slots', () => {
  const driver = new Driver()
  driver.up(1, 1, 8)
  driver.submit(6)
  const [first] = driver.at(1)
  // One task computes, and the others have not begun.
  if (first) driver.do({ kind: 'started', execId: 1, attempts: [first] })
  driver.up(2, 1, 8)
  assert.ok(
    driver.effects.some((effect) => effect.kind === 'startTimer' && effect.timer.kind === 'rebalance'),
  )
  driver.do({ kind: 'timer', timer: { kind: 'rebalance' } })
  const recall = driver.effects.findLast((effect) => effect.kind === 'recall')
  assert.deepEqual({ execId: recall?.execId, count: recall?.count }, { execId: 1, count: 3 })
})

test('tasks that have begun are left where they are, whoever idles', () => {
  const driver = new Driver()
  driver.up(1, 1, 8)
  driver.submit(6)
  driver.started(1)
  driver.up(2, 1, 8)
  assert.ok(
    !driver.effects.some((effect) => effect.kind === 'startTimer' && effect.timer.kind === 'rebalance'),
  )
})
