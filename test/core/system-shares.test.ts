import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Shares } from '../../runtime/system/shares.js'

test('who has the most is known after every change', () => {
  const change = fc.tuple(fc.constantFrom('a', 'b', 'c', 'd'), fc.integer({ min: -5, max: 5 }))
  fc.assert(
    fc.property(fc.array(change, { maxLength: 60 }), (changes) => {
      const shares = new Shares<string>()
      const model = new Map<string, number>()
      for (const [holder, count] of changes) {
        shares.add(holder, count)
        model.set(holder, Math.max(0, (model.get(holder) ?? 0) + count))
        for (const [of, held] of model) assert.equal(shares.of(of), held)
        assert.equal(shares.size, [...model.values()].filter((held) => held > 0).length)
        const most = Math.max(...model.values())
        assert.equal(shares.greatest?.count ?? 0, most)
        if (most > 0) assert.equal(model.get(shares.greatest?.holder ?? ''), most)
      }
    }),
  )
})
