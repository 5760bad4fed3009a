import assert from 'node:assert/strict'
import { test } from 'node:test'
import { innerLimits } from '../../runtime/inner-limits.js'
import { SparedLooks } from '../../runtime/process/spared-looks.js'

test('what has not changed is looked at once, and again after some spared looks', () => {
  const looks = new SparedLooks(() => 'same')
  const needed = Array.from({ length: 2 * (innerLimits.looksSpared + 1) }, () => looks.isNeeded())
  const round = [true, ...Array.from({ length: innerLimits.looksSpared }, () => false)]
  assert.deepEqual(needed, [...round, ...round])
})

test('each change is looked at, and what is absent every time', () => {
  const stamps = ['a', 'a', 'b', undefined, undefined, 'b', 'b']
  const looks = new SparedLooks(() => stamps.shift())
  assert.deepEqual(
    Array.from({ length: 7 }, () => looks.isNeeded()),
    [true, false, true, true, true, true, false],
  )
})
