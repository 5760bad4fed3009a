import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ExecutorDemand } from '../../actors/client/executor-demand.js'
import { DispatchCore } from '../../actors/tasks/dispatch-core.js'

/* Executors that an application gives back, and asks for again. */

const idle = (...ms: number[]) => ms.map((idleMs, execId) => ({ execId, idleMs }))

test('an executor is given back after its idle timeout, and all are asked for again when work comes', () => {
  const demand = new ExecutorDemand(undefined, 60_000)
  assert.deepEqual(demand.surplus(4, idle(59_999, 60_000, 0)), [1])
  assert.equal(demand.isLowered, false)
  assert.equal(demand.raise(), undefined, 'all are asked for')
  assert.equal(demand.gaveBack(3), 3)
  assert.equal(demand.isLowered, true)
  assert.equal(demand.raise(), Number.MAX_SAFE_INTEGER)
  assert.equal(demand.raise(), undefined)
})

test('above the ceiling idle ones go at once, the longest idle first, and no more than are too many', () => {
  const demand = new ExecutorDemand(4, 60_000)
  assert.deepEqual(demand.surplus(4, idle(0, 0)), [])
  assert.equal(demand.limit(2), 2)
  assert.deepEqual(demand.surplus(4, idle(5, 10, 1)), [1, 0])
  assert.equal(demand.gaveBack(3), 2, 'busy ones go later, and no others come')
  assert.equal(demand.isLowered, false)
})

test('with an idle timeout of Infinity none is given back for being idle', () => {
  const demand = new ExecutorDemand(undefined, Number.POSITIVE_INFINITY)
  assert.deepEqual(demand.surplus(4, idle(1e9)), [])
})

function dispatch(execIds: readonly number[]): DispatchCore {
  const core = new DispatchCore(() => 0.5)
  for (const execId of execIds) {
    const executor = { execId, workerId: 'w', host: 'h', cores: 1 }
    core.step({ kind: 'executorAdded', executor }, { monotonicMs: 0 })
    core.step({ kind: 'hello', executor }, { monotonicMs: 0 })
    core.step({ kind: 'held', execId, attempts: [] }, { monotonicMs: 0 })
  }
  return core
}

const submit = (core: DispatchCore, taskId: number, monotonicMs: number, retries = 3) =>
  core.step({ kind: 'submit', tasks: [{ taskId, group: 0, retries, inputBytes: 1 }] }, { monotonicMs })

test('an executor that ran a task between two looks has not been idle', () => {
  const core = dispatch([0, 1])
  assert.deepEqual(core.idle({ monotonicMs: 1000 }), idle(0, 0))
  const [run] = submit(core, 1, 1500).filter((effect) => effect.kind === 'run')
  assert.equal(run?.kind === 'run' && run.execId, 0)
  assert.deepEqual(core.idle({ monotonicMs: 2000 }), [{ execId: 1, idleMs: 1000 }])
  const results = [{ taskId: 1, n: 1, status: 'value', body: new Uint8Array(0) }] as const
  core.step({ kind: 'results', execId: 0, results }, { monotonicMs: 2500 })
  assert.deepEqual(core.idle({ monotonicMs: 3000 }), idle(0, 2000))
  submit(core, 2, 3100)
  core.step({ kind: 'results', execId: 0, results: [{ ...results[0], taskId: 2 }] }, { monotonicMs: 3200 })
  assert.deepEqual(core.idle({ monotonicMs: 4000 }), idle(0, 3000))
})

test('one that is given back gets no more tasks, and its end is nobody’s fault and no warning', () => {
  const core = dispatch([0])
  const now = { monotonicMs: 0 }
  core.step({ kind: 'giveBack', execIds: [0], reason: 'it was idle, and was given back' }, now)
  assert.deepEqual(
    submit(core, 1, 0).filter(({ kind }) => kind === 'run'),
    [],
  )
  assert.equal(core.hasTooMuchWork, true)
  const effects = core.step({ kind: 'executorUpdated', update: { execId: 0, state: 'KILLED' } }, now)
  const lost = effects.find((effect) => effect.kind === 'event')
  assert.deepEqual(
    lost?.kind === 'event' && lost.event.name === 'executorLost' && lost.event.reason,
    'it was idle, and was given back',
  )
  const log = effects.find((effect) => effect.kind === 'log')
  assert.deepEqual(log?.kind === 'log' && [log.level, log.text], ['info', 'an executor was given back'])
})

test('a task of an executor that its program kills runs elsewhere, and is not suspected', () => {
  const core = dispatch([0])
  const now = { monotonicMs: 0 }
  submit(core, 1, 0)
  for (let times = 0; times < 5; times++) {
    core.step({ kind: 'giveBack', execIds: [times], reason: 'it was killed by its program' }, now)
    core.step({ kind: 'executorUpdated', update: { execId: times, state: 'KILLED' } }, now)
    const executor = { execId: times + 1, workerId: 'w', host: 'h', cores: 1 }
    core.step({ kind: 'executorAdded', executor }, now)
    core.step({ kind: 'hello', executor }, now)
    const effects = core.step({ kind: 'held', execId: times + 1, attempts: [] }, now)
    assert.ok(effects.some((effect) => effect.kind === 'run' && effect.execId === times + 1))
  }
  assert.equal(core.stats.quarantined, 0)
})
