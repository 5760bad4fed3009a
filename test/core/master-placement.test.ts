import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  type Candidate,
  type ExecutorDemand,
  placeDriver,
  placeExecutors,
} from '../../actors/master/placement.js'

const worker = (id: string, coresFree: number, memoryFreeMib: number, gpus: string[] = []): Candidate => ({
  id,
  coresFree,
  memoryFreeMib,
  resourcesFree: { gpu: gpus },
})

const demand = (parts: Partial<ExecutorDemand>): ExecutorDemand => ({
  coresLeft: Number.MAX_SAFE_INTEGER,
  coresPerExecutor: undefined,
  memoryMib: 32,
  resources: {},
  executorsLeft: Number.MAX_SAFE_INTEGER,
  ...parts,
})

/** The worked results of Spark's algorithm (Spark 4.4): three Workers of 10 cores and 512 MiB. */
const worked: [string, Partial<ExecutorDemand>, number[], number[]][] = [
  ['128 MiB, no limits', { memoryMib: 128 }, [10, 10, 10], [10, 10, 10]],
  ['128 MiB, max 8 cores', { memoryMib: 128, coresLeft: 8 }, [3, 3, 2], [8, 0, 0]],
  ['128 MiB, max 16', { memoryMib: 128, coresLeft: 16 }, [6, 5, 5], [10, 6, 0]],
  ['128 MiB, 2 per executor', { memoryMib: 128, coresPerExecutor: 2 }, [8, 8, 8], [8, 8, 8]],
  ['32 MiB, 3 per executor', { coresPerExecutor: 3 }, [9, 9, 9], [9, 9, 9]],
  ['32 MiB, 2 per executor, max 20', { coresPerExecutor: 2, coresLeft: 20 }, [8, 6, 6], [10, 10, 0]],
  ['32 MiB, 3 per executor, max 20', { coresPerExecutor: 3, coresLeft: 20 }, [6, 6, 6], [9, 9, 0]],
  ['32 MiB, target 2', { executorsLeft: 2 }, [10, 10, 0], [10, 10, 0]],
  ['32 MiB, max 16, target 2', { coresLeft: 16, executorsLeft: 2 }, [8, 8, 0], [10, 6, 0]],
  ['32 MiB, 4 per executor, target 5', { coresPerExecutor: 4, executorsLeft: 5 }, [8, 8, 4], [8, 8, 4]],
  [
    '32 MiB, 4 per executor, max 18, target 5',
    { coresPerExecutor: 4, coresLeft: 18, executorsLeft: 5 },
    [8, 4, 4],
    [8, 8, 0],
  ],
]

for (const [name, parts, spread, packed] of worked) {
  test(`executors are placed as Spark places them: ${name}`, () => {
    const workers = [worker('a', 10, 512), worker('b', 10, 512), worker('c', 10, 512)]
    assert.deepEqual(placeExecutors(workers, demand(parts), true), spread)
    assert.deepEqual(placeExecutors(workers, demand(parts), false), packed)
  })
}

test('custom resources bound the executors of a Worker', () => {
  const workers = [worker('a', 10, 512, ['0', '1', '2']), worker('b', 10, 512)]
  const wants = demand({ coresPerExecutor: 1, resources: { gpu: 1 } })
  assert.deepEqual(placeExecutors(workers, wants, true), [3, 0])
})

test('drivers go round from a moving start, and past Workers that do not fit', () => {
  const workers = [worker('a', 1, 512), worker('b', 0, 512), worker('c', 1, 512)]
  const wants = { cores: 1, memoryMib: 128, resources: {} }
  assert.equal(placeDriver(workers, wants, 0), 0)
  assert.equal(placeDriver(workers, wants, 1), 2)
  assert.equal(placeDriver(workers, wants, 2), 2)
  assert.equal(placeDriver(workers, { ...wants, cores: 2 }, 0), undefined)
  assert.equal(placeDriver([], wants, 0), undefined)
})

test('S4: no placement gives more than a Worker has or an application may get', () => {
  const workers = fc.array(fc.record({ cores: fc.nat(16), memory: fc.nat(2048), gpus: fc.nat(4) }), {
    maxLength: 6,
  })
  const wants = fc.record({
    coresLeft: fc.nat(64),
    coresPerExecutor: fc.option(fc.integer({ min: 1, max: 5 }), { nil: undefined }),
    memoryMib: fc.integer({ min: 1, max: 700 }),
    gpu: fc.nat(2),
    executorsLeft: fc.nat(10),
  })
  fc.assert(
    fc.property(workers, wants, fc.boolean(), (machines, { gpu, ...parts }, spreadOut) => {
      const candidates = machines.map(({ cores, memory, gpus }, index) =>
        worker(
          `w${index}`,
          cores,
          memory,
          Array.from({ length: gpus }, (_, at) => String(at)),
        ),
      )
      const resources: Record<string, number> = gpu > 0 ? { gpu } : {}
      const assigned = placeExecutors(candidates, { ...parts, resources }, spreadOut)
      let executors = 0
      assigned.forEach((cores, index) => {
        const here = parts.coresPerExecutor ? cores / parts.coresPerExecutor : Math.min(1, cores)
        assert.ok(Number.isInteger(here), 'whole executors only')
        assert.ok(cores <= machines[index]!.cores)
        assert.ok(here * parts.memoryMib <= machines[index]!.memory)
        assert.ok(here * gpu <= machines[index]!.gpus)
        executors += here
      })
      assert.ok(executors <= parts.executorsLeft)
      assert.ok(assigned.reduce((sum, cores) => sum + cores, 0) <= parts.coresLeft)
    }),
  )
})
