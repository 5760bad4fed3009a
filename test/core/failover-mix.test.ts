import assert from 'node:assert/strict'
import { test } from 'node:test'
import { mixedTask, wrongError, wrongResult } from '../tools/load/flow-mix.js'

/* The tasks of the soak: of all sizes and kinds, and a wrong result of each is seen. */

const tasks = Array.from({ length: 2000 }, (_, id) => ({ id, ...mixedTask(id, 10) }))

test('the mix has results, inputs and errors on both sides of each threshold, some that wait and some that do not', () => {
  for (const bytes of [16 * 1024, 64 * 1024, 128 * 1024]) {
    const sides = (sizes: (number | undefined)[]) => [
      sizes.some((size) => size !== undefined && size > 0 && size < bytes),
      sizes.some((size) => size !== undefined && size > bytes),
    ]
    assert.deepEqual(sides(tasks.map(({ resultBytes }) => resultBytes)), [true, true])
    assert.deepEqual(sides(tasks.map(({ padding }) => padding?.byteLength)), [true, true])
    assert.deepEqual(sides(tasks.map(({ errorCharacters }) => errorCharacters)), [true, true])
  }
  assert.deepEqual(new Set(tasks.map(({ ms }) => ms)), new Set([0, 10]))
})

test('a result that is short, of another task, or an error in its place is wrong', () => {
  const id = 5
  const task = { ms: 0, resultBytes: 3 }
  assert.equal(wrongResult(id, task, new Uint8Array([5, 5, 5])), undefined)
  assert.match(wrongResult(id, task, new Uint8Array([5, 5])) ?? '', /gave 2 bytes, not 3/)
  assert.match(wrongResult(id, task, new Uint8Array([5, 6, 5])) ?? '', /bytes of another/)
  assert.match(wrongResult(id, task, undefined) ?? '', /gave undefined bytes/)
  assert.match(wrongError(id, task, new Error('lost')) ?? '', /task 5 failed: lost/)
  assert.equal(wrongError(id, { ms: 0, errorCharacters: 4 }, new RangeError('5 ..')), undefined)
  assert.match(wrongError(id, { ms: 0, errorCharacters: 5 }, new RangeError('5 ..')) ?? '', /another error/)
})
