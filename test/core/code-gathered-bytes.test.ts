import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { test } from 'node:test'
import fc from 'fast-check'
import { GatheredBytes } from '../../runtime/code/gathered-bytes.js'

test('property: pieces of any sizes become what they were parts of', () => {
  const size = fc.oneof(fc.integer({ min: 1, max: 300 }), fc.integer({ min: 60_000, max: 140_000 }))
  fc.assert(
    fc.property(fc.array(size, { minLength: 1, maxLength: 6 }), (sizes) => {
      const announced = sizes.reduce((sum, bytes) => sum + bytes, 0)
      const text = Buffer.from(Uint8Array.from({ length: announced }, (_, n) => (n * 7) % 251))
      const gathered = new GatheredBytes(announced)
      let from = 0
      for (const bytes of sizes) {
        assert.deepEqual([gathered.bytes, gathered.isWhole], [from, false])
        gathered.add(text.subarray(from, from + bytes))
        from += bytes
      }
      assert.equal(gathered.isWhole, true)
      assert.ok(gathered.whole().equals(text))
    }),
    { numRuns: 60 },
  )
})

test('an announcement takes no memory, and pieces of a byte take no more than others', (t) => {
  const allocated: number[] = []
  const allocate = Buffer.allocUnsafeSlow
  t.mock.method(Buffer, 'allocUnsafeSlow', (bytes: number) => {
    allocated.push(bytes)
    return allocate(bytes)
  })
  const gathered = new GatheredBytes(200_000)
  assert.deepEqual(allocated, [])
  const piece = Buffer.from('a')
  for (let n = 0; n < 150_000; n++) gathered.add(piece)
  assert.deepEqual(allocated, [65_536, 65_536, 65_536])
  for (let n = 0; n < 50_000; n++) gathered.add(piece)
  assert.deepEqual(allocated.slice(3), [3392])
  assert.ok(gathered.whole().equals(Buffer.alloc(200_000, 'a')))
})
