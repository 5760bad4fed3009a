import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { lostWriteMessage, lostWritePieces } from '../../actors/master/lost-writes/pieces.js'
import { violation } from '../../actors/messages/catalogue.js'
import { driverDescription } from '../../actors/messages/samples.js'
import type { DriverReport, ExecutorReport } from '../../actors/messages/workers.js'
import { DriverEntry } from '../../actors/worker/driver-entry.js'
import { reportPages } from '../../actors/worker/report-pages.js'
import { limits } from '../../runtime/limits.js'
import { EnvelopeBatch } from '../../runtime/transport/envelope-batch.js'
import { MasterWorld } from '../tools/master-fixture.js'

/*
 * Reports of Workers, and lost writes of Masters, arrive whatever their size: in messages that a link
 * carries.
 */

const at = { epoch: 1, seq: 1, owner: 'm1' }
const executor = (execId: number): ExecutorReport => ({
  appId: 'app-1',
  execId,
  cores: 1,
  memoryMib: 1,
  resources: {},
  state: 'RUNNING',
  launchedAt: at,
})
const driver = (number: number, argument = ''): DriverReport => ({
  driverId: `driver-1-1-${number}`,
  generation: 1,
  attempt: 1,
  state: 'RUNNING',
  resources: {},
  description: { ...driverDescription, args: [argument] },
  launchedAt: at,
})

test('property: the messages of a report, put together, are the report; none is over its bounds but for one item', () => {
  fc.assert(
    fc.property(
      fc.array(fc.nat(3000), { maxLength: 40 }),
      fc.nat(60),
      fc.integer({ min: 1, max: 20 }),
      fc.integer({ min: 1, max: 8000 }),
      (sizes, executors, reportItems, reportBytes) => {
        const drivers = sizes.map((size, number) => driver(number, 'x'.repeat(size)))
        const all = Array.from({ length: executors }, (_, number) => executor(number))
        const pages = reportPages(all, drivers, { reportItems, reportBytes })
        assert.deepEqual(
          pages.flatMap((page) => page.drivers),
          drivers,
        )
        assert.deepEqual(
          pages.flatMap((page) => page.executors),
          all,
        )
        assert.deepEqual(
          pages.map(({ more }) => more === true),
          pages.map((_, index) => index < pages.length - 1),
        )
        for (const { drivers: some, executors: others } of pages) {
          const items = [...some, ...others]
          assert.ok(items.length <= reportItems)
          const bytes = items.reduce((sum, item) => sum + JSON.stringify(item).length, 0)
          assert.ok(items.length <= 1 || bytes <= reportBytes)
        }
      },
    ),
  )
})

test('a report of 100 large drivers and 10,000 executors is in messages that a link between nodes carries', () => {
  const drivers = Array.from({ length: 100 }, (_, number) => driver(number, 'x'.repeat(240_000)))
  const executors = Array.from({ length: 10_000 }, (_, number) => executor(number))
  for (const page of reportPages(executors, drivers)) {
    const message = { type: 'WorkerLatestState', id: 'w1', seen: { epoch: 1, seq: 1 }, ...page }
    assert.ok(JSON.stringify(message).length < limits.nodeMessageBytes - 4096)
  }
})

test('a report of drivers with very many short arguments is in messages that a link between nodes carries', () => {
  const args = new Array<string>(9_900).fill('a')
  const drivers = Array.from({ length: 20 }, (_, number) => {
    const report = driver(number, 'x')
    return { ...report, description: { ...driverDescription, args } }
  })
  const batch = new EnvelopeBatch(limits.nodeMessageBytes)
  const pages = reportPages([], drivers)
  for (const page of pages) batch.add({ message: { type: 'WorkerLatestState', id: 'w1', ...page } })
  assert.equal(
    pages.reduce((sum, page) => sum + page.drivers.length, 0),
    20,
  )
})

test('a launch that the store of the leader holds is not described again', () => {
  const launch = {
    type: 'LaunchDriver',
    workerId: 'w1',
    driverId: 'driver-1-1-1',
    generation: 1,
    resources: {},
    description: driverDescription,
  } as const
  const entry = new DriverEntry(
    launch,
    { epoch: 3, seq: 7, owner: 'm1' },
    { firstMs: 1, maxMs: 1, resetMs: 1 },
  )
  const known = entry.report({ base: { epoch: 3, seq: 9 }, earlier: [] })
  assert.deepEqual([known.description, known.cores, known.memoryMib], [undefined, 1, 128])
  // It was launched after what the store remembers, or nobody says what it remembers.
  assert.deepEqual(entry.report({ base: { epoch: 3, seq: 6 }, earlier: [] }).description, driverDescription)
  assert.deepEqual(entry.report(undefined).description, driverDescription)
})

test('only the whole report of a Worker says what is not there: until then it is given no work and loses none', () => {
  const world = new MasterWorld().elect()
  world.worker('w1', { cores: 8 })
  const ids = [world.submitted({ supervise: true }), world.submitted({ supervise: true })]
  world.failover().elect()
  world.link('w1')
  const cluster = world.core.cluster!
  const report = (id: string) => ({
    driverId: id,
    generation: 1,
    attempt: 1,
    state: 'RUNNING' as const,
    resources: {},
    cores: 1,
    memoryMib: 128,
    launchedAt: { epoch: 1, seq: 3, owner: 'm1' },
  })
  world.report('w1', { drivers: [report(ids[0]!)], more: true })
  const worker = cluster.workers.get('w1')!
  assert.deepEqual([worker.answered, worker.state], [false, 'UNKNOWN'])
  assert.equal(cluster.drivers.get(ids[1]!)?.record.workerId, 'w1')
  // The link breaks: what had come of the report counts no more.
  world.unlink('w1')
  world.link('w1')
  world.report('w1', { drivers: [report(ids[1]!)], more: true })
  world.report('w1', { drivers: [report(ids[0]!)] })
  assert.deepEqual([worker.answered, worker.state], [true, 'ALIVE'])
  for (const id of ids) {
    assert.equal(cluster.drivers.get(id)?.record.workerId, 'w1')
    assert.equal(cluster.drivers.get(id)?.record.generation, 1)
  }
  assert.equal(worker.coresUsed, 2)
  // What no message of a whole report names is not there.
  world.report('w1', { drivers: [], more: true })
  world.report('w1', { drivers: [report(ids[0]!)] })
  assert.equal(cluster.drivers.get(ids[0]!)?.record.generation, 1)
  assert.equal(cluster.drivers.get(ids[1]!)?.record.generation, 2)
})

test('lost writes of any size are in messages that a link between Masters carries', () => {
  const puts = Array.from({ length: 250 }, (_, number) => ({
    table: 'driver' as const,
    id: `d${number}`,
    // Quotes are twice as long as text inside JSON.
    json: JSON.stringify({ text: number % 3 === 0 ? '"'.repeat(100_000) : 'x' }),
  }))
  const pieces = [...lostWritePieces(puts)].filter((piece) => piece !== undefined)
  assert.deepEqual(
    pieces.flatMap((piece) => piece.puts),
    puts,
  )
  assert.deepEqual(
    pieces.map(({ last }) => last),
    pieces.map((_, index) => index === pieces.length - 1),
  )
  for (const { puts: some, last } of pieces) {
    const message = lostWriteMessage(some, last)
    assert.ok(JSON.stringify(message).length < limits.nodeMessageBytes - 4096)
    assert.equal(violation('master', message), undefined)
  }
  assert.deepEqual([...lostWritePieces([])], [{ puts: [], last: true }])
})
