import assert from 'node:assert/strict'
import { test } from 'node:test'
import { PositionList } from '../../actors/executor/position-list.js'
import { createSharedMemory, SharedRing } from '../../actors/executor/shared-ring.js'

const ringOf = (slots: number): SharedRing => new SharedRing(createSharedMemory({ slots, bytes: 1024 }))

test('a slot is free only when the thread has passed it: what was taken back is not run by its successor', () => {
  const ring = ringOf(3)
  const positions = new PositionList(ring)
  const posted = [positions.take(), positions.take(), positions.take()]
  for (const position of posted) {
    ring.post(position)
    assert.equal(ring.revoke(position), true)
    positions.revoked(position)
  }
  assert.equal(positions.free, 0, 'all taken back, none passed')
  assert.throws(() => positions.take(), RangeError)
  const [first, second] = posted as [number, number]
  assert.equal(ring.claim(second, 0), false)
  assert.equal(positions.free, 1)
  const next = positions.take()
  assert.equal(next, second + 3, 'its slot, under a name of its own')
  ring.post(next)
  assert.equal(ring.claim(first, 0), false)
  assert.equal(ring.claim(next, 5), true)
  assert.equal(ring.claimedAtMs(next), 5)
  assert.equal(positions.free, 1, 'the one that runs keeps its slot')
  assert.ok(ring.write(next, 'value', new Uint8Array(3)))
  assert.equal(positions.free, 1, 'its end is not read')
  assert.deepEqual(
    ring.drain().map(({ position }) => position),
    [next],
  )
  positions.ended(next)
  assert.equal(positions.free, 2)
})

test('a task that runs for long keeps only its own slot', () => {
  const ring = ringOf(2)
  const positions = new PositionList(ring)
  const long = positions.take()
  ring.post(long)
  assert.ok(ring.claim(long, 0))
  for (let count = 0; count < 100; count++) {
    const position = positions.take()
    ring.post(position)
    assert.ok(ring.claim(position, count))
    assert.ok(ring.write(position, 'value', undefined))
    ring.drain()
    positions.ended(position)
  }
  assert.equal(ring.claimedAtMs(long), 0, 'since when it runs')
  assert.equal(positions.free, 1)
})
