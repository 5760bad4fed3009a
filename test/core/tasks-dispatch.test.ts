import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DispatchCore } from '../../actors/tasks/dispatch-core.js'
import { keyOfTimer } from '../../actors/tasks/dispatch-timer.js'
import type {
  AttemptResult,
  DispatchEffect,
  DispatchInput,
  ExecutorUpdate,
  TaskEnd,
} from '../../actors/tasks/dispatch-types.js'
import { limits } from '../../runtime/limits.js'

const body = new Uint8Array(0)

/** Drives a core by hand: keeps what it has said. */
class Bench {
  readonly core = new DispatchCore(() => 0.5)
  readonly effects: DispatchEffect[] = []
  nowMs = 0

  do(input: DispatchInput): DispatchEffect[] {
    const effects = this.core.step(input, { monotonicMs: this.nowMs })
    this.effects.push(...effects)
    return effects
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

  /** Known to the Master, linked, holding nothing. */
  up(execId: number, cores = 1): void {
    const executor = { execId, workerId: 'w', host: 'h', cores }
    this.do({ kind: 'executorAdded', executor })
    this.do({ kind: 'hello', executor })
    this.do({ kind: 'held', execId, attempts: [] })
  }

  result(execId: number, taskId: number, status: AttemptResult['status'] = 'value', n?: number): void {
    const results = [{ taskId, n: n ?? this.lastRun(taskId).n, status, body }]
    this.do({ kind: 'results', execId, results })
  }

  update(update: ExecutorUpdate): void {
    this.do({ kind: 'executorUpdated', update })
  }

  runs(execId?: number): { execId: number; taskId: number; n: number }[] {
    return this.effects.flatMap((effect) =>
      effect.kind === 'run' && (execId === undefined || effect.execId === execId)
        ? effect.attempts.map(({ taskId, n }) => ({ execId: effect.execId, taskId, n }))
        : [],
    )
  }

  lastRun(taskId: number): { execId: number; n: number } {
    const run = this.runs().findLast((one) => one.taskId === taskId)
    assert.ok(run, `task ${taskId} was never run`)
    return run
  }

  end(taskId: number): TaskEnd['kind'] | undefined {
    const ends = this.effects.filter(
      (effect) => effect.kind === 'settle' && effect.outcome.taskId === taskId,
    ) as Extract<DispatchEffect, { kind: 'settle' }>[]
    assert.ok(ends.length <= 1, `task ${taskId} ended ${ends.length} times`)
    return ends[0]?.outcome.end.kind
  }

  causes(taskId: number): string[] {
    return this.effects.flatMap((effect) =>
      effect.kind === 'event' && effect.event.name === 'taskRepeated' && effect.event.taskId === taskId
        ? [effect.event.cause]
        : [],
    )
  }

  has(kind: DispatchEffect['kind'], execId: number): boolean {
    return this.effects.some(
      (effect) => effect.kind === kind && 'execId' in effect && effect.execId === execId,
    )
  }
}

test('one task per core is sent first, and more only as fast as they end', () => {
  const bench = new Bench()
  bench.submit(100)
  bench.up(1, 2)
  assert.equal(bench.runs().length, 2)
  // Two tasks in 10 ms: four in the 20 ms that are sent ahead.
  bench.nowMs = 10
  bench.do({
    kind: 'results',
    execId: 1,
    results: [1, 2].map((taskId) => ({ taskId, n: 1, status: 'value', body })),
  })
  assert.equal(bench.runs().length - 2, 2 + 4)
})

test('tasks longer than the prefetch are never sent ahead', () => {
  const bench = new Bench()
  bench.submit(100)
  bench.up(1, 1)
  for (let taskId = 1; taskId <= 20; taskId++) {
    bench.nowMs += 1000
    bench.result(1, taskId)
    assert.equal(bench.runs().length, taskId + 1)
  }
})

test('few tasks spread over all executors', () => {
  const bench = new Bench()
  for (const execId of [1, 2, 3]) bench.up(execId, 4)
  bench.submit(3)
  assert.deepEqual(new Set(bench.runs().map(({ execId }) => execId)), new Set([1, 2, 3]))
})

test('groups take turns; within a group the first comes first', () => {
  const bench = new Bench()
  bench.submit(3, { group: 1, from: 1 })
  bench.submit(3, { group: 2, from: 11 })
  bench.up(1, 1)
  for (let turn = 0; turn < 5; turn++) {
    bench.nowMs += 1000
    bench.result(1, (bench.runs().at(-1) as { taskId: number }).taskId)
  }
  assert.deepEqual(
    bench.runs().map(({ taskId }) => taskId),
    [1, 11, 2, 12, 3, 13],
  )
})

test('a failed task runs on another executor, 4 attempts in all, causes named', () => {
  const bench = new Bench()
  bench.up(1)
  bench.up(2)
  bench.submit(1)
  const first = bench.lastRun(1).execId
  bench.result(first, 1, 'failure')
  const second = bench.lastRun(1).execId
  assert.notEqual(second, first)
  bench.result(second, 1, 'timeout')
  bench.result(bench.lastRun(1).execId, 1, 'failure')
  assert.equal(bench.end(1), undefined)
  bench.result(bench.lastRun(1).execId, 1, 'failure')
  assert.equal(bench.end(1), 'failed')
  assert.equal(bench.runs().length, 4)
  assert.deepEqual(bench.causes(1), ['failure', 'timeout', 'failure'])
})

test('a failed task waits for the other executor even when its own is idle; alone it is run there again', () => {
  const bench = new Bench()
  bench.up(1)
  bench.up(2)
  bench.submit(2)
  const { execId } = bench.lastRun(1)
  bench.result(execId, 1, 'failure')
  assert.equal(bench.runs().length, 2, 'the other one is busy')
  bench.update({ execId: bench.lastRun(2).execId, state: 'EXITED' })
  assert.equal(bench.lastRun(1).execId, execId)
})

test('a failed task does not wait for ever for an executor that is busy', () => {
  const bench = new Bench()
  bench.up(1)
  bench.up(2)
  bench.submit(2)
  const { execId } = bench.lastRun(1)
  bench.result(execId, 1, 'failure')
  assert.equal(bench.runs().length, 2, 'the other one is busy')
  const timer = { kind: 'anywhere' } as const
  const ms = limits.retryElsewhereMs
  assert.deepEqual(
    bench.effects.filter((effect) => effect.kind === 'startTimer' && effect.timer.kind === timer.kind),
    [{ kind: 'startTimer', timer, ms }],
  )
  bench.do({ kind: 'timer', timer })
  assert.deepEqual(bench.runs().at(-1), { execId, taskId: 1, n: 2 })
})

test('where all executors are busy, a failed task goes before fresh ones, and does not wait for a free slot', () => {
  const bench = new Bench()
  bench.up(1)
  bench.up(2)
  bench.submit(200)
  // Short tasks: more of them are sent ahead.
  bench.nowMs = 1
  for (const execId of [1, 2]) bench.result(execId, bench.runs().find((run) => run.execId === execId)!.taskId)
  const held = (id: number) =>
    bench
      .runs()
      .filter(({ execId }) => execId === id)
      .slice(1)
  assert.ok(held(2).length > 2, 'the second holds more than it can run')
  const failed = held(1)[0]!.taskId
  bench.result(1, failed, 'failure')
  const given = bench.runs().length
  bench.nowMs = 2
  bench.result(2, held(2)[0]!.taskId)
  const ofSecond = bench
    .runs()
    .slice(given)
    .filter(({ execId }) => execId === 2)
  assert.deepEqual(ofSecond[0], { execId: 2, taskId: failed, n: 2 })
})

test('permanent failures are not retried; retries: 0 fails at once', () => {
  const bench = new Bench()
  bench.up(1, 2)
  bench.submit(1)
  bench.submit(1, { from: 2, retries: 0 })
  bench.result(1, 1, 'permanent')
  bench.result(1, 2, 'failure')
  assert.equal(bench.end(1), 'failed')
  assert.equal(bench.end(2), 'failed')
  assert.equal(bench.runs().length, 2)
})

test('a task whose module cannot be loaded is tried elsewhere without using up a retry, also with retries: 0', () => {
  const bench = new Bench()
  bench.up(1, 1)
  bench.up(2, 1)
  bench.submit(1, { retries: 0 })
  bench.result(1, 1, 'unloaded')
  assert.deepEqual(bench.runs().at(-1), { execId: 2, taskId: 1, n: 2 })
  bench.result(2, 1)
  assert.equal(bench.end(1), 'value')
  assert.deepEqual(bench.causes(1), [], 'it ran once: that is no repetition')
  const { retried, executed } = bench.core.stats
  assert.deepEqual({ retried, executed }, { retried: 0, executed: 1 })
})

test('where nobody else can try, or enough have tried, that is its error', () => {
  const alone = new Bench()
  alone.up(1, 1)
  alone.submit(1)
  alone.result(1, 1, 'unloaded')
  assert.equal(alone.end(1), 'failed')
  const many = new Bench()
  for (let execId = 1; execId <= 10; execId++) many.up(execId, 1)
  many.submit(1)
  let tries = 0
  while (many.end(1) === undefined) {
    many.result(many.lastRun(1).execId, 1, 'unloaded')
    tries++
  }
  assert.equal(many.end(1), 'failed')
  assert.equal(tries, limits.moduleExecutors)
})

test('a task whose module cannot be loaded waits for an executor that starts, however often it is tried', () => {
  for (const end of ['links', 'is lost'] as const) {
    const bench = new Bench()
    bench.up(2, 1)
    const executor = { execId: 1, workerId: 'w', host: 'h', cores: 1 }
    bench.do({ kind: 'executorAdded', executor })
    bench.submit(1, { retries: 0 })
    for (let tries = 0; tries < 2 * limits.moduleExecutors; tries++) {
      bench.result(2, 1, 'unloaded')
      assert.equal(bench.end(1), undefined, 'an executor is expected that may load it')
      bench.nowMs += limits.retryElsewhereMs
      bench.do({ kind: 'timer', timer: { kind: 'anywhere' } })
    }
    if (end === 'links') {
      bench.result(2, 1, 'unloaded')
      bench.up(1, 1)
      assert.equal(bench.lastRun(1).execId, 1)
      bench.result(1, 1)
      assert.equal(bench.end(1), 'value')
    } else {
      bench.update({ execId: 1, state: 'LOST', message: 'its Worker is gone' })
      bench.result(2, 1, 'unloaded')
      assert.equal(bench.end(1), 'failed')
    }
  }
})

test('with retries: 0 a task that is tried elsewhere waits for a free core too', () => {
  const bench = new Bench()
  bench.up(2, 1)
  bench.submit(20, { from: 11 })
  // It is fast, so that it would be sent more than it has cores.
  for (let taskId = 11; taskId <= 30; taskId++) {
    bench.nowMs += 2
    bench.result(2, taskId)
  }
  assert.ok(bench.core.window() > 1)
  bench.submit(1, { from: 50 })
  bench.up(1, 1)
  bench.submit(1, { retries: 0, from: 1 })
  bench.result(1, 1, 'unloaded')
  assert.equal(bench.lastRun(1).execId, 1)
  bench.result(2, 50)
  assert.equal(bench.lastRun(1).execId, 2)
})

test('results that are not of a current attempt are dropped and counted, and acknowledged all the same', () => {
  const bench = new Bench()
  bench.up(1)
  bench.up(2)
  bench.submit(1)
  const { execId } = bench.lastRun(1)
  bench.result(execId, 1, 'failure')
  const other = bench.lastRun(1).execId
  bench.result(execId, 1, 'value', 1)
  assert.equal(bench.end(1), undefined)
  bench.result(other, 1, 'value')
  bench.result(other, 1, 'value', 2)
  assert.equal(bench.end(1), 'value')
  assert.equal(bench.core.stats.dropped, 2)
  assert.equal(bench.effects.filter(({ kind }) => kind === 'ack').length, 4)
})

test('a result of an older attempt at the same executor is dropped', () => {
  const bench = new Bench()
  bench.up(1)
  bench.submit(1)
  bench.result(1, 1, 'failure')
  assert.equal(bench.lastRun(1).n, 2)
  for (let again = 0; again < 5; again++) bench.result(1, 1, 'failure', 1)
  assert.equal(bench.end(1), undefined)
  assert.equal(bench.core.stats.dropped, 5)
  bench.result(1, 1, 'value', 2)
  assert.equal(bench.end(1), 'value')
})

test('a dead executor gives its tasks back without counting an attempt; the cause is named', () => {
  const bench = new Bench()
  bench.up(1)
  bench.submit(1, { retries: 1 })
  bench.update({ execId: 1, state: 'LOST', workerHost: 'h', message: 'worker lost' })
  assert.ok(bench.has('killExecutor', 1), 'its process may still run')
  assert.ok(bench.has('refuse', 1))
  bench.up(2)
  assert.deepEqual(bench.causes(1), ['executor lost: worker lost'])
  bench.result(2, 1, 'failure')
  bench.result(2, 1, 'value')
  assert.equal(bench.end(1), 'value')
})

test('retries: 0 with a lost executor has an unknown outcome; what is not sent has none', () => {
  const bench = new Bench()
  bench.up(1, 1)
  bench.submit(3, { retries: 0 })
  bench.update({ execId: 1, state: 'EXITED', exitStatus: 9 })
  assert.deepEqual(
    [1, 2, 3].map((id) => bench.end(id)),
    ['unknown', undefined, undefined],
  )
})

test('a task that was running when three executors died is quarantined; the innocent finish', () => {
  const bench = new Bench()
  bench.submit(2)
  bench.up(0, 2)
  assert.equal(bench.runs().length, 2)
  bench.update({ execId: 0, state: 'EXITED' })
  for (let execId = 1; bench.end(1) === undefined; execId++) {
    assert.ok(execId < 10)
    bench.up(execId, 2)
    const here = bench.runs(execId).map(({ taskId }) => taskId)
    assert.equal(here.length, 1, 'suspects run alone')
    if (here[0] === 1) {
      bench.update({ execId, state: 'EXITED' })
    } else {
      bench.result(execId, 2)
      if (bench.lastRun(1).execId === execId) bench.update({ execId, state: 'EXITED' })
    }
  }
  assert.equal(bench.end(1), 'quarantined')
  assert.equal(bench.end(2), 'value')
  assert.equal(bench.core.stats.quarantined, 1)
})

test('an executor that ends itself: what it could not end is tried again when it is gone, and nobody is blamed', () => {
  const bench = new Bench()
  bench.up(1, 3)
  bench.submit(3)
  bench.up(2, 3)
  bench.do({ kind: 'ending', execId: 1, reason: 'task 1 is in a call', hasWorked: true })
  assert.ok(bench.effects.some(({ kind }) => kind === 'letGo'))
  const worked = bench.effects.filter(
    ({ kind, ...rest }) =>
      kind === 'event' && 'event' in rest && (rest.event as { name: string }).name === 'executorWorked',
  )
  assert.equal(worked.length, 1, 'its end is no failure to start')
  bench.result(1, 1, 'timeout')
  bench.do({ kind: 'returned', execId: 1, attempts: [{ taskId: 3, n: 1 }] })
  assert.equal(bench.lastRun(3).execId, 2, 'what had not begun goes at once')
  assert.deepEqual([bench.lastRun(1).n, bench.lastRun(2).n], [1, 1], 'the others may still run there')
  bench.do({ kind: 'linkDown', execId: 1, reason: 'closed' })
  assert.deepEqual([bench.lastRun(1).n, bench.lastRun(2).n], [1, 1])
  bench.update({ execId: 1, state: 'EXITED', message: 'killed' })
  assert.deepEqual([bench.lastRun(1).execId, bench.lastRun(2).execId], [2, 2])
  assert.deepEqual(bench.causes(1), ['timeout'])
  assert.deepEqual(bench.causes(2), ['executor lost: task 1 is in a call'])
  const { quarantined, retried, lost } = bench.core.stats
  assert.deepEqual({ quarantined, retried, lost }, { quarantined: 0, retried: 1, lost: 1 })
})

test('an executor that ends itself is gone without a Master too: soon after its link', () => {
  const bench = new Bench()
  bench.up(1, 1)
  bench.submit(1, { retries: 0 })
  bench.do({ kind: 'ending', execId: 1, reason: 'stuck', hasWorked: true })
  bench.result(1, 1, 'timeout')
  assert.equal(bench.end(1), undefined)
  bench.do({ kind: 'linkDown', execId: 1, reason: 'closed' })
  const timer = bench.effects.findLast(({ kind }) => kind === 'startTimer')
  assert.deepEqual(timer, {
    kind: 'startTimer',
    timer: { kind: 'silence', execId: 1 },
    ms: limits.lastWordsMs,
  })
  bench.do({ kind: 'timer', timer: { kind: 'silence', execId: 1 } })
  assert.equal(bench.end(1), 'failed')
})

test('one that ends itself because it cannot run anything is none that has worked; its tasks go elsewhere unharmed', () => {
  const bench = new Bench()
  bench.up(1, 1)
  bench.submit(1, { retries: 0 })
  bench.up(2, 1)
  bench.do({ kind: 'ending', execId: 1, reason: 'no thread starts', hasWorked: false })
  bench.do({ kind: 'returned', execId: 1, attempts: [{ taskId: 1, n: 1 }] })
  assert.equal(bench.lastRun(1).execId, 2)
  bench.update({ execId: 1, state: 'EXITED', exitStatus: 4 })
  assert.ok(!bench.effects.some((effect) => 'event' in effect && effect.event.name === 'executorWorked'))
  bench.result(2, 1)
  assert.equal(bench.end(1), 'value')
})

test('the loss of whole Workers never quarantines', () => {
  const bench = new Bench()
  bench.submit(1)
  for (let execId = 0; execId < 6; execId++) {
    bench.up(execId)
    bench.do({ kind: 'started', execId, attempts: [{ taskId: 1, n: execId + 1 }] })
    bench.update({ execId, state: 'LOST', workerHost: 'h' })
  }
  assert.equal(bench.end(1), undefined)
  assert.equal(bench.causes(1).length, 6)
})

test('with every core accounted for only those that ran are suspects', () => {
  const bench = new Bench()
  bench.submit(6)
  bench.up(0, 1)
  bench.nowMs = 10
  bench.result(0, 1)
  assert.equal(bench.runs(0).length, 4, 'one runs, two were sent ahead')
  bench.do({ kind: 'started', execId: 0, attempts: [{ taskId: 2, n: 1 }] })
  bench.update({ execId: 0, state: 'EXITED' })
  bench.up(1, 4)
  assert.deepEqual(
    bench.runs(1).map(({ taskId }) => taskId),
    [2],
    'the suspect has the executor for itself',
  )
  bench.result(1, 2)
  assert.deepEqual(
    bench.runs(1).map(({ taskId }) => taskId),
    [2, 3, 4, 5, 6],
  )
})

test('a broken link is no loss: within the time-out the list of the executor repairs it', () => {
  const bench = new Bench()
  bench.up(1, 2)
  bench.submit(2)
  bench.do({ kind: 'linkDown', execId: 1, reason: 'reset' })
  assert.ok(
    bench.effects.some((effect) => effect.kind === 'startTimer' && effect.ms === limits.executorTimeoutMs),
  )
  bench.do({ kind: 'hello', executor: { execId: 1, workerId: 'w', host: 'h', cores: 2 } })
  assert.ok(
    bench.effects.some((effect) => effect.kind === 'cancelTimer' && keyOfTimer(effect.timer) === 'silence:1'),
  )
  // The first arrived, the second was lost with the link; something of long ago is still there.
  bench.do({
    kind: 'held',
    execId: 1,
    attempts: [
      { taskId: 1, n: 1 },
      { taskId: 77, n: 1 },
    ],
  })
  assert.deepEqual(bench.runs().slice(2), [{ execId: 1, taskId: 2, n: 1 }])
  const cancels = bench.effects.filter((effect) => effect.kind === 'cancel')
  assert.deepEqual(cancels.at(-1)?.attempts, [{ taskId: 77, n: 1 }])
  bench.result(1, 1)
  bench.result(1, 2)
  assert.deepEqual([bench.end(1), bench.end(2)], ['value', 'value'])
  assert.equal(bench.core.stats.lost, 0)
})

test('without a link for the time-out it is fenced: killed, refused for ever, its tasks elsewhere', () => {
  const bench = new Bench()
  bench.up(1)
  bench.up(2)
  bench.submit(2)
  bench.do({ kind: 'linkDown', execId: 1, reason: 'silent' })
  bench.do({ kind: 'timer', timer: { kind: 'silence', execId: 1 } })
  assert.ok(bench.has('killExecutor', 1))
  const moved = bench.runs(1)[0] as { taskId: number }
  bench.result(2, (bench.runs(2)[0] as { taskId: number }).taskId)
  assert.equal(bench.lastRun(moved.taskId).execId, 2)
  bench.do({ kind: 'hello', executor: { execId: 1, workerId: 'w', host: 'h', cores: 1 } })
  assert.ok(bench.has('refuse', 1))
  bench.do({ kind: 'results', execId: 1, results: [{ taskId: moved.taskId, n: 1, status: 'value', body }] })
  assert.equal(bench.end(moved.taskId), undefined)
  const before = bench.effects.length
  bench.do({ kind: 'executorAdded', executor: { execId: 1, workerId: 'w', host: 'h', cores: 1 } })
  assert.ok(bench.effects.slice(before).some(({ kind }) => kind === 'killExecutor'))
})

test('a stray timer of a link that is back does nothing', () => {
  const bench = new Bench()
  bench.up(1)
  bench.do({ kind: 'timer', timer: { kind: 'silence', execId: 1 } })
  assert.equal(bench.core.executors().length, 1)
})

test('an executor that links before the Master tells of it waits, and is refused when nobody does', () => {
  const bench = new Bench()
  bench.submit(1)
  const executor = { execId: 5, workerId: 'w', host: 'h', cores: 1 }
  bench.do({ kind: 'hello', executor })
  assert.ok(!bench.has('welcome', 5))
  bench.do({ kind: 'executorAdded', executor })
  assert.ok(bench.has('welcome', 5))
  const stranger = { ...executor, execId: 6 }
  bench.do({ kind: 'hello', executor: stranger })
  bench.do({ kind: 'timer', timer: { kind: 'adopt', execId: 6 } })
  assert.ok(bench.has('refuse', 6))
})

test('nothing is given between the welcome and the list', () => {
  const bench = new Bench()
  const executor = { execId: 1, workerId: 'w', host: 'h', cores: 1 }
  bench.do({ kind: 'executorAdded', executor })
  bench.do({ kind: 'hello', executor })
  bench.submit(1)
  assert.equal(bench.runs().length, 0)
  bench.do({ kind: 'held', execId: 1, attempts: [] })
  assert.equal(bench.runs().length, 1)
})

test('cancelled: ended at once, its core free when the executor says so', () => {
  const bench = new Bench()
  bench.up(1)
  bench.submit(2)
  bench.do({ kind: 'cancel', taskIds: [1], reason: 'enough' })
  assert.equal(bench.end(1), 'cancelled')
  assert.ok(bench.has('cancel', 1))
  assert.equal(bench.runs().length, 1)
  bench.result(1, 1, 'cancelled')
  assert.equal(bench.runs().length, 2)
  bench.do({ kind: 'cancel', taskIds: [2], reason: 'enough' })
  bench.do({ kind: 'returned', execId: 1, attempts: [{ taskId: 2, n: 1 }] })
  assert.equal(bench.end(2), 'cancelled')
  assert.equal(bench.core.live, 0)
})

test('what a busy executor has not started goes back to an idle one, without a repetition', () => {
  const bench = new Bench()
  bench.submit(40)
  bench.up(1, 1)
  bench.nowMs = 1
  bench.result(1, 1)
  const ahead = bench.runs(1).length - 1
  assert.ok(ahead > 10)
  // The rest ends, then the next one takes long; a second executor comes.
  bench.do({
    kind: 'results',
    execId: 1,
    results: bench
      .runs(1)
      .slice(1)
      .map(({ taskId, n }) => ({ taskId, n, status: 'value', body })),
  })
  bench.up(2, 1)
  assert.ok(bench.effects.some((effect) => effect.kind === 'startTimer' && effect.timer.kind === 'rebalance'))
  bench.do({ kind: 'timer', timer: { kind: 'rebalance' } })
  const recall = bench.effects.find((effect) => effect.kind === 'recall')
  assert.ok(recall?.kind === 'recall' && recall.execId === 1 && recall.count > 0)
  const given = bench
    .runs(1)
    .slice(-recall.count)
    .map(({ taskId, n }) => ({ taskId, n }))
  bench.do({ kind: 'returned', execId: 1, attempts: given })
  assert.equal(bench.core.stats.recalled, given.length)
  assert.equal(bench.core.stats.lost, 0)
  assert.equal(bench.runs(2)[0]?.taskId, given[0]?.taskId)
  assert.equal(bench.runs(2)[0]?.n, 1, 'it was never tried')
})

test('tasks that were at a lost executor are at none', () => {
  const bench = new Bench()
  bench.submit(4)
  bench.up(1, 2)
  assert.deepEqual(bench.core.counts(1), { running: 2, atExecutors: 0, waiting: 2 })
  bench.update({ execId: 1, state: 'LOST' })
  assert.deepEqual(bench.core.counts(1), { running: 0, atExecutors: 0, waiting: 4 })
})

test('a blocked link or a decommissioned executor gets nothing new', () => {
  const bench = new Bench()
  bench.up(1)
  bench.do({ kind: 'pressure', execId: 1, blocked: true })
  bench.submit(2)
  assert.equal(bench.runs().length, 0)
  bench.do({ kind: 'pressure', execId: 1, blocked: false })
  assert.equal(bench.runs().length, 1)
  bench.update({ execId: 1, state: 'DECOMMISSIONED' })
  bench.result(1, 1)
  assert.equal(bench.runs().length, 1)
})

test('close ends every task and every executor; what comes later ends at once', () => {
  const bench = new Bench()
  bench.up(1)
  bench.submit(3)
  bench.do({ kind: 'close', reason: 'closed' })
  bench.submit(1, { from: 9 })
  assert.deepEqual(
    [1, 2, 3, 9].map((id) => bench.end(id)),
    ['closed', 'closed', 'closed', 'closed'],
  )
  assert.ok(bench.has('refuse', 1))
  bench.do({ kind: 'hello', executor: { execId: 2, workerId: 'w', host: 'h', cores: 1 } })
  assert.ok(bench.has('refuse', 2))
})
