import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { OwnedPosition, PastElection, Position, Put } from '../../runtime/persistence/engine.js'
import type { Found } from '../../runtime/persistence/forgotten.js'
import { Image, ImageDraft } from '../../runtime/persistence/image.js'

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

function draftOf(read: readonly Put[], owed: readonly Put[] = []): ImageDraft {
  const draft = new ImageDraft()
  for (const put of read) draft.read(put)
  for (const put of owed) draft.owe(put)
  return draft
}

function led(): Image {
  const image = new Image(GRACE_MS)
  image.begin(by('m1', 5, 10), [], draftOf([put('old', at(4, 9)), put('unstamped')]))
  image.durable([put('a', at(5, 11))], [], at(5, 11))
  image.durable([put('b', at(5, 12))], [{ table: 'driver', id: 'a' }], at(5, 12))
  return image
}

test('nothing is held before a leadership', () => {
  const image = new Image(GRACE_MS)
  image.durable([put('a', at(1, 1))], [], at(1, 1))
  image.end(0)
  assert.deepEqual(image.tail(found(at(0, 0)), 0), [])
  assert.equal(image.position(0), undefined)
})

test('the tail is what was written after base, as it is now; a record without a position is older than anything', () => {
  const image = led()
  assert.deepEqual(image.position(0), at(5, 12))
  assert.deepEqual(ids(image.tail(found(at(0, 0)), 0)), ['b', 'old'])
  assert.deepEqual(ids(image.tail(found(at(4, 9)), 0)), ['b'])
  assert.deepEqual(ids(image.tail(found(at(5, 11)), 0)), ['b'])
  assert.deepEqual(image.tail(found(at(5, 12)), 0), [])
  assert.deepEqual(image.tail(found(at(6, 0)), 0), [])
})

test('what is read late is older than what became durable meanwhile', () => {
  const image = led()
  image.add([put('b', at(3, 1)), put('c', at(3, 2))])
  const tail = image.tail(found(at(0, 0)), 0)
  assert.deepEqual(ids(tail), ['b', 'c', 'old'])
  assert.deepEqual(
    tail.find(({ id }) => id === 'b'),
    put('b', at(5, 12)),
  )
})

test('it outlives its leadership by the grace, counted from the first end, by the boot clock', () => {
  const image = led()
  assert.deepEqual(image.position(10 * GRACE_MS), at(5, 12), 'while it leads')
  image.end(1000)
  image.end(50_000)
  assert.deepEqual(ids(image.tail(found(at(4, 9)), 1000 + GRACE_MS)), ['b'])
  assert.equal(image.position(1001 + GRACE_MS), undefined)
  assert.deepEqual(image.tail(found(at(4, 9)), 0), [], 'forgotten for good')
})

test('a new leadership holds what it read, and still what the store forgot', () => {
  const image = led()
  image.end(0)
  const tail = image.tail(found(at(4, 9)), 1000)
  image.begin(by('m1', 7, 9), [], draftOf([put('old', at(4, 9))], tail))
  assert.deepEqual(image.position(10 * GRACE_MS), at(7, 9))
  // The leadership ends before the tail was durable again: it is asked for once more.
  assert.deepEqual(ids(image.tail(found(at(4, 9)), 2000)), ['b'])
  image.durable([put('b', at(7, 10))], [], at(7, 10))
  assert.deepEqual(ids(image.tail(found(at(7, 9)), 2000)), ['b'])
})

test('a leader that did not live to bring the tail back: the next one, elected above it, still gets it', () => {
  const image = led()
  image.end(0)
  // The store had fallen to (5, 10); a leader of epoch 6 was elected on it and died.
  assert.deepEqual(ids(image.tail(found(at(6, 10), at(5, 10)), 0)), ['b'])
  // The store had not fallen: the leader of epoch 6 found all of epoch 5.
  assert.deepEqual(image.tail(found(at(6, 12), at(5, 12)), 0), [])
})

test('an own tail that was not durable again is owed to every later leader, until one has it', () => {
  const image = led()
  image.end(0)
  image.begin(by('m1', 7, 10), [], draftOf([], image.tail(found(at(5, 10)), 0)))
  image.end(0)
  assert.deepEqual(ids(image.tail(found(at(7, 10)), 0)), ['b'])
  image.taken(by('m2', 8, 20))
  assert.deepEqual(image.tail(found(at(8, 20)), 0), [], 'this store has it')
  assert.deepEqual(ids(image.tail(found(at(8, 19), at(7, 10)), 0)), ['b'], 'this one fell back again')
})

test('forgotten by a leader that did not live to ask: given however many were elected since', () => {
  const image = led()
  image.end(0)
  // Epoch 6 found (1, 22) and could not read it; nor could 7, on the store that 6 had raised to its own epoch.
  const earlier = [past(6, at(1, 22))]
  assert.deepEqual(ids(image.tail({ base: at(7, 22), earlier }, 0)), ['b', 'old'])
  assert.deepEqual(image.tail({ base: at(7, 22), earlier: [past(6, at(5, 12))] }, 0), [])
})

test('taken by a leader, and forgotten again after that: given once more', () => {
  const image = led()
  image.end(0)
  image.taken(by('m2', 6, 30))
  assert.deepEqual(image.tail(found(at(6, 30)), 0), [])
  const earlier = [past(7, at(1, 22))]
  assert.deepEqual(ids(image.tail({ base: at(7, 40), earlier }, 0)), ['b', 'old'])
})

test('another owner had the same epoch on the store as it is now: what this one wrote in it is given', () => {
  const image = led()
  image.end(0)
  // The store fell below (5, 10), forgot this election, and gave its epoch to m2, which wrote on to (5, 30).
  const led5 = (owner: string): Found => ({ base: at(5, 30), earlier: [past(5, at(4, 8), owner)] })
  assert.deepEqual(image.tail(led5('m1'), 0), [], 'the store has it all')
  assert.deepEqual(ids(image.tail(led5('m2'), 0)), ['b', 'old'])
  image.taken(by('m2', 5, 20))
  assert.deepEqual(image.tail(led5('m2'), 0), [], 'given by then')
  assert.deepEqual(ids(image.tail(led5('m3'), 0)), ['b', 'old'], 'to one that this store has forgotten')
})
