import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { HeldAddresses } from '../../actors/master/held-addresses.js'
import { LostExecutors } from '../../actors/master/lost-executors.js'
import type { MasterInput } from '../../actors/master/master-input.js'
import type { Step } from '../../actors/master/step.js'
import type { ExecutorReport } from '../../actors/messages/workers.js'
import { limits } from '../../runtime/limits.js'
import { MasterWorld } from '../tools/master-fixture.js'

/*
 * What one step of a leader goes through does not grow with the whole cluster, and not with the product of
 * two large numbers. The tests count what is looked at; they read no clock.
 */

interface Counted {
  readonly input: MasterInput
  readonly step: Step
  /** Entries of Workers that were gone through. */
  readonly workers: number
  /** Executors of all applications that were gone through. */
  readonly executors: number
}

/** From now on each step says what it went through. */
function counted(world: MasterWorld): Counted[] {
  const steps: Counted[] = []
  let workers = 0
  let executors = 0
  const cluster = world.core.cluster!
  const all = cluster.workers.values.bind(cluster.workers)
  cluster.workers.values = function* () {
    for (const worker of all()) {
      workers++
      yield worker
    }
  } as typeof all
  for (const app of cluster.apps.values()) {
    const own = app.executors.values.bind(app.executors)
    app.executors.values = function* () {
      for (const executor of own()) {
        executors++
        yield executor
      }
    } as typeof own
  }
  const run = world.core.step.bind(world.core)
  world.core.step = (input, now, commitQueue) => {
    workers = 0
    executors = 0
    const step = run(input, now, commitQueue)
    steps.push({ input, step, workers, executors })
    return step
  }
  return steps
}

const own = (steps: readonly Counted[]): Counted[] => steps.filter(({ input }) => input.kind !== 'turnEnd')
const toldOf = ({ step }: Counted, state: string): number =>
  step.gated.filter(
    (effect) => effect.kind === 'tell' && 'state' in effect.message && effect.message.state === state,
  ).length

const at = (nowMs: number) => ({ monotonicMs: nowMs, wallMs: 1_700_000_000_000 + nowMs })
const commitQueueOf = ({ position }: MasterWorld) => ({ position, degradation: undefined })

const small = { executor: { cores: 1, memoryMib: 1, resources: {} } }

/** A leader with so many Workers of so many cores each, all of them in use by one application. */
function busyLeader(count: number, cores: number): MasterWorld {
  const world = new MasterWorld({}, { isReplayed: false }).elect()
  world.application('c1', small)
  for (let number = 0; number < count; number++)
    world.worker(`w${number}`, { port: 7000 + number, cores, memoryMib: cores })
  while (world.core.cluster!.dirty) world.input({ kind: 'turnEnd' })
  assert.equal([...world.core.cluster!.apps.values()][0]!.executors.size, count * cores)
  world.forgetTold()
  return world
}

const strange = (execId: number): ExecutorReport => ({
  ...{ appId: 'app-x', execId, cores: 1, memoryMib: 1, resources: {}, state: 'RUNNING' },
  launchedAt: { epoch: 1, seq: 1, owner: 'm1' },
})

test('what is beyond the cores of all Workers is counted once for a message of a report, not for each item', () => {
  const world = busyLeader(100, 1)
  const steps = counted(world)
  const executors = Array.from({ length: limits.reportItems }, (_, execId) => strange(execId))
  world.report('w0', { executors, more: true })
  assert.equal(world.core.cluster!.workers.get('w0')!.holdings.size, limits.reportItems + 1)
  assert.deepEqual(
    own(steps).map(({ workers }) => workers),
    [100],
  )
})

test('the death of a Worker goes through what it held, not through all executors', () => {
  const world = busyLeader(10, 50)
  const steps = counted(world)
  world.link('next')
  world.registerWorker('next', { port: 7003, cores: 50, memoryMib: 50 })
  const death = own(steps).at(-1)!
  assert.equal(world.core.cluster!.workers.get('w3'), undefined, 'another process holds its address')
  assert.deepEqual([death.executors, toldOf(death, 'LOST')], [0, 50])
})

test('when many Workers are silent, a sweep removes a stated number, and the next sweeps follow at once', () => {
  const world = busyLeader(20, 100)
  const cluster = world.core.cluster!
  const steps = counted(world)
  const sweep = world.timers.get('sweep')!
  world.nowMs = world.config.workerTimeoutMs + sweep
  // The sweeps before it came in time, so that this process was awake.
  world.core.step({ kind: 'timer', timer: { kind: 'sweep' } }, at(world.nowMs - 1), commitQueueOf(world))
  steps.length = 0
  for (let sweeps = 1; sweeps <= 4; sweeps++) {
    world.input({ kind: 'timer', timer: { kind: 'sweep' } })
    assert.equal([...cluster.workers.values()].filter(({ state }) => state === 'DEAD').length, 5 * sweeps)
    const isLast = sweeps === 4
    assert.equal(world.timers.get('sweep')! - world.nowMs, isLast ? sweep : 0)
  }
  assert.deepEqual(
    own(steps).map((step) => toldOf(step, 'LOST')),
    [500, 500, 500, 500],
  )
})

test('only the last of the sweeps that follow each other looks for Workers without a link', () => {
  const world = busyLeader(20, 100)
  for (let number = 0; number < 20; number++) world.unlink(`w${number}`)
  world.link('w19')
  world.tell('w19', { type: 'Heartbeat', workerId: 'w19', sentAtMs: 0 })
  world.unlink('w19')
  const steps = counted(world)
  const sweep = world.timers.get('sweep')!
  world.nowMs = world.config.workerTimeoutMs + sweep
  world.core.cluster!.workers.get('w19')!.lastHeartbeatMs = world.nowMs
  world.core.step({ kind: 'timer', timer: { kind: 'sweep' } }, at(world.nowMs - 1), commitQueueOf(world))
  steps.length = 0
  for (let sweeps = 0; sweeps < 4; sweeps++) world.input({ kind: 'timer', timer: { kind: 'sweep' } })
  const probes = ({ step }: Counted) =>
    step.free.filter((effect) => effect.kind === 'startTimer' && effect.timer.kind === 'probe').length
  assert.deepEqual(own(steps).map(probes), [0, 0, 0, 1])
})

test('the Workers of an ended application are told a stated number in one step', () => {
  const killsPerStep = 5
  const world = new MasterWorld({ slices: { ...limits, killsPerStep } }).elect()
  const appId = world.application('c1', small)
  for (const number of [0, 1]) world.worker(`w${number}`, { port: 7000 + number, cores: 10, memoryMib: 10 })
  world.forgetTold()
  const kills = () =>
    world.told.flatMap(({ message }) => (message.type === 'KillExecutor' ? [message.execId] : []))
  world.tell('c1', { type: 'UnregisterApplication', appId })
  // The step of the end and the first pass.
  assert.deepEqual(kills(), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
  assert.equal(world.toldTo('c1', 'UnregisteredApplication').length, 1)
  // What ends meanwhile needs no kill.
  world.tell('w1', {
    type: 'ExecutorStateChanged',
    ...{ workerId: 'w1', appId, execId: 19, state: 'EXITED', change: 1 },
  })
  while (world.core.cluster!.dirty) world.input({ kind: 'turnEnd' })
  assert.deepEqual(kills(), [...Array(19).keys()])
  assert.equal(world.core.cluster!.leaving.size, 0)
})

test('one request drains very many Workers and goes through them a few times, and through no executors', () => {
  const world = busyLeader(200, 2)
  world.link('people', 'client')
  const steps = counted(world)
  const workers = Array.from({ length: 200 }, (_, number) => `w${number}`)
  world.tell('people', { type: 'DecommissionWorkers', workers })
  const [drain] = own(steps)
  assert.equal(toldOf(drain!, 'DECOMMISSIONED'), 400)
  assert.deepEqual([drain!.workers, drain!.executors], [400, 0])
  assert.ok(
    [...world.core.cluster!.workers.values()].every(({ shownState }) => shownState === 'DECOMMISSIONED'),
  )
  steps.length = 0
  world.tell('people', { type: 'RecommissionWorkers', workers })
  assert.deepEqual([own(steps)[0]!.workers, own(steps)[0]!.executors], [400, 0])
  assert.ok([...world.core.cluster!.workers.values()].every(({ shownState }) => shownState === 'ALIVE'))
})

test('a pass finds the free addresses of a Worker once for each launch that takes some', () => {
  for (const [amount, finds] of [
    [0, 1],
    [1, 101],
  ] as const) {
    const world = new MasterWorld({}, { isReplayed: false }).elect()
    world.worker('w0', { cores: 100, memoryMib: 100, resources: { gpu: [] } })
    let found = 0
    const gpu = Array.from({ length: 100 }, (_, number) => `${number}`)
    const { filter } = gpu
    gpu.filter = ((...args: Parameters<typeof filter>) => {
      found++
      return filter.apply(gpu, args)
    }) as typeof filter
    const worker = world.core.cluster!.workers.get('w0')!
    worker.record = { ...worker.record, resources: { gpu } }
    world.application('c1', { executor: { ...small.executor, resources: amount > 0 ? { gpu: amount } : {} } })
    assert.equal([...world.core.cluster!.apps.values()][0]!.executors.size, 100)
    assert.ok(found <= finds, `${found} times`)
    assert.equal(worker.resourcesFree.gpu!.length, amount > 0 ? 0 : 100)
  }
})

test('property: the free addresses are those that no holding names, whatever comes and goes', () => {
  const addresses = fc.dictionary(
    fc.constantFrom('gpu', 'fpga', '__proto__'),
    fc.array(fc.constantFrom('0', '1', '2', '3'), { maxLength: 3 }),
    { noNullPrototype: true },
  )
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.nat(4), addresses), { maxLength: 30 }),
      addresses,
      (changes, offered) => {
        const held = new HeldAddresses()
        const holdings = new Map<number, Record<string, string[]>>()
        for (const [key, resources] of changes) {
          const former = holdings.get(key)
          if (former) held.release(former)
          holdings.set(key, resources)
          held.hold(resources)
          const used = (name: string) =>
            [...holdings.values()].flatMap((one) => (Object.hasOwn(one, name) ? one[name]! : []))
          const free = Object.entries(offered).map(([name, all]) => [
            name,
            all.filter((address) => !used(name).includes(address)),
          ])
          assert.deepEqual(held.freeOf(offered), Object.fromEntries(free))
        }
      },
    ),
  )
})

test('the oldest LOST executors are forgotten in their order, however often one is lost again', () => {
  const lost = new LostExecutors(100)
  const expected: string[] = []
  for (let number = 0; number < 1000; number++) {
    const key = `a/${(number * 7) % 150}`
    lost.add(key)
    if (expected.includes(key)) expected.splice(expected.indexOf(key), 1)
    expected.push(key)
    if (expected.length > 100) expected.shift()
    assert.deepEqual(lost.save(), expected)
  }
})
