import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DispatchCore } from '../../actors/tasks/dispatch-core.js'
import type { DispatchEffect, DispatchInput, ExecutorUpdate } from '../../actors/tasks/dispatch-types.js'

/* Executors on a drained Worker (DECOMMISSIONED): they get nothing new, finish, and end. */

const reason = 'its Worker is drained: a new kernel'
const body = new Uint8Array(0)

class Bench {
  readonly core = new DispatchCore(() => 0.5)
  effects: DispatchEffect[] = []

  do(input: DispatchInput): void {
    this.effects.push(...this.core.step(input, { monotonicMs: 0 }))
  }

  up(execId: number, tasksPerCore = 1): void {
    const executor = { execId, workerId: 'w', host: 'h', cores: 1, tasksPerCore }
    this.do({ kind: 'executorAdded', executor })
    this.do({ kind: 'hello', executor })
    this.do({ kind: 'held', execId, attempts: [] })
  }

  submit(count: number): void {
    const spec = (taskId: number) => ({ taskId, group: 1, retries: 3, inputBytes: 10 })
    this.do({ kind: 'submit', tasks: Array.from({ length: count }, (_, index) => spec(index + 1)) })
  }

  update(execId: number, update: Partial<ExecutorUpdate>): void {
    this.do({
      kind: 'executorUpdated',
      update: { execId, state: 'DECOMMISSIONED', message: reason, ...update },
    })
  }

  value(execId: number, taskId: number): void {
    this.do({ kind: 'results', execId, results: [{ taskId, n: 1, status: 'value', body }] })
  }

  of<K extends DispatchEffect['kind']>(kind: K): Extract<DispatchEffect, { kind: K }>[] {
    return this.effects.filter((effect) => effect.kind === kind) as Extract<DispatchEffect, { kind: K }>[]
  }

  /** What happened since the last look. */
  take(): DispatchEffect[] {
    return this.effects.splice(0)
  }
}

test('an idle executor ends at once: it is told to exit, and the Master to kill it', () => {
  const bench = new Bench()
  bench.up(0)
  bench.update(0, {})
  assert.deepEqual(
    bench.of('refuse').map(({ execId, reason: why }) => [execId, why]),
    [[0, reason]],
  )
  assert.deepEqual(
    bench.of('killExecutor').map(({ execId }) => execId),
    [0],
  )
  assert.deepEqual(
    bench.of('log').map(({ level, text }) => [level, text]),
    [['info', 'an executor was given back']],
  )
})

test('a busy one gets nothing new, gives back what has not begun, finishes the rest and ends', () => {
  const bench = new Bench()
  bench.up(0, 4)
  bench.submit(4)
  const given = bench.of('run').flatMap(({ attempts }) => attempts.map(({ taskId }) => taskId))
  assert.ok(given.length > 1, 'some tasks wait there')
  bench.do({ kind: 'started', execId: 0, attempts: [{ taskId: 1, n: 1 }] })
  bench.take()
  bench.update(0, {})
  assert.equal(bench.of('event')[0]?.event.name, 'executorLeaving')
  assert.deepEqual(
    bench.of('recall').map(({ execId, count }) => [execId, count]),
    [[0, given.length]],
  )
  const waiting = given.filter((taskId) => taskId !== 1).map((taskId) => ({ taskId, n: 1 }))
  bench.do({ kind: 'returned', execId: 0, attempts: waiting })
  assert.deepEqual(bench.of('killExecutor'), [], 'a task runs there')
  assert.equal(bench.of('recall').length, 1)
  bench.up(1)
  assert.ok(bench.of('run').every(({ execId }) => execId === 1))
  bench.value(0, 1)
  assert.deepEqual(
    bench.of('killExecutor').map(({ execId }) => execId),
    [0],
  )
  assert.ok(bench.of('settle').every(({ outcome }) => outcome.repetitions.length === 0))
})

test('what is cut off at the deadline runs again, and is not charged for it', () => {
  const bench = new Bench()
  bench.up(0)
  bench.submit(1)
  bench.do({ kind: 'started', execId: 0, attempts: [{ taskId: 1, n: 1 }] })
  bench.update(0, {})
  for (let execId = 0; execId < 4; execId++) {
    const message = `${reason}; its deadline has passed`
    bench.update(execId, { state: 'LOST', message, workerHost: 'h' })
    bench.up(execId + 1)
    bench.update(execId + 1, {})
  }
  assert.equal(bench.core.stats.quarantined, 0)
  const causes = bench
    .of('event')
    .flatMap(({ event }) => (event.name === 'taskRepeated' ? [event.cause] : []))
  assert.deepEqual(new Set(causes), new Set([`executor lost: ${reason}; its deadline has passed`]))
})

test('one that stays after all takes tasks again', () => {
  const bench = new Bench()
  bench.up(0)
  bench.submit(1)
  bench.update(0, {})
  bench.update(0, { state: 'RUNNING', message: undefined })
  bench.value(0, 1)
  assert.deepEqual(bench.of('killExecutor'), [])
  bench.do({ kind: 'submit', tasks: [{ taskId: 9, group: 1, retries: 3, inputBytes: 10 }] })
  assert.ok(bench.of('run').some(({ attempts }) => attempts.some(({ taskId }) => taskId === 9)))
})

test('a recall that is lost with its link is repeated on the next one', () => {
  const bench = new Bench()
  bench.up(0)
  bench.submit(3)
  bench.update(0, {})
  bench.do({ kind: 'linkDown', execId: 0, reason: 'cut' })
  bench.take()
  const executor = { execId: 0, workerId: 'w', host: 'h', cores: 1 }
  bench.do({ kind: 'hello', executor })
  const attempts = [1, 2, 3].map((taskId) => ({ taskId, n: 1 }))
  bench.do({ kind: 'held', execId: 0, attempts })
  assert.equal(bench.of('recall').length, 1)
})

test('maxTasks: an executor gets no more than that, ends after the last one, and loses none', () => {
  const bench = new Bench()
  const executor = { execId: 0, workerId: 'w', host: 'h', cores: 1, tasksPerCore: 4, maxTasks: 3 }
  bench.do({ kind: 'executorAdded', executor })
  bench.do({ kind: 'hello', executor })
  bench.do({ kind: 'held', execId: 0, attempts: [] })
  bench.submit(5)
  const given = () => bench.of('run').flatMap(({ attempts }) => attempts.map(({ taskId }) => taskId))
  assert.deepEqual(given(), [1, 2, 3])
  bench.do({ kind: 'returned', execId: 0, attempts: [{ taskId: 3, n: 1 }] })
  assert.deepEqual(given(), [1, 2, 3, 3], 'what came back unstarted does not count')
  for (const taskId of [1, 2, 3]) {
    assert.deepEqual(bench.of('killExecutor'), [])
    bench.value(0, taskId)
  }
  assert.deepEqual(bench.of('killExecutor'), [{ kind: 'killExecutor', execId: 0, leaves: true }])
  bench.up(1, 4)
  assert.deepEqual(given().slice(-2), [4, 5])
  assert.equal(bench.core.stats.lost, 0)
})
