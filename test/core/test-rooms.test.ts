import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

/*
 * Who may use what within test/: suites use programs and libraries, programs use libraries, nobody uses a
 * suite.
 */

const root = fileURLToPath(new URL('../../../test', import.meta.url))
const suites: ReadonlySet<string> = new Set(['core', 'io', 'cluster'])
const libraries: ReadonlySet<string> = new Set(['harness', 'tools', 'fixtures', 'conformance', 'setup'])
const programs: ReadonlySet<string> = new Set([
  'bench',
  'failover',
  'fuzz',
  'nodes',
  'restart',
  'simulation',
  'soak',
  'upgrade',
])
/** Relative modules that a file names, in imports and in URLs. */
const MODULE = /['"](\.\.?\/[^'"\n]*\.js)['"]/g

const roomOf = (path: string): string => path.split('/')[0]!

const sources = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((path) =>
  path.endsWith('.ts'),
)
const exists = new Set(sources)

function* uses(): Generator<{ from: string; to: string }> {
  for (const from of sources) {
    for (const [, module] of readFileSync(join(root, from), 'utf8').matchAll(MODULE)) {
      const to = relative(root, join(root, dirname(from), module!)).replace(/\.js$/, '.ts')
      if (exists.has(to) && roomOf(from) !== roomOf(to)) yield { from, to }
    }
  }
}

/** These two travel with the package, and nothing else of test does. */
const shipped: ReadonlySet<string> = new Set(['harness', 'conformance'])

const isAllowed = (from: string, to: string): boolean =>
  shipped.has(from) ? shipped.has(to) : libraries.has(to) || (programs.has(to) && suites.has(from))

test('each folder of test is a suite, a program or a library', () => {
  const known = new Set([...suites, ...programs, ...libraries])
  assert.deepEqual(
    [...new Set(sources.map(roomOf))].filter((room) => !known.has(room)),
    [],
  )
})

test('nothing in test imports from a suite, and only suites import programs', () => {
  const all = [...uses()]
  assert.ok(all.length > 100, 'imports are read')
  const wrong = all.filter(({ from, to }) => !isAllowed(roomOf(from), roomOf(to)))
  assert.deepEqual(
    wrong.map(({ from, to }) => `${from} -> ${to}`),
    [],
  )
})
