import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { isCountedName, isText } from '../../examples/word-count/is-text.js'
import { compareCodePoints, topWords } from '../../examples/word-count/top-words.js'
import { countWordsOf, mergeCounts } from '../../examples/word-count/words.js'

test('a word is a run of letters, digits and underscores of the lower-cased text', () => {
  const counts = new Map<string, number>()
  assert.equal(countWordsOf('The foo_bar, THE x-1.5 été’s ΟΔΟΣ 日本 ²', counts), 11)
  assert.deepEqual(Object.fromEntries(counts), {
    ...{ the: 2, foo_bar: 1, x: 1, 1: 1, 5: 1, été: 1, s: 1, οδος: 1, 日本: 1, '²': 1 },
  })
  assert.equal(countWordsOf('... --- \u{FFFD}', counts), 0)
})

test('lower-casing that makes a letter and a mark cuts the word at the mark', () => {
  const counts = new Map<string, number>()
  countWordsOf('İs', counts)
  assert.deepEqual([...counts.keys()], ['i', 's'])
})

test('counts are added', () => {
  const into = new Map([['a', 1]])
  mergeCounts(
    into,
    new Map([
      ['a', 2],
      ['b', 3],
    ]),
  )
  assert.deepEqual(
    [...into],
    [
      ['a', 3],
      ['b', 3],
    ],
  )
})

test('text has no NUL in its first 8 KiB; what comes behind does not matter', () => {
  const late = Buffer.alloc(8193, 97)
  late[8192] = 0
  const early = Buffer.alloc(8193, 97)
  early[8191] = 0
  assert.equal(isText(late), true)
  assert.equal(isText(early), false)
  assert.equal(isText(Buffer.alloc(0)), true)
})

test('only names that end in .map do not count', () => {
  assert.deepEqual(['a.js.map', '.map', 'a.maps', 'map', 'a.MAP'].filter(isCountedName), [
    'a.maps',
    'map',
    'a.MAP',
  ])
})

test('equally common words stand in the order of code points, not of UTF-16 units', () => {
  // U+FF41 is below U+10428, but its one unit is above the surrogates of the other.
  const words = ['\u{10428}', '\u{FF41}', 'b', 'a']
  assert.deepEqual(topWords(new Map(words.map((word) => [word, 1])), 3), [
    ['a', 1],
    ['b', 1],
    ['\u{FF41}', 1],
  ])
})

test('property: the top words are the beginning of all words sorted', () => {
  const word = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 3 })
  const counts = fc.array(fc.tuple(word, fc.integer({ min: 1, max: 4 }))).map((entries) => new Map(entries))
  fc.assert(
    fc.property(counts, fc.integer({ min: 1, max: 5 }), (all, most) => {
      const sorted = [...all].sort((a, b) => b[1] - a[1] || pointwise(a[0], b[0]))
      assert.deepEqual(topWords(all, most), sorted.slice(0, most))
    }),
  )
})

test('property: order by code point', () => {
  const string = fc.string({ unit: 'binary' })
  fc.assert(
    fc.property(string, string, (a, b) => {
      assert.equal(compareCodePoints(a, b), pointwise(a, b))
    }),
  )
})

function pointwise(a: string, b: string): number {
  const left = [...a]
  const right = [...b]
  for (let index = 0; index < Math.min(left.length, right.length); index++) {
    const difference = left[index]!.codePointAt(0)! - right[index]!.codePointAt(0)!
    if (difference !== 0) return Math.sign(difference)
  }
  return Math.sign(left.length - right.length)
}
