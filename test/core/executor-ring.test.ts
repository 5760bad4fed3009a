import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createSharedMemory, SharedRing } from '../../actors/executor/shared-ring.js'

test('a slot is free only when the thread has passed it: what was taken back is not run by its successor', () => {
  const ring = new SharedRing(createSharedMemory())
  const slots = ring.freeSlots(0, 0)
  for (let position = 0; position < slots; position++) {
    ring.post(position)
    assert.equal(ring.revoke(position), true)
  }
  assert.equal(ring.freeSlots(slots, slots), 0, 'all taken back, none passed')
  assert.equal(ring.claim(0, 0), false)
  assert.equal(ring.freeSlots(slots, slots), 1)
  ring.post(slots)
  assert.equal(ring.claim(1, 0), false, 'the number after the one that is free')
  for (let position = 2; position < slots; position++) assert.equal(ring.claim(position, 0), false)
  assert.equal(ring.claim(slots, 0), true)
  assert.equal(ring.freeSlots(slots + 1, slots + 1), slots - 1, 'begun, and not free before it is done')
  ring.write(slots, 'value', new Uint8Array(3))
  assert.equal(ring.freeSlots(slots + 1, slots + 1), slots)
  assert.equal(ring.freeSlots(slots + 1, slots), slots - 1, 'its end is not read')
})
