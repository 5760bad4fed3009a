import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { DriverEntry } from '../../actors/master/driver-entry.js'
import { DriverTurns } from '../../actors/master/driver-turns.js'
import { type DriverRecord, neverLaunched } from '../../actors/master/records.js'
import { DemandClass, WaitingDrivers } from '../../actors/master/waiting-drivers.js'
import { driverDescription } from '../../actors/messages/samples.js'
import { limits } from '../../runtime/limits.js'
import { MasterWorld } from '../tools/master-fixture.js'

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

function worldOf(workers: number): MasterWorld {
  const world = new MasterWorld({}, { isReplayed: false }).elect()
  for (let number = 0; number < workers; number++) world.worker(`w${number}`, { port: 7100 + number })
  return world
}

/** One pass, as after anything that may have made room. */
function pass(world: MasterWorld): void {
  world.core.cluster!.dirty = true
  world.input({ kind: 'turnEnd' })
}

const queuedDriver = (index: number, description: DriverRecord['description']): DriverRecord => ({
  id: `driver-${index}`,
  submittedAtMs: 0,
  description,
  key: `key-${index}`,
  digest: 'd',
  ...neverLaunched,
})

test('of drivers that ask for the same, one looks for all: a pass is no product of drivers and Workers', () => {
  const world = worldOf(100)
  for (let number = 0; number < 3000; number++) world.submitted({ cores: 64 })
  const looks = countLooks(world)
  pass(world)
  assert.ok(looks() <= 2 * 100, `${looks()} looks`)
  const before = looks()
  world.submitted({ cores: 64 })
  assert.ok(looks() - before <= 100, 'nor is a submission')
  const reasons = new Set(world.snapshot().activeDrivers.map(({ message }) => message))
  assert.deepEqual([...reasons], ['waits: no Worker is as large as 64 cores, 128 MiB'])
})

test('a pass over any demands looks so often at most, and who comes behind them all is reached', () => {
  const world = worldOf(100)
  // None of these is within another, so each is looked for by itself.
  for (let number = 0; number < 3000; number++)
    world.submitted({ cores: 100 + number, memoryMib: 1_000_000 - number })
  const cluster = world.core.cluster!
  // Room that nobody is told of yet: it is found by the passes alone.
  const small = world.submitted({ cores: 1, memoryMib: 4096 })
  const worker = [...cluster.workers.values()][50]!
  Object.assign(worker.record, { memoryMib: 8192 })
  const looks = countLooks(world)
  let passes = 0
  // Each demand counts something beside its looks, so that these are some twenty passes.
  // Each pass finds that there may be more room than before it: none may begin at the oldest each time.
  while (cluster.drivers.get(small)?.queued && passes < 30) {
    const before = looks()
    pass(world)
    passes++
    assert.ok(looks() - before <= 101_000, `${looks() - before} looks in one pass`)
  }
  assert.equal(cluster.drivers.get(small)?.record.workerId, 'w50')
  assert.ok(passes > 1)
})

test('a pass over any demands compares and visits so many at most, however few Workers there are', (t) => {
  const world = worldOf(1)
  for (let number = 0; number < 3000; number++)
    world.submitted({ cores: 100 + number, memoryMib: 1_000_000 - number })
  const cluster = world.core.cluster!
  let reads = 0
  for (const of of cluster.waiting.classes) {
    const { cores } = of.demand
    Object.defineProperty(of.demand, 'cores', { get: () => ++reads && cores })
  }
  const visits = t.mock.method(DemandClass.prototype, 'next').mock
  pass(world)
  // A comparison reads two of them. Each of 258 demands is compared with 32 others, and looked for.
  assert.ok(reads <= 20_000, `${reads} reads in one pass`)
  assert.ok(visits.callCount() <= 300, `${visits.callCount()} demands were visited`)
  assert.equal(cluster.dirty, true, 'the next pass goes on')
})

test('property: each driver that may be launched has its turn once, the oldest first', () => {
  const one = fc.record({ cores: fc.integer({ min: 1, max: 4 }), isHeld: fc.boolean() })
  fc.assert(
    fc.property(fc.array(one, { maxLength: 30 }), fc.nat(31), (drivers, scan) => {
      const waiting = new WaitingDrivers()
      const entries = drivers.map(({ cores, isHeld }, index) => {
        const description = { ...driverDescription, cores }
        const entry = new DriverEntry(queuedDriver(index, description), index + 1, waiting)
        if (isHeld) entry.notBeforeMs = 1
        return entry
      })
      const turns = new DriverTurns(waiting, { scan, capacity: 0, nowMs: 0 })
      const launched: number[] = []
      for (let turn = turns.next(); turn; turn = turns.next()) {
        launched.push(turn.driver.number)
        turn.driver.leave()
        turns.passed(turn)
      }
      const wanted = entries.filter(({ notBeforeMs }) => notBeforeMs === 0).map(({ number }) => number)
      if (scan === 0) assert.deepEqual(launched, wanted)
      else
        assert.deepEqual(
          launched.toSorted((a, b) => a - b),
          wanted,
        )
    }),
    { numRuns: 2000 },
  )
})

/**
 * Passes over drivers, of so many turns each: every pass finds that there may be more room than before it,
 * and whoever is not held finds none or is launched.
 */
class Passes {
  readonly waiting = new WaitingDrivers()
  readonly entries: DriverEntry[]
  readonly held = new Set<number>()
  #passes = 0
  readonly #most: number

  constructor(cores: readonly number[], most: number) {
    this.#most = most
    this.entries = cores.map(
      (cores, index) =>
        new DriverEntry(queuedDriver(index, { ...driverDescription, cores }), index + 1, this.waiting),
    )
  }

  /** The drivers that had turns. Each launched one is placed again at once. */
  pass(isLaunched: (number: number) => boolean = () => false): number[] {
    const capacity = ++this.#passes
    const { waiting } = this
    const turns = new DriverTurns(waiting, { scan: waiting.scan, capacity, nowMs: 0 })
    const had: DriverEntry[] = []
    const launched: DriverEntry[] = []
    let scan = 0
    for (let turn = turns.next(); turn; turn = turns.next()) {
      if (had.length >= this.#most) {
        scan = turn.behind
        break
      }
      const { of, driver } = turn
      had.push(driver)
      if (!this.held.has(driver.number) && !isLaunched(driver.number)) {
        of.fullAt = capacity
        waiting.move(of, of.oldest)
        continue
      }
      if (!this.held.has(driver.number)) {
        driver.leave()
        launched.push(driver)
      }
      turns.passed(turn)
    }
    waiting.scan = scan
    for (const driver of launched) waiting.add(driver)
    return had.map(({ number }) => number)
  }
}

for (const why of ['rests', 'is held']) {
  test(`the oldest driver of a demand ${why}: a younger one far behind it has its turns as others do`, () => {
    // The first asks for the same as the 1000th, and each other driver for something else.
    const passes = new Passes(
      Array.from({ length: 2000 }, (_, index) => (index === 999 ? 1 : index + 1)),
      300,
    )
    if (why === 'rests') passes.entries[0]!.notBeforeMs = 1
    else passes.held.add(1)
    const turns = new Map<number, number>()
    for (let pass = 0; pass < 500; pass++)
      for (const number of passes.pass()) turns.set(number, (turns.get(number) ?? 0) + 1)
    const [before, it, after] = [999, 1000, 1001].map((number) => turns.get(number) ?? 0)
    assert.ok(Math.abs(it! - before!) <= 1 && Math.abs(it! - after!) <= 1, `${before}, ${it}, ${after} turns`)
  })
}

test('property: whatever rests, wakes or is held, each demand has a turn within two rounds of passes', () => {
  const change = fc.record({ pick: fc.nat(), to: fc.constantFrom('rest', 'wake', 'hold', 'free') })
  const round = fc.record({ changes: fc.array(change, { maxLength: 4 }), launched: fc.nat(6) })
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 1, max: 8 }), { minLength: 1, maxLength: 24 }),
      fc.integer({ min: 1, max: 5 }),
      fc.array(round, { minLength: 30, maxLength: 60 }),
      (cores, most, rounds) => {
        const passes = new Passes(cores, most)
        const { entries, held, waiting } = passes
        const waited = new Map<number, number>()
        const allowed = 2 * Math.ceil(entries.length / most)
        for (const { changes, launched } of rounds) {
          for (const { pick, to } of changes) {
            const driver = entries[pick % entries.length]!
            if (to === 'rest' || to === 'wake') driver.notBeforeMs = to === 'rest' ? 1 : 0
            if (to === 'hold') held.add(driver.number)
            if (to === 'free') held.delete(driver.number)
            if (to === 'wake' || to === 'free') waiting.awake(driver)
          }
          const had = passes.pass((number) => number % 7 < launched)
          for (const { number, notBeforeMs } of entries) {
            // Where an older one that asks for the same finds no room, this one finds none.
            const isOver = (turn: number) =>
              turn === number ||
              (turn < number &&
                cores[turn - 1] === cores[number - 1] &&
                !held.has(turn) &&
                turn % 7 >= launched)
            const isReady = notBeforeMs === 0 && !held.has(number)
            const passed = isReady && !had.some(isOver) ? (waited.get(number) ?? 0) + 1 : 0
            assert.ok(passed <= allowed, `${number} had no turn in ${passed} passes of ${most}`)
            waited.set(number, passed)
          }
        }
      },
    ),
    { numRuns: 1000 },
  )
})

test('full demands are passed over, and a pass begins where the last one stopped', () => {
  const world = worldOf(1)
  for (let number = 0; number < 100; number++)
    world.submitted({ cores: 100 + number, memoryMib: 1_000_000 - number })
  const { waiting, capacity } = world.core.cluster!
  const turns = new DriverTurns(waiting, { scan: 0, capacity, nowMs: 0 })
  assert.equal(turns.next(), undefined)
  const again = new DriverTurns(waiting, { scan: 50, capacity: capacity + 1, nowMs: 0 })
  assert.deepEqual([again.next()?.driver.number, again.next()?.driver.number], [51, 52])
})

test('one that is placed again is older than those that came since', () => {
  const world = worldOf(1)
  const [first, second] = [world.submitted({ cores: 4, supervise: true }), world.submitted({ cores: 4 })]
  assert.equal(world.core.cluster!.drivers.get(first)?.record.workerId, 'w0')
  world.advance(limits.executorStableMs)
  world.tell('w0', {
    type: 'DriverStateChanged',
    workerId: 'w0',
    change: 1,
    driverId: first,
    generation: 1,
    attempt: 1,
    state: 'KILLED',
    isolated: true,
  })
  assert.equal(world.core.cluster!.drivers.get(first)?.record.generation, 2)
  assert.equal(world.core.cluster!.drivers.get(second)?.queued, true)
})

test('property: the queue holds exactly the drivers of the cluster state without a Worker, oldest first', () => {
  const action = fc.record({
    kind: fc.constantFrom('submit', 'kill', 'end', 'loseWorker', 'addWorker'),
    cores: fc.integer({ min: 1, max: 6 }),
    pick: fc.nat(),
  })
  fc.assert(
    fc.property(fc.array(action, { maxLength: 60 }), (actions) => {
      const world = worldOf(2)
      let workers = 2
      let change = 1
      for (const { kind, cores, pick } of actions) {
        const cluster = world.core.cluster!
        const ids = [...cluster.drivers.keys()]
        const id = ids[pick % Math.max(1, ids.length)]
        const record = id === undefined ? undefined : cluster.drivers.get(id)?.record
        if (kind === 'submit') world.submitted({ cores, supervise: pick % 2 === 0 })
        else if (kind === 'kill' && id) world.ask('cli', { type: 'RequestKillDriver', driverId: id })
        else if (kind === 'addWorker') world.worker(`w${workers}`, { port: 7100 + workers++, cores })
        else if (kind === 'loseWorker') world.worker(`w${workers++}`, { port: 7100 })
        else if (kind === 'end' && record?.workerId)
          world.tell(record.workerId, {
            type: 'DriverStateChanged',
            workerId: record.workerId,
            change: change++,
            driverId: record.id,
            generation: record.generation,
            attempt: 1,
            state: 'FAILED',
            ...(pick % 3 === 0 && { noRoom: true }),
          })
        const waiting = [...cluster.waiting.classes].flatMap((of) => of.drivers.map((driver) => driver.id))
        const queued = [...cluster.drivers.values()]
          .filter((driver) => driver.queued)
          .map((driver) => driver.id)
        assert.deepEqual([...waiting].sort(), [...queued].sort())
        assert.equal(cluster.waiting.size, queued.length)
        const { order } = cluster.waiting
        assert.deepEqual(
          Array.from({ length: order.size }, (_, at) => order.at(at)),
          [...cluster.waiting.classes].sort((a, b) => a.place - b.place),
        )
        for (const { drivers } of cluster.waiting.classes)
          assert.deepEqual(
            drivers.map(({ number }) => number),
            drivers.map(({ number }) => number).sort((a, b) => a - b),
          )
      }
    }),
    { numRuns: 60 },
  )
})
