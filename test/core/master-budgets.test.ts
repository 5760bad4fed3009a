import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { CodeHolders } from '../../actors/master/code-holders.js'
import { LostExecutors } from '../../actors/master/lost-executors.js'
import { WorkerEntry } from '../../actors/master/worker-entry.js'
import { driverDescription, workerOffer } from '../../actors/messages/samples.js'
import type { DriverReport, ExecutorReport } from '../../actors/messages/workers.js'
import { innerLimits } from '../../runtime/inner-limits.js'
import { limits } from '../../runtime/limits.js'
import { MasterWorld } from '../tools/master-fixture.js'

/*
 * What peers with a key may say without end, and what a Master keeps of it: each has a bound, and each bound
 * takes all that an honest peer can say.
 */

/** Many inputs, or records that a replay would take long to compare. */
const leader = (): MasterWorld => new MasterWorld({}, { isReplayed: false }).elect()

const MIB = 1024 * 1024

/** What is alive, after all else was collected. */
function heapBytes(): number {
  setFlagsFromString('--expose-gc')
  runInNewContext('gc')()
  return process.memoryUsage().heapUsed
}

const forgotten = { epoch: 1, seq: 1, owner: 'another' }

const executor = (execId: number, parts: Partial<ExecutorReport> = {}): ExecutorReport => ({
  appId: 'app-x',
  execId,
  cores: 1,
  memoryMib: 1,
  resources: {},
  state: 'RUNNING',
  launchedAt: forgotten,
  ...parts,
})

const page = (from: number, items: number = limits.reportItems): ExecutorReport[] =>
  Array.from({ length: items }, (_, index) => executor(from + index))

/** Fills as many pages of an unfinished report as the Master takes; at most so many. */
function reportPages(world: MasterWorld, id: string, pages: number): number {
  for (let number = 0; number < pages; number++) {
    world.report(id, { executors: page(number * limits.reportItems), more: true })
    if (isCut(world, id)) return number
  }
  return pages
}

const cutsOf = (world: MasterWorld) =>
  (world.lastStep?.free ?? []).flatMap((effect) => (effect.kind === 'unlink' ? [effect] : []))
const isCut = (world: MasterWorld, id: string): boolean => cutsOf(world).some(({ from }) => from === id)
const worker = (world: MasterWorld, id: string) => world.core.cluster!.workers.get(id)!

describe('the full report of a Worker', () => {
  test('without an end: its cores and the common room are taken, and then its link is cut with a code', () => {
    const world = leader()
    world.worker('w1', { cores: 64 })
    const pages = reportPages(world, 'w1', 1000)
    assert.equal(worker(world, 'w1').holdings.size, 64 + limits.heldBeyondCores)
    assert.equal(pages, Math.floor((64 + limits.heldBeyondCores) / limits.reportItems))
    assert.match(
      cutsOf(world)[0]!.reason,
      /^FIRESTEEL_REPORT_TOO_LARGE: it reports more than 64 cores can run/,
    )
    assert.equal(worker(world, 'w1').reporting, undefined)
    assert.ok(
      [...world.core.cluster!.orphans.values()].every(({ size }) => size <= 64 + limits.heldBeyondCores),
    )
  })

  test('what follows on a link that is cut concludes nothing; a report on the next link counts', () => {
    const world = leader()
    world.worker('w1', { cores: 2 })
    reportPages(world, 'w1', 1000)
    world.report('w1', { executors: [] })
    assert.equal(worker(world, 'w1').holdings.size, 2 + limits.heldBeyondCores)
    world.unlink('w1')
    world.link('w1')
    world.report('w1', { executors: [executor(0)] })
    assert.equal(worker(world, 'w1').holdings.size, 1)
    assert.equal(world.core.cluster!.orphans.get('app-x')!.size, 1)
    world.report('w1')
    assert.equal(world.core.cluster!.orphans.size, 0)
    assert.ok(!world.timers.has('adopt:app-x'))
  })

  test('one that fills the common room takes nothing from what others have within their cores', () => {
    const world = leader()
    world.worker('liar', { cores: 1 })
    reportPages(world, 'liar', 1000)
    world.worker('w2', { port: 7002, cores: 600 })
    world.report('w2', { executors: page(10_000), more: true })
    world.report('w2', { executors: page(20_000, 100) })
    assert.ok(!isCut(world, 'w2'))
    assert.equal(worker(world, 'w2').holdings.size, 600)
    assert.ok(worker(world, 'w2').answered)
  })

  test('a Worker that came back with a smaller offer still runs what it ran, also for a new leader', () => {
    const world = leader()
    world.worker('w1', { cores: 64 })
    world.report('w1', { executors: page(0, 64) })
    world.registerWorker('w1', { cores: 2, restarts: { count: 1, gapMs: 5 } })
    world.report('w1', { executors: page(0, 64) })
    assert.deepEqual([worker(world, 'w1').record.cores, worker(world, 'w1').holdings.size], [2, 64])
    world.failover().elect()
    world.link('w1')
    world.report('w1', { executors: page(0, 64) })
    assert.deepEqual([worker(world, 'w1').holdings.size, worker(world, 'w1').answered], [64, true])
  })

  test('names of resources without an end', () => {
    const world = leader()
    world.worker('w1', { cores: 64 })
    const addresses = Array.from({ length: limits.resourceAddresses }, (_, index) => `gpu-${index}`)
    const held = (execId: number) => executor(execId, { resources: { [`kind-${execId}`]: addresses } })
    const most = (2 * limits.resourceAddressesInAll) / limits.resourceAddresses
    world.report('w1', { executors: Array.from({ length: most - 1 }, (_, index) => held(index)) })
    assert.ok(!isCut(world, 'w1'))
    world.report('w1', { executors: Array.from({ length: most }, (_, index) => held(index)) })
    assert.ok(isCut(world, 'w1'))
    assert.equal(worker(world, 'w1').namesHeld, (most - 1) * (limits.resourceAddresses + 1))
  })

  test('drivers that the store forgot, while the records take all that they may: only so many become records', () => {
    const world = leader().failover().elect()
    world.worker('w1', { cores: 32 })
    const description = { ...driverDescription, args: Array.from({ length: 20 }, () => 'x'.repeat(10_000)) }
    const report = (index: number): DriverReport => ({
      driverId: `driver-${index}`,
      generation: 1,
      attempt: 1,
      state: 'RUNNING',
      resources: {},
      description,
      launchedAt: forgotten,
    })
    const drivers = Array.from({ length: 21 }, (_, index) => report(index))
    world.isFull = true
    world.report('w1', { drivers })
    assert.equal(world.core.cluster!.drivers.size, 20)
    assert.equal(world.lastTold('w1', 'KillDriver')?.driverId, 'driver-20')
    world.isFull = false
    world.report('w1', { drivers })
    assert.equal(world.core.cluster!.drivers.size, 21)
  })
})

describe('what Workers offer', () => {
  test('all together: one that would go above the limit is refused, and has room when another is gone', () => {
    const world = leader()
    const most = limits.clusterCores / limits.workerCores
    for (let index = 0; index < most; index++)
      world.worker(`w${index}`, { port: 7000 + index, cores: limits.workerCores })
    world.worker('late', { port: 1, cores: 1 })
    assert.equal(
      world.lastTold('late', 'RegisterWorkerFailed')?.message,
      'cores is 1, and the others offer 524288; all Workers together may offer 524288',
    )
    // A new process at an address takes the place of the one before.
    world.worker('next', { port: 7000, cores: limits.workerCores })
    assert.equal(worker(world, 'next').state, 'ALIVE')
    world.worker('smaller', { port: 7001, cores: limits.workerCores - 1 })
    world.worker('late', { port: 1, cores: 1 })
    assert.equal(worker(world, 'late').state, 'ALIVE')
  })
})

/** It registers, and another process takes its place. */
function dies(world: MasterWorld, id: string, port: number, parts: object = {}): void {
  world.worker(id, { port, ...parts })
  world.unlink(id)
  for (let number = 1; number <= innerLimits.workerProbes; number++) {
    world.input({ kind: 'timer', timer: { kind: 'probe', workerId: id, number } })
    world.input({ kind: 'probed', workerId: id, refused: true })
  }
}

describe('DEAD Workers', () => {
  test('those that died last are shown, with what is shown of them; the oldest leave first', () => {
    const world = leader()
    const labels = { note: 'x'.repeat(limits.textChars) }
    const small = { zone: 'a' }
    for (let index = 0; index <= innerLimits.deadWorkers + 1; index++) {
      world.nowMs += 1
      dies(world, `w${index}`, 7000 + index, { labels: index === 5 ? small : labels })
    }
    const dead = world.snapshot().workers
    assert.equal(dead.length, innerLimits.deadWorkers)
    assert.deepEqual([dead[0]?.id, dead[0]?.state, dead[0]?.labels], ['w2', 'DEAD', {}])
    assert.deepEqual([dead[3]?.id, dead[3]?.labels], ['w5', small])
    assert.equal(world.core.cluster!.workersByAddress.size, innerLimits.deadWorkers)
    assert.equal(worker(world, 'w2').code, undefined)
  })

  test('one that comes back elsewhere leaves nothing at its former address', () => {
    const world = leader()
    for (const port of [7001, 7002, 7003]) dies(world, 'w1', port)
    assert.deepEqual([...world.core.cluster!.workersByAddress.keys()], ['10.0.0.1:7003'])
    assert.equal(world.core.cluster!.workers.size, 1)
  })
})

describe('code', () => {
  const id = (number: number): string => number.toString(16).padStart(64, '0')
  const held = (world: MasterWorld, worker: string, begins: boolean, from: number, parts: object = {}) =>
    world.tell(worker, {
      type: 'CodeHeld',
      workerId: worker,
      begins,
      codes: Array.from({ length: limits.codesPerMessage }, (_, index) => id(from + index)),
      ...parts,
    })

  test('a Worker names new codes without an end: those above the limit are not known, and it is counted', () => {
    const world = leader()
    world.worker('w1')
    for (let from = 0; from < 2 * limits.codesHeld; from += limits.codesPerMessage)
      held(world, 'w1', false, from)
    assert.equal(worker(world, 'w1').code, undefined, 'it has not begun')
    held(world, 'w1', true, 0)
    for (let from = 0; from < 2 * limits.codesHeld; from += limits.codesPerMessage)
      held(world, 'w1', false, from)
    assert.equal(worker(world, 'w1').code!.held.size, limits.codesHeld)
    const refused = world.lastStep!.free.find(({ kind }) => kind === 'refused')
    assert.deepEqual(refused, {
      kind: 'refused',
      from: 'w1',
      reason: 'CodeHeld: it names more codes than a Master keeps in mind',
    })
    held(world, 'w1', true, 0)
    assert.equal(worker(world, 'w1').code!.held.size, limits.codesPerMessage)
  })

  test('all Workers together have a limit, and what one gives up another may name', () => {
    const holders = new CodeHolders({ codesHeld: 3, codesHeldInAll: 4 })
    const [one, other] = ['w1', 'w2'].map((name) => {
      const entry = new WorkerEntry({ ...workerOffer, id: name, name, draining: false }, 'ALIVE', 0, 0)
      entry.code = { place: undefined, held: new Set() }
      return entry
    })
    assert.deepEqual(
      [1, 2, 3, 4].map((number) => holders.add(one!, id(number))),
      [true, true, true, false],
    )
    assert.deepEqual(
      [1, 1, 2].map((number) => holders.add(other!, id(number))),
      [true, true, false],
    )
    assert.deepEqual([...holders.of(id(1))], [one, other])
    holders.leave(one!)
    assert.equal(holders.add(other!, id(2)), true)
    assert.deepEqual([...holders.of(id(1))], [other])
    assert.deepEqual([...holders.of(id(3))], [])
  })
})

describe('the executors that an application lists', () => {
  const lists = (world: MasterWorld, appId: string, from: number, workerId: string, parts: object = {}) =>
    world.tell('client', {
      type: 'MasterChangeAcknowledged',
      appId,
      registration: 'reg-client',
      listen: { port: 5000 },
      executors: Array.from({ length: limits.reportItems }, (_, index) => ({
        execId: from + index,
        workerId,
      })),
      more: true,
      highestExecId: from + limits.reportItems,
      ...parts,
    })

  test('ids that nobody runs, without an end: it keeps none as listed, and remembers so many as LOST', () => {
    const world = leader()
    const appId = world.application('client')
    const pages = 3
    for (let number = 0; number < pages; number++) lists(world, appId, number * limits.reportItems, 'nobody')
    const app = world.core.cluster!.apps.get(appId)!
    assert.equal(app.listed.size, 0)
    assert.equal(world.core.cluster!.lostExecutors.size, pages * limits.reportItems)
    assert.ok(app.lost.has(0))
  })

  test('the newest LOST ones of all applications are remembered', () => {
    const lost = new LostExecutors(3)
    const [one, other] = [lost.of('a1'), lost.of('a2')]
    for (const execId of [1, 2]) one.add(execId)
    other.add(1)
    one.add(1)
    other.add(2)
    assert.deepEqual(lost.save(), ['a2/1', 'a1/1', 'a2/2'])
    assert.deepEqual([one.has(2), one.has(1), other.has(1)], [false, true, true])
  })

  test('the same ones LOST again and again take no more memory', () => {
    const lost = new LostExecutors(500)
    const addAll = (times: number) => {
      for (let time = 0; time < times; time++)
        for (let execId = 0; execId < 500; execId++) lost.add(`a/${execId}`)
    }
    // One is forgotten, after which nothing more is.
    lost.add('a/old')
    addAll(2)
    const before = heapBytes()
    addAll(1000)
    const grown = heapBytes() - before
    // While each former table was kept these were some 34 MB.
    assert.ok(grown < 4 * MIB, `${grown} bytes more`)
    assert.equal(lost.size, 500)
  })

  test('on a Worker that has not answered yet: as many as it has cores and room for', () => {
    const world = leader()
    world.worker('w1', { cores: 8 })
    const appId = world.application('client')
    world.failover().elect()
    world.link('client', 'client')
    for (let from = 0; from < 2 * limits.heldBeyondCores; from += limits.reportItems)
      lists(world, appId, from, 'w1')
    const app = world.core.cluster!.apps.get(appId)!
    assert.equal(app.executors.size, 8 + limits.heldBeyondCores)
    assert.equal(app.listed.size, app.executors.size)
    assert.equal(worker(world, 'w1').holdings.size, app.executors.size)
    const [last] = [...app.executors.keys()].slice(-1)
    assert.ok(app.lost.has(last! + 1))
  })

  test('of one that the store forgot, on Workers that it forgot: so many in all, until they come', () => {
    const world = leader().failover().elect()
    world.link('client', 'client')
    const first = {
      description: { ...driverDescription, name: 'a', executor: { memoryMib: 1, resources: {} }, user: 'u' },
      registeredAt: forgotten,
    }
    for (let from = 0; from < limits.awaitedExecutors + 2000; from += limits.reportItems)
      lists(world, 'app-1', from, 'w9', first)
    const app = world.core.cluster!.apps.get('app-1')!
    assert.equal(app.executors.size, limits.awaitedExecutors)
    world.worker('w9', { cores: 8 })
    assert.equal(app.executors.size, 0, 'it reports that it runs none of them')
    assert.equal(app.listed.size, 0)
  })
})
