import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { ApplicationEntry } from '../../actors/master/application-entry.js'
import { ClusterState } from '../../actors/master/cluster-state.js'
import { IdSource } from '../../actors/master/ids.js'
import { schedule } from '../../actors/master/scheduling.js'
import { Step } from '../../actors/master/step.js'
import { WorkerEntry } from '../../actors/master/worker-entry.js'
import { applicationDescription, driverDescription } from '../../actors/messages/samples.js'
import { limits } from '../../runtime/limits.js'
import { masterConfig } from '../tools/master-fixture.js'
import { modelOf } from './placement-cluster.js'
import {
  freeOf,
  type ModelCluster,
  type ModelHolding,
  type ModelLaunch,
  modelSchedule,
} from './placement-model.js'

/* One scheduling pass over whole cluster state, against the plain model of the same cluster. */

const addresses = (count: number): string[] => Array.from({ length: count }, (_, at) => `a${at}`)
const size = {
  cores: fc.integer({ min: 1, max: 12 }),
  memoryMib: fc.integer({ min: 4, max: 64 }).map((n) => n * 32),
}
const amounts = fc.oneof(
  { weight: 3, arbitrary: fc.constant({}) },
  {
    weight: 1,
    arbitrary: fc.dictionary(fc.constantFrom('gpu', 'fpga'), fc.integer({ min: 1, max: 2 }), { maxKeys: 2 }),
  },
)
const mostly = fc.oneof(
  { weight: 9, arbitrary: fc.constant(true) },
  { weight: 1, arbitrary: fc.constant(false) },
)

const worker = fc.record({
  ...size,
  gpus: fc.nat(3),
  held: fc.array(
    fc.record({
      cores: fc.nat(4),
      memoryMib: fc.nat(300),
      gpu: fc.subarray(addresses(4), { maxLength: 2 }),
    }),
    { maxLength: 2 },
  ),
  alive: mostly,
  answered: mostly,
  linked: mostly,
  draining: mostly.map((value) => !value),
  // Spark has labels nowhere, and ours only stand in status: they must not matter.
  labels: fc.dictionary(fc.constantFrom('zone', 'rack'), fc.constantFrom('a', 'b'), { maxKeys: 2 }),
})
const driver = fc.record({
  cores: fc.integer({ min: 1, max: 4 }),
  memoryMib: fc.integer({ min: 1, max: 600 }),
  resources: amounts,
  queued: mostly,
  heldBack: mostly.map((value) => !value),
})
const app = fc.record({
  maxCores: fc.option(fc.integer({ min: 1, max: 12 }), { nil: undefined }),
  cores: fc.option(fc.integer({ min: 1, max: 4 }), { nil: undefined }),
  memoryMib: fc.integer({ min: 1, max: 400 }),
  resources: amounts,
  limit: fc.option(fc.nat(5), { nil: undefined }),
  target: fc.option(fc.nat(5), { nil: undefined }),
  answered: mostly,
  linked: mostly,
  /** Worker and cores of each executor that it has. */
  has: fc.array(fc.tuple(fc.nat(5), fc.integer({ min: 1, max: 3 })), { maxLength: 2 }),
})
const cluster = fc.record({
  workers: fc.array(worker, { minLength: 1, maxLength: 5 }),
  drivers: fc.array(driver, { maxLength: 4, size: 'max' }),
  apps: fc.array(app, { maxLength: 4, size: 'max' }),
  spreadOut: fc.boolean(),
  defaultCores: fc.option(fc.integer({ min: 1, max: 6 }), { nil: undefined }),
  cursor: fc.nat(4),
})
type Cluster = typeof cluster extends fc.Arbitrary<infer C> ? C : never

const NOW_MS = 1000
/** Not in the order of registration. */
const workerId = (index: number): string => `w${(index * 7 + 3) % 10}`

function stateOf(parts: Cluster): ClusterState {
  const zero = { epoch: 0, seq: 0 }
  const { spreadOut, defaultCores } = parts
  const cluster = new ClusterState(
    { ...masterConfig, spreadOut, defaultCores },
    { epoch: 1, owner: 'm', base: zero, earlier: [], observed: zero, format: 1, sinceMs: 0, electedAtMs: 0 },
    new IdSource(1),
  )
  cluster.state = 'ALIVE'
  cluster.driverCursor = parts.cursor
  for (const [index, one] of parts.workers.entries())
    cluster.workers.set(workerId(index), workerOf(one, index))
  for (const [index, { queued, heldBack, ...demand }] of parts.drivers.entries()) {
    const entry = cluster.restoreDriver({
      id: `driver-${index}`,
      submittedAtMs: 0,
      description: { ...driverDescription, ...demand },
      key: `key-${index}`,
      digest: 'd',
      state: queued ? 'SUBMITTED' : 'RUNNING',
      wanted: 'RUN',
      generation: 0,
      launchedUnder: 0,
      workerId: queued ? null : 'elsewhere',
      resources: {},
    })
    if (heldBack) entry.notBeforeMs = NOW_MS + 1
  }
  for (const [index, one] of parts.apps.entries()) addApp(cluster, one, index)
  return cluster
}

function workerOf(one: Cluster['workers'][number], index: number): WorkerEntry {
  const { cores, memoryMib, gpus, labels, draining } = one
  const entry = new WorkerEntry(
    {
      id: workerId(index),
      name: workerId(index),
      host: '10.0.0.1',
      port: 7000 + index,
      cores,
      memoryMib,
      resources: { gpu: addresses(gpus), fpga: addresses(index % 2) },
      labels,
      web: null,
      draining: false,
    },
    one.alive ? 'ALIVE' : 'UNKNOWN',
    0,
    0,
  )
  if (draining)
    entry.drain = {
      id: `${entry.record.name}@10.0.0.1`,
      name: entry.record.name,
      host: '10.0.0.1',
      askedAtMs: 0,
      deadlineMs: 0,
      deadlineAtMs: 0,
    }
  entry.answered = one.answered
  entry.linked = one.linked
  for (const [at, { gpu, ...holding }] of one.held.entries()) {
    entry.hold(`held-${index}/${at}`, { ...holding, resources: { gpu } })
  }
  return entry
}

function addApp(cluster: ClusterState, one: Cluster['apps'][number], index: number): void {
  const { maxCores, cores, memoryMib, resources, limit } = one
  const executor = { memoryMib, resources, ...(cores !== undefined && { cores }) }
  const record = {
    id: `app-${index}`,
    submittedAtMs: 0,
    registration: `reg-${index}`,
    description: {
      ...applicationDescription,
      executor,
      ...(maxCores !== undefined && { maxCores }),
      ...(limit !== undefined && { executorLimit: limit }),
    },
    endpoint: `endpoint-${index}`,
    address: 'h:1',
    registrant: { role: 'client' as const },
    execIds: 0,
  }
  const entry = new ApplicationEntry(record, 'WAITING', one.answered)
  entry.linked = one.linked
  entry.target = one.target
  for (const [place, held] of one.has) {
    const on = cluster.workers.get(workerId(place))
    if (!on) continue
    const execId = entry.nextExecId++
    const holding = { cores: held, memoryMib, resources: {} }
    entry.executors.set(execId, { appId: entry.id, execId, workerId: on.id, state: 'RUNNING', ...holding })
    on.hold(`${entry.id}/${execId}`, holding)
  }
  cluster.apps.set(entry.id, entry)
}

/** Passes until the cluster state want no further one; what was launched, in order. */
function scheduleAll(cluster: ClusterState): { launches: ModelLaunch[]; passes: number } {
  const launches: ModelLaunch[] = []
  let passes = 0
  do {
    assert.ok(++passes <= 100, 'scheduling does not come to an end')
    const step = new Step({ monotonicMs: NOW_MS, wallMs: NOW_MS })
    schedule(cluster, step)
    assert.ok(step.puts.length + step.deletes.length <= limits.commitEntries, 'a step is one commit')
    for (const effect of step.gated) {
      if (effect.kind !== 'tell') continue
      const { message, to: on } = effect
      if (message.type === 'LaunchDriver') {
        const { cores, memoryMib } = message.description
        const { driverId: id, resources } = message
        launches.push({ kind: 'driver', id, worker: on, cores, memoryMib, resources })
      } else if (message.type === 'LaunchExecutor') {
        const { appId: id, cores, memoryMib, resources } = message
        launches.push({ kind: 'executor', id, worker: on, cores, memoryMib, resources })
      }
    }
  } while (cluster.dirty)
  return { launches, passes }
}

/** S4 of what was launched: each came out of what was free before it. */
function assertCapacity(before: ModelCluster, launches: readonly ModelLaunch[]): void {
  for (const one of before.workers) {
    const free = freeOf(one)
    const here: readonly ModelHolding[] = launches.filter(({ worker: on }) => on === one.id)
    assert.ok(here.reduce((sum, { cores }) => sum + cores, 0) <= free.cores, 'cores')
    assert.ok(here.reduce((sum, { memoryMib }) => sum + memoryMib, 0) <= free.memoryMib, 'memory')
    for (const name of ['gpu', 'fpga']) {
      const taken = here.flatMap(({ resources }) => resources[name] ?? [])
      assert.equal(new Set(taken).size, taken.length, `an address of ${name} twice`)
      for (const address of taken) assert.ok((free.resources[name] ?? []).includes(address))
    }
  }
}

test('a pass launches what the plain model launches, in its order, on the same addresses', () => {
  const seen = { drivers: 0, executors: 0 }
  fc.assert(
    fc.property(cluster, (parts) => {
      const cluster = stateOf(parts)
      const before = modelOf(cluster, NOW_MS)
      const expected = modelSchedule(before)
      const { launches } = scheduleAll(cluster)
      assert.deepEqual(launches, expected.launches)
      assertCapacity(before, launches)
      if (launches.some(({ kind }) => kind === 'driver')) seen.drivers++
      if (launches.some(({ kind }) => kind === 'executor')) seen.executors++
      // And nothing is left that could be placed.
      assert.deepEqual(modelSchedule(modelOf(cluster, NOW_MS)).launches, [])
    }),
    { numRuns: 2000 },
  )
  assert.ok(seen.drivers > 500 && seen.executors > 500, `the clusters are too tame: ${JSON.stringify(seen)}`)
})

test('the cluster state after a pass holds what was launched, and no number is negative', () => {
  fc.assert(
    fc.property(cluster, (parts) => {
      const cluster = stateOf(parts)
      const heldBefore = [...cluster.workers.values()].reduce((sum, entry) => sum + entry.holdings.size, 0)
      const { launches } = scheduleAll(cluster)
      let held = 0
      for (const entry of cluster.workers.values()) {
        const all = [...entry.holdings.values()]
        held += all.length
        assert.equal(
          entry.coresUsed,
          all.reduce((sum, { cores }) => sum + cores, 0),
        )
        assert.equal(
          entry.memoryUsedMib,
          all.reduce((sum, { memoryMib }) => sum + memoryMib, 0),
        )
        assert.ok(entry.coresFree >= 0 && entry.memoryFreeMib >= 0)
      }
      assert.equal(held, heldBefore + launches.length)
      for (const entry of cluster.apps.values()) {
        const launched = launches.filter(({ id }) => id === entry.id).length
        if (launched > 0) assert.ok(entry.executors.size <= entry.executorLimit)
        for (const execId of entry.executors.keys()) assert.ok(execId < entry.nextExecId)
      }
    }),
    { numRuns: 1000 },
  )
})

test('more launches than fit one commit take several passes, and end where one would', () => {
  const crowd = fc.record({
    drivers: fc.integer({ min: 150, max: 450 }),
    workers: fc.integer({ min: 1, max: 4 }),
    apps: fc.nat(3),
    capacity: fc.integer({ min: 50, max: 400 }),
    spreadOut: fc.boolean(),
    cores: fc.option(fc.constant(1), { nil: undefined }),
  })
  let severalPasses = 0
  fc.assert(
    fc.property(crowd, ({ drivers, workers, apps, capacity, spreadOut, cores }) => {
      const plain = {
        gpus: 0,
        held: [],
        alive: true,
        answered: true,
        linked: true,
        draining: false,
        labels: {},
      }
      const parts: Cluster = {
        workers: Array.from({ length: workers }, () => ({
          ...plain,
          cores: capacity,
          memoryMib: capacity * 64,
        })),
        drivers: Array.from({ length: drivers }, () => ({
          cores: 1,
          memoryMib: 64,
          resources: {},
          queued: true,
          heldBack: false,
        })),
        apps: Array.from({ length: apps }, () => ({
          maxCores: undefined,
          cores,
          memoryMib: 32,
          resources: {},
          limit: undefined,
          target: undefined,
          answered: true,
          linked: true,
          has: [],
        })),
        spreadOut,
        defaultCores: 40,
        cursor: 0,
      }
      const cluster = stateOf(parts)
      const expected = modelSchedule(modelOf(cluster, NOW_MS))
      const { launches, passes } = scheduleAll(cluster)
      if (passes > 1) severalPasses++
      assert.deepEqual(launches, expected.launches)
    }),
    { numRuns: 12 },
  )
  assert.ok(severalPasses > 0, 'no case needed a second pass')
})
