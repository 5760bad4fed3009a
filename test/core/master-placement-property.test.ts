import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  byCoresFree,
  type Candidate,
  type ExecutorDemand,
  fits,
  placeDriver,
  placeExecutors,
} from '../../actors/master/placement.js'
import { couldTakeMore, hasCapacity, type ModelHolding, modelCores, own } from './placement-model.js'

/* Placement against a plain, slow model of Spark's rule, and against what must hold of any placement. */

const addresses = (count: number): string[] => Array.from({ length: count }, (_, at) => `a${at}`)

const free = fc.record({
  cores: fc.nat(12),
  memoryMib: fc.nat(1024),
  resources: fc.record({ gpu: fc.nat(4).map(addresses), fpga: fc.nat(2).map(addresses) }),
})
const machines = fc.array(free, { maxLength: 6 })
const amounts = fc.dictionary(
  fc.constantFrom('gpu', 'fpga', 'unknown', 'constructor'),
  fc.integer({ min: 1, max: 2 }),
  {
    maxKeys: 2,
  },
)
const unlimited = Number.MAX_SAFE_INTEGER
const demand: fc.Arbitrary<ExecutorDemand> = fc.record({
  coresLeft: fc.oneof(fc.nat(40), fc.constant(unlimited)),
  coresPerExecutor: fc.option(fc.integer({ min: 1, max: 5 }), { nil: undefined }),
  memoryMib: fc.integer({ min: 1, max: 400 }),
  resources: fc.oneof({ weight: 2, arbitrary: fc.constant({}) }, { weight: 1, arbitrary: amounts }),
  executorsLeft: fc.oneof(fc.nat(8), fc.constant(unlimited)),
})

const candidate = ({ cores, memoryMib, resources }: ModelHolding, index: number): Candidate => ({
  id: `w${index}`,
  coresFree: cores,
  memoryFreeMib: memoryMib,
  resourcesFree: Object.fromEntries(Object.entries(resources).map(([name, list]) => [name, [...list]])),
})

test('every placement that the plain model makes is made, and none other', () => {
  let placed = 0
  fc.assert(
    fc.property(machines, demand, fc.boolean(), (workers, wants, spreadOut) => {
      const assigned = placeExecutors(workers.map(candidate), wants, spreadOut)
      assert.deepEqual(assigned, modelCores(workers, wants, spreadOut))
      if (assigned.some((cores) => cores > 0)) placed++
    }),
    { numRuns: 3000 },
  )
  assert.ok(placed > 1000, `only ${placed} of the cases place anything`)
})

test('S4: whole executors, within what each Worker has and what the application may get', () => {
  fc.assert(
    fc.property(machines, demand, fc.boolean(), (workers, wants, spreadOut) => {
      const assigned = placeExecutors(workers.map(candidate), wants, spreadOut)
      let opened = 0
      for (const [index, cores] of assigned.entries()) {
        const here =
          wants.coresPerExecutor === undefined ? Math.min(1, cores) : cores / wants.coresPerExecutor
        assert.ok(Number.isInteger(here) && cores >= 0, `${cores} cores are no whole executors`)
        assert.ok(cores <= workers[index]!.cores)
        assert.ok(here * wants.memoryMib <= workers[index]!.memoryMib || here === 0)
        for (const [name, amount] of Object.entries(wants.resources)) {
          assert.ok(here * amount <= own(workers[index]!.resources, name).length)
        }
        opened += here
      }
      assert.ok(opened <= wants.executorsLeft)
      assert.ok(assigned.reduce((sum, cores) => sum + cores, 0) <= wants.coresLeft)
    }),
    { numRuns: 2000 },
  )
})

test('nothing that could be placed is left: what stops is the application or the Worker itself', () => {
  fc.assert(
    fc.property(machines, demand, fc.boolean(), (workers, wants, spreadOut) => {
      const assigned = placeExecutors(workers.map(candidate), wants, spreadOut)
      const step = wants.coresPerExecutor ?? 1
      const opened = assigned.reduce(
        (sum, cores) => sum + (wants.coresPerExecutor === undefined ? Math.min(1, cores) : cores / step),
        0,
      )
      const left = wants.coresLeft - assigned.reduce((sum, cores) => sum + cores, 0)
      for (const [index, cores] of assigned.entries()) {
        const opens = wants.coresPerExecutor !== undefined || cores === 0
        if (left < step || (opens && opened >= wants.executorsLeft)) continue
        assert.ok(!couldTakeMore(workers[index]!, wants, cores), `Worker ${index} could take more`)
      }
    }),
    { numRuns: 2000 },
  )
})

test('spread out: nobody is two steps ahead of a Worker that could have taken one', () => {
  fc.assert(
    fc.property(machines, demand, (workers, wants) => {
      const step = wants.coresPerExecutor ?? 1
      const steps = placeExecutors(workers.map(candidate), wants, true).map((cores) => cores / step)
      const most = Math.max(0, ...steps)
      for (const [index, taken] of steps.entries()) {
        // Without a size an executor goes on growing where it is once no other may be opened.
        const closed = wants.coresPerExecutor === undefined && taken === 0
        if (closed && steps.filter((each) => each > 0).length >= wants.executorsLeft) continue
        if (most >= taken + 2) assert.ok(!couldTakeMore(workers[index]!, wants, taken * step), `${steps}`)
      }
    }),
    { numRuns: 2000 },
  )
})

test('packed: a Worker is used only when those before it are full', () => {
  fc.assert(
    fc.property(machines, demand, (workers, wants) => {
      const assigned = placeExecutors(workers.map(candidate), wants, false)
      for (const [index, cores] of assigned.entries()) {
        const later = assigned.slice(index + 1).some((each) => each > 0)
        if (later) assert.ok(!couldTakeMore(workers[index]!, wants, cores), `${assigned}`)
      }
    }),
    { numRuns: 2000 },
  )
})

test('a driver goes to the first Worker from the start that has room, wherever the start is', () => {
  const wants = fc.record({
    cores: fc.integer({ min: 1, max: 8 }),
    memoryMib: fc.nat(600),
    resources: amounts,
  })
  fc.assert(
    fc.property(machines, wants, fc.nat(20), (workers, want, start) => {
      const candidates = workers.map(candidate)
      const found = placeDriver(candidates, want, start)
      const order = workers.map((_, visited) => (start + visited) % workers.length)
      assert.equal(
        found,
        order.find((index) => hasCapacity(workers[index]!, want)),
      )
      for (const [index, one] of candidates.entries())
        assert.equal(fits(one, want), hasCapacity(workers[index]!, want))
    }),
    { numRuns: 2000 },
  )
})

test('the order of Workers is total: most free cores first, then the higher id', () => {
  fc.assert(
    fc.property(machines, (workers) => {
      const candidates = workers.map(candidate)
      const sorted = candidates.toSorted(byCoresFree)
      assert.deepEqual(candidates.toReversed().toSorted(byCoresFree), sorted)
      for (const [index, one] of sorted.slice(1).entries()) {
        const before = sorted[index]!
        assert.ok(
          before.coresFree > one.coresFree || (before.coresFree === one.coresFree && before.id > one.id),
        )
      }
    }),
  )
})
