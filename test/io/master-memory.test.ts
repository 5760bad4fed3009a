import assert from 'node:assert/strict'
import { mkdir, mkdtemp, open, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { DESCRIPTION_BYTES_MAX, oversizeOf } from '../../actors/messages/record-size.js'
import { applicationDescription, driverDescription, workerOffer } from '../../actors/messages/samples.js'
import { heapLimitBytes, recordBudgetBytes, requireHeap } from '../../runtime/heap.js'
import { limits } from '../../runtime/limits.js'
import { FileSystemEngine } from '../../runtime/persistence/file-system/file-system-engine.js'
import { RecordCache, RecordCacheDraft } from '../../runtime/persistence/record-cache.js'
import { RecordTables } from '../../runtime/persistence/record-tables.js'
import { MasterWorld } from '../tools/master-fixture.js'

/* What a Master admits is bounded in bytes where it arrives. Nothing that it admitted can end it. */

const MIB = 1024 * 1024
const large = Array(20).fill('x'.repeat(15_000))

test('a driver that is larger than its record is refused, naming its largest field; one that just fits is taken', () => {
  const world = new MasterWorld().elect()
  const answer = world.submit({ args: large, env: { A: 'y'.repeat(1000) } })
  assert.deepEqual(answer?.type === 'Failure' && [answer.code, answer.place], [
    'FIRESTEEL_RECORD_TOO_LARGE',
    'description.args',
  ])
  assert.match(JSON.stringify(answer), /description\.args has 300061 bytes; .*may have 245760 bytes in all/)
  const inEnv = world.submit({ env: { A: 'y'.repeat(120_000), B: 'y'.repeat(130_000) } })
  assert.equal(inEnv?.type === 'Failure' && inEnv.place, 'description.env')
  assert.equal(world.core.cluster?.drivers.size, 0)
  const rest = Buffer.byteLength(JSON.stringify({ ...driverDescription, args: ['', ''] }))
  const fits = 'x'.repeat(DESCRIPTION_BYTES_MAX - rest - 100_000)
  assert.equal(world.submit({ args: [fits, 'x'.repeat(100_000)] })?.type, 'SubmitDriverResponse')
  assert.equal(world.submit({ args: [`${fits}x`, 'x'.repeat(100_000)] })?.type, 'Failure')
  // Bytes count, not characters.
  assert.equal(world.submit({ args: ['ü'.repeat(125_000)] })?.type, 'Failure')
})

test('an application or a Worker that is larger than its record is refused by name', () => {
  const world = new MasterWorld().elect()
  world.link('c1', 'client')
  const register = (env: Record<string, string>) =>
    world.tell('c1', {
      type: 'RegisterApplication',
      registration: 'r',
      description: { ...applicationDescription, env },
      listen: { port: 5000 },
    })
  register({ A: 'x'.repeat(130_000), B: 'x'.repeat(130_000) })
  assert.equal(world.lastTold('c1', 'Failure')?.code, 'FIRESTEEL_RECORD_TOO_LARGE')
  assert.equal(world.lastTold('c1', 'Failure')?.place, 'description.env')
  assert.equal(world.core.cluster?.apps.size, 0)
  const worker = (resources: Record<string, string[]>, labels: Record<string, string> = {}) => {
    world.link('w1')
    world.tell('w1', {
      type: 'RegisterWorker',
      ...workerOffer,
      id: 'w1',
      resources,
      labels,
    })
    return world.lastTold('w1', 'RegisterWorkerFailed')?.message
  }
  const labels = Object.fromEntries(Array.from({ length: 20 }, (_, n) => [`l${n}`, 'x'.repeat(16_000)]))
  assert.match(worker({}, labels) ?? '', /^labels has \d+ bytes/)
  const addresses = Array.from({ length: 1000 }, (_, n) => String(n))
  const five = Object.fromEntries(['a', 'b', 'c', 'd', 'e'].map((name) => [name, addresses]))
  assert.match(worker(five) ?? '', /^resources has 5000 addresses; a Worker may offer 4096/)
  assert.equal(world.core.cluster?.workers.size, 0)
})

test('a Master whose records fill their share takes nothing new, keeps what it has, and goes on when some have ended', () => {
  const world = new MasterWorld().elect()
  const key = 'the-key'
  const first = world.submit({ cores: 999 }, key)
  assert.ok(first?.type === 'SubmitDriverResponse')
  const appId = world.application('c1')
  world.isFull = true
  assert.equal((world.submit() as { code?: string }).code, 'FIRESTEEL_BUSY')
  // The same submission is no new one.
  assert.deepEqual(world.submit({ cores: 999 }, key), first)
  world.link('c2', 'client')
  const register = (registration: string, endpoint: string) =>
    world.tell(endpoint, {
      type: 'RegisterApplication',
      registration,
      description: applicationDescription,
      listen: { port: 5000 },
    })
  register('new', 'c2')
  assert.equal(world.lastTold('c2', 'Failure')?.code, 'FIRESTEEL_BUSY')
  register('reg-c1', 'c1')
  assert.equal(world.lastTold('c1', 'RegisteredApplication')?.appId, appId)
  world.link('w1')
  world.registerWorker('w1')
  assert.match(
    world.lastTold('w1', 'RegisterWorkerFailed')?.message ?? '',
    /as many records as its heap allows/,
  )
  // A kill makes room, and is never refused for want of it.
  assert.equal(
    world.ask('cli', { type: 'RequestKillDriver', driverId: first.driverId })?.type,
    'KillDriverResponse',
  )
  world.isFull = false
  assert.equal(world.submit()?.type, 'SubmitDriverResponse')
})

test('records are counted as they come, change and go', () => {
  const tables = new RecordTables()
  const put = (id: string, json: string) => ({ table: 'driver' as const, id, json })
  tables.apply([put('a', '12345'), put('b', '123')], [])
  tables.apply([put('a', '1')], [])
  assert.equal(tables.bytes, 4)
  assert.equal(new RecordTables(tables).bytes, 4)
  tables.apply(
    [],
    [
      { table: 'driver', id: 'b' },
      { table: 'driver', id: 'nobody' },
    ],
  )
  assert.equal(tables.bytes, 1)
  const recordCache = new RecordCache(1000)
  assert.equal(recordCache.heldBytes, 0)
  const draft = new RecordCacheDraft()
  draft.read(put('a', '12345'))
  recordCache.begin({ epoch: 1, seq: 0, owner: 'm' }, [], draft)
  assert.equal(recordCache.heldBytes, 5 + limits.recordHeapBytes)
})

test('a store that this heap cannot hold is refused before it is read, with the heap that it needs', async (t) => {
  requireHeap(50 * MIB, 'the store', 512 * MIB)
  assert.throws(() => requireHeap(200 * MIB, 'the store', 512 * MIB), {
    code: 'FIRESTEEL_HEAP_TOO_SMALL',
    message:
      /holds at least 200 MiB of records, for which a Master needs a heap of 1600 MiB; this one may have 512 MiB/,
    help: /--max-old-space-size=1600/,
  })
  // What one Master may take in, the next one with the same heap can read.
  assert.ok(recordBudgetBytes(512 * MIB) < 512 * MIB * limits.storeHeapShare)
  const directory = await mkdtemp(join(tmpdir(), 'firesteel-heap-'))
  t.after(() => rm(directory, { recursive: true }))
  await mkdir(join(directory, 'epoch-1'))
  const file = await open(join(directory, 'epoch-1', 'snapshot-1'), 'w')
  // Sparse: nothing of it is read.
  await file.truncate(heapLimitBytes())
  await file.close()
  const engine = new FileSystemEngine({
    directory,
    cluster: 'test',
    schemas: {} as never,
    nowMs: () => 0,
    onWarning: () => {},
  })
  await assert.rejects(engine.leader(), { code: 'FIRESTEEL_HEAP_TOO_SMALL' })
  await engine.close()
})

test('the records may take a share of the heap, and never more than is soon read', () => {
  assert.equal(recordBudgetBytes(512 * MIB), 64 * MIB)
  assert.equal(recordBudgetBytes(16_384 * MIB), limits.recordBytesInAll)
})

test('the size of a description is that of its JSON', () => {
  assert.equal(oversizeOf(driverDescription), undefined)
  assert.equal(oversizeOf({ ...driverDescription, args: large })?.field, 'args')
})
