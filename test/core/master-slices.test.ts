import assert from 'node:assert/strict'
import { test } from 'node:test'
import { OwnLostWrites } from '../../actors/master/lost-writes/own.js'
import { LostWriteSender } from '../../actors/master/lost-writes/sender.js'
import { ReadRecords } from '../../actors/master/read-records.js'
import { type DriverRecord, neverLaunched, type StoredRecords } from '../../actors/master/records.js'
import { SortedPages } from '../../actors/master/sorted-pages.js'
import type { LostTail } from '../../actors/messages/masters.js'
import { driverDescription } from '../../actors/messages/samples.js'
import { limits } from '../../runtime/limits.js'
import { RecordCache, RecordCacheDraft } from '../../runtime/persistence/record-cache.js'
import { MasterWorld, noRecords } from '../tools/master-fixture.js'

/* No turn of a new leader takes more than a stated number of records, bytes or effects (limits.ts). */

const driverRecord = (number: number, parts: Partial<DriverRecord> = {}): DriverRecord => ({
  id: `driver-${number}`,
  submittedAtMs: number,
  description: driverDescription,
  key: `key-${number}`,
  digest: 'd',
  ...neverLaunched,
  at: { epoch: 1, seq: 1 },
  ...parts,
})

const page = (records: readonly DriverRecord[]) => ({
  records: records.map((record) => [record.id, record] as const),
  next: undefined,
})

test('pages are sorted as if they were one', () => {
  const pages = new SortedPages<{ key: number; came: number }>((a, b) => a.key - b.key || a.came - b.came)
  const all = Array.from({ length: 1000 }, (_, came) => ({ key: (came * 7919) % 97, came }))
  for (let at = 0; at < all.length; at += 64) pages.add(all.slice(at, at + 64))
  pages.add([])
  const sorted = [...all].sort((a, b) => a.key - b.key || a.came - b.came)
  assert.deepEqual([...pages.take()], sorted)
  assert.deepEqual([...pages.take()], [], 'given up')
  const alike = new SortedPages<number>(() => 0)
  for (const part of [[1, 2], [3], [4, 5, 6]]) alike.add(part)
  assert.deepEqual([...alike.take()], [1, 2, 3, 4, 5, 6])
})

test('the record cache of a new leader holds the texts as its engine gives them, and writes those that it does not', () => {
  const read = new ReadRecords()
  const [given, written] = [driverRecord(1), driverRecord(2)]
  const text = JSON.stringify(given, undefined, 1)
  read.add('drivers', { ...page([given]), texts: [text] })
  read.add('drivers', page([written]))
  assert.equal(read.draft.tables.get('driver', given.id), text)
  assert.equal(read.draft.tables.get('driver', written.id), JSON.stringify(written))
})

test('30,000 records come in pieces of stated size, in the order of submission, and the cluster state is the same', () => {
  const read = new ReadRecords()
  const all = Array.from({ length: 30_000 }, (_, number) => driverRecord((number * 7919) % 30_000))
  for (let at = 0; at < all.length; at += 512) read.add('drivers', page(all.slice(at, at + 512)))
  const pieces = [...read.pieces()]
  for (const { drivers = [] } of pieces) assert.ok(drivers.length <= limits.recoveryRecords)
  assert.equal(pieces.length, 60)
  const world = new MasterWorld()
  world.input(elected)
  for (const records of pieces) {
    world.input({ kind: 'records', records })
    assert.equal(world.core.state, 'STANDBY', 'nobody sees books that are not full')
    assert.equal(world.core.cluster, undefined)
  }
  world.input({ kind: 'restored' })
  assert.equal(world.core.state, 'ALIVE')
  const ids = [...world.core.cluster!.drivers.keys()]
  assert.deepEqual(
    ids,
    Array.from({ length: 30_000 }, (_, number) => `driver-${number}`),
  )
})

test('a few large records fill a piece by their bytes', () => {
  const read = new ReadRecords()
  const large = { ...driverDescription, args: ['x'.repeat(200_000)] }
  const all = Array.from({ length: 20 }, (_, number) => driverRecord(number, { description: large }))
  read.add('drivers', page(all))
  for (const { drivers = [] } of read.pieces()) {
    const bytes = drivers.reduce((sum, record) => sum + JSON.stringify(record).length, 0)
    assert.ok(bytes <= limits.recoveryRecordBytes, `${bytes} bytes in one turn`)
  }
})

const elected = {
  kind: 'elected',
  epoch: 2,
  owner: 'm1',
  base: { epoch: 1, seq: 5 },
  earlier: [],
  observed: { epoch: 1, seq: 5 },
  format: 1,
} as const

test('no step writes more than one piece, where all has to be written again', () => {
  const read = new ReadRecords()
  const all = Array.from({ length: 2000 }, (_, number) =>
    driverRecord(number, { workerId: 'gone', state: 'RUNNING', generation: 1 }),
  )
  read.add('drivers', page(all))
  const world = new MasterWorld()
  world.input(elected)
  let written = 0
  for (const records of read.pieces()) {
    const { puts } = world.input({ kind: 'records', records })
    written += puts.length
    assert.ok(puts.length <= limits.recoveryRecords)
    for (const { value } of puts) assert.deepEqual((value as DriverRecord).at, { epoch: 2, seq: 0 })
  }
  assert.equal(written, 2000)
  world.input({ kind: 'restored' })
  assert.equal(world.core.state, 'ALIVE')
})

test('a timer that fires while the cluster state is being filled waits for them', () => {
  const world = new MasterWorld()
  const driver = driverRecord(1, { workerId: 'gone', state: 'RUNNING', generation: 1 })
  world.input(elected)
  world.input({ kind: 'records', records: { drivers: [driver] } })
  world.advance(world.config.workerTimeoutMs + 1)
  world.input({ kind: 'restored' })
  world.worker('w1')
  world.advance(1000)
  assert.equal(world.lastTold('w1', 'LaunchDriver')?.generation, 2)
})

function lostRecordCache(records: number, jsonBytes = 100): RecordCache {
  const recordCache = new RecordCache(60_000)
  recordCache.begin({ epoch: 5, seq: 0, owner: 'm1' }, [], new RecordCacheDraft())
  for (let number = 0; number < records; number++) {
    const json = JSON.stringify({ at: { epoch: 5, seq: number + 1 }, text: 'x'.repeat(jsonBytes) })
    const at = { epoch: 5, seq: number + 1 }
    recordCache.durable([{ table: 'ended', id: `e-${number}`, json }], [], at)
  }
  recordCache.end(0)
  return recordCache
}

/** A Master that gives its record cache, and who asks it. */
function giver(recordCache: RecordCache, base = { epoch: 4, seq: 0 }) {
  const sent: LostTail[] = []
  const turns: (() => void)[] = []
  const giving = new LostWriteSender({
    most: limits,
    send: (_to, message) => void sent.push(message),
    later: (run) => void turns.push(run),
  })
  let looks = 0
  function* counted() {
    for (const put of recordCache.lostWriteLooks({ base, earlier: [] }, 0)) {
      looks++
      yield put
    }
  }
  /** Gives the looks at records, and the messages, of each turn that this takes. */
  const ask = (more: boolean): { looks: number; messages: number }[] => {
    const taken: { looks: number; messages: number }[] = []
    const turn = (run: () => void): void => {
      looks = 0
      const before = sent.length
      run()
      taken.push({ looks, messages: sent.length - before })
    }
    turn(() => giving.give('m2', counted, more))
    for (let run = turns.shift(); run; run = turns.shift()) turn(run)
    return taken
  }
  return { sent, ask, giving }
}

test('lost writes above 16 MiB are given some messages at once, then one for each that has been taken', () => {
  const { sent, ask } = giver(lostRecordCache(400, 60_000))
  const turns = ask(false)
  assert.equal(sent.length, limits.lostWriteWindow, 'the rest waits')
  assert.ok(turns.every(({ messages }) => messages <= 1))
  while (sent.at(-1)?.last === false) {
    const before: number = sent.length
    ask(true)
    assert.equal(sent.length, before + 1)
  }
  const ids = sent.flatMap(({ records }) => records.map(([, id]) => id))
  assert.deepEqual(
    ids,
    Array.from({ length: 400 }, (_, number) => `e-${number}`),
  )
  const bytes = sent.map((message) => JSON.stringify(message).length)
  assert.ok(bytes.reduce((sum, size) => sum + size) > 16 * 1024 * 1024)
  assert.ok(Math.max(...bytes) < limits.nodeMessageBytes)
  assert.ok(
    limits.lostWriteWindow * Math.max(...bytes) < limits.linkHighWaterBytes * limits.linkOverflowFactor,
  )
})

test('what the store still has is looked at a little in each turn', () => {
  const { sent, ask } = giver(lostRecordCache(30_000, 1), { epoch: 5, seq: 29_990 })
  const turns = ask(false)
  assert.ok(turns.every(({ looks }) => looks <= limits.lostWriteLooks + 1))
  assert.ok(turns.length >= 14)
  assert.deepEqual(ask(true), [{ looks: 0, messages: 0 }], 'it has got the last of it already')
  assert.deepEqual([sent.length, sent[0]?.records.length, sent[0]?.last], [1, 10, true])
})

test('who asks anew, or on a new link, gets all of it from the beginning', () => {
  const { sent, ask, giving } = giver(lostRecordCache(250 * limits.lostWriteWindow))
  ask(false)
  ask(true)
  assert.equal(sent.length, limits.lostWriteWindow + 1)
  giving.forget('m2')
  ask(true)
  assert.equal(sent.length, limits.lostWriteWindow + 1, 'of an old link')
  ask(false)
  assert.equal(sent.length, 2 * limits.lostWriteWindow + 1)
  assert.deepEqual(sent[limits.lostWriteWindow + 1]?.records[0]?.[1], 'e-0')
})

test('the own lost writes are found and taken a little at a time, and the next leadership owes it', async () => {
  const draft = new RecordCacheDraft()
  let turns = 0
  const from = {
    recordCache: lostRecordCache(5000),
    found: { base: { epoch: 4, seq: 0 }, earlier: [] },
    bootMs: 0,
    most: limits,
  }
  const lostWrites = await OwnLostWrites.find(from, draft, async () => ++turns > 0)
  assert.equal(turns, 2)
  assert.equal(draft.owed.size, 5000)
  let taken = 0
  for (let piece = lostWrites?.next(); piece; piece = lostWrites?.next()) {
    assert.ok(piece.puts.length <= limits.lostWriteRecords)
    taken += piece.puts.length
    assert.equal(piece.last, taken === 5000)
  }
  assert.equal(taken, 5000)
  assert.equal(
    await OwnLostWrites.find(from, new RecordCacheDraft(), async () => false),
    undefined,
    'it is over',
  )
})

test('the next piece of the lost writes is asked for at once, or, with much in the commit queue, once the one before is durable', () => {
  const world = new MasterWorld()
  world.input(elected)
  world.restore(noRecords as StoredRecords)
  const now = { monotonicMs: 0, wallMs: 0 }
  const step = (from: string | undefined, queuedBytes: number, last = false) =>
    world.core.step({ kind: 'lostWrites', records: [], last, ...(from !== undefined && { from }) }, now, {
      position: world.position,
      degradation: undefined,
      queuedBytes,
    })
  const asks = (effects: readonly { readonly kind: string }[]) =>
    effects.filter(({ kind }) => kind === 'nextTail' || kind === 'tell' || kind === 'tellNow')
  for (const from of [undefined, 'm2']) {
    const little = step(from, limits.lostWriteAheadBytes - 1)
    assert.deepEqual([asks(little.free).length, asks(little.gated).length], [1, 0])
    const much = step(from, limits.lostWriteAheadBytes)
    assert.deepEqual([asks(much.free).length, asks(much.gated).length], [0, 1])
  }
  const end = step('m2', 0, true)
  assert.deepEqual(
    end.gated.map((effect) => 'message' in effect && effect.message.type),
    ['TailTaken'],
  )
  assert.deepEqual(step(undefined, 0, true).gated, [])
})
