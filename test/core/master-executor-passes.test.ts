import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type Candidate, placeExecutors } from '../../actors/master/placement.js'
import type { ApplicationDescription } from '../../actors/messages/common.js'
import { limits } from '../../runtime/limits.js'
import { MasterWorld } from '../tools/master-fixture.js'
import { modelCores } from './placement-model.js'

/*
 * Giving executors to applications takes a stated number of looks and launches a pass, and ends where one
 * pass would.
 */

const LAUNCHES = 200

/** Looks at a Worker's free cores, which every search begins with. */
function countLooks(world: MasterWorld): () => number {
  let looks = 0
  for (const worker of world.core.cluster!.workers.values()) {
    const { coresFree } = Object.getOwnPropertyDescriptors(Object.getPrototypeOf(worker))
    Object.defineProperty(worker, 'coresFree', {
      get() {
        looks++
        return coresFree!.get!.call(worker)
      },
    })
  }
  return () => looks
}

function worldOf(workers: readonly { cores: number; memoryMib?: number }[], spreadOut = true): MasterWorld {
  const world = new MasterWorld({ spreadOut }, { isReplayed: false }).elect()
  for (const [number, { cores, memoryMib = 1_000_000 }] of workers.entries())
    world.worker(`w${number}`, { port: 7100 + number, cores, memoryMib })
  return world
}

const alike = (count: number, cores: number) => Array.from({ length: count }, () => ({ cores }))

/** Applications register all at once; passes are made by hand, so that each can be looked at. */
function register(world: MasterWorld, descriptions: readonly Partial<ApplicationDescription>[]): string[] {
  const cluster = world.core.cluster!
  const { state } = cluster
  cluster.state = 'COMPLETING_RECOVERY'
  const ids = descriptions.map((parts, number) => world.application(`app-${number}`, parts))
  cluster.state = state
  cluster.dirty = true
  return ids
}

/** All passes that follow each other; gives looks and launches of each. */
function passes(world: MasterWorld, most = 1000): { looks: number; launches: number }[] {
  const looks = countLooks(world)
  const made: { looks: number; launches: number }[] = []
  for (let at = 0; at < most && world.core.cluster!.dirty; at++) {
    const before = looks()
    const step = world.input({ kind: 'turnEnd' })
    const launches = step.gated.filter(
      (effect) => effect.kind === 'tell' && effect.message.type === 'LaunchExecutor',
    ).length
    made.push({ looks: looks() - before, launches })
  }
  return made
}

const each = (cores: number, memoryMib: number, parts: Partial<ApplicationDescription> = {}) => ({
  executor: { cores, memoryMib, resources: {} },
  ...parts,
})

test('applications that ask for the same and find no room look once for all of them', () => {
  const world = worldOf(alike(100, 4))
  register(
    world,
    Array.from({ length: 1000 }, () => each(8, 64)),
  )
  const made = passes(world)
  assert.equal(made.length, 1)
  assert.ok((made[0]?.looks ?? 0) <= 4 * 100, `${made[0]?.looks} looks`)
})

test('a pass over any wishes looks so often at most, and who comes behind them all is reached', () => {
  const world = worldOf(alike(100, 4))
  // None of these is within another, so each is looked for by itself.
  const large = Array.from({ length: 2000 }, (_, number) => each(100 + number, 1_000_000 - number))
  const ids = register(world, [...large, each(1, 64, { maxCores: 1 })])
  const cluster = world.core.cluster!
  const last = cluster.apps.get(ids.at(-1)!)!
  const looks = countLooks(world)
  let count = 0
  // Each pass finds that there may be more room than before it: none may begin at the oldest each time.
  while (last.executors.size === 0 && count < 20) {
    const before = looks()
    cluster.dirty = true
    world.input({ kind: 'turnEnd' })
    count++
    assert.ok(looks() - before <= 4 * limits.executorLooks, `${looks() - before} looks in one pass`)
  }
  assert.equal(last.executors.size, 1)
  assert.ok(count > 1 && count <= 10, `${count} passes`)
})

test('FIFO over the applications holds from pass to pass: what there is goes to the oldest', () => {
  const world = worldOf(alike(10, 100))
  const ids = register(
    world,
    Array.from({ length: 5 }, () => each(1, 64, { maxCores: 350 })),
  )
  const made = passes(world)
  assert.ok(made.every(({ launches }) => launches <= LAUNCHES))
  const sizes = ids.map((id) => world.core.cluster!.apps.get(id)!.executors.size)
  assert.deepEqual(sizes, [350, 350, 300, 0, 0])
})

test('who finds no room is not looked at again before there may be more, and then is', () => {
  const world = worldOf(alike(3, 4))
  const [first, second] = register(world, [each(4, 64), each(4, 64)])
  passes(world)
  const cluster = world.core.cluster!
  assert.equal(cluster.apps.get(first!)!.executors.size, 3)
  world.tell('cli', { type: 'Heartbeat', workerId: 'w0', sentAtMs: 0 })
  world.tell('app-0', { type: 'UnregisterApplication', appId: first! })
  for (const execId of [0, 1, 2]) {
    const workerId = `w${[2, 1, 0][execId]}`
    const change = {
      type: 'ExecutorStateChanged',
      workerId,
      change: execId + 1,
      appId: first!,
      execId,
    } as const
    world.tell(workerId, { ...change, state: 'KILLED' })
  }
  assert.equal(cluster.apps.get(second!)!.executors.size, 3)
})

const free = fc.record({ cores: fc.nat(60), memoryMib: fc.integer({ min: 1, max: 64 }).map((n) => n * 32) })

test('property: a placement of many executors takes several passes and ends as one pass would', () => {
  let several = 0
  fc.assert(
    fc.property(
      fc.array(
        free.map((one) => ({ ...one, cores: one.cores + 1 })),
        { minLength: 1, maxLength: 12 },
      ),
      fc.boolean(),
      fc.option(fc.integer({ min: 1, max: 3 }), { nil: undefined }),
      fc.integer({ min: 1, max: 700 }),
      (workers, spreadOut, cores, maxCores) => {
        const world = worldOf(workers, spreadOut)
        const executor = { ...(cores !== undefined && { cores }), memoryMib: 32, resources: {} }
        const [appId] = register(world, [{ executor, maxCores }])
        const cluster = world.core.cluster!
        const order = [...cluster.workers.values()].sort(
          (a, b) => b.record.cores - a.record.cores || (a.id < b.id ? 1 : -1),
        )
        const demand = {
          coresLeft: maxCores,
          coresPerExecutor: cores,
          memoryMib: 32,
          resources: {},
          executorsLeft: Number.MAX_SAFE_INTEGER,
        }
        const usable = order.filter(({ record }) => record.cores >= (cores ?? 1))
        const expected = modelCores(
          usable.map(({ record }) => ({ cores: record.cores, memoryMib: record.memoryMib, resources: {} })),
          demand,
          spreadOut,
        )
        const made = passes(world)
        if (made.filter(({ launches }) => launches > 0).length > 1) several++
        assert.ok(made.every(({ launches }) => launches <= LAUNCHES))
        const given = new Map<string, number>()
        for (const one of cluster.apps.get(appId!)!.executors.values())
          given.set(one.workerId, (given.get(one.workerId) ?? 0) + one.cores)
        assert.deepEqual(
          usable.map(({ id }) => given.get(id) ?? 0),
          expected,
        )
      },
    ),
    // The first one needs several passes for sure: chance may draw none.
    { numRuns: 60, examples: [[Array(12).fill({ cores: 60, memoryMib: 2048 }), true, 1, 700]] },
  )
  assert.ok(several > 0, 'no case needed a second pass')
})

test('a Worker that says it has any number of cores and memory keeps nobody busy', () => {
  const endless: Candidate = {
    id: 'w',
    coresFree: Number.MAX_SAFE_INTEGER,
    memoryFreeMib: Number.MAX_SAFE_INTEGER,
    resourcesFree: {},
  }
  for (const spreadOut of [true, false]) {
    for (const coresPerExecutor of [undefined, 1]) {
      const demand = {
        coresLeft: Number.MAX_SAFE_INTEGER,
        coresPerExecutor,
        memoryMib: 1,
        resources: {},
        executorsLeft: Number.MAX_SAFE_INTEGER,
      }
      const assigned = placeExecutors([endless, { ...endless, id: 'v', coresFree: 3 }], demand, spreadOut)
      assert.ok(assigned[0]! > 1_000_000_000_000)
    }
  }
  const world = worldOf([{ cores: limits.workerCores, memoryMib: Number.MAX_SAFE_INTEGER }])
  const [appId] = register(world, [each(1, 1)])
  assert.deepEqual(
    passes(world, 3).map(({ launches }) => launches),
    [LAUNCHES, LAUNCHES, LAUNCHES],
  )
  assert.equal(world.core.cluster!.apps.get(appId!)!.executors.size, 3 * LAUNCHES)
})
