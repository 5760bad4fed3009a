import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type CachedCode, codesToRemove } from '../../runtime/code/cache-plan.js'

const code = (id: string, bytes: number, usedAtMs: number): CachedCode => ({ id, bytes, usedAtMs })
const nothingHeld = (): boolean => false
const bounds = { maxBytes: 100, keepMs: 1000, graceMs: 10 }

test('the oldest go first, and no more than must', () => {
  const cached = [code('new', 60, 900), code('old', 60, 100), code('older', 60, 50)]
  assert.deepEqual(codesToRemove(cached, nothingHeld, 1000, bounds), ['older', 'old'])
  assert.deepEqual(codesToRemove(cached, nothingHeld, 1000, { ...bounds, maxBytes: 120 }), ['older'])
  assert.deepEqual(codesToRemove(cached, nothingHeld, 1000, { ...bounds, maxBytes: 180 }), [])
})

test('more than a leader keeps in mind are not kept: the oldest go', () => {
  const cached = [code('new', 1, 900), code('old', 1, 100), code('held', 1, 10), code('older', 1, 50)]
  const isHeld = (id: string) => id === 'held'
  assert.deepEqual(codesToRemove(cached, isHeld, 1000, { ...bounds, maxCodes: 2 }), ['older', 'old'])
  assert.deepEqual(codesToRemove(cached, isHeld, 1000, { ...bounds, maxCodes: 4 }), [])
})

test('what nothing used for long goes without need; what is held or was just used stays above the size', () => {
  const cached = [code('held', 500, 0), code('fresh', 500, 1995), code('idle', 1, 0)]
  assert.deepEqual(
    codesToRemove(cached, (id) => id === 'held', 2000, bounds),
    ['idle'],
  )
})

test('a collection never takes what is held or fresh, and ends within the size or with nothing to take', () => {
  const cached = fc
    .array(fc.tuple(fc.nat(200), fc.nat(3000), fc.boolean()), { maxLength: 20 })
    .map((list) => list.map(([bytes, at, held], n) => ({ ...code(`c${n}`, bytes, at), held })))
  fc.assert(
    fc.property(cached, (codes) => {
      const held = new Set(codes.filter((each) => each.held).map(({ id }) => id))
      const removed = new Set(codesToRemove(codes, (id) => held.has(id), 3000, bounds))
      const rest = codes.filter(({ id }) => !removed.has(id))
      for (const each of codes)
        if (each.held || 3000 - each.usedAtMs < bounds.graceMs) assert(!removed.has(each.id))
      const removable = rest.filter((each) => !each.held && 3000 - each.usedAtMs >= bounds.graceMs)
      const bytes = rest.reduce((sum, each) => sum + each.bytes, 0)
      assert(bytes <= bounds.maxBytes || removable.length === 0)
      for (const each of removable) assert(3000 - each.usedAtMs <= bounds.keepMs)
    }),
  )
})
