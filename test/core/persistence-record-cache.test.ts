import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { OwnedPosition, PastElection, Position, Put } from '../../runtime/persistence/engine.js'
import type { Found } from '../../runtime/persistence/forgotten.js'
import { RecordCache, RecordCacheDraft } from '../../runtime/persistence/record-cache.js'

const GRACE_MS = 60_000
const at = (epoch: number, seq: number): Position => ({ epoch, seq })
const by = (owner: string, epoch: number, seq: number): OwnedPosition => ({ epoch, seq, owner })
const past = (epoch: number, base: Position, owner = 'm1'): PastElection => ({ epoch, owner, base })
const put = (id: string, position?: Position): Put => ({
  table: 'driver',
  id,
  json: JSON.stringify({ id, ...(position && { at: position }) }),
})
/** The base of a leader; the one before had found the store there as well, unless told. */
const found = (base: Position, former?: Position): Found => ({
  base,
  earlier: former ? [past(base.epoch, former)] : [],
})
const ids = (puts: readonly Put[]): string[] => puts.map(({ id }) => id).sort()

function draftOf(read: readonly Put[], owed: readonly Put[] = []): RecordCacheDraft {
  const draft = new RecordCacheDraft()
  for (const put of read) draft.read(put)
  for (const put of owed) draft.owe(put)
  return draft
}

function led(): RecordCache {
  const recordCache = new RecordCache(GRACE_MS)
  recordCache.begin(by('m1', 5, 10), [], draftOf([put('old', at(4, 9)), put('unstamped')]))
  recordCache.durable([put('a', at(5, 11))], [], at(5, 11))
  recordCache.durable([put('b', at(5, 12))], [{ table: 'driver', id: 'a' }], at(5, 12))
  return recordCache
}

test('nothing is held before a leadership', () => {
  const recordCache = new RecordCache(GRACE_MS)
  recordCache.durable([put('a', at(1, 1))], [], at(1, 1))
  recordCache.end(0)
  assert.deepEqual(recordCache.lostWrites(found(at(0, 0)), 0), [])
  assert.equal(recordCache.position(0), undefined)
})

test('the lost writes are what was written after base, as it is now; a record without a position is older than anything', () => {
  const recordCache = led()
  assert.deepEqual(recordCache.position(0), at(5, 12))
  assert.deepEqual(ids(recordCache.lostWrites(found(at(0, 0)), 0)), ['b', 'old'])
  assert.deepEqual(ids(recordCache.lostWrites(found(at(4, 9)), 0)), ['b'])
  assert.deepEqual(ids(recordCache.lostWrites(found(at(5, 11)), 0)), ['b'])
  assert.deepEqual(recordCache.lostWrites(found(at(5, 12)), 0), [])
  assert.deepEqual(recordCache.lostWrites(found(at(6, 0)), 0), [])
})

test('what is read late is older than what became durable meanwhile', () => {
  const recordCache = led()
  recordCache.add([put('b', at(3, 1)), put('c', at(3, 2))])
  const lostWrites = recordCache.lostWrites(found(at(0, 0)), 0)
  assert.deepEqual(ids(lostWrites), ['b', 'c', 'old'])
  assert.deepEqual(
    lostWrites.find(({ id }) => id === 'b'),
    put('b', at(5, 12)),
  )
})

test('it outlives its leadership by the grace, counted from the first end, by the boot clock', () => {
  const recordCache = led()
  assert.deepEqual(recordCache.position(10 * GRACE_MS), at(5, 12), 'while it leads')
  recordCache.end(1000)
  recordCache.end(50_000)
  assert.deepEqual(ids(recordCache.lostWrites(found(at(4, 9)), 1000 + GRACE_MS)), ['b'])
  assert.equal(recordCache.position(1001 + GRACE_MS), undefined)
  assert.deepEqual(recordCache.lostWrites(found(at(4, 9)), 0), [], 'forgotten for good')
})

test('a new leadership holds what it read, and still what the store forgot', () => {
  const recordCache = led()
  recordCache.end(0)
  const lostWrites = recordCache.lostWrites(found(at(4, 9)), 1000)
  recordCache.begin(by('m1', 7, 9), [], draftOf([put('old', at(4, 9))], lostWrites))
  assert.deepEqual(recordCache.position(10 * GRACE_MS), at(7, 9))
  // The leadership ends before the lost writes was durable again: it is asked for once more.
  assert.deepEqual(ids(recordCache.lostWrites(found(at(4, 9)), 2000)), ['b'])
  recordCache.durable([put('b', at(7, 10))], [], at(7, 10))
  assert.deepEqual(ids(recordCache.lostWrites(found(at(7, 9)), 2000)), ['b'])
})

test('a leader that did not live to bring the lost writes back: the next one, elected above it, still gets it', () => {
  const recordCache = led()
  recordCache.end(0)
  // The store had fallen to (5, 10); a leader of epoch 6 was elected on it and died.
  assert.deepEqual(ids(recordCache.lostWrites(found(at(6, 10), at(5, 10)), 0)), ['b'])
  // The store had not fallen: the leader of epoch 6 found all of epoch 5.
  assert.deepEqual(recordCache.lostWrites(found(at(6, 12), at(5, 12)), 0), [])
})

test('own lost writes that were not durable again are owed to every later leader, until one has them', () => {
  const recordCache = led()
  recordCache.end(0)
  recordCache.begin(by('m1', 7, 10), [], draftOf([], recordCache.lostWrites(found(at(5, 10)), 0)))
  recordCache.end(0)
  assert.deepEqual(ids(recordCache.lostWrites(found(at(7, 10)), 0)), ['b'])
  recordCache.taken(by('m2', 8, 20))
  assert.deepEqual(recordCache.lostWrites(found(at(8, 20)), 0), [], 'this store has it')
  assert.deepEqual(
    ids(recordCache.lostWrites(found(at(8, 19), at(7, 10)), 0)),
    ['b'],
    'this one fell back again',
  )
})

test('forgotten by a leader that did not live to ask: given however many were elected since', () => {
  const recordCache = led()
  recordCache.end(0)
  // Epoch 6 found (1, 22) and could not read it; nor could 7, on the store that 6 had raised to its own
  // epoch.
  const earlier = [past(6, at(1, 22))]
  assert.deepEqual(ids(recordCache.lostWrites({ base: at(7, 22), earlier }, 0)), ['b', 'old'])
  assert.deepEqual(recordCache.lostWrites({ base: at(7, 22), earlier: [past(6, at(5, 12))] }, 0), [])
})

test('taken by a leader, and forgotten again after that: given once more', () => {
  const recordCache = led()
  recordCache.end(0)
  recordCache.taken(by('m2', 6, 30))
  assert.deepEqual(recordCache.lostWrites(found(at(6, 30)), 0), [])
  const earlier = [past(7, at(1, 22))]
  assert.deepEqual(ids(recordCache.lostWrites({ base: at(7, 40), earlier }, 0)), ['b', 'old'])
})

test('another owner had the same epoch on the store as it is now: what this one wrote in it is given', () => {
  const recordCache = led()
  recordCache.end(0)
  // The store fell below (5, 10), forgot this election, and gave its epoch to m2, which wrote on to (5, 30).
  const led5 = (owner: string): Found => ({ base: at(5, 30), earlier: [past(5, at(4, 8), owner)] })
  assert.deepEqual(recordCache.lostWrites(led5('m1'), 0), [], 'the store has it all')
  assert.deepEqual(ids(recordCache.lostWrites(led5('m2'), 0)), ['b', 'old'])
  recordCache.taken(by('m2', 5, 20))
  assert.deepEqual(recordCache.lostWrites(led5('m2'), 0), [], 'given by then')
  assert.deepEqual(
    ids(recordCache.lostWrites(led5('m3'), 0)),
    ['b', 'old'],
    'to one that this store has forgotten',
  )
})
