import assert from 'node:assert/strict'
import { test } from 'node:test'
import { byteRange } from '../../runtime/http/byte-range.js'

test('a range is from a place to a place, to the end, or the last bytes', () => {
  assert.deepEqual(byteRange('bytes=0-9', 100), { first: 0, last: 9 })
  assert.deepEqual(byteRange('bytes=90-', 100), { first: 90, last: 99 })
  assert.deepEqual(byteRange('bytes=90-1000', 100), { first: 90, last: 99 })
  assert.deepEqual(byteRange('bytes=-5', 100), { first: 95, last: 99 })
  assert.deepEqual(byteRange('bytes=-500', 100), { first: 0, last: 99 })
  assert.deepEqual(byteRange('Bytes = 5-5', 100), { first: 5, last: 5 })
})

test('a range with nothing in it is refused', () => {
  for (const header of ['bytes=100-', 'bytes=100-200', 'bytes=-0'])
    assert.equal(byteRange(header, 100), 'none', header)
  assert.equal(byteRange('bytes=0-', 0), 'none')
  assert.equal(byteRange('bytes=-1', 0), 'none')
})

test('what is no single range of bytes means the whole', () => {
  for (const header of [
    undefined,
    '',
    'bytes',
    'bytes=',
    'bytes=-',
    'bytes=9-0',
    'bytes=0-1,5-6',
    'lines=0-9',
    'bytes=a-b',
    'bytes=1e3-',
    `bytes=${'9'.repeat(40)}-`,
  ])
    assert.equal(byteRange(header, 100), undefined, header)
})
