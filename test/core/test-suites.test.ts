import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { filesOf, ordered, suites, unknownNames } from '../setup/suites.js'

const SUFFIX = '.test.js'

test('each compiled test is of one suite, or of test/core', () => {
  const all = readdirSync('dist', { recursive: true, encoding: 'utf8' }).filter((path) =>
    path.endsWith(SUFFIX),
  )
  const expected = all.filter((path) => !path.startsWith('test/core/')).map((path) => join('dist', path))
  const found = Object.values(suites).flatMap((suite) => filesOf(suite, 'dist'))
  assert.deepEqual(found.toSorted(), expected.toSorted())
})

for (const [name, suite] of Object.entries(suites))
  test(`${name}: there is each file that runs first, once`, () => {
    assert.deepEqual(unknownNames(filesOf(suite, 'dist'), suite.first), [])
    assert.equal(new Set<string>(suite.first).size, suite.first.length)
  })

test('those of the list run first, the others by their names', () => {
  const files = ['x/a', 'x/b', 'x/c', 'y/d'].map((file) => `${file}${SUFFIX}`)
  const names = ordered(files.toReversed(), ['d', 'b'])
  assert.deepEqual(
    names,
    ['y/d', 'x/b', 'x/a', 'x/c'].map((file) => `${file}${SUFFIX}`),
  )
  assert.deepEqual(unknownNames(files, ['d', 'e']), ['e'])
})
